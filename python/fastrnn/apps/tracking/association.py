"""Tracking by detection: several objects, each box of a detector given to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.video.boxes import Boxes, box_iou

VELOCITY_RATE = 0.4


def assign(cost: npt.ArrayLike) -> list[tuple[int, int]]:
    """The pairs of rows and columns with the smallest sum of costs, each row and column once.

    Parameters
    ----------
    cost : array_like
        (rows, columns) finite numbers.

    Returns
    -------
    list of (int, int)
        min(rows, columns) pairs, by row.

    Notes
    -----
    The Hungarian method with shortest augmenting paths, O(n³).

    References
    ----------
    Jonker and Volgenant, A shortest augmenting path algorithm for dense and sparse linear
    assignment problems, Computing 38, 1987.

    Examples
    --------
    >>> from fastrnn.apps.tracking import assign
    >>> assign([[4, 1, 3], [2, 0, 5]])
    [(0, 1), (1, 0)]
    """
    table = np.asarray(cost, np.float64)
    if table.shape[0] > table.shape[1]:
        return sorted((row, column) for column, row in assign(table.T))
    rows, columns = table.shape
    over_rows, over_columns = np.zeros(rows), np.zeros(columns)
    row_of = np.full(columns, -1)
    for new in range(rows):
        shortest = np.full(columns, np.inf)
        before, done = np.full(columns, -1), np.zeros(columns, bool)
        row, at, length = new, -1, 0.0
        while True:  # the shortest path from the new row to a column that is free
            reduced = length + table[row] - over_rows[row] - over_columns
            nearer = ~done & (reduced < shortest)
            shortest[nearer], before[nearer] = reduced[nearer], at
            at = int(np.where(done, np.inf, shortest).argmin())
            length, done[at] = shortest[at], True
            if row_of[at] < 0:
                break
            row = int(row_of[at])
        inner = done.copy()
        inner[at] = False
        over_rows[new] += length
        over_rows[row_of[inner]] += length - shortest[inner]
        over_columns[inner] -= length - shortest[inner]
        while at >= 0:
            row_of[at] = new if before[at] < 0 else row_of[before[at]]
            at = int(before[at])
    return sorted((int(row), column) for column, row in enumerate(row_of) if row >= 0)


@dataclass
class TrackedObject:
    """An object that a `MultiTracker` follows.

    Attributes
    ----------
    number : int
        Its own, from 1.
    label : int
        Class number.
    box : ndarray
        (4,) where it is, or is thought to be if it was not detected.
    seen, missed : int
        Frames in which it was detected, and frames since.
    """

    number: int
    label: int
    box: Boxes
    seen: int = 1
    missed: int = 0
    velocity: Boxes = field(default_factory=lambda: np.zeros(4))


class MultiTracker:
    """Follows several objects from frame to frame by what a detector finds.

    Each object's box is moved on with its mean velocity, and detections of its class are given to
    the objects so that the sum of overlaps is greatest.

    Parameters
    ----------
    iou : float
        Least overlap of a detection with the box expected.
    patience : int
        Frames without detection after which an object is given up.
    confirm : int
        Detections after which an object is believed and reported.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.tracking import MultiTracker
    >>> tracker = MultiTracker(confirm=1)
    >>> for x in (0, 3, 6):
    ...     objects = tracker.update(np.array([[x, 5.0, 10, 10], [40.0, 5, 10, 10]]), [0, 1])
    >>> [(each.number, each.label, each.box[0].item()) for each in objects]
    [(1, 0, 6.0), (2, 1, 40.0)]
    """

    def __init__(self, *, iou: float = 0.2, patience: int = 8, confirm: int = 2) -> None:
        self.iou = iou
        self.patience = patience
        self.confirm = confirm
        self.objects: list[TrackedObject] = []
        self._count = 0

    def update(self, boxes: Boxes, labels: Sequence[int] | npt.NDArray[Any]) -> list[TrackedObject]:
        """Take the detections of the next frame.

        Parameters
        ----------
        boxes : ndarray
            (N, 4).
        labels : sequence of int
            (N,) class numbers.

        Returns
        -------
        list of TrackedObject
            Those detected in this frame that are believed.
        """
        labels = np.asarray(labels, np.int64)
        for each in self.objects:
            each.box = each.box + each.velocity
            each.missed += 1
        free = set(range(len(boxes)))
        if self.objects and free:
            expected = np.stack([each.box for each in self.objects])
            overlaps = box_iou(expected[:, None], boxes)
            overlaps *= np.array([each.label for each in self.objects])[:, None] == labels
            overlaps[overlaps < self.iou] = 0
            for row, column in assign(-overlaps):
                if overlaps[row, column] > 0:
                    free.discard(column)
                    self._follow(self.objects[row], boxes[column])
        self.objects = [each for each in self.objects if each.missed <= self.patience]
        for index in sorted(free):
            self._count += 1
            box = np.array(boxes[index], np.float64)
            self.objects.append(TrackedObject(self._count, int(labels[index]), box))
        return [each for each in self.objects if not each.missed and each.seen >= self.confirm]

    @staticmethod
    def _follow(each: TrackedObject, box: Boxes) -> None:
        before = each.box - each.velocity * each.missed
        step = (box - before) / each.missed
        rate = 1.0 if each.seen == 1 else VELOCITY_RATE
        each.velocity = each.velocity + rate * (step - each.velocity)
        each.velocity[2:] = 0
        each.box = np.array(box, np.float64)
        each.seen += 1
        each.missed = 0
