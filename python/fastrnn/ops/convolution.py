"""Convolution over one, two or three axes, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastrnn.ops import _convolve
from fastrnn.ops._arrays import Array
from fastrnn.ops._run import Gradients
from fastrnn.ops._windows import Padding, PerAxis

__all__ = [
    "conv1d",
    "conv1d_backward",
    "conv2d",
    "conv2d_backward",
    "conv3d",
    "conv3d_backward",
    "conv_algorithm",
]


def conv2d(
    x: object,
    kernel: object,
    bias: object = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    activation: str | None = None,
    algorithm: str = "auto",
) -> Array:
    """Convolution of images: ``activation(sum of x's patches times kernel + bias)``.

    ``y[n, i, j, f] = sum over k, l, c of x[n, i s + k d - before, j s + l d - before, c]
    kernel[k, l, c, f]``: cross-correlation, as in every network library.

    Parameters
    ----------
    x : array (N, H, W, C)
    kernel : array (KH, KW, C / groups, F)
        float32 or float64; x and bias must have its dtype.
    bias : array (F,), optional
    strides, dilation : int or (int, int)
        Pixels from one window to the next, and from one tap of a window to the next.
    padding : {"valid", "same"}, int, (int, int) or two pairs (before, after)
        Zeros around x. "same" gives ceil(size / stride) outputs, the odd zero coming after.
    groups : int
        Filters and channels fall into so many groups that do not see each other; as many as
        channels is a depthwise convolution.
    activation : str, optional
        A Keras name; most elementwise ones are applied while the sums are in registers.
    algorithm : {"auto", "direct", "im2col", "winograd"}
        "direct" reads the patches where they lie in x; "im2col" writes them out first;
        "winograd" takes 16 multiplications for each 2x2 outputs in place of 36, for 3x3 kernels
        with strides and dilation 1, and lets an infinity or NaN reach the outputs beside. "auto"
        takes the one that is faster for the shape: winograd for 3x3 kernels of 32 and more
        channels and filters, unless the images are small and few, else direct.

    Returns
    -------
    array (N, OH, OW, F)
        Within 4 ceil(log2(KH KW C)) units in the last place of the sum of magnitudes, and the same
        to the bit for any number of threads.

    Raises
    ------
    ValueError, TypeError
        Where a shape, a window, an option or a dtype does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> x = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    >>> ops.conv2d(x, np.ones((2, 2, 1, 1), np.float32))[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]], dtype=float32)
    """
    return _conv(
        "conv2d", 2, x, kernel, bias, strides, padding, dilation, groups, activation, algorithm
    )


def conv2d_backward(
    dy: object,
    x: object,
    kernel: object,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    algorithm: str = "auto",
    y: object = None,
    activation: str | None = None,
    use_bias: bool = True,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Gradients of :func:`conv2d`.

    Parameters
    ----------
    dy : array (N, OH, OW, F)
        Gradient of the loss with respect to the output, after the activation.
    x, kernel, strides, padding, dilation, groups, algorithm
        As given to :func:`conv2d`.
    y : array (N, OH, OW, F), optional
        The output; needed where there is an activation.
    activation : str, optional
        As given to :func:`conv2d`; one whose derivative follows from the output.
    use_bias, need_dx : bool
        Which gradients are wanted beside the kernel's.
    out : dict of arrays, optional
        Where to write ``kernel`` and ``bias``.

    Returns
    -------
    dict of arrays
        ``kernel``, ``bias`` (if use_bias), ``x`` (if need_dx).

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> x, w = np.ones((1, 4, 5, 2), np.float32), np.ones((3, 3, 2, 6), np.float32)
    >>> {k: g.shape for k, g in ops.conv2d_backward(ops.conv2d(x, w), x, w).items()}
    {'kernel': (3, 3, 2, 6), 'bias': (6,), 'x': (1, 4, 5, 2)}
    """
    return _conv_backward(
        "conv2d", 2, dy, x, kernel, strides, padding, dilation, groups, algorithm,
        y, activation, use_bias, need_dx, out,
    )  # fmt: skip


