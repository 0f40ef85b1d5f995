"""Losses of numbers: distances of predictions from targets, means over the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn import ops
from fastrnn.config import epsilon
from fastrnn.losses.loss import Array, BuiltInLoss


class MeanSquaredError(BuiltInLoss):
    """mean((y_pred - y_true)²) over the last axis.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        return ops.distance_loss(y_true, y_pred)


class MeanAbsoluteError(BuiltInLoss):
    """mean(abs(y_pred - y_true)) over the last axis.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.MeanAbsoluteError()([[0.0, 1.0]], [[2.0, 1.0]])
    1.0
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        return ops.distance_loss(y_true, y_pred, "absolute")


class MeanAbsolutePercentageError(BuiltInLoss):
    """100 mean(abs((y_pred - y_true) / y_true)) over the last axis.

    Targets below 1e-7 count as 1e-7 in the divisor.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.MeanAbsolutePercentageError()([[1.0, 4.0]], [[2.0, 4.0]])
    50.0
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        scale = 100 / np.maximum(np.abs(y_true), epsilon())
        error = (y_pred - y_true) * scale
        values = np.abs(error).mean(axis=-1)
        return np.asarray(values), np.sign(error) * scale / error.shape[-1]


class MeanSquaredLogarithmicError(BuiltInLoss):
    """mean((log(1 + y_pred) - log(1 + y_true))²) over the last axis; numbers below 0 count as 0.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.MeanSquaredLogarithmicError()([[0.0]], [[1.0]]), 4)
    0.4805
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        error = np.log1p(np.maximum(y_pred, epsilon())) - np.log1p(np.maximum(y_true, epsilon()))
        values = np.square(error).mean(axis=-1)
        error *= (y_pred > epsilon()) * (2.0 / error.shape[-1])
        return np.asarray(values), error / (1 + np.maximum(y_pred, 0))


class Huber(BuiltInLoss):
    """Mean over the last axis of e² / 2 where abs(e) <= delta, else delta (abs(e) - delta / 2).

    e = y_pred - y_true.

    Parameters
    ----------
    delta : float
        Where the square becomes a line.
    reduction, name, dtype :
        As in `Loss`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.Huber()([[0.0, 1.0]], [[2.0, 2.0]])
    1.0
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name or "huber_loss", dtype)
        if delta < 0:
            raise ValueError(f"{self.name}: delta must not be negative, got {delta}")
        self.delta = float(delta)

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        return ops.distance_loss(y_true, y_pred, "huber", self.delta)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"delta": self.delta}


class LogCosh(BuiltInLoss):
    """mean(log(cosh(y_pred - y_true))) over the last axis.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.LogCosh()([[0.0]], [[1.0]]), 4)
    0.4338
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        return ops.distance_loss(y_true, y_pred, "log_cosh")


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """mean((y_pred - y_true)²) over the last axis, one value per sample."""
    return MeanSquaredError().values(y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """mean(abs(y_pred - y_true)) over the last axis, one value per sample."""
    return MeanAbsoluteError().values(y_true, y_pred)


def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """100 mean(abs((y_pred - y_true) / y_true)) over the last axis, one value per sample."""
    return MeanAbsolutePercentageError().values(y_true, y_pred)


def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`MeanSquaredLogarithmicError`, one value per sample."""
    return MeanSquaredLogarithmicError().values(y_true, y_pred)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> Array:
    """`Huber`, one value per sample."""
    return Huber(delta).values(y_true, y_pred)


def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """mean(log(cosh(y_pred - y_true))) over the last axis, one value per sample."""
    return LogCosh().values(y_true, y_pred)
