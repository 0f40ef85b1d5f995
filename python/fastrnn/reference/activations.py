"""Every Keras activation that a name alone selects, and its gradient.

Definitions: https://keras.io/api/layers/activations (Keras 3). ``threshold`` is missing
because it cannot be used by name: it needs two arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array: TypeAlias = NDArray[Any]
Function: TypeAlias = Callable[[Array], Array]
ActivationLike: TypeAlias = "str | Callable[..., Any] | None"

# Klambauer et al. 2017, "Self-normalizing neural networks", equations 2 and 14.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
LEAKY_RELU_SLOPE = 0.2
SHRINK_THRESHOLD = 0.5


class Activation(NamedTuple):
    """``forward(x) -> y`` and ``backward(dy, x, y) -> dx``; ``needs_x``: backward reads x."""

    forward: Function
    backward: Callable[[Array, Array, Array], Array]
    needs_x: bool


def _from_y(forward: Function, derivative: Function) -> Activation:
    """Elementwise, with the derivative as a function of the output."""
    return Activation(forward, lambda dy, x, y: dy * derivative(y), needs_x=False)


def _from_x(forward: Function, derivative: Function) -> Activation:
    """Elementwise, with the derivative as a function of the input."""
    return Activation(forward, lambda dy, x, y: dy * derivative(x), needs_x=True)


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))  # never overflows
    return np.asarray(np.where(x >= 0, 1, e) / (1 + e))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _expm1_negative(x: Array) -> Array:
    return np.expm1(np.minimum(x, 0))


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, _expm1_negative(x))


def _selu(x: Array) -> Array:
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * _expm1_negative(x))


def _hard_sigmoid(x: Array) -> Array:
    return np.clip(x / 6 + 0.5, 0, 1)


def _normal_cdf(x: Array) -> Array:
    erf = np.vectorize(math.erf, otypes=[x.dtype])
    return np.asarray(0.5 * (1 + erf(x / math.sqrt(2))))


def _normal_pdf(x: Array) -> Array:
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _silu_derivative(x: Array) -> Array:
    s = _sigmoid(x)
    return np.asarray(s + x * s * (1 - s))


def _mish_derivative(x: Array) -> Array:
    t = np.tanh(_softplus(x))
    return np.asarray(t + x * (1 - t * t) * _sigmoid(x))


def _sparse_plus(x: Array) -> Array:
    return np.where(x <= -1, 0, np.where(x < 1, 0.25 * (x + 1) ** 2, x))


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _softmax_backward(dy: Array, x: Array, y: Array) -> Array:
    return np.asarray(y * (dy - (dy * y).sum(axis=-1, keepdims=True)))


def _log_softmax(x: Array) -> Array:
    shifted = x - x.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _log_softmax_backward(dy: Array, x: Array, y: Array) -> Array:
    return np.asarray(dy - np.exp(y) * dy.sum(axis=-1, keepdims=True))


def _sparsemax(x: Array) -> Array:
    """Projection onto the simplex: Martins & Astudillo 2016, algorithm 1."""
    z = np.sort(x, axis=-1)[..., ::-1]
    k = np.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    cumulated = np.cumsum(z, axis=-1)
    support = 1 + k * z > cumulated
    size = support.sum(axis=-1, keepdims=True)
    last = np.take_along_axis(cumulated, size - 1, axis=-1)
    return np.asarray(np.maximum(x - (last - 1) / size.astype(x.dtype), 0))


def _sparsemax_backward(dy: Array, x: Array, y: Array) -> Array:
    support = y > 0
    mean = (dy * support).sum(axis=-1, keepdims=True) / support.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(support, dy - mean.astype(dy.dtype), 0))


def _glu(x: Array) -> Array:
    """Gated linear unit: the last axis is halved."""
    a, b = np.split(x, 2, axis=-1)
    return a * _sigmoid(b)


def _glu_backward(dy: Array, x: Array, y: Array) -> Array:
    a, b = np.split(x, 2, axis=-1)
    s = _sigmoid(b)
    return np.concatenate([dy * s, dy * a * s * (1 - s)], axis=-1)


_SILU = _from_x(lambda x: x * _sigmoid(x), _silu_derivative)
_HARD_SILU = _from_x(
    lambda x: x * _hard_sigmoid(x),
    lambda x: np.where(x <= -3, 0, np.where(x >= 3, 1, x / 3 + 0.5)),
)

ACTIVATIONS: dict[str, Activation] = {
    "linear": _from_y(lambda x: x.copy(), np.ones_like),
    "tanh": _from_y(np.tanh, lambda y: 1 - y * y),
    "sigmoid": _from_y(_sigmoid, lambda y: y * (1 - y)),
    "relu": _from_y(lambda x: np.maximum(x, 0), lambda y: np.where(y > 0, 1, 0)),
    "relu6": _from_y(lambda x: np.clip(x, 0, 6), lambda y: np.where((y > 0) & (y < 6), 1, 0)),
    "leaky_relu": _from_y(
        lambda x: np.where(x > 0, x, LEAKY_RELU_SLOPE * x),
        lambda y: np.where(y > 0, 1, LEAKY_RELU_SLOPE),
    ),
    "elu": _from_y(_elu, lambda y: np.where(y > 0, 1, y + 1)),
    "celu": _from_y(_elu, lambda y: np.where(y > 0, 1, y + 1)),
    "selu": _from_y(_selu, lambda y: np.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)),
    "exponential": _from_y(np.exp, lambda y: y),
    "softplus": _from_y(_softplus, lambda y: -np.expm1(-y)),
    "log_sigmoid": _from_y(lambda x: -_softplus(-x), lambda y: -np.expm1(y)),
    "softsign": _from_y(lambda x: x / (1 + np.abs(x)), lambda y: (1 - np.abs(y)) ** 2),
    "hard_sigmoid": _from_y(_hard_sigmoid, lambda y: np.where((y > 0) & (y < 1), 1 / 6, 0)),
    "hard_tanh": _from_y(lambda x: np.clip(x, -1, 1), lambda y: np.where(np.abs(y) < 1, 1, 0)),
    "silu": _SILU,
    "swish": _SILU,
    "hard_silu": _HARD_SILU,
    "hard_swish": _HARD_SILU,
    "gelu": _from_x(lambda x: x * _normal_cdf(x), lambda x: _normal_cdf(x) + x * _normal_pdf(x)),
    "mish": _from_x(lambda x: x * np.tanh(_softplus(x)), _mish_derivative),
    "tanh_shrink": _from_x(lambda x: x - np.tanh(x), lambda x: np.tanh(x) ** 2),
    "hard_shrink": _from_x(
        lambda x: np.where(np.abs(x) > SHRINK_THRESHOLD, x, 0),
        lambda x: np.where(np.abs(x) > SHRINK_THRESHOLD, 1, 0),
    ),
    "soft_shrink": _from_x(
        lambda x: np.sign(x) * np.maximum(np.abs(x) - SHRINK_THRESHOLD, 0),
        lambda x: np.where(np.abs(x) > SHRINK_THRESHOLD, 1, 0),
    ),
    "squareplus": _from_x(
        lambda x: (x + np.sqrt(x * x + 4)) / 2, lambda x: (1 + x / np.sqrt(x * x + 4)) / 2
    ),
    "sparse_plus": _from_x(
        _sparse_plus, lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) / 2, 1))
    ),
    "sparse_sigmoid": _from_x(
        lambda x: np.clip((x + 1) / 2, 0, 1), lambda x: np.where(np.abs(x) < 1, 0.5, 0)
    ),
    "softmax": Activation(_softmax, _softmax_backward, needs_x=False),
    "log_softmax": Activation(_log_softmax, _log_softmax_backward, needs_x=False),
    "sparsemax": Activation(_sparsemax, _sparsemax_backward, needs_x=False),
    "glu": Activation(_glu, _glu_backward, needs_x=True),
}


def _from_callable(function: Callable[..., Any]) -> Activation:
    """Take a Python function with a method ``backward(dy, x, y)``, or differentiate it.

    Without that method it must be elementwise: its derivative is had by central differences.
    """

    def forward(x: Array) -> Array:
        return np.asarray(function(x), dtype=x.dtype)

    def derivative(x: Array) -> Array:
        # Step: the cube root of eps balances truncation against rounding.
        step = np.cbrt(np.finfo(x.dtype).eps) * np.maximum(np.abs(x), 1)
        above, below = x + step, x - step
        return np.asarray((forward(above) - forward(below)) / (above - below))

    backward = getattr(function, "backward", None)
    if backward is not None:
        return Activation(forward, backward, needs_x=True)
    return _from_x(forward, derivative)


def resolve(name: ActivationLike) -> Activation:
    """Return the forward and backward functions of a name, a callable or None (linear)."""
    if name is None:
        return ACTIVATIONS["linear"]
    if callable(name):
        return _from_callable(name)
    if name not in ACTIVATIONS:
        raise ValueError(f"activation: unknown name {name!r}, expected one of {activation_names()}")
    return ACTIVATIONS[name]


def activation_names() -> list[str]:
    """Return every name that ``activation`` knows, sorted."""
    return sorted(ACTIVATIONS)


def activation(x: ArrayLike, name: ActivationLike, *, dtype: DTypeLike = np.float64) -> Array:
    """Apply a Keras activation; softmax, log_softmax, sparsemax and glu over the last axis.

    Parameters
    ----------
    x : array of any shape
    name : str, callable or None
    dtype : precision of the computation and of the result

    Returns
    -------
    y : array, shape of x (glu: last axis halved)

    Examples
    --------
    >>> from fastrnn import reference
    >>> reference.activation([-3.0, 0.0, 3.0], "hard_sigmoid").tolist()
    [0.0, 0.5, 1.0]
    """
    return _cast(resolve(name).forward(np.asarray(x, dtype)), dtype)


def activation_backward(
    dy: ArrayLike,
    name: ActivationLike,
    *,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return dx of y = activation(x), given dy and x, or y where that is enough.

    Parameters
    ----------
    dy, x, y : arrays of one shape (glu: the last axis of x is twice as long)
    name, dtype : as in `activation`

    Returns
    -------
    dx : array, shape of x

    Raises
    ------
    ValueError
        If neither x nor y is given, or the derivative cannot be had from y alone.
    """
    function = resolve(name)
    if x is None and (y is None or function.needs_x):
        wanted = "x" if function.needs_x else "x or y"
        raise ValueError(f"activation_backward: {name} needs {wanted}")
    outputs = function.forward(np.asarray(x, dtype)) if y is None else np.asarray(y, dtype)
    inputs = outputs if x is None else np.asarray(x, dtype)
    return _cast(function.backward(np.asarray(dy, dtype), inputs, outputs), dtype)


def before_activation(
    op: str, dy: ArrayLike, y: ArrayLike | None, activation: ActivationLike, dtype: DTypeLike
) -> Array:
    """Return the gradient of what went into a layer's activation, from that of its output y.

    Raises
    ------
    ValueError
        If y is needed and missing, or the derivative cannot be had from it.
    """
    gradient = np.asarray(dy, dtype)
    if activation in (None, "linear"):
        return gradient
    function = resolve(activation)
    if y is None or function.needs_x:
        raise ValueError(f"{op}: the gradient of {activation} needs y to suffice")
    outputs = np.asarray(y, dtype)
    return _cast(function.backward(gradient, outputs, outputs), dtype)


def _cast(values: Any, dtype: DTypeLike) -> Array:
    return np.asarray(values, dtype)
