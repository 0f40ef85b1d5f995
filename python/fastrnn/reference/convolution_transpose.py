"""Transposed convolution: what a convolution does to its output's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import ActivationLike, Array, before_activation, resolve
from .windows import Padding, PerAxis, Slices, explicit_pairs, per_axis, positions, span


def conv2d_transpose(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    output_padding: PerAxis | None = None,
    dilation: PerAxis = 1,
    activation: ActivationLike = None,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Spread each x[i]·kernel[k] to y[i·strides + k·dilation - before]; add bias, apply act.

    The kernel's axes decide over how many axes it runs. Sizes as Keras has them, of n inputs
    and a kernel that spans k: "valid" gives (n-1)s + max(k, s), "same" gives n·s; with
    output_padding p, "valid" gives (n-1)s + k + p, "same" gives (n-1)s + k mod 2 + p.

    Parameters
    ----------
    x : (N, H, W, C)
    kernel : (KH, KW, F, C)
    bias : (F,), optional
    strides, dilation : one number, or one an axis
    padding : "valid", "same", or pixels to crop: a number, one an axis, (before, after) an axis
    output_padding : one number, or one an axis, optional; pixels added after
    activation : name, callable or None (linear)
    dtype : precision of the computation and of the result

    Returns
    -------
    y : (N, OH, OW, F)
    """
    inputs, weights = np.asarray(x, dtype), np.asarray(kernel, dtype)
    places = _Places(inputs, weights, strides, padding, output_padding, dilation)
    full = np.zeros((len(inputs), *places.extent, weights.shape[-2]), dtype)
    for at, pixels in places.positions():
        full[pixels] += inputs @ weights[at].T
    y = np.ascontiguousarray(full[places.interior])
    if bias is not None:
        y += np.asarray(bias, dtype)
    return np.asarray(resolve(activation).forward(y), dtype)


def conv2d_transpose_backward(
    dy: ArrayLike,
    x: ArrayLike,
    kernel: ArrayLike,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    output_padding: PerAxis | None = None,
    dilation: PerAxis = 1,
    y: ArrayLike | None = None,
    activation: ActivationLike = None,
    use_bias: bool = True,
    need_dx: bool = True,
    dtype: DTypeLike = np.float64,
) -> dict[str, Array]:
    """Return the gradients of `conv2d_transpose`: x (if need_dx), kernel, bias (if use_bias).

    Parameters
    ----------
    dy : (N, OH, OW, F), gradient of the output after the activation
    x, kernel, strides, padding, output_padding, dilation, activation :
        what `conv2d_transpose` was given
    y : (N, OH, OW, F), its output; from it the derivative of the activation is taken
    dtype : precision of the computation and of the results

    Returns
    -------
    dict of arrays: x (N, H, W, C), kernel (KH, KW, F, C), bias (F,)
    """
    da = before_activation("conv2d_transpose_backward", dy, y, activation, dtype)
    inputs, weights = np.asarray(x, dtype), np.asarray(kernel, dtype)
    places = _Places(inputs, weights, strides, padding, output_padding, dilation)
    dfull = np.zeros((len(inputs), *places.extent, weights.shape[-2]), dtype)
    dfull[places.interior] = da
    dx, dkernel = np.zeros_like(inputs), np.zeros_like(weights)
    rows = inputs.reshape(-1, inputs.shape[-1])
    for at, pixels in places.positions():
        dspread = dfull[pixels]
        dx += dspread @ weights[at]
        dkernel[at] = dspread.reshape(-1, dspread.shape[-1]).T @ rows
    grads = {"kernel": dkernel}
    if use_bias:
        grads["bias"] = da.reshape(-1, da.shape[-1]).sum(axis=0)
    if need_dx:
        grads["x"] = dx
    return grads


# The kernel's axes decide: one function serves all ranks.
conv1d_transpose = conv3d_transpose = conv2d_transpose
conv1d_transpose_backward = conv3d_transpose_backward = conv2d_transpose_backward


class _Places:
    """Where the inputs go to in the uncropped output, and where in that the output lies."""

    extent: tuple[int, ...]
    interior: Slices

    def __init__(
        self,
        x: Array,
        kernel: Array,
        strides: PerAxis,
        padding: Padding,
        output_padding: PerAxis | None,
        dilation: PerAxis,
    ) -> None:
        self._sizes, self._window = x.shape[1:-1], kernel.shape[:-2]
        rank = len(self._sizes)
        self._strides, self._dilation = per_axis(strides, rank), per_axis(dilation, rank)
        added = (None,) * rank if output_padding is None else per_axis(output_padding, rank)
        pairs = (
            [padding] * rank if isinstance(padding, str) else list(explicit_pairs(padding, rank))
        )
        spans = map(span, self._window, self._dilation)
        crops = [
            _crop(*axis)
            for axis in zip(self._sizes, spans, self._strides, pairs, added, strict=True)
        ]
        self.extent = tuple(extent for extent, _ in crops)
        self.interior = (slice(None), *(inside for _, inside in crops))

    def positions(self) -> Any:
        return positions(self._window, self._sizes, self._strides, self._dilation)


def _crop(n: int, k: int, s: int, padding: Any, added: int | None) -> tuple[int, slice]:
    """Return the size of what n inputs spread to, and which part of it is the output."""
    spread = (n - 1) * s + k if n else 0
    if padding == "valid":
        before, size = 0, spread + (max(s - k, 0) if added is None else added)
    elif padding == "same":
        size = n * s if added is None else (n - 1) * s + k % 2 + added
        before = max(spread - size, 0) // 2
    else:
        before, size = padding[0], spread - sum(padding) + (added or 0)
    return max(spread, before + size), slice(before, before + size)
