"""Images made larger: by repetition or by linear interpolation."""

from __future__ import annotations

import math

import numpy as np

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core, floats
from fastrnn.ops._pool import geometry_of
from fastrnn.ops._windows import PerAxis, per_axis

__all__ = ["up_sampling", "up_sampling_backward"]


def up_sampling(x: object, size: PerAxis = 2, *, interpolation: str = "nearest") -> Array:
    """Enlarge images by whole factors.

    Parameters
    ----------
    x : array (N, W, C), (N, H, W, C) or (N, D, H, W, C)
        float32 or float64; integers are converted to float32.
    size : int or one an axis
        The factors.
    interpolation : {"nearest", "bilinear"}
        "nearest" repeats each pixel. "bilinear" interpolates along every axis between the centres
        of pixels, output o lying at (o + 1/2) / size - 1/2, and repeats the edge outside of them.

    Returns
    -------
    array, x's axes but the first and the last multiplied by size

    Raises
    ------
    ValueError, TypeError
        Where a shape, an option or a dtype does not fit.

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.up_sampling([[[0.0], [4.0]]], 2, interpolation="bilinear").ravel().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    op = "up_sampling"
    values = floats(op, "x", x)
    factors = _factors(op, values.shape, size)
    if _is_nearest(op, interpolation):
        # The gradient of sums over windows side by side.
        return geometry_of(op, _enlarged(values.shape, factors), factors, None, "valid").backward(
            "sum", values
        )
    for axis, factor in enumerate(factors, start=1):
        shape = values.shape
        out = (*shape[:axis], shape[axis] * factor, *shape[axis + 1 :])
        values = _along(op, "interpolate", values, axis, out, _positions(shape[axis], factor))
    return values


def up_sampling_backward(dy: object, size: PerAxis = 2, *, interpolation: str = "nearest") -> Array:
    """Gradient of :func:`up_sampling`.

    Parameters
    ----------
    dy : array, shape of the output
        Gradient of the loss with respect to the output.
    size, interpolation
        As given to :func:`up_sampling`.

    Returns
    -------
    array of x's shape

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.up_sampling_backward([[[1.0], [2.0], [3.0], [4.0]]], 2).ravel().tolist()
    [3.0, 7.0]
    """
    op = "up_sampling_backward"
    gradient = floats(op, "dy", dy)
    shape = gradient.shape
    factors = _factors(op, shape, size, "dy")
    if any(n % f for n, f in zip(shape[1:-1], factors, strict=True)):
        raise ValueError(f"{op}: dy's axes must be multiples of size {factors}, got {shape}")
    if _is_nearest(op, interpolation):
        return geometry_of(op, shape, factors, None, "valid").forward("sum", gradient)
    for axis, factor in reversed(list(enumerate(factors, start=1))):
        shape = gradient.shape
        small = shape[axis] // factor
        out = (*shape[:axis], small, *shape[axis + 1 :])
        positions = _positions(small, factor)
        gradient = _along(op, "interpolate_backward", gradient, axis, out, positions)
    return gradient


def _factors(op: str, shape: tuple[int, ...], size: object, name: str = "x") -> tuple[int, ...]:
    rank = len(shape) - 2
    if rank not in (1, 2, 3) or 0 in shape[1:]:
        raise ValueError(
            f"{op}: {name} must be (N, [D,] [H,] W, C) with pixels and channels, got {shape}"
        )
    factors = per_axis(op, "size", size, rank)
    enlarged = _enlarged(shape, factors)
    if name == "x" and (max(enlarged[1:]) > 2**30 or math.prod(enlarged) > 2**44):
        raise ValueError(f"{op}: size makes images of {enlarged[1:-1]} pixels, too many")
    return factors


def _is_nearest(op: str, interpolation: object) -> bool:
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            f'{op}: interpolation must be "nearest" or "bilinear", got {interpolation!r}'
        )
    return interpolation == "nearest"


def _enlarged(shape: tuple[int, ...], factors: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], *(n * f for n, f in zip(shape[1:-1], factors, strict=True)), shape[-1])


def _positions(size: int, factor: int) -> tuple[Array, Array]:
    """Return, for each output, the pixel before it and the share of the one after that."""
    at = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
    low = at.astype(np.int32)
    return low, at - low


def _along(
    op: str, name: str, values: Array, axis: int, out: tuple[int, ...], where: tuple[Array, Array]
) -> Array:
    """Interpolate along one axis, or take the gradient of that."""
    result = _arrays.empty(op, "the result", out, values.dtype)
    if result.size:
        outer, inner = math.prod(out[:axis]), math.prod(out[axis + 1 :])
        core(name, values.dtype)(
            *where,
            values.reshape(outer, values.shape[axis], inner),
            result.reshape(outer, out[axis], inner),
        )
    return result
