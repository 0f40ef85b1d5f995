"""Adam: steps by a running mean of the gradients over that of their magnitude."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastrnn import ops
from fastrnn.optimizers.optimizer import Array, Optimizer


class Adam(Optimizer):
    """m, v: running means of g, g²; w -= lr sqrt(1 - beta_2ᵗ)/(1 - beta_1ᵗ) m/(sqrt(v) + epsilon).

    Parameters
    ----------
    learning_rate : float or callable(step) -> float
    beta_1, beta_2 : float
    epsilon : float
    amsgrad : bool
        Divide by the largest v so far.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ... :
        As in `Optimizer`.

    References
    ----------
    Kingma and Ba 2015; for `amsgrad`, Reddi et al. 2018.

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.Adam(lr=0.01).learning_rate
    0.01
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, **kwargs
        )
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad
        self.slot_names = ("m", "v", "v_hat") if amsgrad else ("m", "v")

    def update(self, weights: Array, grads: Array, learning_rate: float, step: int) -> None:
        if self.amsgrad:
            self._amsgrad_update(weights, grads, learning_rate, step)
            return
        ops.adam_update(
            weights,
            grads,
            self.slots["m"],
            self.slots["v"],
            lr=learning_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            step=step,
        )

    def _amsgrad_update(
        self, weights: Array, grads: Array, learning_rate: float, step: int
    ) -> None:
        m, v, v_hat = (self.slots[name] for name in self.slot_names)
        m += (1 - self.beta_1) * (grads - m)
        v += (1 - self.beta_2) * (grads * grads - v)
        np.maximum(v_hat, v, out=v_hat)
        rate = learning_rate * math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        weights -= rate * m / (np.sqrt(v_hat) + self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }
