"""Simple trackers to compare with: constant velocity, template matching, OpenCV's MIL."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fastrnn.video._opencv import opencv
from fastrnn.video.boxes import Boxes, box_iou
from fastrnn.video.draw import Picture


def constant_velocity(frames: Sequence[Picture], boxes: Boxes) -> Boxes:
    """The first box, moved on as from the first to the second true box; never looks at a frame."""
    steps = np.arange(len(frames))[:, None]
    second = boxes[1] if len(boxes) > 1 and np.isfinite(boxes[1]).all() else boxes[0]
    velocity = np.concatenate([second[:2] - boxes[0, :2] + (second[2:] - boxes[0, 2:]) / 2, [0, 0]])
    return np.asarray(boxes[0] + steps * velocity)


def template_matching(frames: Sequence[Picture], boxes: Boxes) -> Boxes:
    """Where in each frame the first frame's grey pixels in the box correlate best."""
    cv2 = opencv()
    grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames]
    left, top, wide, high = np.maximum(boxes[0].round().astype(int), [0, 0, 1, 1])
    template = grey[0][top : top + high, left : left + wide]
    places = [
        cv2.minMaxLoc(cv2.matchTemplate(each, template, cv2.TM_CCOEFF_NORMED))[3]
        for each in grey[1:]
    ]
    found = np.array([boxes[0, :2], *places], float)
    return np.concatenate([found, np.broadcast_to(boxes[0, 2:], (len(frames), 2))], axis=1)


def opencv_mil(frames: Sequence[Picture], boxes: Boxes) -> Boxes:
    """OpenCV's `TrackerMIL`, the one of its trackers that needs no file of weights."""
    tracker = opencv().TrackerMIL_create()
    tracker.init(frames[0], tuple(int(value) for value in boxes[0].round()))
    return np.array([boxes[0], *(tracker.update(frame)[1] for frame in frames[1:])], float)


BASELINES: dict[str, Callable[[Sequence[Picture], Boxes], Boxes]] = {
    "constant velocity": constant_velocity,
    "template matching": template_matching,
    "OpenCV MIL": opencv_mil,
}


def track_scores(found: Boxes, true: Boxes) -> dict[str, float]:
    """Mean overlap, and share of frames whose overlap is above a half.

    Parameters
    ----------
    found, true : ndarray
        (T, 4); frames whose true box is not a number do not count, nor does the first, whose box
        is given.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.tracking import track_scores
    >>> boxes = np.array([[0.0, 0, 4, 4], [1, 0, 4, 4], [2, 0, 4, 4]])
    >>> track_scores(boxes, boxes + [[0, 0, 0, 0], [0, 0, 0, 0], [2, 0, 0, 0]])
    {'iou': 0.6667, 'success': 0.5}
    """
    seen = np.asarray(np.isfinite(true).all(axis=1))
    seen[0] = False
    overlaps = box_iou(found[seen], true[seen])
    return {
        "iou": round(float(overlaps.mean()), 4) if len(overlaps) else 0.0,
        "success": round(float((overlaps > 0.5).mean()), 4) if len(overlaps) else 0.0,
    }
