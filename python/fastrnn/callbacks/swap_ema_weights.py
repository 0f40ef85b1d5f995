"""Evaluation with the moving average of the weights."""

from __future__ import annotations

from typing import Any

from fastrnn.callbacks.callback import Callback


class SwapEMAWeights(Callback):
    """Put the moving average in the weights' place while the model is evaluated or predicts.

    The optimizer must keep one: ``use_ema=True``.

    Parameters
    ----------
    swap_on_epoch : bool
        Also between the epochs, so that a `ModelCheckpoint` after this callback saves it.

    Examples
    --------
    >>> from fastrnn import callbacks, optimizers
    >>> optimizer = optimizers.Adam(use_ema=True)
    >>> averaged = callbacks.SwapEMAWeights()
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch

    def _use(self, average: bool) -> None:
        optimizer = self.model.optimizer
        if not optimizer.use_ema:
            raise ValueError(
                f"SwapEMAWeights: {optimizer.name} keeps no average; make it with use_ema=True"
            )
        optimizer.use_average(average)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._use(average=False)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self.swap_on_epoch:
            self._use(average=True)

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self._use(average=True)

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        self._use(average=False)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._use(average=True)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._use(average=False)
