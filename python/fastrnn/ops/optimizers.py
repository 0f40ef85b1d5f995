"""Optimizer updates: one pass over flat buffers, in place, by Keras' formulas.

Every update takes three keywords more. Before its rule, gradients become ``g = scale * g``, are
then cut off at ``-limit`` and ``limit``, and the parameters become ``w = keep * w``, all within
the same pass: clipping by norm, clipping by value, and decoupled weight decay.
"""

from __future__ import annotations

import math

from fastrnn import _core
from fastrnn.ops import _in_place
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core

__all__ = [
    "adadelta_update",
    "adagrad_update",
    "adam_update",
    "adamax_update",
    "ftrl_update",
    "lion_update",
    "nadam_update",
    "rmsprop_update",
    "sgd_update",
]


def sgd_update(
    params: Array,
    grads: Array,
    velocity: Array | None,
    *,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    **before: float,
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
    scale, limit, keep : float, optional
        Factor of the gradients, then their largest absolute value, and factor of the parameters,
        all before the step.

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
    if momentum and velocity is None:
        raise ValueError(f"sgd_update: momentum = {momentum} needs velocity, got None")
    _update("sgd", params, grads, {"velocity": velocity}, (lr, momentum, nesterov), **before)


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
    **before: float,
) -> None:
    """One step of RMSprop: v = rho v + (1 - rho) g²; w -= lr g / sqrt(v + epsilon).

    Parameters
    ----------
    params, grads : array (P,)
        w and g, as for :func:`sgd_update`, whose further keywords and errors apply.
    v : array (P,)
        Mean square of the gradients, changed in place.
    mean_grad : array (P,) or None
        Mean a of the gradients, changed in place; where given (centered), v - a² stands under the
        root.
    mom : array (P,) or None
        Where given, m = momentum m + lr g / sqrt(...) and w -= m; changed in place.
    lr, rho, momentum, epsilon : float

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
    if momentum and mom is None:
        raise ValueError(f"rmsprop_update: momentum = {momentum} needs mom, got None")
    state = {"v": v, "mean_grad": mean_grad, "mom": mom}
    _update("rmsprop", params, grads, state, (lr, rho, momentum, epsilon), **before)


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
    **before: float,
) -> None:
    """One step of Adam: w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon).

    Parameters
    ----------
    params, grads : array (P,)
        w and g, as for :func:`sgd_update`, whose further keywords and errors apply.
    m, v : array (P,)
        Running means of the gradients and of their squares, changed in place.
    v_max : array (P,), optional
        Largest v so far, changed in place; it then stands under the root (AMSGrad).
    lr, beta_1, beta_2, epsilon : float
    step : int
        t, 1 at the first step.

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
    _check_step("adam", step)
    rate = lr * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    state = {"m": m, "v": v, "v_max": v_max}
    _update("adam", params, grads, state, (rate, beta_1, beta_2, epsilon), **before)


def nadam_update(
    params: Array,
    grads: Array,
    m: Array,
    v: Array,
    *,
    lr: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
    u_product: float,
    **before: float,
) -> None:
    """One step of Nadam: Adam with Nesterov's momentum, on a schedule u_t of its own.

    ``w -= lr (u_{t+1} m / (1 - P u_{t+1}) + (1 - u_t) g / (1 - P)) / (sqrt(v') + epsilon)`` with
    ``u_t = beta_1 (1 - 0.96^t / 2)``, ``P = u_1 ... u_t`` and ``v' = v / (1 - beta_2^t)``.

    Parameters
    ----------
    params, grads, m, v, lr, beta_1, beta_2, epsilon, step :
        As for :func:`adam_update`.
    u_product : float
        P.

    References
    ----------
    Dozat, "Incorporating Nesterov momentum into Adam", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> ops.nadam_update(w, np.array([5.0]), m, v, lr=0.1, beta_1=0.9, beta_2=0.999, epsilon=0.0,
    ...     step=1, u_product=0.9 * (1 - 0.5 * 0.96))
    >>> w.round(4).tolist()
    [0.8937]
    """
    _check_step("nadam", step)
    now, after = (beta_1 * (1 - 0.5 * 0.96**t) for t in (step, step + 1))
    from_m = lr * after / (1 - u_product * after)
    from_g = lr * (1 - now) / (1 - u_product)
    numbers = (from_m, from_g, 1 / (1 - beta_2**step), beta_1, beta_2, epsilon)
    _update("nadam", params, grads, {"m": m, "v": v}, numbers, **before)


def adamax_update(
    params: Array,
    grads: Array,
    m: Array,
    u: Array,
    *,
    lr: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
    **before: float,
) -> None:
    """One step of Adamax: ``u = max(beta_2 u, |g|); w -= lr / (1 - beta_1^t) m / (u + epsilon)``.

    Parameters
    ----------
    params, grads, m, lr, beta_1, beta_2, epsilon, step :
        As for :func:`adam_update`.
    u : array (P,)
        Largest magnitude of the gradients, fading; changed in place.

    References
    ----------
    Kingma and Ba 2015, section 7.1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> w, m, u = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> ops.adamax_update(
    ...     w, np.array([5.0]), m, u, lr=0.1, beta_1=0.9, beta_2=0.999, epsilon=0.0, step=1)
    >>> w.round(6).tolist()
    [0.9]
    """
    _check_step("adamax", step)
    numbers = (lr / (1 - beta_1**step), beta_1, beta_2, epsilon)
    _update("adamax", params, grads, {"m": m, "u": u}, numbers, **before)


