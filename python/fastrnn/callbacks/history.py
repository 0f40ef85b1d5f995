"""The record that `fit` returns."""

from __future__ import annotations

from fastrnn.callbacks.callback import Callback


class History(Callback):
    """Metrics of every epoch: ``history.history["loss"]``, numbered by ``history.epoch``."""

    state_names = ("epoch", "history")

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self
