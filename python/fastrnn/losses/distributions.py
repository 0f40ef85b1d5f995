"""Losses between distributions: of classes, and of counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastrnn.config import epsilon
from fastrnn.losses.loss import Array, BuiltInLoss


class KLDivergence(BuiltInLoss):
    """Σ y_true log(y_true / y_pred) over the last axis, both clipped to [1e-7, 1].

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        truth = np.clip(y_true, epsilon(), 1)
        clipped = np.clip(y_pred, epsilon(), 1)
        values = (truth * np.log(truth / clipped)).sum(axis=-1)
        return np.asarray(values), truth / -clipped * (clipped == y_pred)


class Poisson(BuiltInLoss):
    """mean(y_pred - y_true log(y_pred)) over the last axis: counts against predicted rates.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.Poisson()([[2.0]], [[1.0]]), 4)
    1.0
    """

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        rate = y_pred + epsilon()
        values = (y_pred - y_true * np.log(rate)).mean(axis=-1)
        return np.asarray(values), (1 - y_true / rate) / y_pred.shape[-1]


def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`KLDivergence`, one value per sample."""
    return KLDivergence().values(y_true, y_pred)


def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`Poisson`, one value per sample."""
    return Poisson().values(y_true, y_pred)
