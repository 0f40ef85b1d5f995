"""A folder of clips: one sub-folder per class, video files inside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fastrnn._files import files_under

# Containers that OpenCV's FFmpeg opens; other files in a class folder are left alone.
VIDEO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("3gp", "asf", "avi", "divx", "dv", "flv", "gif", "m2ts", "m2v", "m4v", "mjpeg", "mjpg"),
        *("mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf", "ogg", "ogm", "ogv", "qt", "ts"),
        *("vob", "webm", "wmv"),
    )
)


@dataclass(frozen=True)
class Clip:
    """One labelled video file.

    Attributes
    ----------
    path : Path
        The file.
    label : int
        Number of its class.
    """

    path: Path
    label: int


@dataclass(frozen=True)
class ClipFolder:
    """The clips of a folder and the names of their classes.

    Attributes
    ----------
    path : Path
        The folder.
    classes : tuple of str
        Names of the sub-folders in alphabetical order; a label is an index into them.
    clips : tuple of Clip
        By class, then by name, so that the order never depends on the file system.
    """

    path: Path
    classes: tuple[str, ...]
    clips: tuple[Clip, ...]


def scan_folder(path: str | os.PathLike[str], *, least: int = 2) -> ClipFolder:
    """Find the clips of a folder with one sub-folder per class.

    Parameters
    ----------
    path : str or os.PathLike
        The folder. Hidden entries, and sub-folders without a video file, are passed over; clips
        may lie deeper inside a class's folder.
    least : int
        How many classes there must be.

    Returns
    -------
    ClipFolder
        Classes and clips; the files are not opened here.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    NotADirectoryError
        If it is a file.
    ValueError
        If it holds no clips, or clips of fewer classes.
    """
    folder = Path(path)
    if not folder.exists():
        raise FileNotFoundError(f"no such folder: {folder}")
    if not folder.is_dir():
        raise NotADirectoryError(f"not a folder: {folder}")
    by_class = {
        entry.name: files_under(entry, VIDEO_SUFFIXES)
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and not entry.name.startswith(".")
    }
    classes = tuple(name for name, files in by_class.items() if files)
    if not classes:
        raise ValueError(
            f"{folder}: no video file in any sub-folder; expected {folder}/<class>/<clip>.avi"
        )
    if len(classes) < least:
        raise ValueError(f"{folder}: clips of one class only, '{classes[0]}'; need two or more")
    clips = tuple(
        Clip(file, label) for label, name in enumerate(classes) for file in by_class[name]
    )
    return ClipFolder(folder, classes, clips)
