"""Convolution over one to three axes, channels last: a sum over the kernel's positions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import ActivationLike, Array, before_activation, resolve
from .windows import (
    Padding,
    Pairs,
    PerAxis,
    Slices,
    interior,
    output_sizes,
    padding_pairs,
    per_axis,
    positions,
)


def conv2d(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    activation: ActivationLike = None,
    algorithm: str = "auto",
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return act(sum over kernel positions k of x[o·strides + k·dilation - before]·kernel[k] + b).

    The kernel's axes decide over how many axes it runs.

    Parameters
    ----------
    x : (N, H, W, C)
    kernel : (KH, KW, C / groups, F); the filters of group g are F/groups·g onwards
    bias : (F,), optional
    strides, dilation : one number, or one an axis
    padding : "valid", "same", "causal", or zeros: a number, one an axis, (before, after) an axis
    groups : the channels and the filters fall into so many parts that know nothing of each other
    activation : name, callable or None (linear)
    algorithm : without effect here
    dtype : precision of the computation and of the result

    Returns
    -------
    y : (N, OH, OW, F)
    """
    weights = np.asarray(kernel, dtype)
    inputs = _Windows(np.asarray(x, dtype), weights, strides, padding, dilation)
    y = np.zeros((len(inputs.padded), *inputs.outputs, weights.shape[-1]), dtype)
    for at, pixels in inputs.positions():
        for channels, filters in _groups(weights, groups):
            y[..., filters] += inputs.padded[pixels][..., channels] @ weights[at][:, filters]
    if bias is not None:
        y += np.asarray(bias, dtype)
    return np.asarray(resolve(activation).forward(y), dtype)


def conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    kernel: ArrayLike,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    algorithm: str = "auto",
    y: ArrayLike | None = None,
    activation: ActivationLike = None,
    use_bias: bool = True,
    need_dx: bool = True,
    dtype: DTypeLike = np.float64,
) -> dict[str, Array]:
    """Return the gradients of `conv2d` as a dict: x (if need_dx), kernel, bias (if use_bias).

    Parameters
    ----------
    dy : (N, OH, OW, F), gradient of the output after the activation
    x, kernel, strides, padding, dilation, groups, activation : what `conv2d` was given
    algorithm : without effect here
    y : (N, OH, OW, F), its output; from it the derivative of the activation is taken
    dtype : precision of the computation and of the results

    Returns
    -------
    dict of arrays: x (N, H, W, C), kernel (KH, KW, C / groups, F), bias (F,)
    """
    da = before_activation("conv2d_backward", dy, y, activation, dtype)
    weights = np.asarray(kernel, dtype)
    inputs = _Windows(np.asarray(x, dtype), weights, strides, padding, dilation)
    dkernel, dpadded = np.zeros_like(weights), np.zeros_like(inputs.padded)
    for at, pixels in inputs.positions():
        for channels, filters in _groups(weights, groups):
            rows, drows = inputs.padded[pixels][..., channels], da[..., filters]
            dkernel[at][:, filters] = _flat(rows).T @ _flat(drows)
            dpadded[pixels][..., channels] += drows @ weights[at][:, filters].T
    grads = {"kernel": dkernel}
    if use_bias:
        grads["bias"] = _flat(da).sum(axis=0)
    if need_dx:
        grads["x"] = np.ascontiguousarray(dpadded[inputs.interior])
    return grads


# The kernel's axes decide: one function serves all ranks.
conv1d = conv3d = conv2d
conv1d_backward = conv3d_backward = conv2d_backward


class _Windows:
    """The padded input of a convolution, and where its windows lie."""

    padded: Array
    outputs: tuple[int, ...]
    interior: Slices

    def __init__(
        self, x: Array, kernel: Array, strides: PerAxis, padding: Padding, dilation: PerAxis
    ) -> None:
        sizes, self._window = x.shape[1:-1], kernel.shape[:-2]
        rank = len(sizes)
        self._strides, self._dilation = per_axis(strides, rank), per_axis(dilation, rank)
        pairs: Pairs = padding_pairs(padding, sizes, self._window, self._strides, self._dilation)
        self.padded = np.pad(x, [(0, 0), *pairs, (0, 0)])
        self.outputs = output_sizes(
            self.padded.shape[1:-1], self._window, self._strides, self._dilation
        )
        self.interior = interior(pairs, sizes)

    def positions(self) -> Any:
        return positions(self._window, self.outputs, self._strides, self._dilation)


def _groups(kernel: Array, groups: int) -> list[tuple[slice, slice]]:
    """Return the input channels and the filters of each group."""
    c, f = kernel.shape[-2], kernel.shape[-1] // groups
    return [(slice(g * c, g * c + c), slice(g * f, g * f + f)) for g in range(groups)]


def _flat(array: Array) -> Array:
    return array.reshape(-1, array.shape[-1])
