"""Adam and its kin: steps by a running mean of the gradients over that of their magnitude."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from fastrnn import ops
from fastrnn.optimizers.optimizer import Optimizer
from fastrnn.optimizers.state import Array


class _Moments(Optimizer):
    """What Adam, Nadam and Adamax share: a running mean m of the gradients, and their decays."""

    arguments: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2", "epsilon")
    slot_names: tuple[str, ...] = ("momentum", "velocity")
    paired = 2
    fused = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, *args, **kwargs)
        for argument, value in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= value < 1:
                raise ValueError(f"{self.name}: {argument} must be from 0 to below 1, got {value}")
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def numbers(self, learning_rate: float, step: int) -> dict[str, Any]:
        """Keywords of the ops."""
        betas = {"beta_1": self.beta_1, "beta_2": self.beta_2}
        return {"lr": learning_rate, **betas, "epsilon": self.epsilon, "step": step}


class Adam(_Moments):
    """m, v: running means of g, g²; w -= lr sqrt(1 - beta_2ᵗ)/(1 - beta_1ᵗ) m/(sqrt(v) + epsilon).

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
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

    arguments = (*_Moments.arguments, "amsgrad")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, *args, **kwargs)
        self.amsgrad = amsgrad
        if amsgrad:
            self.slot_names += ("velocity_hat",)

    def update(
        self, weights: Array, grads: Array, learning_rate: float, step: int, **before: Any
    ) -> None:
        m, v = self.slots["momentum"], self.slots["velocity"]
        top = self.slots.get("velocity_hat")
        ops.adam_update(weights, grads, m, v, top, **self.numbers(learning_rate, step), **before)


class AdamW(Adam):
    """`Adam` with weight decay.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    weight_decay : float
        Before each update, weights shrink by this times the learning rate.
    beta_1, beta_2, epsilon, amsgrad, clipnorm, ... :
        As in `Adam`.

    References
    ----------
    Loshchilov and Hutter 2019, "Decoupled weight decay regularization".

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.AdamW().weight_decay
    0.004
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *args, **kwargs
        )
        if weight_decay is None:
            raise ValueError(f"{self.name}: weight_decay must be a number, got None")


class Adamax(_Moments):
    """Adam with a maximum in place of the root: ``u = max(beta_2 u, |g|)``.

    ``w -= lr / (1 - beta_1ᵗ) m / (u + epsilon)``

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
    epsilon : float
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ... :
        As in `Optimizer`.

    References
    ----------
    Kingma and Ba 2015, section 7.1.

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.Adamax(beta_2=0.9).get_config()["beta_2"]
    0.9
    """

    slot_names = ("momentum", "norm")

    def update(
        self, weights: Array, grads: Array, learning_rate: float, step: int, **before: Any
    ) -> None:
        m, u = (self.slots[name] for name in self.slot_names)
        ops.adamax_update(weights, grads, m, u, **self.numbers(learning_rate, step), **before)


class Nadam(_Moments):
    """Adam with Nesterov's momentum.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
    epsilon : float
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ... :
        As in `Optimizer`.

    References
    ----------
    Dozat 2016, "Incorporating Nesterov momentum into Adam".

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.Nadam().learning_rate
    0.001
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._product = 0, 1.0

    def update(
        self, weights: Array, grads: Array, learning_rate: float, step: int, **before: Any
    ) -> None:
        m, v = (self.slots[name] for name in self.slot_names)
        numbers = self.numbers(learning_rate, step)
        product = self._u_product(step)
        ops.nadam_update(weights, grads, m, v, **numbers, u_product=product, **before)

    def _u_product(self, step: int) -> float:
        """The product of u = beta_1 (1 - 0.96ᵗ / 2) over the steps t = 1, ..., step."""
        last, product = self._product
        if last > step:
            last, product = 0, 1.0
        factors = (self.beta_1 * (1 - 0.5 * 0.96**t) for t in range(last + 1, step + 1))
        self._product = step, product * math.prod(factors)
        return self._product[1]

    @property
    def variables(self) -> list[Array]:
        if not self.built:
            return super().variables
        product = self._u_product(self.iterations)
        return [*super().variables, np.asarray(product, self.slots["velocity"].dtype)]
