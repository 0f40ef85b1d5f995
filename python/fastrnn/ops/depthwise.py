"""Depthwise convolution: each channel has filters of its own."""

from __future__ import annotations

from typing import Any

from fastrnn.ops import _arrays, _convolve
from fastrnn.ops._arrays import Array
from fastrnn.ops._convolve import Convolution
from fastrnn.ops._run import Gradients
from fastrnn.ops._windows import Padding, PerAxis, per_axis, windows

__all__ = [
    "depthwise_conv1d",
    "depthwise_conv1d_backward",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
]


def depthwise_conv2d(
    x: object,
    kernel: object,
    bias: object = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    activation: str | None = None,
) -> Array:
    """Convolve each channel by itself: filter ``c M + j`` sees channel c, by ``kernel[..., c, j]``.

    Parameters
    ----------
    x : array (N, H, W, C)
    kernel : array (KH, KW, C, M)
        float32 or float64; x and bias must have its dtype.
    bias : array (C M,), optional
    strides, padding, dilation, activation
        As for :func:`conv2d`.

    Returns
    -------
    array (N, OH, OW, C M)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> x, w = np.ones((1, 4, 5, 3), np.float32), np.ones((3, 3, 3, 2), np.float32)
    >>> ops.depthwise_conv2d(x, w, padding="same").shape
    (1, 4, 5, 6)
    """
    op = "depthwise_conv2d"
    c = _check(op, 2, x, kernel, strides, padding, dilation)
    return _convolve.forward(op, c, bias, activation)


def depthwise_conv2d_backward(
    dy: object,
    x: object,
    kernel: object,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    y: object = None,
    activation: str | None = None,
    use_bias: bool = True,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Gradients of :func:`depthwise_conv2d`; arguments as for :func:`conv2d_backward`.

    Returns
    -------
    dict of arrays
        ``kernel`` (KH, KW, C, M), ``bias`` (if use_bias), ``x`` (if need_dx).
    """
    return _backward(
        "depthwise_conv2d_backward", 2, dy, x, kernel, strides, padding, dilation, y, activation,
        use_bias, need_dx, out,
    )  # fmt: skip


def depthwise_conv1d(
    x: object,
    kernel: object,
    bias: object = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    activation: str | None = None,
) -> Array:
    """:func:`depthwise_conv2d` over one axis: x (N, L, C), kernel (K, C, M)."""
    op = "depthwise_conv1d"
    c = _check(op, 1, x, kernel, strides, padding, dilation)
    return _convolve.forward(op, c, bias, activation)


def depthwise_conv1d_backward(
    dy: object,
    x: object,
    kernel: object,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    y: object = None,
    activation: str | None = None,
    use_bias: bool = True,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Gradients of :func:`depthwise_conv1d`; see :func:`depthwise_conv2d_backward`."""
    return _backward(
        "depthwise_conv1d_backward", 1, dy, x, kernel, strides, padding, dilation, y, activation,
        use_bias, need_dx, out,
    )  # fmt: skip


def _check(
    op: str, rank: int, x: object, kernel: object, strides: Any, padding: Any, dilation: Any
) -> Convolution:
    """Return the convolution in as many groups as channels that this is."""
    array, w = _convolve.kernel_and_input(op, rank, x, kernel)
    channels, multiplier = w.shape[-2:]
    if array.shape[-1] != channels:
        raise ValueError(
            f"{op}: x must have {channels} channels for a kernel of {w.shape}, got x {array.shape}"
        )
    steps = per_axis(op, "strides", strides, rank)
    spread = per_axis(op, "dilation", dilation, rank)
    filters = channels * multiplier
    places = windows(op, array.shape[1:-1], w.shape[:-2], steps, spread, padding, filters)
    grouped = w.reshape(*w.shape[:-2], 1, filters)
    return Convolution(_arrays.contiguous(array, w.dtype), grouped, places, channels)


def _backward(
    op: str,
    rank: int,
    dy: object,
    x: object,
    kernel: object,
    strides: Any,
    padding: Any,
    dilation: Any,
    y: object,
    activation: str | None,
    use_bias: bool,
    need_dx: bool,
    out: Gradients | None,
) -> Gradients:
    c = _check(op, rank, x, kernel, strides, padding, dilation)
    channels = c.groups
    shape = (*c.kernel.shape[:-2], channels, c.filters // channels)
    inner = out
    if out is not None and "kernel" in out:
        kernel_out = _arrays.output(op, "kernel", out["kernel"], shape, c.dtype)
        inner = {**out, "kernel": kernel_out.reshape(c.kernel.shape)}
    gradients = _convolve.backward(op, c, dy, y, activation, use_bias, need_dx, inner)
    gradients["kernel"] = gradients["kernel"].reshape(shape)
    return gradients
