"""How good detections are: average precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastrnn.video.boxes import Boxes, box_iou

Labels = npt.NDArray[np.int64]


class Detections(NamedTuple):
    """Boxes (N, 4), scores (N,) and class numbers (N,), the highest score first."""

    boxes: Boxes
    scores: npt.NDArray[np.float32]
    labels: Labels


def mean_boxes(true: Sequence[tuple[Boxes, Labels]]) -> Detections:
    """The mean box of each class, scored by its share of all boxes: no picture is looked at.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.detection import mean_boxes
    >>> boxes = np.array([[0.0, 0, 8, 8], [20, 20, 8, 8], [4, 0, 8, 8]])
    >>> mean_boxes([(boxes, np.array([1, 0, 1]))])[0].tolist()
    [[2.0, 0.0, 8.0, 8.0], [20.0, 20.0, 8.0, 8.0]]
    """
    boxes, labels = (np.concatenate(part) for part in zip(*true, strict=True))
    classes, counts = np.unique(labels, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    means = np.array([boxes[labels == label].mean(axis=0) for label in classes[order]])
    scores = (counts[order] / len(labels)).astype(np.float32)
    return Detections(means.reshape(-1, 4), scores, classes[order])


def average_precision(
    true: Sequence[tuple[Boxes, Labels]],
    found: Sequence[Detections],
    label: int,
    iou: float = 0.5,
) -> float:
    """Area under the curve of precision over recall, for one class.

    Detections are taken by score, those of all pictures together. One is right if the box of its
    class that it overlaps most does so by at least `iou` and no detection has taken it before. The
    precision at a recall is the highest at that recall or a greater one.

    Parameters
    ----------
    true : sequence of (boxes, labels)
        One pair for each picture.
    found : sequence of Detections
        For the same pictures.
    label : int
    iou : float

    Returns
    -------
    float
        In [0, 1]; not a number where there is no box of the class.

    References
    ----------
    Everingham et al., The Pascal Visual Object Classes Challenge, 2010, section 4.2.
    """
    outcomes: list[tuple[float, bool]] = []
    total = 0
    for (boxes, labels), detections in zip(true, found, strict=True):
        boxes = boxes[labels == label]
        total += len(boxes)
        taken = np.zeros(len(boxes), bool)
        mine = detections.labels == label
        scores = detections.scores[mine]
        for index in np.argsort(-scores, kind="stable"):
            overlaps = box_iou(detections.boxes[mine][index], boxes)
            best = int(overlaps.argmax()) if len(boxes) else -1
            is_right = best >= 0 and bool(overlaps[best] >= iou) and not taken[best]
            if is_right:
                taken[best] = True
            outcomes.append((float(scores[index]), is_right))
    if not total:
        return float("nan")
    right = np.array([each for _, each in sorted(outcomes, key=lambda pair: -pair[0])], bool)
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    best_after = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best_after[right].sum() / total)


def mean_average_precision(
    true: Sequence[tuple[Boxes, Labels]],
    found: Sequence[Detections],
    classes: int,
    iou: float = 0.5,
) -> float:
    """The mean of `average_precision` over the classes that have a box.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.detection import Detections, mean_average_precision
    >>> boxes = np.array([[0.0, 0, 8, 8], [20, 20, 8, 8]])
    >>> found = Detections(boxes[:1], np.array([0.9]), np.array([0]))
    >>> mean_average_precision([(boxes, np.array([0, 0]))], [found], classes=1)
    0.5
    """
    values = [average_precision(true, found, label, iou) for label in range(classes)]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else 0.0
