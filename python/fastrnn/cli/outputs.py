"""Wrong values of options, and what is written where no name is given or Ctrl-C ends it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import typer

from fastrnn.cli.errors import EXIT_USAGE, errors_in_one_line


@contextlib.contextmanager
def wrong_values(debug: bool) -> Iterator[None]:
    """Have a ValueError be wrong usage: a value that an option does not take."""
    try:
        yield
    except ValueError:
        with errors_in_one_line(debug, EXIT_USAGE):
            raise


def free_name(name: str) -> Path:
    """The name of a file that there is not: ``name.npz``, ``name2.npz``, and so on.

    What took long to make is thus replaced only where its name is given.
    """
    path, number = Path(name), 2
    while os.path.lexists(path):
        path = Path(name).with_stem(f"{Path(name).stem}{number}")
        number += 1
    return path


@contextlib.contextmanager
def kept_on_interrupt(output: Path | None) -> Iterator[None]:
    """Say so where Ctrl-C leaves the video `output`, cut off where it was pressed."""
    before = _stamp(output)
    try:
        yield
    except KeyboardInterrupt:
        if _stamp(output) != before:
            typer.echo(f"wrote {output}, up to where it was interrupted", err=True)
        raise


def _stamp(path: Path | None) -> tuple[int, int] | None:
    if path is None or not path.exists():
        return None
    status = path.stat()
    return status.st_ino, status.st_mtime_ns
