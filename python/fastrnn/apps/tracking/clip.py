"""Tracking through clips: frame by frame, with an annotated copy, and beside the baselines."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.tracking.association import MultiTracker
from fastrnn.apps.tracking.baselines import BASELINES, track_scores
from fastrnn.apps.tracking.sequences import TrackingSequence, frame_rate, read_frames
from fastrnn.apps.tracking.tracker import Tracker
from fastrnn.video import FrameWriter
from fastrnn.video.boxes import PALETTE, Boxes, draw_boxes
from fastrnn.video.draw import GREY, Picture
from fastrnn.video.writer import check_video

if TYPE_CHECKING:
    from fastrnn.apps.detection import ObjectDetector


@dataclass(frozen=True)
class TrackedBox:
    """An object in a frame: its number, class, box (4,) in pixels and confidence in [0, 1]."""

    number: int
    name: str
    box: Boxes
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary that JSON can hold."""
        return {
            "number": self.number,
            "name": self.name,
            "box": [round(float(value), 2) for value in self.box],
            "confidence": round(self.confidence, 4),
        }


def track_clip(
    clip: str | os.PathLike[str],
    box: npt.ArrayLike | None = None,
    *,
    tracker: Tracker | None = None,
    detector: ObjectDetector | None = None,
    threshold: float = 0.3,
    output: str | os.PathLike[str] | None = None,
) -> Generator[list[TrackedBox], None, None]:
    """Follow one object, or all that a detector finds; memory does not grow with the clip.

    Parameters
    ----------
    clip : path
        A video file, or a folder of pictures in the order of their names.
    box : array_like, optional
        x, y, width, height of the object to follow, in the first frame.
    tracker : Tracker, optional
        Used with `box`; by default one without a network.
    detector : ObjectDetector, optional
        In place of `box`: all objects that it finds are followed.
    threshold : float
        Lowest score of a detection.
    output : path, optional
        A video file to write, with the boxes drawn into the frames. Ctrl-C, or leaving the
        loop, ends it where it is.

    Returns
    -------
    generator of list of TrackedBox
        The objects of each frame; with `box` always one.

    Raises
    ------
    FileNotFoundError, ValueError, fastrnn.video.VideoError
        If the clip is missing or cannot be read, the box is wrong, or `output` is no name of a
        video or the clip itself.

    Examples
    --------
    >>> from fastrnn.apps.tracking import track_clip
    >>> for (car,) in track_clip("street.mp4", [142, 125, 90, 39]):     # doctest: +SKIP
    ...     print(car.box, car.confidence)
    """
    if (box is None) == (detector is None):
        raise ValueError("track_clip: give the object's box in the first frame, or a detector")
    frames = read_frames(clip)
    if detector is not None:
        found = _follow_all(frames, detector, threshold)
    else:
        assert box is not None
        found = _follow_one(frames, tracker or Tracker(), box)
    if output is None:
        return (objects for _, objects in found)
    check_video(output, clip)
    return _written(found, FrameWriter(output, fps=frame_rate(clip), keep=True))


def annotate_objects(frame: Picture, objects: list[TrackedBox]) -> Picture:
    """Draw objects into a copy of a frame; grey are those whose place is not sure."""
    picture = frame.copy()
    for each in objects:
        sure = each.confidence >= 0.5
        colour = PALETTE[(each.number - 1) % len(PALETTE)] if sure else GREY
        label = f"{each.number} {each.name}" if each.name else f"{each.confidence:.0%}"
        draw_boxes(picture, [each.box], [label], colours=[colour])
    return picture


def compare_trackers(
    sequence: TrackingSequence, tracker: Tracker, *, baselines: bool = True
) -> dict[str, dict[str, float]]:
    """Scores of a tracker on a sequence, beside those without its network and of the baselines.

    Parameters
    ----------
    sequence : TrackingSequence
        Its first box is given to all.
    tracker : Tracker
    baselines : bool
        Whether to run the baselines, of which OpenCV's takes longer than all else.

    Returns
    -------
    dict
        By name, ``iou`` and ``success`` as `track_scores` has them.
    """
    frames = [frame for frame, _ in zip(sequence.frames(), sequence.boxes, strict=False)]
    true = sequence.boxes[: len(frames)]
    trackers = {"fastrnn": tracker}
    if tracker.network is not None:
        trackers["without the network"] = Tracker(lost=tracker.lost)
    scores = {
        name: track_scores(each.track(frames, true[0]).boxes, true)
        for name, each in trackers.items()
    }
    if baselines:
        scores |= {name: track_scores(run(frames, true), true) for name, run in BASELINES.items()}
    return scores


def _written(
    found: Iterator[tuple[Picture, list[TrackedBox]]], video: FrameWriter
) -> Generator[list[TrackedBox], None, None]:
    with video:
        for frame, objects in found:
            video.write(annotate_objects(frame, objects))
            yield objects


def _follow_one(
    frames: Iterator[Picture], tracker: Tracker, box: npt.ArrayLike
) -> Iterator[tuple[Picture, list[TrackedBox]]]:
    for number, frame in enumerate(frames):
        if number:
            tracker.step(frame)
        else:
            tracker.start(frame, box)
        yield frame, [TrackedBox(1, "", tracker.box, tracker.confidence)]


def _follow_all(
    frames: Iterator[Picture], detector: ObjectDetector, threshold: float
) -> Iterator[tuple[Picture, list[TrackedBox]]]:
    tracker = MultiTracker()
    for frame in frames:
        boxes, scores, labels = detector.detect(frame, threshold=threshold)
        objects = []
        for each in tracker.update(boxes, labels):
            score = scores[np.abs(boxes - each.box).sum(axis=1).argmin()]
            name = detector.classes[each.label]
            objects.append(TrackedBox(each.number, name, each.box, float(score)))
        yield frame, objects
