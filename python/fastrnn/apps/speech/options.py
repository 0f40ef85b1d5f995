"""What the trainings of speech have in common."""

from __future__ import annotations

from dataclasses import dataclass

from fastrnn.apps.options import FileOptions
from fastrnn.apps.settings import setting

NETWORK = "Network"
SOUND = "Sound"


@dataclass(frozen=True)
class SpeechOptions(FileOptions):
    """How to train a network for speech; what `FileOptions` has, and these."""

    learning_rate: float = setting(3e-3, "Adam's learning rate at the start.", flag="--lr")
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.mels, *self.units, 1) < 1 or not self.units:
            raise ValueError("train: units and mels must be at least 1")
