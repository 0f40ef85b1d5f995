"""Settings of a training."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastrnn.apps.networks import Architecture
from fastrnn.video import Preprocessing


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes
    ----------
    preprocessing : Preprocessing
        From frames to the network's input.
    architecture : Architecture
        The network.
    epochs, batch_size : int
        Passes over the training windows, and windows per step.
    learning_rate : float
        Of Adam; it falls to zero along half a cosine over the epochs.
    shift : int
        Training windows are moved by up to this many pixels, drawn anew each time.
    validation : float
        Part of the clips that is held back, in [0, 1).
    validation_group : str or None
        Regular expression on file names; what it matches stays together, see `split_clips`.
    validation_match : str or None
        Regular expression on file names; the clips that match are held back, no others.
    seed : int
        Seed of the split, the weights, the order, the dropout and the shifts.
    """

    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    architecture: Architecture = field(default_factory=Architecture)
    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 1e-3
    shift: int = 4
    validation: float = 0.2
    validation_group: str | None = None
    validation_match: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"train: epochs must be at least 1, got {self.epochs}")
        if self.batch_size < 1:
            raise ValueError(f"train: batch_size must be at least 1, got {self.batch_size}")
        if not 0.0 < self.learning_rate < 10.0:
            raise ValueError(
                f"train: learning_rate must be above 0 and below 10, got {self.learning_rate}"
            )
        side = min(self.preprocessing.width, self.preprocessing.height)
        if not 0 <= self.shift < side:
            raise ValueError(f"train: shift must be in [0, {side}), got {self.shift}")
        if self.validation_group and self.validation_match:
            raise ValueError("train: give validation_group or validation_match, not both")
        if self.seed < 0:
            raise ValueError(f"train: seed must not be negative, got {self.seed}")
