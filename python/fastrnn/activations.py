"""Activation functions by Keras' names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from numpy.typing import ArrayLike, NDArray

from fastrnn import ops
from fastrnn.utils.custom_objects import custom_object
from fastrnn.utils.naming import unknown

__all__ = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
]

# What layers keep and what `fastrnn.ops` takes: a known name, or any elementwise function.
ActivationLike: TypeAlias = "str | Callable[..., Any]"


def relu(x: ArrayLike) -> NDArray[Any]:
    """max(x, 0)."""
    return ops.activation(x, "relu")


def relu6(x: ArrayLike) -> NDArray[Any]:
    """min(max(x, 0), 6)."""
    return ops.activation(x, "relu6")


def leaky_relu(x: ArrayLike) -> NDArray[Any]:
    """x, or 0.2 x where x is negative."""
    return ops.activation(x, "leaky_relu")


def elu(x: ArrayLike) -> NDArray[Any]:
    """x, or exp(x) - 1 where x is negative."""
    return ops.activation(x, "elu")


def celu(x: ArrayLike) -> NDArray[Any]:
    """x, or exp(x) - 1 where x is negative; equal to `elu` with the default slopes."""
    return ops.activation(x, "celu")


def selu(x: ArrayLike) -> NDArray[Any]:
    """Scaled `elu` whose outputs keep mean 0 and variance 1."""
    return ops.activation(x, "selu")


def softplus(x: ArrayLike) -> NDArray[Any]:
    """log(1 + exp(x))."""
    return ops.activation(x, "softplus")


def softsign(x: ArrayLike) -> NDArray[Any]:
    """Return x / (1 + abs(x))."""
    return ops.activation(x, "softsign")


def squareplus(x: ArrayLike) -> NDArray[Any]:
    """(x + sqrt(x² + 4)) / 2."""
    return ops.activation(x, "squareplus")


def soft_shrink(x: ArrayLike) -> NDArray[Any]:
    """Move x towards 0 by 0.5, and stop there."""
    return ops.activation(x, "soft_shrink")


def hard_shrink(x: ArrayLike) -> NDArray[Any]:
    """x, or 0 within ±0.5."""
    return ops.activation(x, "hard_shrink")


def tanh_shrink(x: ArrayLike) -> NDArray[Any]:
    """Return x - tanh(x)."""
    return ops.activation(x, "tanh_shrink")


def sparse_plus(x: ArrayLike) -> NDArray[Any]:
    """0 up to -1, (x + 1)² / 4 up to 1, then x."""
    return ops.activation(x, "sparse_plus")


def sparse_sigmoid(x: ArrayLike) -> NDArray[Any]:
    """(x + 1) / 2, clipped to 0 and 1."""
    return ops.activation(x, "sparse_sigmoid")


def silu(x: ArrayLike) -> NDArray[Any]:
    """Return x sigmoid(x), also called swish."""
    return ops.activation(x, "silu")


def hard_silu(x: ArrayLike) -> NDArray[Any]:
    """Return x hard_sigmoid(x), also called hard_swish."""
    return ops.activation(x, "hard_silu")


def gelu(x: ArrayLike) -> NDArray[Any]:
    """Multiply x by the normal distribution's probability below x."""
    return ops.activation(x, "gelu")


def glu(x: ArrayLike) -> NDArray[Any]:
    """First half of the last axis times the sigmoid of its second half."""
    return ops.activation(x, "glu")


def mish(x: ArrayLike) -> NDArray[Any]:
    """Return x tanh(softplus(x))."""
    return ops.activation(x, "mish")


def tanh(x: ArrayLike) -> NDArray[Any]:
    """Hyperbolic tangent."""
    return ops.activation(x, "tanh")


def hard_tanh(x: ArrayLike) -> NDArray[Any]:
    """x, clipped to ±1."""
    return ops.activation(x, "hard_tanh")


def sigmoid(x: ArrayLike) -> NDArray[Any]:
    """1 / (1 + exp(-x))."""
    return ops.activation(x, "sigmoid")


def hard_sigmoid(x: ArrayLike) -> NDArray[Any]:
    """Return x / 6 + 0.5, clipped to 0 and 1."""
    return ops.activation(x, "hard_sigmoid")


def log_sigmoid(x: ArrayLike) -> NDArray[Any]:
    """log(sigmoid(x))."""
    return ops.activation(x, "log_sigmoid")


def exponential(x: ArrayLike) -> NDArray[Any]:
    """exp(x)."""
    return ops.activation(x, "exponential")


def linear(x: ArrayLike) -> NDArray[Any]:
    """Return x."""
    return ops.activation(x, "linear")


def softmax(x: ArrayLike) -> NDArray[Any]:
    """exp(x), divided by its sum over the last axis."""
    return ops.activation(x, "softmax")


def log_softmax(x: ArrayLike) -> NDArray[Any]:
    """log(softmax(x))."""
    return ops.activation(x, "log_softmax")


def sparsemax(x: ArrayLike) -> NDArray[Any]:
    """The nearest point to x, over the last axis, that is a probability distribution."""
    return ops.activation(x, "sparsemax")


_FUNCTIONS: tuple[Callable[[ArrayLike], NDArray[Any]], ...] = (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
)
_BY_NAME = {function.__name__: function for function in _FUNCTIONS}
_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


def get(identifier: Any) -> Callable[..., Any]:
    """The function for a name; None stands for `linear`, a callable for itself.

    Parameters
    ----------
    identifier : str, callable, dict or None

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If no activation has that name.

    Examples
    --------
    >>> from fastrnn import activations
    >>> activations.get("relu")([-1.0, 2.0])
    array([0., 2.])
    """
    found = resolve(identifier)
    return _BY_NAME[found] if isinstance(found, str) else found


def resolve(identifier: Any) -> ActivationLike:
    """What `fastrnn.ops` is to be told: the known name, or the callable that is none of ours.

    A saved Keras description, ``{"class_name": "function", "config": "relu"}``, counts as
    the name in it.
    """
    if identifier is None:
        return "linear"
    if isinstance(identifier, dict):
        identifier = identifier.get("config", identifier.get("class_name"))
    if isinstance(identifier, str):
        own: ActivationLike | None = custom_object(identifier)
        if own is not None:
            return own
        name = _ALIASES.get(identifier, identifier)
        if name not in _BY_NAME:
            raise unknown("activation", identifier, [*_BY_NAME, *_ALIASES])
        return name
    if not callable(identifier):
        raise TypeError(f"activation must be a name or a callable, got {type(identifier).__name__}")
    name = str(getattr(identifier, "__name__", ""))
    if _BY_NAME.get(name) is identifier:
        return name
    function: Callable[..., Any] = identifier
    return function


def serialize(identifier: Any) -> str:
    """The name under which Keras saves an activation."""
    found = resolve(identifier)
    return found if isinstance(found, str) else str(getattr(found, "__name__", "custom"))


swish = silu
hard_swish = hard_silu
