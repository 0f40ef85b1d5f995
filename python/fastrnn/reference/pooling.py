"""Pooling of windows over one, two or three axes, channels last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import Array
from .windows import (
    PerAxis,
    Slices,
    interior,
    output_sizes,
    padding_pairs,
    per_axis,
    positions,
)


def _pixels(
    shape: Sequence[int], pool_size: PerAxis, strides: PerAxis | None, padding: str
) -> tuple[list[tuple[int, int]], list[Slices]]:
    """Return the padding of images (N, ..., C), and each position's pixels in all windows."""
    sizes = shape[1:-1]
    rank = len(sizes)
    window = per_axis(pool_size, rank)
    steps = window if strides is None else per_axis(strides, rank)
    ones = (1,) * rank
    pairs = padding_pairs(padding, sizes, window, steps, ones)
    padded = [n + before + after for n, (before, after) in zip(sizes, pairs, strict=True)]
    outputs = output_sizes(padded, window, steps, ones)
    return pairs, [pixels for _, pixels in positions(window, outputs, steps, ones)]


def _padded(x: Array, pairs: list[tuple[int, int]], value: float) -> Array:
    return np.pad(x, [(0, 0), *pairs, (0, 0)], constant_values=value)


def _stacked(x: Array, pairs: list[tuple[int, int]], pixels: list[Slices], fill: float) -> Array:
    """Return every window's pixels along a new first axis."""
    padded = _padded(x, pairs, fill)
    return np.stack([padded[p] for p in pixels])


def max_pool2d(
    x: ArrayLike,
    pool_size: PerAxis = 2,
    *,
    strides: PerAxis | None = None,
    padding: str = "valid",
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return the largest pixel of each window, channel by channel.

    Parameters
    ----------
    x : (N, ..., C)
    pool_size, strides : one number or one an axis; strides as pool_size unless given
    padding : "valid" or "same"
    dtype : precision of the computation and of the result

    Returns
    -------
    y : (N, ..., C)
    """
    values = np.asarray(x, dtype)
    pairs, pixels = _pixels(values.shape, pool_size, strides, padding)
    return np.asarray(_stacked(values, pairs, pixels, -np.inf).max(axis=0))


def max_pool2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    pool_size: PerAxis = 2,
    *,
    y: ArrayLike | None = None,
    strides: PerAxis | None = None,
    padding: str = "valid",
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return the gradient of x: dy of each window goes to the first of its largest pixels.

    Parameters
    ----------
    dy : (N, ..., C), gradient of the output
    x, pool_size, strides, padding, dtype : as in `max_pool2d`
    y : the output; not needed here
    """
    values, gradient = np.asarray(x, dtype), np.asarray(dy, dtype)
    pairs, pixels = _pixels(values.shape, pool_size, strides, padding)
    first = _stacked(values, pairs, pixels, -np.inf).argmax(axis=0)
    dx = _padded(np.zeros_like(values), pairs, 0)
    for number, where in enumerate(pixels):
        dx[where] += np.where(first == number, gradient, 0)
    return dx[interior(pairs, values.shape[1:-1])]


def average_pool2d(
    x: ArrayLike,
    pool_size: PerAxis = 2,
    *,
    strides: PerAxis | None = None,
    padding: str = "valid",
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return the mean of each window's pixels; padding is not among them.

    Parameters
    ----------
    x, pool_size, strides, padding, dtype : as in `max_pool2d`
    """
    values = np.asarray(x, dtype)
    pairs, pixels = _pixels(values.shape, pool_size, strides, padding)
    counts = _stacked(np.ones_like(values), pairs, pixels, 0).sum(axis=0)
    return np.asarray(_stacked(values, pairs, pixels, 0).sum(axis=0) / counts)


def average_pool2d_backward(
    dy: ArrayLike,
    x_shape: Sequence[int],
    pool_size: PerAxis = 2,
    *,
    strides: PerAxis | None = None,
    padding: str = "valid",
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return the gradient of x: each window's dy in equal shares to its pixels.

    Parameters
    ----------
    dy : (N, ..., C), gradient of the output
    x_shape : shape of x
    pool_size, strides, padding, dtype : as in `max_pool2d`
    """
    pairs, pixels = _pixels(x_shape, pool_size, strides, padding)
    ones = np.ones(tuple(x_shape), dtype)
    share = np.asarray(dy, dtype) / _stacked(ones, pairs, pixels, 0).sum(axis=0)
    dx = _padded(np.zeros_like(ones), pairs, 0)
    for where in pixels:
        dx[where] += share
    return dx[interior(pairs, x_shape[1:-1])]


# The rank is that of x.
max_pool1d = max_pool3d = max_pool2d
max_pool1d_backward = max_pool3d_backward = max_pool2d_backward
average_pool1d = average_pool3d = average_pool2d
average_pool1d_backward = average_pool3d_backward = average_pool2d_backward


def global_average_pool(x: ArrayLike, *, dtype: DTypeLike = np.float64) -> Array:
    """Return the mean (N, C) of x (N, ..., C) over the axes between."""
    values = np.asarray(x, dtype)
    return np.asarray(values.mean(axis=tuple(range(1, values.ndim - 1))))


def global_average_pool_backward(
    dy: ArrayLike, x_shape: Sequence[int], *, dtype: DTypeLike = np.float64
) -> Array:
    """Return the gradient (N, ..., C) of x, given dy (N, C)."""
    count = int(np.prod(x_shape[1:-1]))
    middle = (1,) * (len(x_shape) - 2)
    share = (np.asarray(dy, dtype) / count).reshape(x_shape[0], *middle, x_shape[-1])
    return np.broadcast_to(share, tuple(x_shape)).copy()


def global_max_pool(x: ArrayLike, *, dtype: DTypeLike = np.float64) -> Array:
    """Return the largest values (N, C) of x (N, ..., C) over the axes between."""
    values = np.asarray(x, dtype)
    return np.asarray(values.max(axis=tuple(range(1, values.ndim - 1))))


def global_max_pool_backward(
    dy: ArrayLike, x: ArrayLike, *, y: ArrayLike | None = None, dtype: DTypeLike = np.float64
) -> Array:
    """Return the gradient (N, ..., C) of x: dy (N, C) at the first of the largest values."""
    values = np.asarray(x, dtype)
    rows = values.reshape(values.shape[0], -1, values.shape[-1])
    first = rows.argmax(axis=1)[:, None] == np.arange(rows.shape[1])[:, None]
    return np.where(first, np.asarray(dy, dtype)[:, None], 0).reshape(values.shape)
