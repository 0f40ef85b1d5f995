"""Images made larger by whole factors, channels last."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import Array
from .windows import PerAxis, per_axis


def _matrix(size: int, factor: int, interpolation: str, dtype: DTypeLike) -> Array:
    """Return what maps the pixels of an axis to its outputs, (size factor, size)."""
    pixels = np.arange(size)
    outputs = np.arange(size * factor)
    if interpolation == "nearest":
        return np.asarray(outputs[:, None] // factor == pixels, dtype)
    # Half-pixel centres; outside of the first and the last pixel's the edge repeats.
    at = np.clip((outputs + 0.5) / factor - 0.5, 0, size - 1)
    return np.asarray(np.maximum(1 - np.abs(at[:, None] - pixels), 0), dtype)


def up_sampling(
    x: ArrayLike,
    size: PerAxis = 2,
    *,
    interpolation: str = "nearest",
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return images (N, ..., C) enlarged by whole factors.

    Parameters
    ----------
    x : (N, ..., C)
    size : the factor, or one an axis
    interpolation : "nearest" or "bilinear" (linear along every axis)
    dtype : precision of the computation and of the result
    """
    y = np.asarray(x, dtype)
    for axis, factor in enumerate(per_axis(size, y.ndim - 2), start=1):
        matrix = _matrix(y.shape[axis], factor, interpolation, dtype)
        y = np.moveaxis(np.tensordot(matrix, y, (1, axis)), 0, axis)
    return y


def up_sampling_backward(
    dy: ArrayLike,
    size: PerAxis = 2,
    *,
    interpolation: str = "nearest",
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return the gradient of x, given that of the enlarged images."""
    dx = np.asarray(dy, dtype)
    for axis, factor in enumerate(per_axis(size, dx.ndim - 2), start=1):
        matrix = _matrix(dx.shape[axis] // factor, factor, interpolation, dtype)
        dx = np.moveaxis(np.tensordot(matrix, dx, (0, axis)), 0, axis)
    return dx
