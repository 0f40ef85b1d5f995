"""Fully connected layer: y = act(x·W + b)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import ActivationLike, Array, before_activation, resolve


def dense(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    activation: ActivationLike = None,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return act(x·kernel + bias).

    Parameters
    ----------
    x : (..., I)
    kernel : (I, O)
    bias : (O,), optional
    activation : name, callable or None (linear)
    dtype : precision of the computation and of the result

    Returns
    -------
    y : (..., O)
    """
    a = np.asarray(x, dtype) @ np.asarray(kernel, dtype)
    if bias is not None:
        a = a + np.asarray(bias, dtype)
    return np.asarray(resolve(activation).forward(a), dtype)


def dense_backward(
    dy: ArrayLike,
    x: ArrayLike,
    kernel: ArrayLike,
    *,
    y: ArrayLike | None = None,
    activation: ActivationLike = None,
    use_bias: bool = True,
    need_dx: bool = True,
    dtype: DTypeLike = np.float64,
) -> dict[str, Array]:
    """Return the gradients of `dense` as a dict: x (if need_dx), kernel, bias (if use_bias).

    Parameters
    ----------
    dy : (..., O), gradient of the output after the activation
    x, kernel : what `dense` was given
    y : (..., O), its output; from it the derivative of the activation is taken
    activation, dtype : as in `dense`

    Returns
    -------
    dict of arrays: x (..., I), kernel (I, O), bias (O,)

    Raises
    ------
    ValueError
        If the activation needs y and it is missing, or its derivative cannot be had from y.
    """
    da = before_activation("dense_backward", dy, y, activation, dtype)
    inputs, weights = np.asarray(x, dtype), np.asarray(kernel, dtype)
    rows, drows = inputs.reshape(-1, weights.shape[0]), da.reshape(-1, weights.shape[1])
    grads = {"kernel": rows.T @ drows}
    if use_bias:
        grads["bias"] = drows.sum(axis=0)
    if need_dx:
        grads["x"] = (drows @ weights.T).reshape(inputs.shape)
    return grads
