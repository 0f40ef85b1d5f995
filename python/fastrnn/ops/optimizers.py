"""Optimizer updates: one pass over flat buffers, in place, by Keras' formulas."""

from __future__ import annotations

import math

import numpy as np

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core

__all__ = ["adam_update", "rmsprop_update", "sgd_update"]


def sgd_update(
    params: Array,
    grads: Array,
    velocity: Array | None,
    *,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> None:
    """One step of gradient descent: v = momentum v - lr g; w += v.

    With nesterov, w += momentum v - lr g; without velocity, w -= lr g.

    Parameters
    ----------
    params : array (P,)
        w, float32 or float64, C order; changed in place.
    grads : array (P,)
        g.
    velocity : array (P,) or None
        v, changed in place.
    lr, momentum : float
    nesterov : bool

    Raises
    ------
    ValueError
        If shapes differ, arrays overlap, or one to be changed is read-only or not contiguous.
    TypeError
        If an argument is no NumPy array of the dtype of params.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> w = np.array([1.0, 2.0])
    >>> ops.sgd_update(w, np.array([4.0, -4.0]), None, lr=0.25)
    >>> w.tolist()
    [0.0, 3.0]
    """
    op = "sgd_update"
    g = _check(op, params, grads, velocity=velocity)
    if momentum and velocity is None:
        raise ValueError(f"{op}: momentum = {momentum} needs velocity, got None")
    core(op, params.dtype)(params, g, velocity, float(lr), float(momentum), bool(nesterov))


def rmsprop_update(
    params: Array,
    grads: Array,
    v: Array,
    mean_grad: Array | None,
    mom: Array | None,
    *,
    lr: float,
    rho: float,
    momentum: float,
    epsilon: float,
) -> None:
    """One step of RMSprop: v = rho v + (1 - rho) g²; w -= lr g / sqrt(v + epsilon).

    Parameters
    ----------
    params, grads : array (P,)
        w and g, as for :func:`sgd_update`.
    v : array (P,)
        Mean square of the gradients, changed in place.
    mean_grad : array (P,) or None
        Mean a of the gradients, changed in place; where given (centered), v - a² stands under the
        root.
    mom : array (P,) or None
        Where given, m = momentum m + lr g / sqrt(...) and w -= m; changed in place.
    lr, rho, momentum, epsilon : float

    Raises
    ------
    ValueError, TypeError
        As :func:`sgd_update`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> w, v = np.array([1.0]), np.zeros(1)
    >>> ops.rmsprop_update(
    ...     w, np.array([2.0]), v, None, None, lr=0.1, rho=0.75, momentum=0.0, epsilon=0.0)
    >>> w.tolist(), v.tolist()
    ([0.8], [1.0])
    """
    op = "rmsprop_update"
    g = _check(op, params, grads, v=v, mean_grad=mean_grad, mom=mom)
    if momentum and mom is None:
        raise ValueError(f"{op}: momentum = {momentum} needs mom, got None")
    core(op, params.dtype)(
        params, g, v, mean_grad, mom, float(lr), float(rho), float(momentum), float(epsilon)
    )


def adam_update(
    params: Array,
    grads: Array,
    m: Array,
    v: Array,
    v_max: Array | None = None,
    *,
    lr: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
) -> None:
    """One step of Adam: w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon).

    Parameters
    ----------
    params, grads : array (P,)
        w and g, as for :func:`sgd_update`.
    m, v : array (P,)
        Running means of the gradients and of their squares, changed in place.
    v_max : array (P,), optional
        Largest v so far, changed in place; it then stands under the root (AMSGrad).
    lr, beta_1, beta_2, epsilon : float
    step : int
        t, 1 at the first step.

    Raises
    ------
    ValueError, TypeError
        As :func:`sgd_update`; ValueError if step is less than 1.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> ops.adam_update(
    ...     w, np.array([5.0]), m, v, lr=0.1, beta_1=0.9, beta_2=0.999, epsilon=0.0, step=1)
    >>> w.round(6).tolist()
    [0.9]
    """
    op = "adam_update"
    g = _check(op, params, grads, m=m, v=v, v_max=v_max)
    if step < 1:
        raise ValueError(f"{op}: step must be at least 1, got {step}")
    rate = lr * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    core(op, params.dtype)(
        params, g, m, v, v_max, rate, float(beta_1), float(beta_2), float(epsilon)
    )


def _check(op: str, params: Array, grads: Array, **state: Array | None) -> Array:
    """Refuses what can't be updated in place; returns the gradients, contiguous."""
    changed = {"params": params} | {n: a for n, a in state.items() if a is not None}
    for name, array in ({"params": params, "grads": grads} | changed).items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{op}: {name} must be a NumPy array, got {type(array).__name__}")
        if array.dtype not in _arrays.FLOATS:
            raise TypeError(f"{op}: {name} must be float32 or float64, got {array.dtype}")
        if array.dtype != params.dtype:
            raise TypeError(f"{op}: {name} must be {params.dtype} as params, got {array.dtype}")
        if array.shape != params.shape:
            raise ValueError(f"{op}: {name} must be {params.shape} as params, got {array.shape}")
    for name, array in changed.items():
        flags = array.flags
        if not (flags.c_contiguous and flags.aligned and flags.writeable):
            raise ValueError(f"{op}: {name} must be writable, aligned and in C order")
    arrays = [grads, *changed.values()]
    for i, array in enumerate(arrays):
        if any(np.may_share_memory(array, other) for other in arrays[:i]):
            raise ValueError(f"{op}: the arrays must not overlap")
    return _arrays.contiguous(grads, grads.dtype)
