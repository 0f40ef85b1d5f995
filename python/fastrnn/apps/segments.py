"""Labelled spans of time, and the files that hold them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SEGMENT_SUFFIXES = (".align", ".csv")
# The label of what is no segment; no word or action, wherever it is read or written.
NOTHING = "-"
# It, and what corpora write for "nobody speaks": HTK's silence and short pause.
SILENCES = frozenset({NOTHING, "sil", "sp", ""})
# Units of the .align files of the GRID corpus.
_UNITS_PER_SECOND = 25_000


@dataclass(frozen=True)
class Segment:
    """A span of a recording and what it is.

    Attributes
    ----------
    start, stop : float
        Seconds.
    label : str
        A word, an action; one of `SILENCES` where there is nothing.
    """

    start: float
    stop: float
    label: str


def read_segments(path: str | os.PathLike[str]) -> list[Segment]:
    r"""Read the segments of one recording.

    Parameters
    ----------
    path : str or os.PathLike
        ``.csv`` with a line of names and the columns ``start``, ``stop`` (seconds) and ``label``;
        or ``.align`` of the GRID corpus: ``start stop label`` in 25,000ths of a second.

    Returns
    -------
    list of Segment
        In the file's order.

    Raises
    ------
    ValueError
        If a line is not understood, or a segment ends before it starts.

    Examples
    --------
    >>> from pathlib import Path
    >>> from fastrnn.apps.segments import read_segments
    >>> _ = Path("clip.csv").write_text("start,stop,label\n0.5,1.25,wave\n")
    >>> read_segments("clip.csv")
    [Segment(start=0.5, stop=1.25, label='wave')]
    """
    path = Path(path)
    with open(path, newline="", encoding="utf-8-sig") as file:
        if path.suffix.lower() == ".align":
            rows = [(number, line.split()) for number, line in enumerate(file, 1) if line.strip()]
            scale = 1 / _UNITS_PER_SECOND
        else:
            table = csv.DictReader(file)
            names = ("start", "stop", "label")
            if not set(names) <= set(table.fieldnames or ()):
                raise ValueError(f"{path}: its first line must name {', '.join(names)}")
            rows = [(table.line_num, [row[name] or "" for name in names]) for row in table]
            scale = 1.0
    return [_segment(path, number, fields, scale) for number, fields in rows]


def files_of(recordings: Iterable[Path], others: Iterable[Path]) -> dict[Path, Path]:
    """Which of some files, of labels say, belongs to each recording: that of its name.

    Of several the one that lies nearest in the tree of folders; and of recordings of one name a
    file belongs to the nearest.

    Raises
    ------
    ValueError
        If two are equally near.

    Examples
    --------
    >>> from pathlib import Path
    >>> from fastrnn.apps.segments import files_of
    >>> found = files_of([Path("ann/1.wav"), Path("bob/1.wav")], [Path("ann/1.txt")])
    >>> [(path.as_posix(), file.as_posix()) for path, file in found.items()]
    [('ann/1.wav', 'ann/1.txt')]
    """
    alike: dict[str, list[Path]] = {}
    for path in recordings:
        alike.setdefault(path.stem, []).append(path)
    found: dict[Path, list[tuple[int, Path]]] = {}
    for other in others:
        near = {path: _shared_parents(path, other) for path in alike.get(other.stem, ())}
        for path, count in near.items():
            if count == max(near.values()):
                found.setdefault(path, []).append((count, other))
    nearest = {}
    for path, files in found.items():
        best = [file for count, file in files if count == max(files)[0]]
        if len(best) > 1:
            raise ValueError(f"{path}: either of {best[0]} and {best[1]} may belong to it")
        nearest[path] = best[0]
    return nearest


def _shared_parents(one: Path, other: Path) -> int:
    return sum(parent in other.parents for parent in one.parents)


def sound_starts(folder: str | os.PathLike[str]) -> dict[str, float]:
    """Seconds that sound files start after the zero of their segments' times, by name.

    From ``index.csv`` in the folder, columns ``id`` (the name) and ``audio_start_s``; empty where
    there is none.
    """
    index = Path(folder, "index.csv")
    if not index.is_file():
        return {}
    with open(index, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return {row["id"]: float(row["audio_start_s"]) for row in rows if row.get("audio_start_s")}


def _segment(path: Path, line: int, fields: list[str], scale: float) -> Segment:
    try:
        start, stop, label = fields
        segment = Segment(float(start) * scale, float(stop) * scale, label.strip())
    except ValueError:
        raise ValueError(f"{path}, line {line}: expected start, stop and label") from None
    if not 0 <= segment.start <= segment.stop:
        raise ValueError(f"{path}, line {line}: from {start} to {stop} is no span of time")
    return segment
