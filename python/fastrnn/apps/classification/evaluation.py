"""How well a classifier does on data it has not seen, and what guessing would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """Accuracies over clips or images.

    Attributes
    ----------
    classes : tuple of str
        Their names.
    confusion : ndarray
        (classes, classes) int64, clips or images by true class (rows) and predicted class
        (columns).
    loss : float
        Mean cross-entropy in nats, of windows where there are clips.
    baseline : float
        Share of the commonest class: what one reaches without looking. It is the commonest
        class of the training part, or where that is not known of the part itself.
    window_accuracy : float or None
        Share of windows given their right class. A clip's class is the one with the largest mean
        probability over its windows.
    """

    classes: tuple[str, ...]
    confusion: IntArray
    loss: float
    baseline: float
    window_accuracy: float | None = None

    @property
    def accuracy(self) -> float:
        """Share of clips or images given their right class."""
        return float(self.confusion.trace() / self.confusion.sum())

    def per_class(self) -> dict[str, dict[str, float | int]]:
        """Recall, precision and count of each class; a share of nothing is 0."""
        right = self.confusion.diagonal()
        of, told = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        return {
            name: {
                "recall": float(right[i] / max(of[i], 1)),
                "precision": float(right[i] / max(told[i], 1)),
                "count": int(of[i]),
            }
            for i, name in enumerate(self.classes)
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a dictionary that JSON can hold."""
        windows = {} if self.window_accuracy is None else {"window_accuracy": self.window_accuracy}
        return {
            "accuracy": self.accuracy,
            **windows,
            "loss": self.loss,
            "baseline": self.baseline,
            "classes": list(self.classes),
            "per_class": self.per_class(),
            "confusion": self.confusion.tolist(),
        }


def evaluate_probabilities(
    probabilities: FloatArray,
    labels: IntArray,
    classes: Sequence[str],
    train_labels: Sequence[int] | IntArray | None = None,
) -> Evaluation:
    """Compare predictions with the true classes.

    Parameters
    ----------
    probabilities : ndarray
        (N, classes) float32; N at least 1.
    labels : ndarray
        (N,) int64.
    classes : sequence of str
        Their names.
    train_labels : sequence of int, optional
        Classes of the training part, for the baseline.

    Returns
    -------
    Evaluation
        The figures.
    """
    count = len(classes)
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    known = labels if train_labels is None else np.asarray(train_labels)
    majority = np.bincount(known, minlength=count).argmax()
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Evaluation(
        classes=tuple(classes),
        confusion=confusion,
        loss=float(-np.log(np.maximum(chosen, 1e-7)).mean()),
        baseline=float((labels == majority).mean()),
    )


def evaluate_windows(
    probabilities: FloatArray,
    clip_of: IntArray,
    clip_labels: IntArray,
    classes: Sequence[str],
    train_labels: Sequence[int] | IntArray | None = None,
) -> Evaluation:
    """Compare predictions for windows with the true classes of their clips.

    Parameters
    ----------
    probabilities : ndarray
        (windows, classes) float32.
    clip_of : ndarray
        (windows,) int64, the clip of each window.
    clip_labels : ndarray
        (clips,) int64.
    classes, train_labels :
        As in `evaluate_probabilities`, the latter of clips.

    Returns
    -------
    Evaluation
        The figures.
    """
    by_window = evaluate_probabilities(probabilities, clip_labels[clip_of], classes)
    sums = np.zeros((len(clip_labels), len(classes)), np.float64)
    np.add.at(sums, clip_of, probabilities)
    sums /= np.bincount(clip_of)[:, None]
    means = sums.astype(np.float32)
    by_clip = evaluate_probabilities(means, clip_labels, classes, train_labels)
    return Evaluation(
        classes=by_clip.classes,
        confusion=by_clip.confusion,
        loss=by_window.loss,
        baseline=by_clip.baseline,
        window_accuracy=by_window.accuracy,
    )
