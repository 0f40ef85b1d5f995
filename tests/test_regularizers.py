"""Regularizers and constraints: their formulas, and that training follows their gradients."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import constraints, layers, regularizers

Array = np.ndarray[Any, Any]
REGULARIZERS = {
    "l1": regularizers.L1(0.3),
    "l2": regularizers.L2(0.2),
    "l1_l2": regularizers.L1L2(0.3, 0.2),
    "rows": regularizers.OrthogonalRegularizer(0.7),
    "columns": regularizers.OrthogonalRegularizer(0.7, mode="columns"),
}


class Cubes(regularizers.Regularizer):
    def __call__(self, x: Array) -> float:
        return 0.1 * float(np.abs(x**3).sum())

    def gradient(self, x: Array) -> Array:
        return 0.3 * x * np.abs(x)


REGULARIZERS["own"] = Cubes()


def slope(f: Any, x: Array, step: float = 1e-6) -> Array:
    """Central differences of a function of an array, changed in place."""
    gradient = np.empty(x.size)
    flat = x.reshape(-1)
    for i in range(x.size):
        value = flat[i]
        flat[i] = value + step
        above = f()
        flat[i] = value - step
        gradient[i] = (above - f()) / (2 * step)
        flat[i] = value
    return gradient.reshape(x.shape)


@pytest.mark.parametrize("name", REGULARIZERS)
def test_gradients_are_those_of_the_penalty(name: str, rng: np.random.Generator) -> None:
    regularizer = REGULARIZERS[name]
    x = rng.normal(size=(4, 6))
    wanted = slope(lambda: regularizer(x), x)
    np.testing.assert_allclose(regularizer.gradient(x), wanted, rtol=1e-6, atol=1e-8)
    grad = rng.normal(size=x.shape)
    before = grad.copy()
    assert regularizer.penalize(x, grad, 0.5) == pytest.approx(0.5 * regularizer(x))
    np.testing.assert_allclose(grad, before + 0.5 * wanted, rtol=1e-6, atol=1e-8)


def test_penalties(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 5))
    assert REGULARIZERS["l1"](x) == pytest.approx(0.3 * np.abs(x).sum())
    assert REGULARIZERS["l2"](x) == pytest.approx(0.2 * (x**2).sum())
    pairs = [(i, j) for i in range(3) for j in range(i)]
    norms = np.linalg.norm(x, axis=1)
    cosines = [abs(x[i] @ x[j]) / norms[i] / norms[j] for i, j in pairs]
    assert REGULARIZERS["rows"](x) == pytest.approx(0.7 * np.mean(cosines))
    assert REGULARIZERS["columns"](x.T.copy()) == pytest.approx(0.7 * np.mean(cosines))


def model(activity: Any = "own") -> fastrnn.Sequential:
    """Regularizers everywhere: in a recurrent layer, in both directions, over time, at the end."""
    own: dict[str, Any] = {
        "activity_regularizer": REGULARIZERS.get(activity),
        "dtype": "float64",
    }
    lstm = layers.LSTM(2, return_sequences=True, kernel_regularizer="l1", **own)
    found = fastrnn.Sequential(
        [
            layers.Input((5, 2), dtype="float64"),
            layers.GRU(3, return_sequences=True, recurrent_regularizer="l2", **own),
            layers.Bidirectional(lstm),
            layers.TimeDistributed(layers.Dense(3, bias_regularizer="l2", **own)),
            layers.Flatten(dtype="float64"),
            layers.Dense(4, activation="softmax", kernel_regularizer=Cubes(), **own),
        ]
    )
    found.compile(fastrnn.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    return found


def test_training_follows_loss_and_penalties(rng: np.random.Generator) -> None:
    net = model()
    x, y = rng.normal(size=(6, 5, 2)), rng.integers(0, 4, 6)
    bias = net.layers[2].layer.bias  # type: ignore[attr-defined]
    bias.assign(rng.normal(size=3))
    plain = model(activity=None)
    plain.set_weights(net.get_weights())
    loss = net.evaluate(x, y, verbose=0)
    assert loss > plain.evaluate(x, y, verbose=0) + 0.01
    before = [w.value.copy() for w in net.trainable_weights]

    def changed_loss() -> float:
        bias.storage.touch()
        return float(net.evaluate(x, y, verbose=0))

    wanted = [slope(changed_loss, weight.value) for weight in net.trainable_weights]
    assert net.train_on_batch(x, y) == pytest.approx(loss)
    for weight, start, gradient in zip(net.trainable_weights, before, wanted, strict=True):
        np.testing.assert_allclose(start - weight.value, gradient, rtol=1e-5, atol=1e-7)


def test_gradients_of_another_loss_are_without_penalties(rng: np.random.Generator) -> None:
    net, plain = model(), model(activity=None)
    plain.set_weights(net.get_weights())
    x, dy = rng.normal(size=(6, 5, 2)), rng.normal(size=(6, 4))
    target = {"y": rng.integers(0, 4, 6), "loss": "sparse_categorical_crossentropy"}
    for options in ({"dy": dy}, target):
        mine, other = (one.gradients(x, need_dx=True, **options) for one in (net, plain))
        for a, b in zip((*mine[1], mine[2]), (*other[1], other[2]), strict=True):
            np.testing.assert_allclose(a, b)


def test_frozen_weights_add_no_penalty(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    net = fastrnn.Sequential([layers.Dense(2, kernel_regularizer="l2", input_shape=(3,))])
    net.layers[0].trainable = False
    net.compile("sgd", "mse")
    expected = np.mean((net.predict(x, verbose=0) - y) ** 2)
    assert net.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_copies_of_a_layer_keep_their_regularizer_apart(rng: np.random.Generator) -> None:
    layer = layers.Dense(2, activity_regularizer="l2", input_shape=(3,))
    layer(np.ones((1, 3)))
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        twin.set_weights([w + 1 for w in layer.get_weights()])
        x = rng.normal(size=(2, 3)).astype(np.float32)
        np.testing.assert_allclose(twin(x), x @ twin.kernel.value + 1, rtol=1e-5)


def test_constraints(rng: np.random.Generator) -> None:
    w = rng.normal(size=(4, 5))
    norms = np.linalg.norm(w, axis=0)
    limited = constraints.MaxNorm(1.0)(w)
    np.testing.assert_allclose(np.linalg.norm(limited, axis=0), norms.clip(0, 1), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(constraints.UnitNorm(1)(w), axis=1), 1, rtol=1e-6)
    halfway = constraints.MinMaxNorm(2.0, 3.0, rate=0.5)(w)
    np.testing.assert_allclose(
        np.linalg.norm(halfway, axis=0), (norms + norms.clip(2, 3)) / 2, rtol=1e-6
    )
    np.testing.assert_array_equal(constraints.NonNeg()(w), np.where(w > 0, w, 0))
    kernel = rng.normal(size=(2, 3, 4, 5))
    sizes = np.sqrt((constraints.MaxNorm(0.5, [0, 1, 2])(kernel) ** 2).sum((0, 1, 2)))
    np.testing.assert_allclose(sizes, 0.5, rtol=1e-6)


def test_weights_meet_their_constraints_after_each_update(rng: np.random.Generator) -> None:
    net = fastrnn.Sequential(
        [
            layers.LSTM(3, kernel_constraint="non_neg", recurrent_constraint="unit_norm"),
            layers.Dense(2, kernel_constraint=lambda w: w.round(1)),
        ]
    )
    net.compile("adam", "mse")
    net.fit(rng.normal(size=(8, 4, 2)), rng.normal(size=(8, 2)), epochs=2, verbose=0)
    kernel, recurrent, _, last, _ = net.get_weights()
    assert kernel.min() == 0 < kernel.max()
    np.testing.assert_allclose(np.linalg.norm(recurrent, axis=0), 1, rtol=1e-5)
    np.testing.assert_array_equal(last, last.round(1))


def test_names_and_errors() -> None:
    assert regularizers.get("L2").get_config() == {"l2": 0.01}
    assert regularizers.get("l1_l2").get_config() == {"l1": 0.01, "l2": 0.01}
    assert regularizers.get(None) is constraints.get(None) is None
    described = regularizers.serialize(regularizers.L1L2(0.5, 0.25))
    assert regularizers.deserialize(described).get_config() == {"l1": 0.5, "l2": 0.25}
    assert constraints.get(constraints.serialize(constraints.MaxNorm(3, 1))).max_value == 3
    with pytest.raises(ValueError, match="unknown regularizer 'l3'"):
        regularizers.get("l3")
    with pytest.raises(TypeError, match="which has a gradient, got <function"):
        layers.Dense(2, kernel_regularizer=lambda w: 0.0)
    with pytest.raises(ValueError, match="L2: l2 must be a finite number from 0, got -1"):
        regularizers.L2(-1)
    with pytest.raises(ValueError, match="needs a matrix"):
        REGULARIZERS["rows"](np.zeros(3))
    with pytest.raises(ValueError, match="unknown constraint 'max'"):
        layers.Dense(2, bias_constraint="max")
    with pytest.raises(TypeError, match="unexpected argument 'kernel_regulariser'; did you mean"):
        layers.Dense(2, kernel_regulariser="l2")
