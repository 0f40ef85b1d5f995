"""Training that ends when it gets no better."""

from __future__ import annotations

from typing import Any

from fastrnn.callbacks.monitor import Monitor


class EarlyStopping(Monitor):
    """End training when the loss or a metric has stopped improving.

    Parameters
    ----------
    monitor : str
        What to watch.
    min_delta : float
        Least change that counts as an improvement.
    patience : int
        Epochs without one after which training ends.
    verbose : {0, 1}
        Whether to print what is done.
    mode : {"auto", "min", "max"}
        Whether lower or higher values are better.
    baseline : float, optional
        Also count epochs that are no better than this.
    restore_best_weights : bool
        End with the weights of the best epoch, not those of the last.
    start_from_epoch : int
        Number of the first epoch that counts, from 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import Sequential, callbacks, layers
    >>> model = Sequential([layers.Input((3,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> stop = callbacks.EarlyStopping("loss", min_delta=100, patience=2)
    >>> x, y = np.ones((4, 3)), np.ones(4)
    >>> len(model.fit(x, y, epochs=9, verbose=0, callbacks=[stop]).epoch)
    3
    """

    state_names = ("best", "best_epoch", "best_weights", "stopped_epoch", "wait")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None
        self.stopped_epoch = 0
        self.wait = 0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        value = self.watched(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.improves(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"Restoring the weights of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
