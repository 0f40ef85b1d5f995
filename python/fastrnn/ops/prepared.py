"""Calls whose arguments are checked once, where checks would take longer than the kernels.

For training, the way back relies on what the way forward checked. The other functions here, for
streams of single steps, return a function of x alone, which must be contiguous and of the dtype
and shape given; it returns the same array every time, with new content.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays, _convolve
from fastrnn.ops._arrays import Array, OwnGradients
from fastrnn.ops._convolve import Convolution
from fastrnn.ops._pool import geometry_of
from fastrnn.ops._run import Cache, Gradients, run, typed
from fastrnn.ops._run import backward as run_back
from fastrnn.ops._sequence import cell_weights, check_sequence
from fastrnn.ops.activations import activation as apply_activation

__all__ = [
    "OwnGradients",
    "RecurrentTraining",
    "activation",
    "convolution",
    "convolution_backward",
    "convolution_forward",
    "dense",
    "pooling",
]

Call = Callable[[Array], Array]


class RecurrentTraining:
    """A recurrent cell bound to weights: `lstm_forward`, `lstm_backward` and their like.

    The weights are checked once; their arrays may change in place.
    """

    def __init__(self, cell: str, kernel: Array, *weights: Any, **options: Any) -> None:
        self.kernel = kernel
        self._weights = cell_weights(cell, kernel, *weights, **options)
        self._backward = f"{cell}_backward"

    def forward(
        self, x: Array, h0: Array | None = None, c0: Array | None = None, **options: Any
    ) -> tuple[Any, ...]:
        """Return y, the final states, and the cache."""
        sequence = check_sequence(self._weights, x, h0, c0, **options)
        y, h_n, c_n = run(sequence, train=True)
        cache = Cache(sequence, self._backward)
        return (y, h_n, cache) if c_n is None else (y, h_n, c_n, cache)

    @staticmethod
    def backward(
        cache: Cache, dy: Any, dh_n: Any = None, dc_n: Any = None, **options: Any
    ) -> Gradients:
        """Return the gradients; options as for :func:`fastrnn.ops.lstm_backward`."""
        return run_back(cache, dy, dh_n, dc_n, **options)


def convolution_forward(
    x: Array, kernel: Array, bias: Array | None, name: Any, **options: Any
) -> tuple[Array, Convolution]:
    """:func:`fastrnn.ops.conv2d` or that of the kernel's rank, and its checked arguments."""
    c = _checked(x, kernel, **options)
    return _convolve.forward(f"conv{x.ndim - 2}d", c, bias, name), c


def convolution_backward(c: Convolution, *arguments: Any) -> Gradients:
    """The gradients of :func:`convolution_forward`; `arguments` as of `_convolve.backward`."""
    return _convolve.backward(f"conv{c.kernel.ndim - 2}d_backward", c, *arguments)


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
    rows, outputs = int(np.prod(shape[:-1])), kernel.shape[1]
    y = _arrays.empty("dense", "y", (*shape[:-1], outputs), kernel.dtype)
    flat = y.reshape(rows, outputs)
    run = typed("dense_forward", kernel.dtype)
    number = _convolve.fused_number(name)
    after = None if number is not None else activation(y.shape, y.dtype, name)
    number = number or 0
    folded = len(shape) != 2

    def call(x: Array) -> Array:
        run(x.reshape(rows, -1) if folded else x, kernel, bias, flat, number)
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
    numbers, algorithm, number = c.numbers(), c.algorithm, number or 0

    def call(x: Array) -> Array:
        run(numbers, algorithm, x, kernel, bias, y, number)
        return y if after is None else after(y)

    return call


def pooling(
    shape: tuple[int, ...], dtype: np.dtype[Any], kind: str, pool_size: Any, **options: Any
) -> Call:
    """Prepare :func:`fastrnn.ops.max_pool2d` or its like; `kind` is "max" or "mean"."""
    geometry = geometry_of("pool", shape, pool_size, options["strides"], options["padding"])
    y = _arrays.empty("pool", "y", geometry.y_shape, dtype)
    numbers = [geometry.batch, geometry.channels, *geometry.windows.numbers()]
    run, number = typed("pool_forward", dtype), _core.POOL_KINDS[kind]

    def call(x: Array) -> Array:
        run(numbers, number, x, y)
        return y

    return call
