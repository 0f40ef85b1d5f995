"""What is known of each step of recordings: a label, or values."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastrnn._files import files_under
from fastrnn.apps.segments import (
    NOTHING,
    SEGMENT_SUFFIXES,
    SILENCES,
    Segment,
    files_of,
    read_segments,
    sound_starts,
)
from fastrnn.data import AUDIO_SUFFIXES, VIDEO_SUFFIXES


@dataclass(frozen=True)
class Annotated:
    """A recording and the file with what is known of it.

    Attributes
    ----------
    path : Path
        The video or sound file.
    known : Path
        The file of its labels or values.
    start : float
        Second at which it begins, as the times in that file count.
    """

    path: Path
    known: Path
    start: float = 0.0


def find_annotated(folder: str | os.PathLike[str], suffixes: Collection[str]) -> list[Annotated]:
    """Find recordings and, by the same name, the files of their labels or values.

    Parameters
    ----------
    folder : str or os.PathLike
        Both may lie anywhere in it.
    suffixes : collection of str
        Endings of the recordings.

    Returns
    -------
    list of Annotated
        By recording.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If no recording has such a file, or it is not clear which is whose.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"no such folder: {root}")
    known = files_of(files_under(root, suffixes), files_under(root, SEGMENT_SUFFIXES))
    starts = sound_starts(root)
    found = [
        Annotated(path, file, starts.get(path.stem, 0.0) if is_sound(path) else 0.0)
        for path, file in sorted(known.items())
    ]
    if not found:
        raise ValueError(
            f"{root}: no recording has a file of labels; expected clip.csv beside clip.mp4"
        )
    return found


def holds_labels(path: Path) -> bool:
    """Whether a path is a folder with videos or sound files, and labels or values of one."""
    try:
        return path.is_dir() and bool(find_annotated(path, VIDEO_SUFFIXES | AUDIO_SUFFIXES))
    except ValueError:
        return False


def is_sound(path: Path) -> bool:
    """Whether a file is heard, not seen."""
    return path.suffix.lower() in AUDIO_SUFFIXES


def holds_values(path: Path) -> bool:
    """Whether a file holds values of each frame, and no segments."""
    if path.suffix.lower() != ".csv":
        return False
    with open(path, newline="", encoding="utf-8-sig") as file:
        return not {"start", "stop"} <= set(next(csv.reader(file), []))


@dataclass(frozen=True)
class Values:
    """Values that change with time.

    Attributes
    ----------
    names : tuple of str
        What they are.
    rows : ndarray
        (rows, names) float32: one for each frame, for each of `times`, or one for all.
    times : ndarray or None
        (rows,) seconds.
    """

    names: tuple[str, ...]
    rows: npt.NDArray[np.float32]
    times: npt.NDArray[np.float64] | None = None

    def at(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Values (T, names) of a recording's steps, given the second of each.

        Raises
        ------
        ValueError
            If they are neither one for each step nor have times.
        """
        if self.times is not None:
            columns = [np.interp(times, self.times, column) for column in self.rows.T]
            return np.stack(columns, axis=1).astype(np.float32)
        if len(self.rows) not in (1, len(times)):
            raise ValueError(
                f"{len(self.rows)} lines of values for {len(times)} frames; give as many, or one, "
                "or a column time"
            )
        return np.broadcast_to(self.rows, (len(times), len(self.names)))


def read_values(path: str | os.PathLike[str]) -> Values:
    r"""Values of a recording.

    Parameters
    ----------
    path : str or os.PathLike
        ``.csv``: a line of names, then a line of numbers for each frame; or one line, for the
        whole recording; or with a column ``time`` in seconds, between whose lines is interpolated.

    Returns
    -------
    Values

    Raises
    ------
    ValueError
        If a value is no finite number, or a line has too many or too few.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from fastrnn.apps.labelling import read_values
    >>> _ = Path("clip.csv").write_text("time,speed\n0,1\n2,3\n")
    >>> read_values("clip.csv").at(np.array([0.5, 1.0])).tolist()
    [[1.5], [2.0]]
    """
    path = Path(path)
    with open(path, newline="", encoding="utf-8-sig") as file:
        lines = [row for row in csv.reader(file) if row]
    names = lines[0] if lines else []
    table = np.empty((max(len(lines) - 1, 0), len(names)))
    for number, row in enumerate(lines[1:]):
        try:
            table[number] = [float(field) for field in row]
        except ValueError:
            raise ValueError(f"{path}, line {number + 2}: expected {len(names)} numbers") from None
    if not table.size or not np.isfinite(table).all():
        raise ValueError(f"{path}: expected a line of names and lines of finite numbers")
    chosen = [number for number, name in enumerate(names) if name != "time"]
    times = table[:, names.index("time")] if "time" in names else None
    if not chosen or (times is not None and (np.diff(times) <= 0).any()):
        raise ValueError(f"{path}: expected values beside rising times")
    rows = table[:, chosen].astype(np.float32)
    return Values(tuple(names[number] for number in chosen), rows, times)


def labels_at(
    segments: Sequence[Segment], times: npt.NDArray[np.float64], classes: Sequence[str]
) -> npt.NDArray[np.int64]:
    """The class of each time: that of the segment it lies in; 0, `NOTHING`, outside of all.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.labelling import NOTHING, labels_at
    >>> from fastrnn.apps.segments import Segment
    >>> times = np.array([0.1, 0.3, 0.6])
    >>> labels_at([Segment(0.2, 0.5, "wave")], times, [NOTHING, "wave"]).tolist()
    [0, 1, 0]
    """
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.zeros(len(times), np.int64)
    for each in segments:
        inside = (times >= each.start) & (times < each.stop)
        labels[inside] = numbers.get(each.label, 0)
    return labels


def segment_labels(files: Sequence[Path]) -> tuple[str, ...]:
    """All labels of files of segments, `NOTHING` first."""
    labels = {each.label for path in files for each in read_segments(path)} - SILENCES
    return (NOTHING, *sorted(labels))
