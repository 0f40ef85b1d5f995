"""RMSprop: steps divided by a running mean of the gradients' magnitude."""

from __future__ import annotations

from typing import Any

from fastrnn import ops
from fastrnn.optimizers.optimizer import Optimizer
from fastrnn.optimizers.state import Array


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g²; w -= lr g / sqrt(v + epsilon).

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    rho : float
    momentum : float
    epsilon : float
    centered : bool
        Divide by the gradients' deviation: v less the square of their running mean.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ... :
        As in `Optimizer`.

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.RMSprop(momentum=0.5).get_config()["rho"]
    0.9
    """

    arguments = ("rho", "momentum", "epsilon", "centered")
    fused = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, *args, **kwargs)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered
        self.slot_names = ("velocity",)
        if momentum > 0:
            self.slot_names += ("momentum",)
        if centered:
            self.slot_names += ("average_gradient",)

    def update(
        self, weights: Array, grads: Array, learning_rate: float, step: int, **before: Any
    ) -> None:
        slots = self.slots
        ops.rmsprop_update(
            weights,
            grads,
            slots["velocity"],
            slots.get("average_gradient"),
            slots.get("momentum"),
            lr=learning_rate,
            rho=self.rho,
            momentum=self.momentum,
            epsilon=self.epsilon,
            **before,
        )
