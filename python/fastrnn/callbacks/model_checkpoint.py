"""Models saved while they train."""

from __future__ import annotations

import os
import warnings
from typing import Any

from fastrnn.callbacks.monitor import Monitor, SaveFrequency


class ModelCheckpoint(Monitor):
    """Save the model, or its weights, after epochs or batches.

    Parameters
    ----------
    filepath : path
        May name the epoch, the batch and the logs: ``"{epoch:02d}-{val_loss:.2f}.keras"``. Must
        end in ``.weights.h5`` with `save_weights_only`, else in ``.keras`` or ``.h5``.
    monitor : str
        What decides which model is best.
    verbose : {0, 1}
        Whether to print what is done.
    save_best_only : bool
        Save only models that are better than all before.
    save_weights_only : bool
        Save by `save_weights`, not by `save`.
    mode : {"auto", "min", "max"}
        Whether lower or higher values are better.
    save_freq : "epoch" or int
        Save after each epoch, or after every so many batches.
    initial_value_threshold : float, optional
        What the first model must be better than.

    Notes
    -----
    A file is whole at any time: it is written beside its place and then put there.

    Examples
    --------
    >>> from fastrnn import callbacks
    >>> best = callbacks.ModelCheckpoint("best.weights.h5", save_best_only=True,
    ...                                  save_weights_only=True)
    """

    state_names = ("best", "batches")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            raise ValueError(
                f"ModelCheckpoint: filepath must end in {' or '.join(endings)} with "
                f"save_weights_only={save_weights_only}, got {self.filepath!r}"
            )
        self.best = initial_value_threshold
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self._frequency = SaveFrequency("ModelCheckpoint", save_freq)
        if self._frequency.by_epoch:
            self.idle_hooks = (ModelCheckpoint.on_train_batch_end,)
        self._epoch = 0

    @property
    def batches(self) -> int:
        """Batches since the last file, where they are counted."""
        return self._frequency.batches

    @batches.setter
    def batches(self, value: int) -> None:
        self._frequency.batches = value

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._frequency.after_batch():
            self._save(self._epoch, {"batch": batch + 1} | (logs or {}))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self._frequency.by_epoch:
            self._save(epoch, logs or {})

    def _save(self, epoch: int, logs: dict[str, float]) -> None:
        try:
            path = self.filepath.format(**{"epoch": epoch + 1} | logs)
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: {self.filepath!r} names {error}; there are epoch, "
                f"{', '.join(logs)}"
            ) from None
        if self.save_best_only and not self._is_best(epoch, logs, path):
            return
        if self.verbose and not self.save_best_only:
            print(f"\nEpoch {epoch + 1}: saving model to {path}")
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path, overwrite=True)

    def _is_best(self, epoch: int, logs: dict[str, float], path: str) -> bool:
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"ModelCheckpoint: the logs have no {self.monitor!r}, so this model is saved "
                f"whatever it is worth; there are {', '.join(logs)}",
                stacklevel=4,
            )
            return True
        best, better = self.best, self.improves(value, self.best)
        if better:
            self.best = value
        if self.verbose:
            before = "None" if best is None else f"{best:.5f}"
            done = f"improved from {before} to {value:.5f}, saving model to {path}"
            print(
                f"\nEpoch {epoch + 1}: {self.monitor} "
                + (done if better else f"did not improve from {before}")
            )
        return better
