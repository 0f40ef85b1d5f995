"""Transposed convolution: each input pixel spreads over a window of the output."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn.ops import _arrays, _convolve
from fastrnn.ops._arrays import Array
from fastrnn.ops._convolve import Convolution
from fastrnn.ops._run import Gradients, typed
from fastrnn.ops._windows import (
    Padding,
    PerAxis,
    Windows,
    check_extent,
    explicit_pairs,
    per_axis,
)
from fastrnn.ops.activations import activation as apply_activation

__all__ = [
    "conv1d_transpose",
    "conv1d_transpose_backward",
    "conv2d_transpose",
    "conv2d_transpose_backward",
    "conv3d_transpose",
    "conv3d_transpose_backward",
]


def conv2d_transpose(
    x: object,
    kernel: object,
    bias: object = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    output_padding: PerAxis | None = None,
    dilation: PerAxis = 1,
    activation: str | None = None,
) -> Array:
    """Spread each ``x[i] kernel[k]`` to ``y[i strides + k dilation - before]``; add the bias.

    What :func:`conv2d` does to the gradient of its output. Sizes as Keras has them, of n inputs
    and a window that spans k: "valid" gives (n - 1) s + max(k, s), "same" gives n s; with
    output_padding p, "valid" gives (n - 1) s + k + p and "same" (n - 1) s + k mod 2 + p.

    Parameters
    ----------
    x : array (N, H, W, C)
    kernel : array (KH, KW, F, C)
        float32 or float64; x and bias must have its dtype.
    bias : array (F,), optional
    strides, dilation : int or (int, int)
    padding : {"valid", "same"}, or pixels to crop: int, (int, int) or pairs (before, after)
    output_padding : int or (int, int), optional
        Pixels added after each axis.
    activation : str, optional

    Returns
    -------
    array (N, OH, OW, F)

    Raises
    ------
    ValueError, TypeError
        Where a shape, an option or a dtype does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> x, w = np.ones((1, 2, 2, 1), np.float32), np.ones((3, 3, 1, 1), np.float32)
    >>> ops.conv2d_transpose(x, w, strides=2, padding="same")[0, :, :, 0]
    array([[1., 1., 2., 1.],
           [1., 1., 2., 1.],
           [2., 2., 4., 2.],
           [1., 1., 2., 1.]], dtype=float32)
    """
    return _transpose(
        "conv2d_transpose", 2, x, kernel, bias, strides, padding, output_padding, dilation,
        activation,
    )  # fmt: skip


def conv2d_transpose_backward(
    dy: object,
    x: object,
    kernel: object,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    output_padding: PerAxis | None = None,
    dilation: PerAxis = 1,
    y: object = None,
    activation: str | None = None,
    use_bias: bool = True,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Gradients of :func:`conv2d_transpose`; arguments as for :func:`conv2d_backward`.

    Returns
    -------
    dict of arrays
        ``kernel`` (KH, KW, F, C), ``bias`` (if use_bias), ``x`` (if need_dx).
    """
    return _transpose_backward(
        "conv2d_transpose", 2, dy, x, kernel, strides, padding, output_padding, dilation, y,
        activation, use_bias, need_dx, out,
    )  # fmt: skip


def conv1d_transpose(
    x: object,
    kernel: object,
    bias: object = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    output_padding: PerAxis | None = None,
    dilation: PerAxis = 1,
    activation: str | None = None,
) -> Array:
    """:func:`conv2d_transpose` over one axis: x (N, L, C), kernel (K, F, C)."""
    return _transpose(
        "conv1d_transpose", 1, x, kernel, bias, strides, padding, output_padding, dilation,
        activation,
    )  # fmt: skip


