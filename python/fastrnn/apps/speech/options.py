"""What the trainings of speech have in common."""

from __future__ import annotations

from dataclasses import dataclass

from fastrnn.apps.settings import check_training, setting

NETWORK = "Network"
SOUND = "Sound"
VALIDATION = "Validation"


@dataclass(frozen=True)
class SpeechOptions:
    """How to train a network for speech; each field is an option of `fastrnn train`."""

    epochs: int = setting(40, "Passes over the training recordings.")
    batch_size: int = setting(32, "Recordings per step.", flag="--batch")
    learning_rate: float = setting(3e-3, "Adam's learning rate at the start.", flag="--lr")
    seed: int = setting(0, "Seed of all that is random.")
    filters: tuple[int, ...] = setting(
        (24, 32),
        "Filters of each convolution over the bands; 0 for none.",
        metavar="N[,N...]",
        panel=NETWORK,
    )
    units: tuple[int, ...] = setting(
        (64, 64), "Units of each GRU layer, in each direction.", metavar="N[,N...]", panel=NETWORK
    )
    dropout: float = setting(0.3, "Share dropped after each layer.", panel=NETWORK)
    mels: int = setting(24, "Bands of frequency.", panel=SOUND)
    sample_rate: int = setting(8000, "Recordings are resampled to it, in Hz.", panel=SOUND)
    validation: float = setting(
        0.2, "Part of the recordings held back.", flag="--val", panel=VALIDATION
    )
    validation_group: str | None = setting(
        None,
        "Hold back whole groups: files whose names match alike stay together, such as "
        "'_([a-z]+)_' for word_speaker_1.wav.",
        flag="--val-group",
        metavar="REGEX",
        panel=VALIDATION,
    )
    validation_match: str | None = setting(
        None,
        "Hold back exactly the files whose names match.",
        flag="--val-match",
        metavar="REGEX",
        panel=VALIDATION,
    )

    def __post_init__(self) -> None:
        check_training(self)
        if min(self.mels, *self.units, 1) < 1 or not self.units:
            raise ValueError("train: units and mels must be at least 1")
