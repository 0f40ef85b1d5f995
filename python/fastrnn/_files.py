"""Files of a folder in a fixed order, and files that are complete or not there at all."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Collection, Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], overwrite: bool = True) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its name when the block succeeds.

    The file is on the disk before it takes the name, so that not even a power cut leaves half
    of it there.

    Parameters
    ----------
    path : str or os.PathLike
        The file to be written.
    overwrite : bool
        Whether there may be one of that name.

    Yields
    ------
    Path
        Where to write; it keeps the suffix of `path`.

    Raises
    ------
    FileExistsError
        If there is a file and `overwrite` is False.
    """
    path = Path(path)
    if not overwrite and path.exists():
        raise FileExistsError(f"{path} exists, and overwrite is False")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.{threading.get_ident()}{path.suffix}")
    try:
        yield partial
        with open(partial, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def files_under(
    folder: str | os.PathLike[str], suffixes: Collection[str], follow_links: bool = False
) -> list[Path]:
    """Files with one of the suffixes (``.png``, in any case), at any depth, sorted.

    Hidden files and folders are passed over.
    """
    found = []
    for root, folders, names in os.walk(folder, followlinks=follow_links):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(root, name)
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes
        ]
    return sorted(path for path in found if path.is_file())