def conv1d_transpose_backward(
    dy: object,
    x: object,
    kernel: object,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    output_padding: PerAxis | None = None,
    dilation: PerAxis = 1,
    y: object = None,
    activation: str | None = None,
    use_bias: bool = True,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Gradients of :func:`conv1d_transpose`; see :func:`conv2d_transpose_backward`."""
    return _transpose_backward(
        "conv1d_transpose", 1, dy, x, kernel, strides, padding, output_padding, dilation, y,
        activation, use_bias, need_dx, out,
    )  # fmt: skip


def conv3d_transpose(
    x: object,
    kernel: object,
    bias: object = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    output_padding: PerAxis | None = None,
    dilation: PerAxis = 1,
    activation: str | None = None,
) -> Array:
    """:func:`conv2d_transpose` over three axes: x (N, D, H, W, C), kernel (KD, KH, KW, F, C)."""
    return _transpose(
        "conv3d_transpose", 3, x, kernel, bias, strides, padding, output_padding, dilation,
        activation,
    )  # fmt: skip


def conv3d_transpose_backward(
    dy: object,
    x: object,
    kernel: object,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    output_padding: PerAxis | None = None,
    dilation: PerAxis = 1,
    y: object = None,
    activation: str | None = None,
    use_bias: bool = True,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Gradients of :func:`conv3d_transpose`; see :func:`conv2d_transpose_backward`."""
    return _transpose_backward(
        "conv3d_transpose", 3, dy, x, kernel, strides, padding, output_padding, dilation, y,
        activation, use_bias, need_dx, out,
    )  # fmt: skip


def _check(
    op: str,
    rank: int,
    x: object,
    kernel: object,
    strides: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
) -> Convolution:
    """Return the convolution from y to x whose gradient this is; its ``x`` stays empty."""
    array, w = _convolve.kernel_and_input(op, rank, x, kernel)
    if array.shape[-1] != w.shape[-1]:
        raise ValueError(
            f"{op}: x must have {w.shape[-1]} channels for a kernel of {w.shape}, "
            f"got x {array.shape}"
        )
    steps = per_axis(op, "strides", strides, rank)
    spread = per_axis(op, "dilation", dilation, rank)
    added: tuple[int | None, ...] = (None,) * rank
    if output_padding is not None:
        added = per_axis(op, "output_padding", output_padding, rank, 0)
    window, inputs = w.shape[:-2], array.shape[1:-1]
    pairs: list[Any] = [padding] * rank
    if not isinstance(padding, str):
        pairs = list(explicit_pairs(op, padding, rank))
    elif padding.lower() not in ("valid", "same"):
        raise ValueError(
            f'{op}: padding must be "valid", "same" or pixels to crop, got {padding!r}'
        )
    crops = [
        _crop(op, n, (k - 1) * d + 1, s, pair, extra)
        for n, k, d, s, pair, extra in zip(inputs, window, spread, steps, pairs, added, strict=True)
    ]
    sizes = tuple(size for _, size in crops)
    full = [
        max(size, (n - 1) * s + (k - 1) * d + 1)
        for size, n, k, d, s in zip(sizes, inputs, window, spread, steps, strict=True)
    ]
    check_extent(op, full, max(w.shape[-2:]))
    places = Windows(sizes, window, steps, spread, tuple(b for b, _ in crops), inputs)
    # The core's convolution goes from y to x: its channels are this one's filters.
    shape = _convolve.core_shape(array.shape[0], w.shape[-2], w.shape[-1], 1, places)
    return Convolution(_arrays.contiguous(array, w.dtype), w, places, 1, shape=shape)


def _crop(
    op: str, n: int, span: int, stride: int, padding: Any, added: int | None
) -> tuple[int, int]:
    """Return where the output begins in what n pixels spread to, and its size."""
    spread = (n - 1) * stride + span
    if not isinstance(padding, str):
        before, size = padding[0], spread - sum(padding) + (added or 0)
    elif padding.lower() == "valid":
        before, size = 0, spread + (max(stride - span, 0) if added is None else added)
    else:
        size = n * stride if added is None else (n - 1) * stride + span % 2 + added
        before = max(spread - size, 0) // 2
    if size < 1:
        raise ValueError(
            f"{op}: padding {padding!r} crops all of the {spread} pixels that {n} inputs spread to"
        )
    return before, size


def _transpose(
    op: str,
    rank: int,
    x: object,
    kernel: object,
    bias: object,
    strides: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    activation: str | None,
) -> Array:
    c = _check(op, rank, x, kernel, strides, padding, output_padding, dilation)
    filters = c.kernel.shape[-2]
    b = _convolve.bias_of(op, bias, c.dtype, filters)
    number = _convolve.fused_number(activation)
    y = _arrays.empty(op, "y", (c.x.shape[0], *c.places.sizes, filters), c.dtype)
    if y.size:
        typed("conv_input", c.dtype)(c.shape, 0, c.x, c.kernel, b, y, number or 0)
    return y if number is not None else apply_activation(y, activation)


def _transpose_backward(
    op: str,
    rank: int,
    dy: object,
    x: object,
    kernel: object,
    strides: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    y: object,
    activation: str | None,
    use_bias: bool,
    need_dx: bool,
    out: Gradients | None,
) -> Gradients:
    op = f"{op}_backward"
    c = _check(op, rank, x, kernel, strides, padding, output_padding, dilation)
    filters = c.kernel.shape[-2]
    shape = (c.x.shape[0], *c.places.sizes, filters)
    dz = _convolve.before_activation(op, dy, y, activation, shape, c.dtype)
    shapes: dict[str, tuple[int, ...]] = {"kernel": c.kernel.shape}
    if use_bias:
        shapes["bias"] = (filters,)
    reads = {"x": c.x, "kernel": c.kernel, "dy": dz}
    gradients = _convolve.gradient_arrays(op, out, shapes, c.dtype, reads)
    if need_dx:
        gradients["x"] = _arrays.empty(op, "dx", c.x.shape, c.dtype)
    if not dz.size:
        for gradient in gradients.values():
            gradient[...] = 0
        return gradients
    typed("conv_weights", c.dtype)(c.shape, dz, c.x, gradients["kernel"], None)
    if use_bias:
        gradients["bias"][...] = dz.reshape(-1, filters).sum(axis=0, dtype=np.float64)
    if need_dx:
        typed("conv_forward", c.dtype)(c.shape, 0, dz, c.kernel, None, gradients["x"], 0)
    return gradients
