"""Lion: steps of one size, by the sign of a mean of the gradients."""

from __future__ import annotations

from typing import Any

from fastrnn import ops
from fastrnn.optimizers.optimizer import Optimizer
from fastrnn.optimizers.state import Array


class Lion(Optimizer):
    """w -= lr sign(beta_1 m + (1 - beta_1) g); m = beta_2 m + (1 - beta_2) g.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        Best three to ten times less than for Adam.
    beta_1, beta_2 : float
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ... :
        As in `Optimizer`.

    References
    ----------
    Chen et al. 2023, "Symbolic discovery of optimization algorithms".

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.Lion().get_config()["beta_2"]
    0.99
    """

    arguments = ("beta_1", "beta_2")
    slot_names = ("momentum",)
    fused = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, *args, **kwargs)
        if not 0 < beta_1 <= 1:
            raise ValueError(f"{self.name}: beta_1 must be above 0, at most 1, got {beta_1}")
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def update(
        self, weights: Array, grads: Array, learning_rate: float, step: int, **before: Any
    ) -> None:
        numbers: dict[str, Any] = {
            "lr": learning_rate,
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
        }
        ops.lion_update(weights, grads, self.slots["momentum"], **numbers, **before)
