"""Calls whose arguments are checked once, where checks would take longer than the kernels.

The functions here, for streams of single steps, return a function of x alone, which must be
contiguous and of the dtype and shape given; it returns the same array every time, with new content.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays, _convolve
from fastrnn.ops._arrays import Array
from fastrnn.ops._convolve import Convolution
from fastrnn.ops._pool import geometry_of
from fastrnn.ops._run import typed
from fastrnn.ops.activations import activation as apply_activation

__all__ = ["activation", "convolution", "dense", "pooling"]

Call = Callable[[Array], Array]


def _checked(
    x: Array,
    kernel: Array,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: int = 1,
) -> Convolution:
    rank = kernel.ndim - 2
    return _convolve.check(
        f"conv{rank}d", rank, x, kernel, strides, padding, dilation, groups, "auto"
    )


def activation(shape: tuple[int, ...], dtype: np.dtype[Any], name: Any) -> Call:
    """Prepare :func:`fastrnn.ops.activation`."""
    if not isinstance(name, str) or name == "glu":
        return lambda x: apply_activation(x, name)
    y = _arrays.empty("activation", "y", shape, dtype)
    rows = name in _core.ROW_ACTIVATIONS
    run = typed("row_activation_forward" if rows else "activation_forward", dtype)
    number = _core.ROW_ACTIVATIONS[name] if rows else _core.ACTIVATIONS[name]
    parameter = _core.ACTIVATION_PARAMETERS.get(name, 1.0)
    flat = y.reshape(-1, shape[-1])

    def call(x: Array) -> Array:
        if rows:
            run(number, x, flat)
        else:
            run(number, parameter, x, y)
        return y

    return call


def dense(shape: tuple[int, ...], kernel: Array, bias: Array | None, name: Any) -> Call:
    """Prepare :func:`fastrnn.ops.dense`, with any activation."""
    y = _arrays.empty("dense", "y", (*shape[:-1], kernel.shape[1]), kernel.dtype)
    run = typed("dense_forward", kernel.dtype)
    number = _convolve.fused_number(name)
    after = None if number is not None else activation(y.shape, y.dtype, name)
    number = number or 0

    def call(x: Array) -> Array:
        run(x, kernel, bias, y, number)
        return y if after is None else after(y)

    return call


def convolution(
    shape: tuple[int, ...], kernel: Array, bias: Array | None, name: Any, **options: Any
) -> Call:
    """Prepare :func:`fastrnn.ops.conv2d` or that of the kernel's rank, with any activation."""
    c = _checked(np.broadcast_to(kernel.dtype.type(0), shape), kernel, **options)
    y = _arrays.empty("conv", "y", c.output_shape, kernel.dtype)
    run = typed("conv_forward", kernel.dtype)
    number = _convolve.fused_number(name)
    after = None if number is not None else activation(y.shape, y.dtype, name)
    core_shape, algorithm, number = c.shape, c.algorithm, number or 0

    def call(x: Array) -> Array:
        run(core_shape, algorithm, x, kernel, bias, y, number)
        return y if after is None else after(y)

    return call


def pooling(
    shape: tuple[int, ...], dtype: np.dtype[Any], kind: str, pool_size: Any, **options: Any
) -> Call:
    """Prepare :func:`fastrnn.ops.max_pool2d` or its like; `kind` is "max" or "mean"."""
    geometry = geometry_of("pool", shape, pool_size, options["strides"], options["padding"])
    y = _arrays.empty("pool", "y", geometry.y_shape, dtype)
    run, number = typed("pool_forward", dtype), _core.POOL_KINDS[kind]

    def call(x: Array) -> Array:
        run(geometry.shape, number, x, y)
        return y

    return call
