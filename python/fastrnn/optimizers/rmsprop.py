"""RMSprop: steps divided by a running mean of the gradients' magnitude."""

from __future__ import annotations

from typing import Any

from fastrnn import ops
from fastrnn.optimizers.optimizer import Array, Optimizer


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g²; w -= lr g / sqrt(v + epsilon).

    Parameters
    ----------
    learning_rate : float or callable(step) -> float
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

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, **kwargs
        )
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered
        # Keras' order in files: velocities, then momenta, then mean gradients.
        self.slot_names = ("velocity",)
        if momentum > 0:
            self.slot_names += ("momentum",)
        if centered:
            self.slot_names += ("average_gradient",)

    def update(self, weights: Array, grads: Array, learning_rate: float, step: int) -> None:
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
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
