"""Optimizer updates, in place, as Keras 3 defines them.

The arrays' own dtype is the precision of the computation: pass float64 for the truth.
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
) -> None:
    """Gradient descent: v = momentum·v - lr·g; w += v, or momentum·v - lr·g for Nesterov.

    Parameters
    ----------
    params, velocity : (P,), updated in place; velocity None: plain w -= lr·g
    grads : (P,)
    """
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
) -> None:
    """RMSprop: v = ρ·v + (1 - ρ)·g²; w -= lr·g / √(v + ε), ε inside the root.

    Parameters
    ----------
    params, v : (P,), updated in place
    grads : (P,)
    mean_grad : (P,) or None; given, the variance v - mean² replaces v (centered)
    mom : (P,) or None; given, m = momentum·m + lr·g / √(…) and w -= m
    """
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
    *,
    lr: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
) -> None:
    """Adam: w -= lr·√(1 - β₂ᵗ)/(1 - β₁ᵗ)·m/(√v + ε), t = step from 1 on.

    Parameters
    ----------
    params, m, v : (P,), updated in place; m and v are the running moments
    grads : (P,)
    """
    rate = lr * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    m += (grads - m) * (1 - beta_1)
    v += (grads * grads - v) * (1 - beta_2)
    params -= rate * m / (np.sqrt(v) + epsilon)
