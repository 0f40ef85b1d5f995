"""Batch normalization (Ioffe & Szegedy 2015) and layer normalization (Ba et al. 2016)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import Array


class NormalizationCache(NamedTuple):
    """Statistics, normalized values and scale of a forward run."""

    mean: Array
    variance: Array
    normal: Array
    rstd: Array
    gamma: Array | None
    beta: Array | None


def batch_normalization(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    mean: ArrayLike,
    variance: ArrayLike,
    *,
    epsilon: float = 1e-3,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return (x - mean) / sqrt(variance + epsilon) gamma + beta.

    Parameters
    ----------
    x : (..., C)
    gamma, beta : (C,) or None for 1 and 0
    mean, variance : (C,)
    epsilon : added to the variance
    dtype : precision of the computation and of the result
    """
    rstd = 1 / np.sqrt(np.asarray(variance, dtype) + np.asarray(epsilon, dtype))
    normal = (np.asarray(x, dtype) - np.asarray(mean, dtype)) * rstd
    return _affine(normal, *_as(dtype, gamma, beta))


def batch_normalization_forward(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    *,
    epsilon: float = 1e-3,
    dtype: DTypeLike = np.float64,
) -> tuple[Array, NormalizationCache]:
    """Return y, normalized over all axes but the last, and the cache."""
    values = np.asarray(x, dtype)
    return _forward(values, gamma, beta, epsilon, tuple(range(values.ndim - 1)))


def batch_normalization_backward(cache: NormalizationCache, dy: ArrayLike) -> dict[str, Array]:
    """Return the gradients of x and of gamma and beta where they were given."""
    return _backward(cache, dy, tuple(range(cache.normal.ndim - 1)))


def layer_normalization(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    *,
    epsilon: float = 1e-3,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return x, every row of the last axis normalized, times gamma plus beta."""
    return layer_normalization_forward(x, gamma, beta, epsilon=epsilon, dtype=dtype)[0]


def layer_normalization_forward(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    *,
    epsilon: float = 1e-3,
    dtype: DTypeLike = np.float64,
) -> tuple[Array, NormalizationCache]:
    """Return y, normalized over the last axis, and the cache."""
    return _forward(np.asarray(x, dtype), gamma, beta, epsilon, (-1,))


def layer_normalization_backward(cache: NormalizationCache, dy: ArrayLike) -> dict[str, Array]:
    """Return the gradients of x and of gamma and beta where they were given."""
    return _backward(cache, dy, (-1,))


def _as(dtype: DTypeLike, *values: ArrayLike | None) -> tuple[Array | None, ...]:
    return tuple(None if v is None else np.asarray(v, dtype) for v in values)


def _affine(normal: Array, gamma: Array | None, beta: Array | None) -> Array:
    y = normal if gamma is None else normal * gamma
    return y if beta is None else y + beta


def _forward(
    x: Array,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    epsilon: float,
    axes: tuple[int, ...],
) -> tuple[Array, NormalizationCache]:
    scale, shift = _as(x.dtype, gamma, beta)
    mean = x.mean(axis=axes, keepdims=True)
    centered = x - mean
    variance = (centered * centered).mean(axis=axes, keepdims=True)
    rstd = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    normal = centered * rstd
    cache = NormalizationCache(
        mean.squeeze(axes), variance.squeeze(axes), normal, rstd, scale, shift
    )
    return _affine(normal, scale, shift), cache


def _backward(cache: NormalizationCache, dy: ArrayLike, axes: tuple[int, ...]) -> dict[str, Array]:
    normal = cache.normal
    gradient = np.asarray(dy, normal.dtype)
    inner = gradient if cache.gamma is None else gradient * cache.gamma
    rows = tuple(range(normal.ndim - 1))
    slope = (inner * normal).mean(axis=axes, keepdims=True)
    dx = cache.rstd * (inner - inner.mean(axis=axes, keepdims=True) - normal * slope)
    gradients = {"x": np.asarray(dx)}
    if cache.gamma is not None:
        gradients["gamma"] = (gradient * normal).sum(axis=rows)
    if cache.beta is not None:
        gradients["beta"] = gradient.sum(axis=rows)
    return gradients
