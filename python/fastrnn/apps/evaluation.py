"""How well a classifier does on held-back clips, and what guessing would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.config import epsilon
from fastrnn.data import WindowedClips

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """Accuracies over windows and over clips.

    Attributes
    ----------
    loss : float
        Mean cross-entropy of the windows, in nats.
    window_accuracy, clip_accuracy : float
        Share of windows, and of clips, given their right class; a clip's class is the one with
        the largest mean probability over its windows.
    baseline : float
        Share of clips that are of the most frequent class among the training clips: what one
        reaches without looking.
    confusion : ndarray
        (classes, classes) int64, clips by true class (rows) and predicted class (columns).
    """

    loss: float
    window_accuracy: float
    clip_accuracy: float
    baseline: float
    confusion: IntArray

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a dictionary that JSON can hold."""
        return {
            "loss": self.loss,
            "window_accuracy": self.window_accuracy,
            "clip_accuracy": self.clip_accuracy,
            "baseline": self.baseline,
            "confusion": self.confusion.tolist(),
        }


def cross_entropy(probabilities: FloatArray, labels: IntArray) -> float:
    """Mean cross-entropy of probabilities (N, classes) against labels (N,), in nats."""
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, epsilon())).mean())


def clip_probabilities(probabilities: FloatArray, windows: WindowedClips) -> FloatArray:
    """Mean of the window probabilities of each clip.

    Parameters
    ----------
    probabilities : ndarray
        (windows, classes) float32.
    windows : WindowedClips
        The windows they belong to.

    Returns
    -------
    ndarray
        (clips, classes) float32.
    """
    sums = np.zeros((len(windows.clips), probabilities.shape[1]), np.float64)
    np.add.at(sums, windows.clip_of, probabilities)
    counts = np.bincount(windows.clip_of, minlength=len(windows.clips))
    return (sums / counts[:, None]).astype(np.float32)


def evaluate_windows(
    probabilities: FloatArray, windows: WindowedClips, train_labels: Sequence[int] | IntArray
) -> Evaluation:
    """Compare predictions with the true classes.

    Parameters
    ----------
    probabilities : ndarray
        (windows, classes) float32.
    windows : WindowedClips
        The windows they belong to; at least one.
    train_labels : sequence of int
        Classes of the training clips, for the baseline.

    Returns
    -------
    Evaluation
        The figures.
    """
    class_count = probabilities.shape[1]
    truth = np.array([clip.label for clip in windows.clips], np.int64)
    predicted = clip_probabilities(probabilities, windows).argmax(axis=1)
    confusion = np.zeros((class_count, class_count), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    majority = np.bincount(np.asarray(train_labels), minlength=class_count).argmax()
    return Evaluation(
        loss=cross_entropy(probabilities, windows.labels),
        window_accuracy=float((probabilities.argmax(axis=1) == windows.labels).mean()),
        clip_accuracy=float((predicted == truth).mean()),
        baseline=float((truth == majority).mean()),
        confusion=confusion,
    )
