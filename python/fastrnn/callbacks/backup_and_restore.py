"""Training that goes on after the process has been killed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from fastrnn.callbacks.callback import Callback
from fastrnn.callbacks.monitor import SaveFrequency


class BackupAndRestore(Callback):
    """Keep a checkpoint of the training, and go on from it when `fit` is called again.

    The same program, started anew after it was killed, ends with the weights that it would
    have had, to the bit: the model, the optimizer, the order of the samples, the random
    numbers, the other callbacks and the running metrics go on where they were.

    Parameters
    ----------
    backup_dir : path
        Folder of the checkpoint, of this training alone.
    save_freq : "epoch" or int
        Save after each epoch, or after every so many batches.
    double_checkpoint : bool
        Keep the one before, too, for a disk that damages files.
    delete_checkpoint : bool
        Delete it when training has ended.

    Notes
    -----
    The checkpoint is written beside its place and then put there: it is whole at any time.
    Batches of a generator start afresh; a `fastrnn.utils.Sequence` goes on where it was, within
    an epoch only with ``workers=0`` if its batches are made with random numbers.

    Examples
    --------
    >>> from fastrnn import callbacks
    >>> backup = callbacks.BackupAndRestore("backup", save_freq=100)
    """

    runs_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not os.fspath(backup_dir):
            raise ValueError("BackupAndRestore: backup_dir must name a folder, got ''")
        self.backup_dir = Path(backup_dir)
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._latest = self.backup_dir / "latest.npz"
        self._previous = self.backup_dir / "previous.npz"
        self._frequency = SaveFrequency("BackupAndRestore", save_freq)
        if self._frequency.by_epoch:
            self.idle_hooks = (BackupAndRestore.on_train_batch_end,)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        for unfinished in self.backup_dir.glob(".latest.*.npz"):
            unfinished.unlink()
        if self._latest.exists():
            try:
                self.model.load_checkpoint(self._latest)
            except ValueError:
                if not self._previous.exists():
                    raise
                self.model.load_checkpoint(self._previous)
        elif self._previous.exists():
            self.model.load_checkpoint(self._previous)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._frequency.after_batch():
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self._frequency.by_epoch:
            self._save()

    def _save(self) -> None:
        if self.double_checkpoint and self._latest.exists():
            os.replace(self._latest, self._previous)
        self.model.save_checkpoint(self._latest)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        if self.delete_checkpoint:
            for path in (self._latest, self._previous):
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not there, or not empty
                self.backup_dir.rmdir()