def conv1d(
    x: object,
    kernel: object,
    bias: object = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    activation: str | None = None,
    algorithm: str = "auto",
) -> Array:
    """Convolution of sequences: :func:`conv2d` over a single axis.

    Parameters
    ----------
    x : array (N, L, C)
    kernel : array (K, C / groups, F)
    bias : array (F,), optional
    padding : as for :func:`conv2d`, or "causal"
        "causal" looks back only: y[t] does not depend on x[t + 1:].
    strides, dilation, groups, activation, algorithm
        As for :func:`conv2d`.

    Returns
    -------
    array (N, OL, F)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> x = np.array([1.0, 2.0, 4.0], np.float32).reshape(1, 3, 1)
    >>> ops.conv1d(x, np.ones((2, 1, 1), np.float32), padding="causal").ravel()
    array([1., 3., 6.], dtype=float32)
    """
    return _conv(
        "conv1d", 1, x, kernel, bias, strides, padding, dilation, groups, activation, algorithm
    )


def conv1d_backward(
    dy: object,
    x: object,
    kernel: object,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    algorithm: str = "auto",
    y: object = None,
    activation: str | None = None,
    use_bias: bool = True,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Gradients of :func:`conv1d`; see :func:`conv2d_backward`."""
    return _conv_backward(
        "conv1d", 1, dy, x, kernel, strides, padding, dilation, groups, algorithm,
        y, activation, use_bias, need_dx, out,
    )  # fmt: skip


def conv3d(
    x: object,
    kernel: object,
    bias: object = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    activation: str | None = None,
    algorithm: str = "auto",
) -> Array:
    """Convolution of volumes, or of clips in space and time: :func:`conv2d` over three axes.

    Parameters
    ----------
    x : array (N, D, H, W, C)
    kernel : array (KD, KH, KW, C / groups, F)
    bias : array (F,), optional
    strides, padding, dilation, groups, activation, algorithm
        As for :func:`conv2d`.

    Returns
    -------
    array (N, OD, OH, OW, F)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> x, w = np.ones((1, 4, 5, 6, 2), np.float32), np.ones((3, 3, 3, 2, 7), np.float32)
    >>> ops.conv3d(x, w, padding="same", strides=(2, 1, 1)).shape
    (1, 2, 5, 6, 7)
    """
    return _conv(
        "conv3d", 3, x, kernel, bias, strides, padding, dilation, groups, activation, algorithm
    )


def conv3d_backward(
    dy: object,
    x: object,
    kernel: object,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    algorithm: str = "auto",
    y: object = None,
    activation: str | None = None,
    use_bias: bool = True,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Gradients of :func:`conv3d`; see :func:`conv2d_backward`."""
    return _conv_backward(
        "conv3d", 3, dy, x, kernel, strides, padding, dilation, groups, algorithm,
        y, activation, use_bias, need_dx, out,
    )  # fmt: skip


def conv_algorithm(
    x_shape: Sequence[int],
    kernel_shape: Sequence[int],
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
) -> str:
    """Which algorithm "auto" stands for in the forward pass.

    Parameters
    ----------
    x_shape, kernel_shape : sequence of int
        Shapes of the arrays that :func:`conv1d`, :func:`conv2d` or :func:`conv3d` would get.
    strides, padding, dilation, groups
        As they take them.

    Returns
    -------
    str

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.conv_algorithm((32, 56, 56, 64), (3, 3, 64, 64), padding="same")
    'winograd'
    >>> ops.conv_algorithm((32, 56, 56, 64), (3, 3, 64, 64), strides=2)
    'direct'
    """
    options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    x, kernel = tuple(x_shape), tuple(kernel_shape)
    return _convolve.chosen_algorithm("conv_algorithm", x, kernel, **frozen)


def _conv(
    op: str,
    rank: int,
    x: object,
    kernel: object,
    bias: object,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    activation: str | None,
    algorithm: str,
) -> Array:
    c = _convolve.check(op, rank, x, kernel, strides, padding, dilation, groups, algorithm)
    return _convolve.forward(op, c, bias, activation)


def _conv_backward(
    op: str,
    rank: int,
    dy: object,
    x: object,
    kernel: object,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    algorithm: str,
    y: object,
    activation: str | None,
    use_bias: bool,
    need_dx: bool,
    out: Gradients | None,
) -> Gradients:
    op = f"{op}_backward"
    c = _convolve.check(op, rank, x, kernel, strides, padding, dilation, groups, algorithm)
    return _convolve.backward(op, c, dy, y, activation, use_bias, need_dx, out)
