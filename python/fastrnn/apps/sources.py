"""From what a user writes to files, cameras and streams."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from fastrnn._files import files_under
from fastrnn.data import VIDEO_SUFFIXES

Source = Path | str | int


def find_sources(
    texts: Iterable[str], suffixes: Collection[str] = VIDEO_SUFFIXES, names: str = ""
) -> list[Source]:
    """Files, cameras and streams, in the order in which they are named.

    Parameters
    ----------
    texts : iterable of str
        Each a file; a folder, for the files in it and in its sub-folders; a pattern with ``*``,
        ``?`` or ``[...]``, with ``**`` for any depth; the address of a stream; or the number of
        a camera.
    suffixes : collection of str
        Endings of the files that are taken from folders.
    names : str
        Pattern of the names of files that are taken from folders, too.

    Returns
    -------
    list of Path, str or int

    Raises
    ------
    FileNotFoundError
        If a folder has no such file, or nothing matches a pattern.

    Examples
    --------
    >>> from fastrnn.apps.sources import find_sources
    >>> find_sources(["0", "rtsp://camera/1"])
    [0, 'rtsp://camera/1']
    """
    found: list[Source] = []
    for text in texts:
        path = Path(text)
        if path.is_dir():
            files = files_under(path, suffixes) + (sorted(path.rglob(names)) if names else [])
            if not files:
                kinds = ", ".join([*sorted(suffixes), *[names] * bool(names)])
                raise FileNotFoundError(f"{text}: no file of a known kind in this folder ({kinds})")
            found += files
        elif "://" in text:
            found.append(text)
        elif text.isdecimal() and not path.exists():
            found.append(int(text))
        elif re.search(r"[*?\[]", text) and not path.exists():
            matches = sorted(glob.glob(text, recursive=True))
            if not matches:
                raise FileNotFoundError(f"no file matches {text}")
            found += map(Path, matches)
        else:
            found.append(path)
    return found
