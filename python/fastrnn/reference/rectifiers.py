"""Rectifiers with parameters: Keras' ReLU, and PReLU (He et al. 2015)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import Array


def relu(
    x: ArrayLike,
    *,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return x from the threshold on, max_value at most, negative_slope (x - threshold) below."""
    values = np.asarray(x, dtype)
    below = np.asarray(negative_slope, dtype) * (values - np.asarray(threshold, dtype))
    above = np.minimum(values, _maximum(max_value, dtype))
    return np.asarray(np.where(values < threshold, below, above))


def relu_backward(
    dy: ArrayLike,
    x: ArrayLike,
    *,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return the gradient of x."""
    values, gradient = np.asarray(x, dtype), np.asarray(dy, dtype)
    above = np.where(values >= _maximum(max_value, dtype), 0, gradient)
    return np.where(values <= threshold, np.asarray(negative_slope, dtype) * gradient, above)


def prelu(x: ArrayLike, alpha: ArrayLike, *, dtype: DTypeLike = np.float64) -> Array:
    """Return x above 0, alpha x elsewhere; alpha has x's axes but the first, 1 where shared."""
    values = np.asarray(x, dtype)
    return np.where(values > 0, values, np.asarray(alpha, dtype) * values)


def prelu_backward(
    dy: ArrayLike, x: ArrayLike, alpha: ArrayLike, *, dtype: DTypeLike = np.float64
) -> dict[str, Array]:
    """Return the gradients of x and alpha."""
    values, gradient = np.asarray(x, dtype), np.asarray(dy, dtype)
    slopes = np.asarray(alpha, dtype)
    each = np.where(values > 0, 0, gradient * values)
    shared = (0, *(i for i, n in enumerate(slopes.shape, start=1) if n != values.shape[i]))
    return {
        "x": np.where(values > 0, gradient, slopes * gradient),
        "alpha": each.sum(axis=shared).reshape(slopes.shape),
    }


def _maximum(max_value: float | None, dtype: DTypeLike) -> Array:
    return np.asarray(np.inf if max_value is None else max_value, dtype)