def adagrad_update(
    params: Array, grads: Array, a: Array, *, lr: float, epsilon: float, **before: float
) -> None:
    """One step of Adagrad: a += g²; w -= lr g / sqrt(a + epsilon).

    Parameters
    ----------
    params, grads : array (P,)
        w and g, as for :func:`sgd_update`, whose further keywords and errors apply.
    a : array (P,)
        Sum of the squares of the gradients, changed in place.
    lr, epsilon : float

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> w, a = np.array([1.0]), np.zeros(1)
    >>> ops.adagrad_update(w, np.array([2.0]), a, lr=0.5, epsilon=0.0)
    >>> w.tolist(), a.tolist()
    ([0.5], [4.0])
    """
    _update("adagrad", params, grads, {"a": a}, (lr, epsilon), **before)


def adadelta_update(
    params: Array,
    grads: Array,
    a: Array,
    d: Array,
    *,
    lr: float,
    rho: float,
    epsilon: float,
    **before: float,
) -> None:
    """One step of Adadelta: s = g sqrt(d + epsilon) / sqrt(a + epsilon); w -= lr s.

    Parameters
    ----------
    params, grads : array (P,)
        w and g, as for :func:`sgd_update`, whose further keywords and errors apply.
    a, d : array (P,)
        Running means of g² and, after the step, of s²; changed in place.
    lr, rho, epsilon : float

    References
    ----------
    Zeiler, "ADADELTA: an adaptive learning rate method", 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> w, a, d = np.array([1.0]), np.zeros(1), np.ones(1)
    >>> ops.adadelta_update(w, np.array([2.0]), a, d, lr=0.5, rho=0.75, epsilon=0.0)
    >>> w.tolist()
    [0.0]
    """
    _update("adadelta", params, grads, {"a": a, "d": d}, (lr, rho, epsilon), **before)


def ftrl_update(
    params: Array,
    grads: Array,
    a: Array,
    z: Array,
    *,
    lr: float,
    power: float = -0.5,
    l1: float = 0.0,
    l2: float = 0.0,
    shrinkage: float = 0.0,
    **before: float,
) -> None:
    """One step of Follow The Regularized Leader.

    With b = a + g², ``z += g + 2 shrinkage w - (b^-power - a^-power) / lr w``; then a = b and
    ``w = (clip(z, -l1, l1) - z) / (b^-power / lr + 2 l2)``.

    Parameters
    ----------
    params, grads : array (P,)
        w and g, as for :func:`sgd_update`, whose further keywords and errors apply.
    a, z : array (P,)
        Sum of the squares of the gradients, and the linear term; changed in place.
    lr, power, l1, l2, shrinkage : float

    References
    ----------
    McMahan et al., "Ad click prediction: a view from the trenches", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> w, a, z = np.zeros(1), np.zeros(1), np.zeros(1)
    >>> ops.ftrl_update(w, np.array([2.0]), a, z, lr=0.5, l1=1.0)
    >>> w.tolist(), a.tolist(), z.tolist()
    ([-0.25], [4.0], [2.0])
    """
    _update("ftrl", params, grads, {"a": a, "z": z}, (lr, -power, l1, l2, shrinkage), **before)


def lion_update(
    params: Array,
    grads: Array,
    m: Array,
    *,
    lr: float,
    beta_1: float,
    beta_2: float,
    **before: float,
) -> None:
    """One step of Lion: w -= lr sign(beta_1 m + (1 - beta_1) g); m = beta_2 m + (1 - beta_2) g.

    Parameters
    ----------
    params, grads : array (P,)
        w and g, as for :func:`sgd_update`, whose further keywords and errors apply.
    m : array (P,)
        Running mean of the gradients, changed in place.
    lr, beta_1, beta_2 : float

    References
    ----------
    Chen et al., "Symbolic discovery of optimization algorithms", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> w, m = np.array([1.0, 1.0]), np.zeros(2)
    >>> ops.lion_update(w, np.array([3.0, -0.1]), m, lr=0.25, beta_1=0.9, beta_2=0.5)
    >>> w.tolist(), m.tolist()
    ([0.75, 1.25], [1.5, -0.05])
    """
    _update("lion", params, grads, {"m": m}, (lr, beta_1, beta_2), **before)


def _update(
    rule: str,
    params: Array,
    grads: Array,
    state: dict[str, Array | None],
    numbers: tuple[float, ...],
    *,
    scale: float = 1.0,
    limit: float = math.inf,
    keep: float = 1.0,
) -> None:
    """Run a rule of the core, which takes three state arrays and six numbers of any."""
    g = _in_place.check(f"{rule}_update", {"params": params, **state}, "grads", grads)
    core("optimizer_update", params.dtype)(
        _core.UPDATE_RULES[rule],
        params,
        g,
        (*state.values(), None, None)[:3],
        scale,
        limit,
        keep,
        (*numbers, 0.0, 0.0, 0.0, 0.0)[:6],
    )


def _check_step(rule: str, step: int) -> None:
    if step < 1:
        raise ValueError(f"{rule}_update: step must be at least 1, got {step}")
