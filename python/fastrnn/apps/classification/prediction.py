"""What a classifier says: probabilities of its classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """Probabilities of classes.

    Attributes
    ----------
    classes : tuple of str
        Names of the classes.
    probabilities : ndarray
        (classes,) float32.
    """

    classes: tuple[str, ...]
    probabilities: FloatArray

    @property
    def label(self) -> str:
        """Name of the most probable class."""
        return self.classes[int(self.probabilities.argmax())]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a dictionary that JSON can hold."""
        shares = zip(self.classes, self.probabilities, strict=True)
        return {
            "label": self.label,
            "probabilities": {name: round(float(value), 6) for name, value in shares},
        }

    def __str__(self) -> str:
        order = self.probabilities.argsort()[::-1]
        shares = "  ".join(f"{self.classes[i]} {self.probabilities[i]:.3f}" for i in order)
        return f"{self.label}  [{shares}]"


@dataclass(frozen=True)
class FilePrediction(Prediction):
    """What is said about one file.

    Attributes
    ----------
    path : Path
        The file.
    """

    path: Path

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a dictionary that JSON can hold."""
        return {"file": str(self.path)} | super().to_dict()


@dataclass(frozen=True)
class ClipPrediction(FilePrediction):
    """What is said about one clip; its probabilities are the means over its windows.

    Attributes
    ----------
    window_starts : ndarray
        (windows,) int64, first frame of each window.
    window_probabilities : ndarray
        (windows, classes) float32.
    frame_count : int
        Frames decoded.
    """

    window_starts: npt.NDArray[np.int64]
    window_probabilities: FloatArray
    frame_count: int

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a dictionary that JSON can hold."""
        counts = {"frames": self.frame_count, "windows": len(self.window_starts)}
        return super().to_dict() | counts


@dataclass(frozen=True)
class WindowPrediction(Prediction):
    """What is said about one window of a clip, camera or stream.

    Attributes
    ----------
    frame : int
        Number of the window's last frame, from 0.
    seconds : float
        Its time from the first frame, by the frame rate.
    """

    frame: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a dictionary that JSON can hold."""
        return {"frame": self.frame, "seconds": round(self.seconds, 3)} | super().to_dict()
