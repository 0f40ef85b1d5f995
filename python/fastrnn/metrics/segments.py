"""Scores of sequences cut into segments: runs of steps of the same class."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn.metrics.edit import edit_distance
from fastrnn.metrics.metric import Array, Metric


def segments_of(classes: ArrayLike) -> list[tuple[int, int, int]]:
    """Runs of equal classes.

    Parameters
    ----------
    classes : array_like, shape (T,)
        Class number of each step.

    Returns
    -------
    list of (int, int, int)
        First step, step behind the last one, and class of each run.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.segments_of([2, 2, 0, 1, 1])
    [(0, 2, 2), (2, 3, 0), (3, 5, 1)]
    """
    values = np.asarray(classes)
    if not len(values):
        return []
    edges = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    return [(a, b, int(values[a])) for a, b in pairwise(edges)]


class SegmentMetric(Metric):
    """Base of the scores of segments.

    Labels are class numbers (N, T), predictions (N, T, C); steps whose weight is 0, as those of a
    mask are, are left out.

    Parameters
    ----------
    ignore_class : int, optional
        Class, such as silence, whose segments do not count.
    name : str
    dtype : optional
    """

    def __init__(
        self, ignore_class: int | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)
        self.ignore_class = ignore_class
        self.reset_state()

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        labels, chosen = np.asarray(y_true), np.asarray(y_pred).argmax(axis=-1)
        labels = labels[..., 0] if labels.ndim == 3 else labels
        if labels.ndim != 2 or labels.shape != chosen.shape:
            raise ValueError(
                f"{self.name}: labels must be (N, T) and predictions (N, T, C), "
                f"got {labels.shape} and {np.shape(y_pred)}"
            )
        valid = np.ones(labels.shape, bool)
        if sample_weight is not None:
            weights = np.asarray(sample_weight) != 0
            valid &= weights[:, None] if weights.ndim == 1 else weights.reshape(labels.shape)
        for true, said, kept in zip(labels, chosen, valid, strict=True):
            self.compare(self._segments(true[kept]), self._segments(said[kept]))

    def _segments(self, classes: Array) -> list[tuple[int, int, int]]:
        return [part for part in segments_of(classes) if part[2] != self.ignore_class]

    def compare(self, true: list[tuple[int, int, int]], said: list[tuple[int, int, int]]) -> None:
        """Take one sequence's segments into account."""
        raise TypeError(f"{type(self).__name__} must define compare(true, said)")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"ignore_class": self.ignore_class}


class SegmentF1(SegmentMetric):
    """Harmonic mean of precision and recall of segments.

    A segment is found where one of its class overlaps it by at least `threshold`, intersection
    over union; each counts once (Lea et al. 2017, "Temporal convolutional networks for action
    segmentation and detection", there F1@k).

    Parameters
    ----------
    threshold : float
    ignore_class : int, optional
        Class, such as silence, whose segments do not count.
    name : str
    dtype : optional

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import metrics
    >>> said = np.eye(3)[[[1, 1, 2, 1, 1, 0]]]
    >>> round(metrics.SegmentF1(ignore_class=0)([[1, 1, 1, 1, 0, 0]], said), 4)
    0.5
    """

    def __init__(
        self,
        threshold: float = 0.5,
        ignore_class: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(ignore_class, name or "segment_f1", dtype)
        if not 0 < threshold <= 1:
            raise ValueError(f"{self.name}: threshold must be in (0, 1], got {threshold}")
        self.threshold = threshold

    def compare(self, true: list[tuple[int, int, int]], said: list[tuple[int, int, int]]) -> None:
        self._segments_seen += len(true) + len(said)
        left = list(true)
        for start, stop, kind in said:
            overlaps = [
                max(0, min(stop, b) - max(start, a)) / (max(stop, b) - min(start, a))
                if c == kind
                else 0.0
                for a, b, c in left
            ]
            if overlaps and max(overlaps) >= self.threshold:
                del left[overlaps.index(max(overlaps))]
                self._found += 1

    def result(self) -> float:
        return 2 * self._found / self._segments_seen if self._segments_seen else 0.0

    def reset_state(self) -> None:
        self._found = self._segments_seen = 0

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"threshold": self.threshold}


class SegmentEditScore(SegmentMetric):
    """How well the order of the segments fits, whatever their lengths.

    One less the edits between predicted and true classes of segments, divided by the longer
    sequence's number of segments; the mean over sequences.

    Parameters
    ----------
    ignore_class : int, optional
        Class, such as silence, whose segments do not count.
    name : str
    dtype : optional

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import metrics
    >>> said = np.eye(3)[[[1, 1, 2, 1, 1, 0]]]
    >>> metrics.SegmentEditScore()([[1, 1, 1, 1, 0, 0]], said)
    0.5
    """

    def compare(self, true: list[tuple[int, int, int]], said: list[tuple[int, int, int]]) -> None:
        edits = edit_distance([part[2] for part in true], [part[2] for part in said])
        self._total += 1 - edits / max(len(true), len(said), 1)
        self._sequences += 1

    def result(self) -> float:
        return self._total / self._sequences if self._sequences else 0.0

    def reset_state(self) -> None:
        self._total, self._sequences = 0.0, 0
