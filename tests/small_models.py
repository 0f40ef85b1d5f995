"""A small classification problem and a model for it, which several test files use."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastrnn
from fastrnn import layers, optimizers

N, T, F, C = 40, 6, 4, 3  # samples, steps, features, classes

Array = np.ndarray[Any, Any]


def problem() -> tuple[Array, Array]:
    """Sequences whose class is the feature that is largest on average."""
    rng = np.random.default_rng(20)
    y = rng.integers(0, C, N)
    x = rng.normal(size=(N, T, F)).astype(np.float32)
    x[np.arange(N), :, y] += 2
    return x, y


def model_of(*stack: Any, loss: Any = "sparse_categorical_crossentropy") -> fastrnn.Sequential:
    """A compiled model of these layers, or of an LSTM and a softmax."""
    fastrnn.utils.set_random_seed(3)
    stack = stack or (layers.LSTM(8), layers.Dense(C, activation="softmax"))
    model = fastrnn.Sequential([layers.Input((T, F)), *stack])
    model.compile(optimizers.Adam(0.02), loss, metrics=["accuracy"])
    return model
