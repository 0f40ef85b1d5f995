"""Folders of links to some of the files of others."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def linked(files: Iterable[Path]) -> Iterator[Path]:
    """A folder with links to clips, each in a sub-folder named as the one it lies in."""
    with tempfile.TemporaryDirectory() as place:
        for file in files:
            link = Path(place, file.parent.name, file.name)
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(file.absolute())
        yield Path(place)
