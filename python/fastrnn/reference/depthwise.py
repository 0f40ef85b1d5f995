"""Depthwise convolution: every channel has filters of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import ActivationLike, Array
from .convolution import conv2d, conv2d_backward
from .windows import Padding, PerAxis


def depthwise_conv2d(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    activation: ActivationLike = None,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return the convolution with as many groups as channels; filter c·M + j reads channel c.

    The kernel's axes decide over how many axes it runs.

    Parameters
    ----------
    x : (N, H, W, C)
    kernel : (KH, KW, C, M)
    bias : (C·M,), optional
    strides, padding, dilation, activation, dtype : as in `conv2d`

    Returns
    -------
    y : (N, OH, OW, C·M)
    """
    return conv2d(
        x,
        _grouped(np.asarray(kernel)),
        bias,
        strides=strides,
        padding=padding,
        dilation=dilation,
        groups=np.shape(kernel)[-2],
        activation=activation,
        dtype=dtype,
    )


def depthwise_conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    kernel: ArrayLike,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    y: ArrayLike | None = None,
    activation: ActivationLike = None,
    use_bias: bool = True,
    need_dx: bool = True,
    dtype: DTypeLike = np.float64,
) -> dict[str, Array]:
    """Return the gradients of `depthwise_conv2d`: x (if need_dx), kernel, bias (if use_bias).

    Parameters
    ----------
    dy : (N, OH, OW, C·M), gradient of the output after the activation
    x, kernel, strides, padding, dilation, activation : what `depthwise_conv2d` was given
    y : (N, OH, OW, C·M), its output; from it the derivative of the activation is taken
    dtype : precision of the computation and of the results

    Returns
    -------
    dict of arrays: x (N, H, W, C), kernel (KH, KW, C, M), bias (C·M,)
    """
    grads = conv2d_backward(
        dy,
        x,
        _grouped(np.asarray(kernel)),
        strides=strides,
        padding=padding,
        dilation=dilation,
        groups=np.shape(kernel)[-2],
        y=y,
        activation=activation,
        use_bias=use_bias,
        need_dx=need_dx,
        dtype=dtype,
    )
    grads["kernel"] = grads["kernel"].reshape(np.shape(kernel))
    return grads


# The kernel's axes decide: one function serves all ranks.
depthwise_conv1d = depthwise_conv2d
depthwise_conv1d_backward = depthwise_conv2d_backward


def _grouped(kernel: Array) -> Array:
    """Return (..., C, M) as the kernel (..., 1, C·M) of a convolution in C groups."""
    return kernel.reshape(*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1])
