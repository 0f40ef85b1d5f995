"""Rectifiers with parameters: relu with a slope, a threshold and a maximum, and PReLU."""

from __future__ import annotations

import math

import numpy as np

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core, floats
from fastrnn.ops._run import Gradients

__all__ = ["prelu", "prelu_backward", "relu", "relu_backward"]


def relu(
    x: object,
    *,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """Rectify: x from the threshold on, up to a maximum; below it a straight line.

    Parameters
    ----------
    x : array of any shape
        float32 or float64; integers are converted to float32.
    negative_slope : float
        y = negative_slope (x - threshold) below the threshold.
    max_value : float, optional
        The largest y.
    threshold : float

    Returns
    -------
    array of x's shape and dtype

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.relu([-2.0, 0.5, 3.0, 9.0], negative_slope=0.5, max_value=6, threshold=1).tolist()
    [-1.5, -0.25, 3.0, 6.0]
    """
    op = "relu"
    values = floats(op, "x", x)
    y = _arrays.empty(op, "y", values.shape, values.dtype)
    numbers = _rectifier(op, negative_slope, max_value, threshold)
    core("relu", values.dtype)(*numbers, values, None, y)
    return y


def relu_backward(
    dy: object,
    x: object,
    *,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """Gradient of :func:`relu`.

    Parameters
    ----------
    dy : array, shape of x
        Gradient of the loss with respect to the output.
    x, negative_slope, max_value, threshold
        As given to :func:`relu`.

    Returns
    -------
    array of x's shape and dtype

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.relu_backward([1.0, 1.0, 1.0], [-2.0, 3.0, 9.0], max_value=6).tolist()
    [0.0, 1.0, 0.0]
    """
    op = "relu_backward"
    values = floats(op, "x", x)
    gradient = _arrays.shaped(op, "dy", dy, values.dtype, values.shape, "of the shape of x")
    dx = _arrays.empty(op, "dx", values.shape, values.dtype)
    numbers = _rectifier(op, negative_slope, max_value, threshold)
    core("relu", values.dtype)(*numbers, values, gradient, dx)
    return dx


def prelu(x: object, alpha: object) -> Array:
    """Rectify with learnt slopes: x above 0, alpha x elsewhere.

    Parameters
    ----------
    x : array (N, ...)
        float32 or float64; integers are converted to float32.
    alpha : array of x's axes but the first
        1 where an axis shares its slope.

    Returns
    -------
    array of x's shape and dtype

    Raises
    ------
    ValueError, TypeError
        Where a shape or a dtype does not fit.

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.prelu([[-2.0, -2.0], [3.0, -4.0]], [0.5, 0.25]).tolist()
    [[-1.0, -0.5], [3.0, -1.0]]
    """
    op = "prelu"
    values, slopes, _ = _prelu(op, x, alpha)
    y = _arrays.empty(op, "y", values.shape, values.dtype)
    if y.size:
        columns = slopes.size
        core("prelu", y.dtype)(values.reshape(-1, columns), slopes, y.reshape(-1, columns))
    return y


def prelu_backward(dy: object, x: object, alpha: object) -> Gradients:
    """Gradients of :func:`prelu`.

    Parameters
    ----------
    dy : array, shape of x
        Gradient of the loss with respect to the output.
    x, alpha
        As given to :func:`prelu`.

    Returns
    -------
    dict of arrays
        ``x`` and ``alpha``.

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.prelu_backward([[1.0], [1.0]], [[-2.0], [3.0]], [0.5])["alpha"].tolist()
    [-2.0]
    """
    op = "prelu_backward"
    values, slopes, shape = _prelu(op, x, alpha)
    gradient = _arrays.shaped(op, "dy", dy, values.dtype, values.shape, "of the shape of x")
    dx = _arrays.empty(op, "dx", values.shape, values.dtype)
    dslopes = np.zeros(slopes.shape, values.dtype)
    if dx.size:
        rows = (-1, slopes.size)
        core("prelu_backward", dx.dtype)(
            values.reshape(rows),
            slopes.reshape(-1),
            gradient.reshape(rows),
            dx.reshape(rows),
            dslopes,
        )
    shared = tuple(i for i, n in enumerate(slopes.shape) if shape[i - slopes.ndim] != n)
    dalpha = dslopes.sum(axis=shared, dtype=np.float64).astype(values.dtype).reshape(shape)
    return {"x": dx, "alpha": dalpha}


def _rectifier(
    op: str, negative_slope: float, max_value: float | None, threshold: float
) -> tuple[float, float, float]:
    maximum = math.inf if max_value is None else float(max_value)
    slope, limit = float(negative_slope), float(threshold)
    if not maximum >= 0:
        raise ValueError(f"{op}: max_value must be at least 0, got {max_value}")
    if not slope >= 0:
        raise ValueError(f"{op}: negative_slope must be at least 0, got {negative_slope}")
    if math.isnan(limit):
        raise ValueError(f"{op}: threshold must be a number, got {threshold}")
    return slope, limit, maximum


def _prelu(op: str, x: object, alpha: object) -> tuple[Array, Array, tuple[int, ...]]:
    """Return x, the slopes of one row of x or of its last axes, and the shape of alpha."""
    values = floats(op, "x", x)
    slopes = _arrays.numbers(op, "alpha", alpha, values.dtype)
    sample = values.shape[1:]
    if slopes.ndim != len(sample) or any(
        a not in (1, n) for a, n in zip(slopes.shape, sample, strict=True)
    ):
        raise ValueError(
            f"{op}: alpha must have x's axes but the first, each of its size in {sample} or 1, "
            f"got {slopes.shape}"
        )
    shape = slopes.shape
    # Leading axes that share a slope are so many more rows; others are filled in.
    leading = next((i for i, a in enumerate(shape) if a != 1), max(len(shape) - 1, 0))
    slopes = np.broadcast_to(slopes[(0,) * leading], sample[leading:])
    return values, _arrays.contiguous(slopes, values.dtype), shape
