"""Hinge losses: of the margin by which a prediction lies on its label's side."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastrnn.losses.loss import Array, BuiltInLoss


class Hinge(BuiltInLoss):
    """mean(max(1 - y_true y_pred, 0)) over the last axis.

    Labels are -1 and 1; 0 and 1 are taken for them.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.Hinge()([[0, 1]], [[0.5, 0.5]])
    1.0
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        sign = _signs(y_true)
        lack = np.maximum(1 - sign * y_pred, 0)
        return np.asarray(lack.mean(axis=-1)), sign * (lack > 0) / -lack.shape[-1]


class SquaredHinge(BuiltInLoss):
    """mean(max(1 - y_true y_pred, 0)²) over the last axis; labels as in `Hinge`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.SquaredHinge()([[0, 1]], [[0.5, 0.5]])
    1.25
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        sign = _signs(y_true)
        lack = np.maximum(1 - sign * y_pred, 0)
        return np.asarray(np.square(lack).mean(axis=-1)), sign * lack * (-2.0 / lack.shape[-1])


class CategoricalHinge(BuiltInLoss):
    """max(1 + the largest prediction of another class - that of the label's, 0).

    Labels are one-hot rows; predictions of other classes count from 0 upwards.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.CategoricalHinge()([[0, 1]], [[0.25, 0.75]])
    0.5
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        others = (1 - y_true) * y_pred
        rival = others.argmax(axis=-1)[..., None]
        best = np.take_along_axis(others, rival, axis=-1)
        lack = 1 + best - (y_true * y_pred).sum(axis=-1, keepdims=True)
        gradient = -y_true
        slope = np.take_along_axis(gradient, rival, axis=-1)
        slope += 1 - np.take_along_axis(y_true, rival, axis=-1)
        np.put_along_axis(gradient, rival, slope, axis=-1)
        gradient *= lack > 0
        return np.maximum(lack, 0)[..., 0], gradient


def _signs(y_true: Array) -> Array:
    """Labels 0 and 1 as -1 and 1; others as they are."""
    return 2 * y_true - 1 if ((y_true == 0) | (y_true == 1)).all() else y_true


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`Hinge`, one value per sample."""
    return Hinge().values(y_true, y_pred)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`SquaredHinge`, one value per sample."""
    return SquaredHinge().values(y_true, y_pred)


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`CategoricalHinge`, one value per sample."""
    return CategoricalHinge().values(y_true, y_pred)
