"""Progress on the terminal."""

from __future__ import annotations

import sys
from typing import Any

from fastrnn.callbacks.callback import Callback
from fastrnn.utils.progress import Progbar


class ProgbarLogger(Callback):
    """Shows batches and metrics as Keras does; `fit` adds it unless ``verbose=0``."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = Progbar(None, verbose=0)
        self._in_fit = False
        self._seen = 0

    def due(self, batch: int) -> bool:
        """Whether the bar would be drawn after this batch."""
        self._bar.mark(batch + 1)
        self._seen = batch + 1
        return self._bar.due()

    def _start(self) -> None:
        self._seen = 0
        verbose = self.params.get("verbose", 1)
        self._bar = Progbar(self.params.get("steps"), verbose=verbose, stateless_metrics=())

    def _show(self, batch: int, logs: dict[str, Any] | None) -> None:
        self._bar.update(batch + 1, (logs or {}).items(), finalize=False)

    def _end(self, logs: dict[str, Any] | None) -> None:
        if self._bar.target is None:
            self._bar.target = self.params["steps"] = self._seen
        self._bar.update(self._bar.target, (logs or {}).items(), finalize=True)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._start()
        if self.params.get("verbose") and self.params.get("epochs", 1) > 1:
            sys.stdout.write(f"Epoch {epoch + 1}/{self.params['epochs']}\n")
            sys.stdout.flush()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._show(batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._end(logs)

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        if not self._in_fit:
            self._start()

    def on_test_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if not self._in_fit:
            self._show(batch, logs)

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        if not self._in_fit:
            self._end(logs)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._start()

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._show(batch, None)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._end(None)
