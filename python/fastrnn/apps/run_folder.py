"""Numbered folders for the results of runs, and the files in them."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastrnn._files import atomic_path


def check_place(parent: str | os.PathLike[str]) -> None:
    """Try whether folders can be made under `parent`, which need not be there yet.

    Raises
    ------
    OSError
        If not.
    """
    parent = Path(parent).absolute()
    place = next(each for each in (parent, *parent.parents) if each.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".fastrnn-", dir=place):
            pass
    except OSError as error:
        raise OSError(f"{parent}: no folder can be made there: {error.strerror}") from None


def new_run_folder(parent: str | os.PathLike[str], name: str) -> Path:
    """Make the next free folder ``name1``, ``name2``, … under `parent`.

    Parameters
    ----------
    parent : str or os.PathLike
        Made if missing.
    name : str
        Stem of the folder's name.

    Returns
    -------
    Path
        The new, empty folder; no two runs get the same one.
    """
    parent = Path(parent)
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / f"{name}{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
            continue
        return folder


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON, atomically; paths as strings."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=os.fspath)
    with atomic_path(path) as partial:
        partial.write_text(text + "\n", "utf-8")


def write_csv(
    path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> None:
    """Write rows as a table with one line of names, atomically; what a row lacks stays empty."""
    with atomic_path(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=names)
        writer.writeheader()
        writer.writerows(rows)
