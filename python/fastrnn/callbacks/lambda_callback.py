"""Callbacks from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastrnn.callbacks.callback import Callback
from fastrnn.utils.naming import unexpected_arguments

_HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """Call functions at the times of the hooks that they are given for.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end, on_train_begin, on_train_end, on_train_batch_begin, \
    on_train_batch_end, ... : callable
        With the arguments of the `Callback`'s hook of that name.

    Examples
    --------
    >>> from fastrnn import callbacks
    >>> shown = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Callable[..., Any],
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        unknown = [name for name in kwargs if name not in _HOOKS]
        if unknown:
            raise unexpected_arguments(type(self), unknown, _HOOKS)
        for name, function in given.items():
            if function is not None:
                setattr(self, name, function)
