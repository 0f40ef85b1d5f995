"""What the recurrent network learns from: what trackers without it observed, and the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastrnn import ops
from fastrnn.apps.tracking.rendered import cover, render_sequence
from fastrnn.apps.tracking.sequences import TrackingSequence
from fastrnn.apps.tracking.tracker import OBSERVED, Tracker
from fastrnn.losses import Loss
from fastrnn.video.boxes import Boxes, box_iou
from fastrnn.video.draw import Picture

LENGTH = 90  # frames of a lesson
STEPS = (1, 1, 2, 3)  # real clips are also taken at twice and three times their speed
LOST = (0.0, 0.45, 0.6)  # rules of several strictnesses fail in several ways
ON, OFF = 0.5, 0.3  # overlaps with the truth from which, and up to which, right and wrong
# Channels of the targets: the shift, whether it counts, whether the box is right, whether that
# is known.
SHIFT, MOVES, RIGHT, KNOWN = slice(0, 2), 2, 3, 4


class TrackingLoss(Loss):
    """Huber loss of the shift, and binary cross-entropy of the box being right.

    Targets are (N, T, 5), predictions (N, T, 3), see `lesson` and `build_network`.
    """

    def prepare(self, y_true: Any, y_pred: Any) -> Any:
        """Targets in the predictions' type."""
        return np.ascontiguousarray(y_true, y_pred.dtype)

    def value_and_gradient(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """As every loss has it."""
        gradient = np.empty_like(y_pred)
        moves, known = y_true[..., MOVES], y_true[..., KNOWN]
        error = (y_pred[..., SHIFT] - y_true[..., SHIFT]) * moves[..., None]
        bounded = np.clip(error, -0.2, 0.2)
        losses, slopes = ops.sigmoid_cross_entropy(
            np.ascontiguousarray(y_pred[..., 2]), np.ascontiguousarray(y_true[..., RIGHT])
        )
        gradient[..., SHIFT] = 10 * bounded
        gradient[..., 2] = slopes * known
        return 10 * (bounded * (error - bounded / 2)).sum(axis=-1) + losses * known, gradient


def lesson(tracker: Tracker, frames: Sequence[Picture], boxes: Boxes) -> tuple[Any, Any] | None:
    """Let a tracker follow an object, and note what it observes and what would be right.

    Parameters
    ----------
    tracker : Tracker
    frames : sequence of ndarray
    boxes : ndarray
        (T, 4), the truth.

    Returns
    -------
    tuple of ndarray, or None if the object is not to be seen in the first frame
        (T - 1, 8) observations and (T - 1, 5) targets, float32.
    """
    if not np.isfinite(boxes[0]).all():
        return None
    tracker.start(frames[0], boxes[0])
    seen = np.asarray(np.isfinite(boxes).all(axis=1))
    observed = np.zeros((len(frames) - 1, OBSERVED), np.float32)
    targets = np.zeros((len(frames) - 1, 5), np.float32)
    for step in range(1, len(frames)):
        box = tracker.step(frames[step])
        overlap = float(box_iou(box, boxes[step])) if seen[step] else 0.0
        target = targets[step - 1]
        observed[step - 1] = tracker.observation
        target[RIGHT] = overlap >= ON
        target[KNOWN] = overlap >= ON or overlap <= OFF
        if step + 1 < len(frames) and seen[step + 1] and overlap > OFF:
            ahead = boxes[step + 1, :2] + boxes[step + 1, 2:] / 2 - (box[:2] + box[2:] / 2)
            target[SHIFT] = np.clip(ahead / np.sqrt(box[2:].prod()), -1, 1)
            target[MOVES] = 1
    return observed, targets


def rendered_lessons(count: int, random: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """Lessons on rendered sequences, `LENGTH` frames each."""
    for _ in range(count):
        made = lesson(_judge(random), *render_sequence(random, frames=LENGTH + 1))
        if made is not None:
            yield made


def real_lessons(
    sequences: Sequence[TrackingSequence], count: int, random: np.random.Generator
) -> Iterator[tuple[Any, Any]]:
    """Lessons on parts of real sequences, `count` of each, at several speeds; half are covered."""
    for sequence in sequences:
        frames = list(sequence.frames())[: len(sequence.boxes)]
        for _ in range(count):
            step = int(random.choice(STEPS))
            span = min(step * LENGTH + 1, len(frames))
            first = int(random.integers(0, len(frames) - span + 1))
            part = slice(first, first + span, step)
            shown, boxes = frames[part], sequence.boxes[part]
            if random.random() < 0.5:
                shown, boxes = cover(shown, boxes, random)
            made = lesson(_judge(random), shown, boxes)
            if made is not None:
                yield made


def stack_lessons(lessons: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Lessons as arrays (N, LENGTH, 8) and (N, LENGTH, 5); what one lacks does not count."""
    observed = np.zeros((len(lessons), LENGTH, OBSERVED), np.float32)
    targets = np.zeros((len(lessons), LENGTH, 5), np.float32)
    for number, (inputs, wished) in enumerate(lessons):
        observed[number, : len(inputs)] = inputs
        targets[number, : len(wished)] = wished
    return observed, targets


def _judge(random: np.random.Generator) -> Tracker:
    return Tracker(lost=float(random.choice(LOST)))
