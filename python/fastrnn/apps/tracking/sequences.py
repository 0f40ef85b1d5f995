"""Clips with the box of one object in each frame: reading them, and the format of their files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastrnn.data import VIDEO_SUFFIXES
from fastrnn.utils.images import PICTURE_SUFFIXES
from fastrnn.video import FrameReader, VideoError
from fastrnn.video._opencv import opencv
from fastrnn.video.boxes import Boxes
from fastrnn.video.draw import Picture
from fastrnn.video.reader import DEFAULT_FPS

# Names of box files, one line a frame, in the order in which they are looked for.
CORNERS, RECTANGLES = "gt.txt", ("boxes.txt", "groundtruth_rect.txt")


@dataclass(frozen=True)
class TrackingSequence:
    """A clip and the true boxes of one object in it.

    Attributes
    ----------
    name : str
        Name of the folder.
    source : Path
        A video file, or a folder of pictures in the order of their names.
    boxes : ndarray
        (T, 4) x, y, width, height; not a number where the object is not to be seen.
    """

    name: str
    source: Path
    boxes: Boxes

    def frames(self) -> Iterator[Picture]:
        """Yield the frames, (H, W, 3) uint8."""
        return read_frames(self.source)


def read_frames(source: str | os.PathLike[str]) -> Iterator[Picture]:
    """Yield the frames of a video file, or of a folder of pictures by name.

    Raises
    ------
    FileNotFoundError, fastrnn.video.VideoError
        If there is no such file, or it cannot be read.
    """
    path = Path(source)
    if not path.is_dir():
        with FrameReader(path) as frames:
            yield from frames
        return
    cv2 = opencv()
    for file in sorted(path.iterdir()):
        if file.suffix.lower() in PICTURE_SUFFIXES:
            frame = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)
            if frame is None:
                raise VideoError(f"{file}: cannot be decoded")
            yield frame


def frame_rate(source: str | os.PathLike[str]) -> float:
    """Frames per second of a video file; 25 for a folder of pictures."""
    if Path(source).is_dir():
        return DEFAULT_FPS
    with FrameReader(source) as frames:
        return frames.info.fps


def has_truth(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a box file."""
    return any((Path(folder) / name).is_file() for name in (*RECTANGLES, CORNERS))


def read_sequence(folder: str | os.PathLike[str]) -> TrackingSequence:
    """Read the sequence in a folder; the frames themselves are decoded later.

    Parameters
    ----------
    folder : str or os.PathLike
        Holds one video file, or a folder ``img`` of pictures, and one box file with a line of
        four numbers a frame (separated by commas, tabs or blanks; ``nan`` where nothing is to
        be seen): ``boxes.txt`` or ``groundtruth_rect.txt`` with x, y, width, height, the latter
        counting pixels from 1 as OTB does, or ``gt.txt`` with x1, y1, x2, y2 as TLD does.

    Raises
    ------
    FileNotFoundError
        If the clip or the box file is missing.
    ValueError
        If the box file is not of that form.

    Examples
    --------
    >>> from fastrnn.apps.tracking import read_sequence
    >>> read_sequence("tracking/tld_david").boxes.shape     # doctest: +SKIP
    (761, 4)
    """
    folder = Path(folder)
    file = next((folder / n for n in (*RECTANGLES, CORNERS) if (folder / n).is_file()), None)
    if file is None:
        raise FileNotFoundError(f"{folder}: no {', '.join((*RECTANGLES, CORNERS))}")
    clips = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in VIDEO_SUFFIXES]
    if not clips and not (folder / "img").is_dir():
        raise FileNotFoundError(f"{folder}: no video file and no folder img")
    lines = [line.replace(",", " ").split() for line in file.read_text("utf-8").splitlines()]
    try:
        boxes = np.array([[float(value) for value in line] for line in lines if line])
    except ValueError:
        boxes = np.empty(0)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all(axis=1).any():
        raise ValueError(f"{file}: must hold four numbers a line, one line a frame")
    if file.name == CORNERS:
        boxes[:, 2:] -= boxes[:, :2]
    elif file.name == RECTANGLES[1]:
        boxes[:, :2] -= 1
    return TrackingSequence(folder.name, clips[0] if clips else folder / "img", boxes)


def find_sequences(folder: str | os.PathLike[str]) -> list[TrackingSequence]:
    """Read the sequences in the sub-folders of `folder` that have a box file, by name.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If there is none in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder: {folder}")
    found = [read_sequence(entry) for entry in sorted(folder.iterdir()) if has_truth(entry)]
    if not found:
        raise ValueError(f"{folder}: no sub-folder with a clip and a box file ({CORNERS} or such)")
    return found
