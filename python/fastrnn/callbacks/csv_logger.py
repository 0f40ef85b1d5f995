"""Logs of epochs as rows of a file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fastrnn.callbacks.callback import Callback


class CSVLogger(Callback):
    """Write the loss and metrics of each epoch into a CSV file.

    Parameters
    ----------
    filename : path
    separator : str
        Between the columns.
    append : bool
        Go on after the rows that a file has, rather than replace it.

    Notes
    -----
    The columns are settled by the first epoch; those of a validation that comes later are
    there from the beginning, and hold ``NA``.

    Examples
    --------
    >>> from fastrnn import callbacks
    >>> log = callbacks.CSVLogger("training.csv")
    """

    state_names = ("keys", "size")

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        self.filename = Path(filename)
        self.separator = separator
        self.append = append
        self.keys: list[str] | None = None
        self.size = 0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.keys = None

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        if self.keys is not None and self.filename.exists():
            # Rows of epochs that are run again.
            os.truncate(self.filename, min(self.size, self.filename.stat().st_size))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        first = self.keys is None
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        mode = "w" if first and not self.append else "a"
        with open(self.filename, mode, encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=self.separator)
            if not file.tell():
                writer.writerow(["epoch", *self.keys])
            writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self.size = self.filename.stat().st_size


def _cell(value: Any) -> Any:
    """Several numbers as ``"[1, 2]"``."""
    if isinstance(value, str) or not isinstance(value, Iterable) or not getattr(value, "ndim", 1):
        return value
    return f'"[{", ".join(map(str, value))}]"'
