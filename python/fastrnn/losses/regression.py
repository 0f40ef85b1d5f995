"""Losses of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn.losses.loss import Array, Loss, as_float


class MeanSquaredError(Loss):
    """mean((y_pred - y_true)²) over the last axis.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        error = y_pred - y_true
        values = np.einsum("...i,...i->...", error, error) / error.shape[-1]
        error *= 2.0 / error.shape[-1]
        return np.asarray(values), error


class MeanAbsoluteError(Loss):
    """mean(abs(y_pred - y_true)) over the last axis.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.MeanAbsoluteError()([[0.0, 1.0]], [[2.0, 1.0]])
    1.0
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        error = y_pred - y_true
        values = np.abs(error).mean(axis=-1)
        return np.asarray(values), np.sign(error) / error.shape[-1]


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[Any]:
    """mean((y_pred - y_true)²) over the last axis, one value per sample."""
    return _values(MeanSquaredError(), y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[Any]:
    """mean(abs(y_pred - y_true)) over the last axis, one value per sample."""
    return _values(MeanAbsoluteError(), y_true, y_pred)


def _values(loss: Loss, y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[Any]:
    prediction = as_float(y_pred)
    return loss.value_and_gradient(loss.prepare(y_true, prediction), prediction)[0]
