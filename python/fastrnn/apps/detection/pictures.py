"""Pictures with boxes: reading them from a folder, and the format of its table."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastrnn.apps.tracking.sequences import find_sequences, read_frames
from fastrnn.video import VideoError
from fastrnn.video._opencv import opencv
from fastrnn.video.boxes import Boxes
from fastrnn.video.draw import Picture

TABLE = "boxes.csv"
COLUMNS = ("image", "x", "y", "w", "h", "class")
SEQUENCE_STEP = 5  # of a tracking sequence's frames, which are much alike, every so many-th


@dataclass(frozen=True)
class Labelled:
    """A picture's boxes.

    Attributes
    ----------
    source : Path
        A picture, or a video file or folder of pictures if `frame` is given.
    frame : int or None
        Number of the frame, from 0.
    boxes : ndarray
        (N, 4) x, y, width, height in pixels.
    labels : ndarray
        (N,) int64, indices into the names of the classes.
    """

    source: Path
    frame: int | None
    boxes: Boxes
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class PictureFolder:
    """The pictures of a folder, and the names of their classes in alphabetical order."""

    path: Path
    classes: tuple[str, ...]
    pictures: tuple[Labelled, ...]


def scan_pictures(folder: str | os.PathLike[str]) -> PictureFolder:
    """Read the table of boxes of a folder; the pictures are decoded later.

    Parameters
    ----------
    folder : str or os.PathLike
        Holds ``boxes.csv`` with the columns image, x, y, w, h, class and a line for each box:
        ``image`` is a picture's file relative to the folder, or ``clip.mp4#12`` for frame 12,
        counted from 0, of a clip; x, y, w, h are pixels. A picture without any object has one
        line with its other columns empty. Without the table: sub-folders that are tracking
        sequences, see `fastrnn.apps.tracking.read_sequence`, each object being of the class
        ``object``; every fifth frame is used.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the table is wrong; the line is named.

    Examples
    --------
    >>> from fastrnn.apps.detection import scan_pictures
    >>> scan_pictures("signs").classes     # doctest: +SKIP
    ('stop', 'yield')
    """
    path = Path(folder)
    table = path / TABLE
    if not table.is_file():
        return _from_sequences(path)
    boxes: dict[str, list[list[float]]] = {}
    names: dict[str, list[str]] = {}
    with open(table, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if missing := set(COLUMNS) - set(reader.fieldnames or ()):
            raise ValueError(f"{table}: needs the columns {','.join(COLUMNS)}, lacks {missing}")
        for line in reader:
            image = line["image"]
            boxes.setdefault(image, [])
            names.setdefault(image, [])
            values = [line[column] for column in COLUMNS[1:]]
            if not any(values):
                continue
            try:
                box = [float(value) for value in values[:4]]
            except (TypeError, ValueError):
                box = [float("nan")]
            if not np.isfinite(box).all() or min(box[2:]) <= 0 or not values[4]:
                raise ValueError(
                    f"{table}, line {reader.line_num}: needs numbers x, y, w, h with w and h "
                    f"positive, and a class, got {','.join(map(str, values))}"
                )
            boxes[image].append(box)
            names[image].append(values[4])
    classes = tuple(sorted({name for some in names.values() for name in some}))
    if not classes:
        raise ValueError(f"{table}: no box in it")
    pictures = []
    for image, some in boxes.items():
        name, _, frame = image.rpartition("#")
        numbered = bool(name) and frame.isdecimal()
        labels = np.array([classes.index(each) for each in names[image]], np.int64)
        place = np.array(some, np.float64).reshape(-1, 4)
        source = path / (name if numbered else image)
        pictures.append(Labelled(source, int(frame) if numbered else None, place, labels))
    return PictureFolder(path, classes, tuple(pictures))


def _from_sequences(folder: Path) -> PictureFolder:
    pictures = []
    for sequence in find_sequences(folder):
        for frame in range(0, len(sequence.boxes), SEQUENCE_STEP):
            box = sequence.boxes[frame : frame + 1]
            box = box[np.isfinite(box).all(axis=1)]
            labels = np.zeros(len(box), np.int64)
            pictures.append(Labelled(sequence.source, frame, box, labels))
    return PictureFolder(folder, ("object",), tuple(pictures))


def load_pictures(pictures: Iterable[Labelled]) -> Iterator[tuple[Labelled, Picture | str]]:
    """Decode pictures, each clip once; in place of one that cannot be read comes the reason.

    Parameters
    ----------
    pictures : iterable of Labelled

    Yields
    ------
    tuple
        The picture's boxes, and (H, W, 3) uint8 or the reason.
    """
    wanted: dict[Path, dict[int, Labelled]] = {}
    for picture in pictures:
        if picture.frame is None:
            yield picture, _load(picture.source)
        else:
            wanted.setdefault(picture.source, {})[picture.frame] = picture
    for source, frames in wanted.items():
        reason = f"{source}: has no such frame"
        left = dict(frames)
        try:
            for number, frame in enumerate(read_frames(source)):
                if number in left:
                    yield left.pop(number), frame
                if not left:
                    break
        except (VideoError, OSError) as error:
            reason = str(error)
        for picture in left.values():
            yield picture, reason


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read a picture file, (H, W, 3) uint8, blue, green, red.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no picture.
    """
    found = _load(Path(path))
    if isinstance(found, str):
        raise (ValueError if Path(path).is_file() else FileNotFoundError)(found)
    return found


def _load(path: Path) -> Picture | str:
    if not path.is_file():
        return f"{path}: no such file"
    cv2 = opencv()
    try:
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    return f"{path}: not a picture that can be read" if picture is None else picture
