"""Copied and unpickled models: they predict, and train on by themselves, as the original does."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from fastrnn import Model, Sequential, layers
from small_models import F, N, T


def _stack() -> Model:
    parts = [layers.LSTM(6, return_sequences=True), layers.Bidirectional(layers.GRU(4))]
    front = [layers.Conv1D(7, 2), layers.MaxPooling1D(2, 1), layers.LayerNormalization()]
    back = [layers.BatchNormalization(), layers.Dense(2)]
    return Sequential([layers.Input((T, F)), *front, *parts, *back])


def _graph() -> Model:
    x, lstm = layers.Input((T, F)), layers.LSTM(6)
    again = lstm(layers.Dense(F)(x))
    return Model(x, layers.Dense(2)(layers.Concatenate()([lstm(x), again])))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("make", [_stack, _graph])
def test_a_copy_trains_on_as_the_model_does_and_leaves_it_alone(make: Any, copied: Any) -> None:
    random = np.random.default_rng(0)
    x, y = random.random((N, T, F), np.float32), random.random((N, 2))
    model = make()
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    before = model.predict(x, verbose=0)
    twin = copied(model)
    assert np.array_equal(twin.predict(x, verbose=0), before)
    trained = twin.fit(x, y, epochs=3, shuffle=False, verbose=0).history
    after = twin.predict(x, verbose=0)
    assert not np.allclose(after, before)
    assert np.array_equal(model.predict(x, verbose=0), before)
    assert trained == model.fit(x, y, epochs=3, shuffle=False, verbose=0).history
    assert np.array_equal(model.predict(x, verbose=0), after)


def test_no_batch_stays_on_a_trained_model() -> None:
    inner = Sequential([layers.Input((T, F)), layers.Masking(), layers.LSTM(3)])
    model = Sequential([layers.Input((T, F)), inner, layers.Dense(2)])
    model.compile("adam", "mse")
    sizes = []
    for rows in (N, 50 * N):
        x, y = np.ones((rows, T, F), np.float32), np.ones((rows, 2))
        for train in (model.train_on_batch, lambda x, y: model.fit(x, y, len(x), verbose=0)):
            train(x, y)
            sizes.append(len(pickle.dumps(model)))
    assert max(sizes) - min(sizes) < N * T * F


def test_gradients_do_not_go_into_copies() -> None:
    layer = layers.Dense(50)
    layer(np.ones((1, 60), np.float32), training=True)
    before = len(pickle.dumps(layer))
    layer.backward(np.ones((1, 50), np.float32))
    assert len(pickle.dumps(layer)) == before
    assert layer.kernel.grad is not None


def test_a_copy_arranges_its_own_layers() -> None:
    random = np.random.default_rng(0)
    x, hidden, y = random.random((N, F)), random.random((N, 4)), random.random((N, 2))
    shared = layers.Dense(4, input_shape=(4,))
    model = Sequential([layers.Dense(4, input_shape=(F,)), shared, layers.Dense(2)])
    tail = Sequential([shared, layers.Dense(2)])
    for each, data in ((model, x), (tail, hidden)):
        each.compile("sgd", "mse")
        each.fit(data, y, verbose=0)
    twin = copy.deepcopy(model)  # `shared` gives no gradient for its input now
    histories = [each.fit(x, y, shuffle=False, verbose=0).history for each in (model, twin)]
    assert histories[0] == histories[1]
    assert np.array_equal(model.get_weights()[0], twin.get_weights()[0])


def test_a_copy_counts_its_changes_anew() -> None:
    """Numbers of another process may be given again; what is made from the weights goes by them."""
    layer = layers.Dense(2, input_shape=(F,))
    layer.build((None, F))
    storage = layer.kernel.storage
    twin = pickle.loads(pickle.dumps(layer))
    assert twin.kernel.storage is twin.bias.storage
    assert twin.kernel.storage.version > storage.version
