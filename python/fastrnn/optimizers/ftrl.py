"""Follow The Regularized Leader."""

from __future__ import annotations

from typing import Any

from fastrnn import ops
from fastrnn.optimizers.optimizer import Optimizer
from fastrnn.optimizers.state import Array


class Ftrl(Optimizer):
    """Updates that keep weights at 0 unless gradients insist; formula: `fastrnn.ops.ftrl_update`.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    learning_rate_power : float
        At most 0.
    initial_accumulator_value : float
    l1_regularization_strength, l2_regularization_strength : float
    l2_shrinkage_regularization_strength : float
        Of a penalty that only the gradient sees.
    beta : float
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ... :
        As in `Optimizer`.

    References
    ----------
    McMahan et al. 2013, "Ad click prediction: a view from the trenches".

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.Ftrl(l1_regularization_strength=0.1).get_config()["learning_rate_power"]
    -0.5
    """

    arguments = (
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    )
    slot_names = ("accumulator", "linear")
    paired = 2
    fused = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, *args, **kwargs)
        if learning_rate_power > 0:
            raise ValueError(
                f"{self.name}: learning_rate_power must be at most 0, got {learning_rate_power}"
            )
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        for argument in self.arguments[1:5]:
            if getattr(self, argument) < 0:
                raise ValueError(
                    f"{self.name}: {argument} must be at least 0, got {getattr(self, argument)}"
                )

    def initial_value(self, slot: str) -> float:
        return self.initial_accumulator_value if slot == "accumulator" else 0.0

    def update(
        self, weights: Array, grads: Array, learning_rate: float, step: int, **before: Any
    ) -> None:
        ops.ftrl_update(
            weights,
            grads,
            self.slots["accumulator"],
            self.slots["linear"],
            lr=learning_rate,
            power=self.learning_rate_power,
            l1=self.l1_regularization_strength,
            l2=self.l2_regularization_strength + (self.beta and self.beta / (2 * learning_rate)),
            shrinkage=self.l2_shrinkage_regularization_strength,
            **before,
        )
