"""Regularizers and constraints on all layers train as in Keras, and configurations go both ways."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras", minversion="3.0", reason="Keras 3 is not installed")

import fastrnn  # noqa: E402
from fastrnn import layers  # noqa: E402

# Each takes the modules layers, regularizers and constraints, ours or Keras'.
Case = Callable[[Any, Any, Any], list[Any]]
SEQUENCE, IMAGE = (6, 3), (8, 7, 3)
CASES: dict[str, tuple[tuple[int, ...], Case]] = {
    "dense": (
        SEQUENCE,
        lambda k, r, c: [
            k.Flatten(),
            k.Dense(
                5,
                "tanh",
                kernel_regularizer=r.L1L2(0.01, 0.02),
                bias_regularizer="l2",
                activity_regularizer=r.L2(0.1),
                kernel_constraint=c.MaxNorm(0.6),
            ),
        ],
    ),
    "lstm": (
        SEQUENCE,
        lambda k, r, c: [
            k.LSTM(
                4,
                kernel_regularizer="l1",
                recurrent_regularizer=r.OrthogonalRegularizer(0.1),
                bias_regularizer=r.L2(0.03),
                activity_regularizer="l1",
                recurrent_constraint=c.MinMaxNorm(0.5, 0.8, 0.7),
                return_sequences=True,
            ),
            k.GRU(3, activity_regularizer=r.L2(0.2), bias_constraint="non_neg"),
        ],
    ),
    "bidirectional": (
        SEQUENCE,
        lambda k, r, c: [
            k.Bidirectional(
                k.SimpleRNN(3, kernel_regularizer="l2", kernel_constraint=c.UnitNorm(axis=1))
            )
        ],
    ),
    "images": (
        IMAGE,
        lambda k, r, c: [
            k.Conv2D(4, 3, kernel_regularizer="l2", kernel_constraint=c.MaxNorm(0.7, [0, 1, 2])),
            k.BatchNormalization(beta_regularizer="l2", gamma_regularizer=r.L1(0.05)),
            k.SeparableConv2D(5, 2, depthwise_regularizer="l1", pointwise_regularizer="l2"),
            k.DepthwiseConv2D(2, depthwise_regularizer="l2", activity_regularizer="l2"),
            k.Conv2DTranspose(3, 2, bias_regularizer="l1", kernel_constraint="unit_norm"),
            k.PReLU(alpha_regularizer="l2", alpha_constraint="non_neg", shared_axes=[1, 2]),
            k.Activation("tanh", activity_regularizer="l1"),
            k.ActivityRegularization(l1=0.01, l2=0.02),
            k.Flatten(),
        ],
    ),
    "clips": (
        (3, *IMAGE),
        lambda k, r, c: [
            k.ConvLSTM2D(
                2, 2, kernel_regularizer="l2", recurrent_regularizer="l1", bias_constraint="non_neg"
            ),
            k.LayerNormalization(gamma_regularizer="l2", beta_constraint="non_neg"),
            k.Flatten(),
        ],
    ),
}


def pair(case: str) -> tuple[fastrnn.Sequential, Any]:
    shape, body = CASES[case]
    ours = fastrnn.Sequential(
        [
            layers.Input(shape),
            *body(layers, fastrnn.regularizers, fastrnn.constraints),
            layers.Dense(2),
        ]
    )
    k = keras.layers
    theirs = keras.Sequential(
        [k.Input(shape), *body(k, keras.regularizers, keras.constraints), k.Dense(2)]
    )
    rng = np.random.default_rng(5)
    weights = [w + 0.1 * rng.normal(size=w.shape).astype(np.float32) for w in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


@pytest.mark.parametrize("case", CASES)
def test_trains_as_keras(case: str) -> None:
    ours, theirs = pair(case)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, *CASES[case][0])).astype(np.float32)
    y = rng.normal(size=(5, 2)).astype(np.float32)
    ours.compile(fastrnn.optimizers.SGD(0.02), "mse")
    theirs.compile(keras.optimizers.SGD(0.02), "mse", run_eagerly=True)
    for _ in range(5):
        assert ours.train_on_batch(x, y) == pytest.approx(theirs.train_on_batch(x, y), rel=2e-4)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-4)
    one = ours.evaluate(x, y, verbose=0)
    assert one == pytest.approx(theirs.evaluate(x, y, verbose=0), rel=2e-4)


def options(layer: Any) -> dict[str, Any]:
    """A layer's regularizers and constraints; Keras rounds their numbers."""
    config = layer.get_config()
    if "layer" in config:
        config = config["layer"]["config"]
    found = {}
    for name, value in config.items():
        if name.endswith(("_regularizer", "_constraint")) and value is not None:
            numbers = {
                key: round(entry, 5) if isinstance(entry, float) else entry
                for key, entry in value["config"].items()
            }
            found[name] = value["module"], value["class_name"], numbers
    return found


@pytest.mark.parametrize("case", CASES)
def test_configurations_go_both_ways(case: str) -> None:
    ours, theirs = pair(case)
    back = fastrnn.Sequential.from_config(theirs.get_config())
    for one, two, other in zip(ours.layers, back.layers, theirs.layers, strict=True):
        assert options(one) == options(two) == options(other), one.name
        assert options(type(other).from_config(one.get_config())) == options(other)
    assert any(map(options, ours.layers))
