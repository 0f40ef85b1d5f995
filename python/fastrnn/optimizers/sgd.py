"""Gradient descent, with or without momentum."""

from __future__ import annotations

from typing import Any

from fastrnn import ops
from fastrnn.optimizers.optimizer import Optimizer
from fastrnn.optimizers.state import Array


class SGD(Optimizer):
    """w -= lr g, or with momentum v = momentum v - lr g, w += v.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    momentum : float
        From 0 to 1.
    nesterov : bool
        Use the gradient where the momentum leads to: w += momentum v - lr g.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ... :
        As in `Optimizer`.

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.SGD(lr=0.1, momentum=0.9, nesterov=True).learning_rate
    0.1
    """

    arguments = ("momentum", "nesterov")
    fused = True

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, *args, **kwargs)
        if not 0 <= momentum <= 1:
            raise ValueError(f"{self.name}: momentum must be from 0 to 1, got {momentum}")
        self.momentum = momentum
        self.nesterov = nesterov
        self.slot_names = ("momentum",) if momentum else ()

    def update(
        self, weights: Array, grads: Array, learning_rate: float, step: int, **before: Any
    ) -> None:
        ops.sgd_update(
            weights,
            grads,
            self.slots.get("momentum"),
            lr=learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            **before,
        )
