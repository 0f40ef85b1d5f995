"""Training that ends when the loss is no number any more."""

from __future__ import annotations

import math

from fastrnn.callbacks.callback import Callback


class TerminateOnNaN(Callback):
    """End training after the first batch whose loss is NaN or infinite.

    Parameters
    ----------
    raise_error : bool
        Raise RuntimeError, so that nothing is saved or restored at the end.

    Examples
    --------
    >>> from fastrnn import callbacks
    >>> guard = callbacks.TerminateOnNaN()
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"TerminateOnNaN: the loss is {loss} after batch {batch}")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
