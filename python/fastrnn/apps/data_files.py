"""What tells a training's data from others: the names and sizes of the files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastrnn.apps.segments import SEGMENT_SUFFIXES
from fastrnn.data import AUDIO_SUFFIXES, VIDEO_SUFFIXES
from fastrnn.utils.images import PICTURE_SUFFIXES

# What tasks read; and files in MNIST's format, which have idx in their names.
_READ = {*VIDEO_SUFFIXES, *AUDIO_SUFFIXES, *PICTURE_SUFFIXES, *SEGMENT_SUFFIXES, ".txt", ".npz"}


def describe_files(data: str | os.PathLike[str] | None) -> dict[str, Any] | None:
    """How many files data are, and a digest of their names and sizes, as a dict for JSON.

    Hidden files, files that no task reads, and folders of trainings are passed over.

    Parameters
    ----------
    data : path or None
        A folder, whose names count from it, so that it may be moved; or a file.

    Returns
    -------
    dict or None
        ``count`` and ``sha256``; None where there is nothing.

    Examples
    --------
    >>> from pathlib import Path
    >>> from fastrnn.apps.data_files import describe_files
    >>> _ = Path("a.txt").write_text("one")
    >>> describe_files("a.txt")["count"]
    1
    """
    if data is None or not Path(data).exists():
        return None
    root = Path(data)
    files = sorted(_files(root)) if root.is_dir() else [root]
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(root).as_posix() if file != root else file.name
        digest.update(f"{name}\0{file.stat().st_size}\0".encode("utf-8", "surrogateescape"))
    return {"count": len(files), "sha256": digest.hexdigest()}


def _files(root: Path) -> Iterator[Path]:
    # As the readers of data do, links are followed from the folder itself alone.
    entries = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    yield from filter(_is_read, entries)
    for entry in entries:
        for folder, folders, names in os.walk(entry):
            if "args.json" in names:
                folders.clear()
                continue
            folders[:] = [name for name in folders if not name.startswith(".")]
            files = (Path(folder, name) for name in names if not name.startswith("."))
            yield from filter(_is_read, files)


def _is_read(file: Path) -> bool:
    return (file.suffix.lower() in _READ or "idx" in file.name) and file.is_file()
