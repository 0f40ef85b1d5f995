"""Batch and layer normalization."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core, floats
from fastrnn.ops._run import Gradients

__all__ = [
    "BatchNormalizationCache",
    "LayerNormalizationCache",
    "batch_normalization",
    "batch_normalization_backward",
    "batch_normalization_forward",
    "layer_normalization",
    "layer_normalization_backward",
    "layer_normalization_forward",
]


@dataclass(frozen=True, slots=True)
class BatchNormalizationCache:
    """What :func:`batch_normalization_forward` leaves for backward, and the batch's statistics.

    Attributes
    ----------
    mean, variance : array (C,)
        Of x's dtype; the variance is divided by the number of values, not by one less.
    """

    mean: Array
    variance: Array
    x: Array
    gamma: Array | None
    beta: Array | None
    exact_mean: Array
    rstd: Array


@dataclass(frozen=True, slots=True)
class LayerNormalizationCache:
    """What :func:`layer_normalization_forward` leaves for backward.

    Attributes
    ----------
    mean, rstd : array, x's shape without the last axis
        The mean and 1 / sqrt(variance + epsilon) of every row.
    """

    mean: Array
    rstd: Array
    x: Array
    gamma: Array | None
    beta: Array | None


def batch_normalization(
    x: object,
    gamma: object,
    beta: object,
    mean: object,
    variance: object,
    *,
    epsilon: float = 1e-3,
) -> Array:
    """Normalize with known statistics: ``(x - mean) / sqrt(variance + epsilon) gamma + beta``.

    Parameters
    ----------
    x : array (..., C)
        float32 or float64; integers are converted to float32.
    gamma, beta : array (C,) or None
        Scale and offset; None for 1 and 0.
    mean, variance : array (C,)
    epsilon : float

    Returns
    -------
    array of x's shape and dtype

    Raises
    ------
    ValueError, TypeError
        Where a shape, a value or a dtype does not fit.

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.batch_normalization([[5.0], [9.0]], None, [1.0], [5.0], [4.0], epsilon=0).tolist()
    [[1.0], [3.0]]
    """
    op = "batch_normalization"
    values, scale, shift = _checked(op, x, gamma, beta)
    channels = (values.shape[-1],)
    center = _arrays.shaped(op, "mean", mean, values.dtype, channels, "(C,)")
    spread = _arrays.shaped(op, "variance", variance, values.dtype, channels, "(C,)")
    least = _epsilon(op, epsilon)
    if not np.all(spread + least > 0):
        # NaN is let through: it says what it has to in y.
        wrong = spread[spread + least <= 0]
        if wrong.size:
            raise ValueError(f"{op}: variance + epsilon must be positive, got {wrong[0] + least}")
    rstd = 1 / np.sqrt(spread.astype(np.float64) + least)
    return _normalize(op, values, scale, shift, center.astype(np.float64), rstd)


def batch_normalization_forward(
    x: object, gamma: object, beta: object, *, epsilon: float = 1e-3
) -> tuple[Array, BatchNormalizationCache]:
    """Normalize with the batch's own statistics, over all axes but the last.

    Parameters
    ----------
    x : array (..., C)
        float32 or float64; integers are converted to float32.
    gamma, beta : array (C,) or None
        Scale and offset; None for 1 and 0.
    epsilon : float

    Returns
    -------
    y : array of x's shape and dtype
    cache : BatchNormalizationCache
        For :func:`batch_normalization_backward`; it has the statistics as ``cache.mean`` and
        ``cache.variance``. Those of an empty batch are 0.

    Raises
    ------
    ValueError, TypeError
        Where a shape, a value or a dtype does not fit.

    Notes
    -----
    The statistics come from blocks of rows, each summed about its own mean and merged in float64
    in a fixed order (Chan, Golub & LeVeque 1979): a mean that is large against the deviation
    costs no digits, and the result is the same for any number of threads.

    Examples
    --------
    >>> from fastrnn import ops
    >>> y, cache = ops.batch_normalization_forward([[1.0], [5.0]], None, None, epsilon=0)
    >>> y.tolist(), cache.mean.tolist(), cache.variance.tolist()
    ([[-1.0], [1.0]], [3.0], [4.0])
    """
    op = "batch_normalization_forward"
    values, scale, shift = _checked(op, x, gamma, beta)
    channels = values.shape[-1]
    mean, variance = np.zeros(channels), np.zeros(channels)
    if values.size:
        core("batch_statistics", values.dtype)(values, mean, variance)
    with np.errstate(divide="ignore"):  # epsilon may be 0
        rstd = 1 / np.sqrt(variance + _epsilon(op, epsilon))
    y = _normalize(op, values, scale, shift, mean, rstd)
    cache = BatchNormalizationCache(
        mean.astype(values.dtype), variance.astype(values.dtype), values, scale, shift, mean, rstd
    )
    return y, cache


def batch_normalization_backward(cache: BatchNormalizationCache, dy: object) -> Gradients:
    """Gradients of :func:`batch_normalization_forward`.

    Parameters
    ----------
    cache : BatchNormalizationCache
        What the forward function returned beside y.
    dy : array (..., C)
        Gradient of the loss with respect to the output.

    Returns
    -------
    dict of arrays
        ``x``; ``gamma`` and ``beta`` where they were given.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> x = np.array([[1.0], [5.0]])
    >>> _, cache = ops.batch_normalization_forward(x, np.ones(1), np.zeros(1))
    >>> ops.batch_normalization_backward(cache, np.array([[2.0], [1.0]]))["beta"].tolist()
    [3.0]
    """
    op = "batch_normalization_backward"
    if not isinstance(cache, BatchNormalizationCache):
        raise TypeError(
            f"{op}: cache must come from batch_normalization_forward, got {type(cache).__name__}"
        )
    return _gradients(op, "batch_normalize_backward", cache, dy, (cache.exact_mean, cache.rstd))


def layer_normalization(x: object, gamma: object, beta: object, *, epsilon: float = 1e-3) -> Array:
    """Normalize every row of the last axis by its own mean and variance.

    Parameters
    ----------
    x : array (..., C)
        float32 or float64; integers are converted to float32.
    gamma, beta : array (C,) or None
        Scale and offset; None for 1 and 0.
    epsilon : float
        Added to the variance.

    Returns
    -------
    array of x's shape and dtype

    Raises
    ------
    ValueError, TypeError
        Where a shape, a value or a dtype does not fit.

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.layer_normalization([[1.0, 5.0]], None, None, epsilon=0).tolist()
    [[-1.0, 1.0]]
    """
    return _layer("layer_normalization", x, gamma, beta, epsilon, train=False)[0]


def layer_normalization_forward(
    x: object, gamma: object, beta: object, *, epsilon: float = 1e-3
) -> tuple[Array, LayerNormalizationCache]:
    """Run :func:`layer_normalization` and keep what its gradients need.

    Parameters
    ----------
    x, gamma, beta, epsilon
        As :func:`layer_normalization` takes them.

    Returns
    -------
    y : array of x's shape and dtype
    cache : LayerNormalizationCache
        For :func:`layer_normalization_backward`.

    Examples
    --------
    >>> from fastrnn import ops
    >>> y, cache = ops.layer_normalization_forward([[1.0, 5.0]], None, None, epsilon=0)
    >>> cache.mean.tolist()
    [3.0]
    """
    y, cache = _layer("layer_normalization_forward", x, gamma, beta, epsilon, train=True)
    assert cache is not None
    return y, cache


def layer_normalization_backward(cache: LayerNormalizationCache, dy: object) -> Gradients:
    """Gradients of :func:`layer_normalization_forward`.

    Parameters
    ----------
    cache : LayerNormalizationCache
        What the forward function returned beside y.
    dy : array (..., C)
        Gradient of the loss with respect to the output.

    Returns
    -------
    dict of arrays
        ``x``; ``gamma`` and ``beta`` where they were given.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> _, cache = ops.layer_normalization_forward([[1.0, 5.0]], np.ones(2), np.zeros(2))
    >>> ops.layer_normalization_backward(cache, [[2.0, 1.0]])["beta"].tolist()
    [2.0, 1.0]
    """
    op = "layer_normalization_backward"
    if not isinstance(cache, LayerNormalizationCache):
        raise TypeError(
            f"{op}: cache must come from layer_normalization_forward, got {type(cache).__name__}"
        )
    return _gradients(op, "layer_normalize_backward", cache, dy, (cache.mean, cache.rstd))


def _checked(
    op: str, x: object, gamma: object, beta: object
) -> tuple[Array, Array | None, Array | None]:
    """Return x, the scale and the offset, of one dtype."""
    values = floats(op, "x", x)
    if values.ndim < 1 or not values.shape[-1]:
        raise ValueError(f"{op}: x must be (..., C) with C >= 1, got {values.shape}")
    channels = (values.shape[-1],)
    scale, shift = (
        None if a is None else _arrays.shaped(op, name, a, values.dtype, channels, "(C,)")
        for name, a in (("gamma", gamma), ("beta", beta))
    )
    return values, scale, shift


def _epsilon(op: str, epsilon: float) -> float:
    value = float(epsilon)
    if not 0 <= value < math.inf:
        raise ValueError(f"{op}: epsilon must be a number from 0, got {epsilon}")
    return value


def _normalize(
    op: str, x: Array, gamma: Array | None, beta: Array | None, mean: Array, rstd: Array
) -> Array:
    y = _arrays.empty(op, "y", x.shape, x.dtype)
    if y.size:
        core("batch_normalize", x.dtype)(x, gamma, beta, mean, rstd, y)
    return y


def _layer(
    op: str, x: object, gamma: object, beta: object, epsilon: float, *, train: bool
) -> tuple[Array, LayerNormalizationCache | None]:
    values, scale, shift = _checked(op, x, gamma, beta)
    least = _epsilon(op, epsilon)
    y = _arrays.empty(op, "y", values.shape, values.dtype)
    mean = rstd = None
    if train:
        mean, rstd = (np.empty(values.shape[:-1], values.dtype) for _ in range(2))
    if y.size:
        channels = values.shape[-1]
        core("layer_normalize", y.dtype)(channels, least, values, scale, shift, y, mean, rstd)
    if mean is None or rstd is None:
        return y, None
    return y, LayerNormalizationCache(mean, rstd, values, scale, shift)


def _gradients(
    op: str,
    name: str,
    cache: BatchNormalizationCache | LayerNormalizationCache,
    dy: object,
    statistics: tuple[Array, Array],
) -> Gradients:
    x = cache.x
    gradient = _arrays.shaped(op, "dy", dy, x.dtype, x.shape, "of the shape of x")
    dx = _arrays.empty(op, "dx", x.shape, x.dtype)
    dgamma, dbeta = np.zeros(x.shape[-1], x.dtype), np.zeros(x.shape[-1], x.dtype)
    if dx.size:
        channels = [x.shape[-1]] if name.startswith("layer") else []
        core(name, x.dtype)(*channels, x, gradient, cache.gamma, *statistics, dx, dgamma, dbeta)
    gradients = {"x": dx}
    if cache.gamma is not None:
        gradients["gamma"] = dgamma
    if cache.beta is not None:
        gradients["beta"] = dbeta
    return gradients
