"""Losses of the overlap between predicted and true regions, for segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn.config import epsilon
from fastrnn.losses.loss import Array, Loss

Axes = int | tuple[int, ...] | list[int] | None


class Tversky(Loss):
    """1 - o / (o + alpha Σ y_true (1 - y_pred) + beta Σ (1 - y_true) y_pred), o = Σ y_true y_pred.

    Parameters
    ----------
    alpha : float
        What a pixel that was missed counts.
    beta : float
        What a pixel that was predicted wrongly counts.
    reduction, name, dtype :
        As in `Loss`.
    axis : int or tuple of int, optional
        Axes that are summed over; all when not given, which makes one value of the batch.

    References
    ----------
    Salehi et al. 2017, https://arxiv.org/abs/1706.05721.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.Tversky(axis=1)([[0.0, 1.0]], [[1.0, 1.0]]), 4)
    0.3333
    """

    _epsilons = 1.0

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        axis: Axes = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha = alpha
        self.beta = beta
        self.axis = tuple(axis) if isinstance(axis, list) else axis

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        rest = 1 - y_true
        overlap = (y_true * y_pred).sum(axis=self.axis, keepdims=True)
        missed = (y_true * (1 - y_pred)).sum(axis=self.axis, keepdims=True)
        wrong = (rest * y_pred).sum(axis=self.axis, keepdims=True)
        whole = overlap + self.alpha * missed + self.beta * wrong + self._epsilons * epsilon()
        dwhole = (1 - self.alpha) * y_true + self.beta * rest
        ratio = overlap / whole
        values = np.squeeze(1 - ratio, axis=self.axis)
        return np.asarray(values), (ratio * dwhole - y_true) / whole

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"alpha": self.alpha, "beta": self.beta, "axis": self.axis}


class Dice(Tversky):
    """1 - 2 Σ y_true y_pred / (Σ y_true + Σ y_pred).

    Parameters
    ----------
    reduction, name, axis, dtype :
        As in `Tversky`, of which it is the case alpha = beta = 1/2.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.Dice(axis=1)([[0.0, 1.0]], [[1.0, 1.0]]), 4)
    0.3333
    """

    _epsilons = 0.5  # Keras adds its epsilon to twice the divisor

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        axis: Axes = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0.5, 0.5, reduction, name, axis, dtype)

    def get_config(self) -> dict[str, Any]:
        return Loss.get_config(self) | {"axis": self.axis}


def tversky(
    y_true: ArrayLike, y_pred: ArrayLike, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None
) -> Array:
    """`Tversky`, one value for each place on the axes that are not summed over."""
    return Tversky(alpha, beta, axis=axis).values(y_true, y_pred)


def dice(y_true: ArrayLike, y_pred: ArrayLike, axis: Axes = None) -> Array:
    """`Dice`, one value for each place on the axes that are not summed over."""
    return Dice(axis=axis).values(y_true, y_pred)
