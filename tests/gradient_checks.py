"""Gradients of whole models against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastrnn

Array = np.ndarray[Any, Any]


def gradients(model: fastrnn.Sequential, x: Array, dy: Array) -> tuple[Array, dict[int, Array]]:
    """Gradients of sum(dy * model(x)) by the backward pass: of x, and of weights by position."""
    model.need_dx = True
    model.propagate(x, True)
    dx = model.propagate_back(dy)
    weights = enumerate(model.weights)
    return dx, {index: w.grad.copy() for index, w in weights if w.grad is not None}


def check_gradients(model: fastrnn.Sequential, x: Array, rng: np.random.Generator) -> None:
    """Backward pass against central differences in random directions."""
    model.set_weights([w + 0.1 * rng.normal(size=w.shape) for w in model.get_weights()])
    dy = rng.normal(size=model.propagate(x, True)[0].shape)
    dx, dweights = gradients(model, x, dy)
    assert dweights or not model.trainable_weights

    def value() -> float:
        return float((dy * model.propagate(x, True)[0]).sum())

    step = 1e-6
    start = model.get_weights()
    for index, gradient in dweights.items():
        direction = rng.normal(size=gradient.shape)
        values = []
        for sign in (1, -1):
            moved = [w.copy() for w in start]
            moved[index] += sign * step * direction
            model.set_weights(moved)
            values.append(value())
        slope = (values[0] - values[1]) / (2 * step)
        assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-6, abs=1e-7)
    model.set_weights(start)
    direction = rng.normal(size=x.shape) * (x != 0)  # what is masked must stay so
    plus, minus = (model.propagate(x + s * step * direction, True)[0] for s in (1, -1))
    slope = float((dy * (plus - minus)).sum()) / (2 * step)
    assert (dx * direction).sum() == pytest.approx(slope, rel=1e-6, abs=1e-7)
