"""Optimizer updates, in place, as Keras 3 defines them.

The arrays' own dtype is the precision of the computation: pass float64 for the truth. What each
parameter means is in `fastrnn.ops`, under the same names.
"""

from __future__ import annotations

import math

import numpy as np

from .activations import Array


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
    """Gradient descent: v = momentum·v - lr·g; w += v, or momentum·v - lr·g for Nesterov."""
    grads = _begin(params, grads, **before)
    if velocity is None:
        params -= lr * grads
        return
    velocity *= momentum
    velocity -= lr * grads
    params += momentum * velocity - lr * grads if nesterov else velocity


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
    """RMSprop: v = ρ·v + (1 - ρ)·g²; w -= lr·g / √(v + ε), ε inside the root."""
    grads = _begin(params, grads, **before)
    v *= rho
    v += (1 - rho) * grads * grads
    denominator = v + epsilon
    if mean_grad is not None:
        mean_grad *= rho
        mean_grad += (1 - rho) * grads
        denominator -= mean_grad * mean_grad
    increment = lr * grads / np.sqrt(denominator)
    if mom is not None:
        mom *= momentum
        mom += increment
        increment = mom
    params -= increment


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
    """Adam: w -= lr·√(1 - β₂ᵗ)/(1 - β₁ᵗ)·m/(√v + ε), t = step from 1 on."""
    grads = _begin(params, grads, **before)
    rate = lr * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    m += (grads - m) * (1 - beta_1)
    v += (grads * grads - v) * (1 - beta_2)
    if v_max is not None:
        np.maximum(v_max, v, out=v_max)
        v = v_max
    params -= rate * m / (np.sqrt(v) + epsilon)


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
    """Nadam: Adam's m, v with Nesterov's look ahead; u_product = u₁·…·uₜ."""
    grads = _begin(params, grads, **before)
    u = beta_1 * (1 - 0.5 * 0.96**step)
    u_next = beta_1 * (1 - 0.5 * 0.96 ** (step + 1))
    m += (grads - m) * (1 - beta_1)
    v += (grads * grads - v) * (1 - beta_2)
    m_hat = u_next * m / (1 - u_product * u_next) + (1 - u) * grads / (1 - u_product)
    v_hat = v / (1 - beta_2**step)
    params -= lr * m_hat / (np.sqrt(v_hat) + epsilon)


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
    """Adamax: ``u = max(β₂·u, |g|); w -= lr·m / ((1 - β₁ᵗ)·(u + ε))``."""
    grads = _begin(params, grads, **before)
    m += (grads - m) * (1 - beta_1)
    np.maximum(beta_2 * u, np.abs(grads), out=u)
    params -= lr * m / ((1 - beta_1**step) * (u + epsilon))


def adagrad_update(
    params: Array, grads: Array, a: Array, *, lr: float, epsilon: float, **before: float
) -> None:
    """Adagrad: a += g²; w -= lr·g / √(a + ε)."""
    grads = _begin(params, grads, **before)
    a += grads * grads
    params -= lr * grads / np.sqrt(a + epsilon)


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
    """Adadelta: s = g·√(d + ε)/√(a + ε); w -= lr·s; a and d are means of g² and s²."""
    grads = _begin(params, grads, **before)
    a *= rho
    a += (1 - rho) * grads * grads
    step = np.sqrt(d + epsilon) * grads / np.sqrt(a + epsilon)
    d *= rho
    d += (1 - rho) * step * step
    params -= lr * step


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
    """FTRL: z += g + 2·s·w - (b⁻ᵖ - a⁻ᵖ)/lr·w, b = a + g²; w = (clip(z) - z)/(b⁻ᵖ/lr + 2·l2)."""
    grads = _begin(params, grads, **before)
    b = a + grads * grads
    z += grads + 2 * shrinkage * params - (b**-power - a**-power) / lr * params
    a[...] = b
    params[...] = (np.clip(z, -l1, l1) - z) / (b**-power / lr + 2 * l2)


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
    """Lion: w -= lr·sign(β₁·m + (1 - β₁)·g); m = β₂·m + (1 - β₂)·g."""
    grads = _begin(params, grads, **before)
    params -= lr * np.sign(beta_1 * m + (1 - beta_1) * grads)
    m *= beta_2
    m += (1 - beta_2) * grads


def average_update(average: Array, params: Array, *, momentum: float) -> None:
    """Running average: average = momentum·average + (1 - momentum)·params."""
    average *= momentum
    average += (1 - momentum) * params


def norm(x: Array) -> float:
    """Euclidean norm of all entries."""
    return math.sqrt(float(np.sum(np.square(x))))


def penalty(
    params: Array, grads: Array | None = None, *, l1: float = 0.0, l2: float = 0.0
) -> float:
    """Penalty ``l1·Σ|w| + l2·Σw²``; its gradient is added to `grads`."""
    if grads is not None:
        grads += l1 * np.sign(params) + 2 * l2 * params
    return float(l1 * np.sum(np.abs(params)) + l2 * np.sum(np.square(params)))


def _begin(
    params: Array, grads: Array, *, scale: float = 1.0, limit: float = math.inf, keep: float = 1.0
) -> Array:
    """Decay of the weights, in place, and the gradients scaled and cut off."""
    params *= keep
    return np.clip(scale * grads, -limit, limit)
