"""Activations over whole arrays: every name that Keras knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core, floats

__all__ = ["activation", "activation_backward", "activation_names"]

_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}

# The activations with a parameter, and whether it may be 0. Negative ones would lose what the
# derivative is computed from; threshold takes any.
_ZERO_ALLOWED = {
    "leaky_relu": True,
    "elu": True,
    "celu": False,
    "squareplus": False,
    "soft_shrink": True,
    "hard_shrink": True,
    "threshold": True,
}


def activation_names() -> list[str]:
    """Return the names that :func:`activation` knows, sorted.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from fastrnn import ops
    >>> "mish" in ops.activation_names()
    True
    """
    return sorted([*_core.ACTIVATIONS, *_core.ROW_ACTIVATIONS, *_ALIASES])


def activation(
    x: object, name: str | Callable[[Array], Array] | None, *, parameter: float | None = None
) -> Array:
    """Apply an activation to an array.

    Parameters
    ----------
    x : array of any shape
        float32 or float64; integers are converted to float32.
    name : str, callable or None
        A Keras name. softmax, log_softmax and sparsemax act on the last axis, glu halves it.
        A callable is given the array and must return one of its shape. None: linear.
    parameter : float, optional
        The slope of leaky_relu (0.2), the alpha of elu and celu (1), the b of squareplus (4), the
        threshold of threshold (0), soft_shrink and hard_shrink (0.5).

    Returns
    -------
    array of x's shape (glu: half the last axis) and dtype

    Raises
    ------
    ValueError
        If the name is unknown, the parameter out of range, or glu's axis odd.
    TypeError
        If x is no array of numbers.

    Notes
    -----
    float32 results of exponential, tanh and sigmoid are within 1, 4 and 3 ULP. Large arrays are
    shared among threads; the result does not depend on their number.

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.activation([-3.0, 0.0, 1.0], "leaky_relu", parameter=0.5).tolist()
    [-1.5, 0.0, 1.0]
    """
    op = "activation"
    values = floats(op, "x", x)
    if name is not None and callable(name):
        return _called(op, name, values)
    known, value = _resolve(op, name, parameter)
    if known in _core.ROW_ACTIVATIONS:
        shape = _row_shape(op, known, values.shape)
        y = _arrays.empty(op, "y", shape, values.dtype)
        if y.size:
            columns = shape[-1]
            core("row_activation_forward", y.dtype)(
                _core.ROW_ACTIVATIONS[known], values, y.reshape(-1, columns)
            )
        return y
    y = _arrays.empty(op, "y", values.shape, values.dtype)
    core("activation_forward", y.dtype)(_core.ACTIVATIONS[known], value, values, y)
    return y


def activation_backward(
    dy: object,
    name: str | Callable[[Array], Array] | None,
    *,
    x: object = None,
    y: object = None,
    parameter: float | None = None,
) -> Array:
    """Gradient of :func:`activation`.

    Parameters
    ----------
    dy : array, shape of y
        Gradient of the loss with respect to the output.
    name, parameter
        As given to :func:`activation`.
    x, y : array, optional
        Input and output; one is enough. Those in ``ops.FUSED_ACTIVATIONS``, softmax, log_softmax
        and sparsemax do with y; the others need x. Where both are given, the cheaper is read.

    Returns
    -------
    array of x's shape and dtype

    Raises
    ------
    ValueError
        If what the derivative needs is missing, or the shapes do not agree.
    TypeError
        If dtypes do not agree.

    Notes
    -----
    The derivative of a callable is its own ``backward(dy, x, y)`` where it has one, else taken
    element by element from central differences in float64.

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.activation_backward([1.0, 1.0], "relu", x=[-2.0, 2.0]).tolist()
    [0.0, 1.0]
    """
    op = "activation_backward"
    inputs = None if x is None else floats(op, "x", x)
    outputs = None if y is None else floats(op, "y", y)
    if name is not None and callable(name):
        if inputs is None:
            raise ValueError(f"{op}: a callable's derivative needs x")
        return _called_backward(op, name, dy, inputs, outputs)
    known, value = _resolve(op, name, parameter)
    if inputs is None and outputs is None:
        raise ValueError(f"{op}: the derivative of {known!r} needs x or y")
    if known in _core.ROW_ACTIVATIONS:
        return _rows_backward(op, known, dy, inputs, outputs)
    if inputs is None and _core.ACTIVATIONS[known] >= _core.FIRST_UNFUSED:
        raise ValueError(f"{op}: the derivative of {known!r} needs x")
    like = outputs if outputs is not None else inputs
    assert like is not None
    gradient = _arrays.shaped(op, "dy", dy, like.dtype, like.shape, "of the shape of x and y")
    if inputs is not None:
        inputs = _arrays.shaped(op, "x", inputs, like.dtype, like.shape, "of the shape of y")
    dx = _arrays.empty(op, "dx", like.shape, like.dtype)
    core("activation_backward", like.dtype)(
        _core.ACTIVATIONS[known], value, gradient, inputs, outputs, dx
    )
    return dx


def _resolve(op: str, name: object, parameter: float | None) -> tuple[str, float]:
    """Return the core's name and the parameter's value."""
    if name is None:
        name = "linear"
    if not isinstance(name, str):
        raise TypeError(f"{op}: name must be a string or a callable, got {type(name).__name__}")
    known = _ALIASES.get(name, name)
    if known not in _core.ACTIVATIONS and known not in _core.ROW_ACTIVATIONS:
        raise ValueError(f"{op}: name must be one of {', '.join(activation_names())}, got {name!r}")
    if parameter is None:
        return known, _core.ACTIVATION_PARAMETERS.get(known, 1.0)
    if known not in _ZERO_ALLOWED:
        raise ValueError(f"{op}: {name!r} has no parameter, got parameter={parameter}")
    value = float(parameter)
    if known != "threshold" and not (value > 0 or (value == 0 and _ZERO_ALLOWED[known])):
        least = "at least 0" if _ZERO_ALLOWED[known] else "greater than 0"
        raise ValueError(f"{op}: the parameter of {name!r} must be {least}, got {parameter}")
    return known, value


def _row_shape(op: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the output's shape for the input's."""
    if not shape:
        raise ValueError(f"{op}: {name!r} needs at least one axis, got a scalar")
    if name != "glu":
        return shape
    if shape[-1] % 2:
        raise ValueError(f"{op}: 'glu' needs a last axis of even length, got {shape}")
    return (*shape[:-1], shape[-1] // 2)


def _rows_backward(
    op: str, name: str, dy: object, inputs: Array | None, outputs: Array | None
) -> Array:
    if name == "glu":
        if inputs is None:
            raise ValueError(f"{op}: the derivative of 'glu' needs x")
        saved = inputs
    else:
        saved = activation(inputs, name) if outputs is None else outputs
    shape = _row_shape(op, name, saved.shape)
    gradient = _arrays.shaped(op, "dy", dy, saved.dtype, shape, "of the shape of y")
    dx = _arrays.empty(op, "dx", saved.shape, saved.dtype)
    if gradient.size:
        core("row_activation_backward", saved.dtype)(
            _core.ROW_ACTIVATIONS[name], gradient.reshape(-1, shape[-1]), saved, dx
        )
    return dx


def _called(op: str, function: Callable[[Array], Array], x: Array) -> Array:
    y = np.asarray(function(x), x.dtype)
    if y.shape != x.shape:
        raise ValueError(f"{op}: {function!r} must keep the shape {x.shape}, got {y.shape}")
    return y


def _called_backward(op: str, function: Any, dy: object, x: Array, y: Array | None) -> Array:
    gradient = _arrays.shaped(op, "dy", dy, x.dtype, x.shape, "of the shape of x")
    backward = getattr(function, "backward", None)
    if backward is not None:
        return np.asarray(backward(gradient, x, _called(op, function, x) if y is None else y))
    wide = x.astype(np.float64)
    # The cube root of the rounding unit balances truncation against rounding.
    step = np.cbrt(np.finfo(np.float64).eps) * np.maximum(np.abs(wide), 1)
    above, below = wide + step, wide - step
    slope = (_called(op, function, above) - _called(op, function, below)) / (above - below)
    return np.asarray(gradient * slope, x.dtype)
