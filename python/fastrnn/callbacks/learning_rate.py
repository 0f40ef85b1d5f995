"""Learning rates that change from epoch to epoch."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from numbers import Real
from typing import Any

from fastrnn.callbacks.callback import Callback
from fastrnn.callbacks.monitor import Monitor


class ReduceLROnPlateau(Monitor):
    """Make the learning rate smaller when the loss or a metric has stopped improving.

    Parameters
    ----------
    monitor : str
        What to watch.
    factor : float
        What the rate is multiplied by; below 1.
    patience : int
        Epochs without an improvement after which that happens.
    verbose : {0, 1}
        Whether to print what is done.
    mode : {"auto", "min", "max"}
        Whether lower or higher values are better.
    min_delta : float
        Least change that counts as an improvement.
    cooldown : int
        Epochs after a reduction that do not count.
    min_lr : float
        Least rate.

    Examples
    --------
    >>> from fastrnn import callbacks
    >>> slower = callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=3)
    """

    state_names = ("best", "cooldown_counter", "wait")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, got {factor}")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        optimizer = self.model.optimizer
        _log_rate(logs, optimizer)
        value = self.watched(logs)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best = value
            self.wait = 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            rate = optimizer.learning_rate
            if self.wait >= self.patience and rate > self.min_lr:
                optimizer.learning_rate = rate = max(rate * self.factor, self.min_lr)
                if self.verbose:
                    print(
                        f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}."
                    )
                self.cooldown_counter = self.cooldown
                self.wait = 0


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of each epoch.

    Parameters
    ----------
    schedule : callable(epoch, learning_rate) -> float
        Epochs count from 0; Keras 2's ``schedule(epoch)`` will do, too.
    verbose : {0, 1}
        Whether to print the rate.

    Examples
    --------
    >>> from fastrnn import callbacks
    >>> halving = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        optimizer = self.model.optimizer
        arguments: tuple[Any, ...] = epoch, optimizer.learning_rate
        try:
            signature(self.schedule).bind(*arguments)
        except TypeError:
            arguments = arguments[:1]
        rate = self.schedule(*arguments)
        if not isinstance(rate, Real):
            raise TypeError(f"LearningRateScheduler: schedule must return a float, got {rate!r}")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        _log_rate(logs, self.model.optimizer)


def _log_rate(logs: dict[str, float] | None, optimizer: Any) -> None:
    if logs is not None:
        logs["learning_rate"] = optimizer.learning_rate
