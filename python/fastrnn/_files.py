"""Files of a folder in a fixed order; files to be written, complete or not there at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator
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


def check_output(
    path: str | os.PathLike[str],
    what: str,
    suffixes: Collection[str],
    sources: Iterable[str | os.PathLike[str] | int] = (),
) -> None:
    """Refuse a file that cannot be written, or must not be, before any work is done for it.

    Parameters
    ----------
    path : str or os.PathLike
        The file to be written.
    what : str
        What will be in it: ``"a video"``.
    suffixes : collection of str
        What its name may end in.
    sources : iterable of str, os.PathLike or int
        What is read meanwhile: files, addresses of streams, numbers of cameras.

    Raises
    ------
    ValueError
        If its suffix is another one, or it is one of the sources, by whatever name or link.
    OSError
        If it is a folder, or no file can be made in its folder.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise ValueError(
            f"{path}: the file of {what} must end in {', '.join(suffixes)}, got '{path.suffix}'"
        )
    for source in sources:
        # FFmpeg opens file:... as it does the path behind it.
        read = Path(str(source).removeprefix("file:"))
        if isinstance(source, int) or not (path.exists() and read.exists()):
            continue
        if path.samefile(read):
            raise ValueError(
                f"{path}: is the file that is read ({source}), which would be lost; "
                "give another name for what is written"
            )
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder; give the name of a file for {what}")
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise type(error)(
            f"{path}: cannot be written, as no file can be made in {folder} ({error.strerror})"
        ) from None


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
