"""Adagrad and Adadelta: steps divided by the magnitude of all gradients before."""

from __future__ import annotations

from typing import Any

from fastrnn import ops
from fastrnn.optimizers.optimizer import Optimizer
from fastrnn.optimizers.state import Array


class Adagrad(Optimizer):
    """a += g²; w -= lr g / sqrt(a + epsilon).

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    initial_accumulator_value : float
        What a is at first.
    epsilon : float
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ... :
        As in `Optimizer`.

    References
    ----------
    Duchi, Hazan and Singer 2011.

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.Adagrad(0.1).get_config()["initial_accumulator_value"]
    0.1
    """

    arguments = ("initial_accumulator_value", "epsilon")
    slot_names = ("accumulator",)
    fused = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, *args, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def initial_value(self, slot: str) -> float:
        return self.initial_accumulator_value if slot == "accumulator" else 0.0

    def update(
        self, weights: Array, grads: Array, learning_rate: float, step: int, **before: Any
    ) -> None:
        a = self.slots["accumulator"]
        ops.adagrad_update(weights, grads, a, lr=learning_rate, epsilon=self.epsilon, **before)


class Adadelta(Optimizer):
    """s = g sqrt(d + epsilon) / sqrt(a + epsilon), w -= lr s; a, d: running means of g², s².

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        1 gives the formula of the paper.
    rho : float
    epsilon : float
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ... :
        As in `Optimizer`.

    References
    ----------
    Zeiler 2012.

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.Adadelta(1.0).get_config()["rho"]
    0.95
    """

    arguments = ("rho", "epsilon")
    slot_names = ("accumulated_grad", "accumulated_delta_var")
    paired = 2
    fused = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, *args, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def update(
        self, weights: Array, grads: Array, learning_rate: float, step: int, **before: Any
    ) -> None:
        a, d = (self.slots[name] for name in self.slot_names)
        numbers: dict[str, Any] = {"lr": learning_rate, "rho": self.rho, "epsilon": self.epsilon}
        ops.adadelta_update(weights, grads, a, d, **numbers, **before)
