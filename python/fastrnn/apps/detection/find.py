"""What a detector finds in a picture, and in each frame of a clip, camera or stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn._files import check_output
from fastrnn.apps.detection.detector import ObjectDetector
from fastrnn.apps.detection.pictures import read_picture
from fastrnn.data import VIDEO_SUFFIXES
from fastrnn.utils import save_img
from fastrnn.utils.images import PICTURE_SUFFIXES
from fastrnn.video import FrameReader, FrameWriter, VideoError
from fastrnn.video.boxes import PALETTE, Boxes, draw_boxes
from fastrnn.video.draw import Picture
from fastrnn.video.writer import check_video


@dataclass(frozen=True)
class FoundObjects:
    """The objects found in one picture, the highest score first.

    Attributes
    ----------
    names : tuple of str
        The class of each.
    boxes : ndarray
        (N, 4) x, y, width, height in pixels.
    scores : ndarray
        (N,) from 0 to 1.
    frame : int or None
        Number of the frame, from 0; None for a picture.
    seconds : float or None
        Its time.
    """

    names: tuple[str, ...]
    boxes: Boxes
    scores: npt.NDArray[np.floating[Any]]
    frame: int | None = None
    seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a dictionary that JSON can hold."""
        place = {}
        if self.frame is not None and self.seconds is not None:
            place = {"frame": self.frame, "seconds": round(self.seconds, 3)}
        found = zip(self.names, self.boxes.tolist(), self.scores.tolist(), strict=True)
        objects = [
            {"name": name, "box": [round(value, 2) for value in box], "score": round(score, 4)}
            for name, box, score in found
        ]
        return {**place, "objects": objects}

    def __str__(self) -> str:
        found = zip(self.names, self.boxes, self.scores, strict=True)
        each = [
            f"{name} {score:.2f} at {','.join(f'{v:.0f}' for v in box)}"
            for name, box, score in found
        ]
        return "  ".join(each) or "nothing"


def is_picture(source: str | os.PathLike[str] | int) -> bool:
    """Whether it is a picture file, by its name, not a clip (as .gif is), camera or stream."""
    if isinstance(source, int) or "://" in str(source):
        return False
    return Path(source).suffix.lower() in PICTURE_SUFFIXES - VIDEO_SUFFIXES


def check_copy(output: str | os.PathLike[str], source: str | os.PathLike[str] | int) -> None:
    """Refuse a copy of `source` that `find_objects` cannot, or must not, write.

    Raises
    ------
    ValueError
        If it is of another kind, or the source itself.
    OSError
        If no file can be made there.
    """
    if is_picture(source):
        check_output(output, "a picture", sorted(PICTURE_SUFFIXES), [source])
    else:
        check_video(output, source)


def find_objects(
    detector: ObjectDetector,
    source: str | os.PathLike[str] | int,
    *,
    threshold: float = 0.3,
    output: str | os.PathLike[str] | None = None,
    on_frame: Callable[[int], Any] | None = None,
) -> Generator[FoundObjects, None, None]:
    """Find the objects in a picture, or in each frame of a video.

    Parameters
    ----------
    detector : ObjectDetector
    source : str, os.PathLike or int
        A picture or video file, the address of a stream, or the number of a camera.
    threshold : float
        Lowest score.
    output : str or os.PathLike, optional
        A copy to write with the boxes drawn in: of a picture a picture, else a video, which
        Ctrl-C, or leaving the loop, ends where it is.
    on_frame : callable, optional
        Called with the number of frames seen, after each.

    Returns
    -------
    generator of FoundObjects
        One of a picture, of a video one for each frame.

    Raises
    ------
    FileNotFoundError, fastrnn.video.VideoError
        If the source cannot be opened, or gives no frame.
    ValueError
        If the picture cannot be read, or `output` is of another kind, or the source itself.

    Examples
    --------
    >>> from fastrnn.apps.detection import ObjectDetector, find_objects
    >>> detector = ObjectDetector.load("model.keras")                          # doctest: +SKIP
    >>> for found in find_objects(detector, "street.jpg", output="seen.png"):  # doctest: +SKIP
    ...     print(found.names, found.scores)
    """
    if output is not None:
        check_copy(output, source)
    if is_picture(source):
        return _in_picture(detector, str(source), threshold, output)
    return _in_video(detector, source, threshold, output, on_frame or (lambda count: None))


def _in_picture(
    detector: ObjectDetector, path: str, threshold: float, output: str | os.PathLike[str] | None
) -> Generator[FoundObjects, None, None]:
    picture = read_picture(path)
    found = _found(detector, picture, threshold)
    if output is not None:
        save_img(output, _drawn(detector, picture, found)[..., ::-1], scale=False)
    yield found


def _in_video(
    detector: ObjectDetector,
    source: str | os.PathLike[str] | int,
    threshold: float,
    output: str | os.PathLike[str] | None,
    on_frame: Callable[[int], Any],
) -> Generator[FoundObjects, None, None]:
    with ExitStack() as files:
        reader = files.enter_context(FrameReader(source))
        fps = reader.info.fps
        video = None
        if output is not None:
            video = files.enter_context(FrameWriter(output, fps=fps, keep=True))
        count = 0
        for frame in reader:
            found = _found(detector, frame, threshold, count, reader.time)
            if video is not None:
                video.write(_drawn(detector, frame, found))
            count += 1
            on_frame(count)
            yield found
        if not count:
            raise VideoError(f"{source}: no frame could be decoded")


def _found(
    detector: ObjectDetector, picture: Picture, threshold: float, *place: Any
) -> FoundObjects:
    boxes, scores, labels = detector.detect(picture, threshold=threshold)
    return FoundObjects(tuple(detector.classes[label] for label in labels), boxes, scores, *place)


def _drawn(detector: ObjectDetector, picture: Picture, found: FoundObjects) -> Picture:
    copy = picture.copy()
    texts = [f"{name} {score:.0%}" for name, score in zip(found.names, found.scores, strict=True)]
    colours = [PALETTE[detector.classes.index(name) % len(PALETTE)] for name in found.names]
    draw_boxes(copy, found.boxes, texts, colours=colours or PALETTE)
    return copy
