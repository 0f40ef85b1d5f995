"""Files of models go both ways between fastrnn and Keras 3: same outputs, same training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers, models, optimizers
from layer_cases import CASES

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras", reason="Keras is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

FORMATS = ["keras", "h5"]
RECURRENT = {
    "lstm": lambda k: [k.LSTM(5, "relu", "hard_sigmoid", dropout=0.2), k.Dropout(0.3)],
    "gru": lambda k: [k.GRU(5, reset_after=False, return_sequences=True), k.GRU(3)],
    "rnn": lambda k: [k.SimpleRNN(5, use_bias=False, go_backwards=True)],
    "bidirectional": lambda k: [
        k.Masking(),
        k.Bidirectional(k.LSTM(4, return_sequences=True), merge_mode="sum"),
        k.Bidirectional(k.GRU(3), backward_layer=k.LSTM(3, go_backwards=True)),
    ],
    "distributed": lambda k: [k.TimeDistributed(k.Dense(3, activation="gelu")), k.Flatten()],
    "cells": lambda k: [
        k.RNN([k.LSTMCell(5), k.GRUCell(3)], return_sequences=True),
        k.Bidirectional(k.RNN(k.SimpleRNNCell(2))),
    ],
    "regularized": lambda k: [
        k.GRU(3, recurrent_regularizer="l1"),
        k.Dense(3, kernel_regularizer="l2", kernel_constraint="max_norm"),
    ],
    "nested": lambda k: [k.LSTM(4, trainable=False), _nested(k)],
}


PICTURES = {"conv_lstm": lambda k: [k.ConvLSTM2D(3, 2, padding="same", go_backwards=True)]}
INTEGERS = {"embedding": lambda k: [k.Embedding(9, 3, mask_zero=True), k.LSTM(4)]}


def _nested(k: Any) -> Any:
    return (keras if k is keras.layers else fastrnn).Sequential([k.Dense(3), k.Dense(2)])


def random_weights(model: Any) -> None:
    rng = np.random.default_rng(5)
    model.set_weights([rng.random(w.shape).astype(np.float32) for w in model.get_weights()])


def pair(make: Any, shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    ours = fastrnn.Sequential([layers.Input(shape), *make(layers)])
    theirs = keras.Sequential([keras.layers.Input(shape), *make(keras.layers)])
    random_weights(ours)
    random_weights(theirs)
    return ours, theirs, np.random.default_rng(6).normal(size=(3, *shape)).astype(np.float32)


def assert_same(ours: Any, theirs: Any, x: Any) -> None:
    expected = np.asarray(theirs.predict_on_batch(x))
    np.testing.assert_allclose(ours.predict_on_batch(x), expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("case", [*CASES, *RECURRENT, *PICTURES, *INTEGERS])
def test_layers_go_both_ways(case: str, form: str, tmp_path: Path) -> None:
    if case in CASES:
        ours, theirs, x = pair(lambda k: [CASES[case].make(k)], CASES[case].shape)
    elif case in PICTURES:
        ours, theirs, x = pair(PICTURES[case], (3, 6, 5, 2))
    elif case in INTEGERS:
        ours, theirs, x = pair(INTEGERS[case], (6,))
        x = np.abs(x * 4).astype(np.int64) % 9
    else:
        ours, theirs, x = pair(RECURRENT[case], (6, 4))
    path = tmp_path / f"model.{form}"
    ours.save(path)
    assert_same(ours, keras.models.load_model(path), x)
    theirs.save(path)
    assert_same(models.load_model(path), theirs, x)


@pytest.mark.parametrize("form", FORMATS)
def test_layers_over_frames_go_to_keras(form: str, tmp_path: Path) -> None:
    def make(k: Any) -> list[Any]:
        return [
            k.Conv2D(3, 3, activation="relu"),
            k.SeparableConv2D(2, 2),
            k.BatchNormalization(),
            k.UpSampling2D(2),
            k.Flatten(),
            k.LSTM(4),
        ]

    for body in (make, lambda k: [*make(k)[:4], k.GRU(3)]):
        ours = fastrnn.Sequential([layers.Input((4, 8, 7, 2)), *body(layers)])
        random_weights(ours)
        path = tmp_path / f"model.{form}"
        ours.save(path)
        x = np.random.default_rng(7).normal(size=(2, 4, 8, 7, 2)).astype(np.float32)
        theirs = keras.models.load_model(path)
        assert_same(ours, theirs, x)
        theirs.save(path)
        assert_same(models.load_model(path), theirs, x)


@pytest.mark.parametrize("form", FORMATS)
def test_graphs_go_both_ways(form: str, tmp_path: Path) -> None:
    def make(library: Any) -> Any:
        k = library.layers
        steps, vector = k.Input((6, 4), name="steps"), k.Input((3,), name="vector")
        shared = k.Dense(5, activation="relu")
        hidden = k.GRU(5)(shared(k.LSTM(5, return_sequences=True)(steps)))
        joined = k.Concatenate()([k.Add()([hidden, shared(k.Dense(5)(vector))]), hidden])
        outputs = [k.Dense(2, name="one")(joined), k.Dense(3, name="two")(joined)]
        model = library.Model(inputs=[steps, vector], outputs=outputs)
        random_weights(model)
        losses = {"one": "mean_squared_error", "two": "categorical_crossentropy"}
        model.compile("adam", losses, loss_weights={"one": 0.5, "two": 1.0})
        return model

    rng = np.random.default_rng(9)
    x = [rng.normal(size=(3, *shape)).astype(np.float32) for shape in ((6, 4), (3,))]
    ours, theirs = make(fastrnn), make(keras)
    path = tmp_path / f"model.{form}"
    ours.save(path)
    pairs = [(ours, keras.models.load_model(path))]
    theirs.save(path)
    pairs.append((models.load_model(path), theirs))
    for one, other in pairs:
        for mine, expected in zip(one.predict_on_batch(x), other.predict_on_batch(x), strict=True):
            np.testing.assert_allclose(mine, expected, rtol=2e-4, atol=2e-5)


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "Adam": {"amsgrad": True, "clipnorm": 1.0, "use_ema": True},
    "AdamW": {"weight_decay": 0.1},
    "Nadam": {},
    "Adamax": {},
    "Adadelta": {},
    "Adagrad": {},
    "Ftrl": {},
    "Lion": {"gradient_accumulation_steps": 2},
}


@pytest.mark.parametrize(
    ("name", "form"), [*((name, "keras") for name in OPTIMIZERS), ("RMSprop", "h5")]
)
def test_training_goes_on_in_the_other_library(name: str, form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(6, 5, 4)).astype(np.float32)
    y = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 6)]
    options = OPTIMIZERS[name] | {"learning_rate": 0.01}

    def compiled(library: Any) -> Any:
        k = library.layers
        model = library.Sequential(
            [k.Input((5, 4)), k.LSTM(4), k.BatchNormalization(), k.Dense(3, activation="softmax")]
        )
        random_weights(model)
        loss = library.losses.CategoricalCrossentropy(label_smoothing=0.1)
        if name == "AdamW":
            schedule = library.optimizers.schedules.ExponentialDecay(0.01, 3, 0.7)
            options["learning_rate"] = schedule
        optimizer = getattr(library.optimizers, name)(**options)
        model.compile(optimizer, loss, metrics=["accuracy"], weighted_metrics=["mae"])
        return model

    def train(model: Any) -> list[float]:
        return [float(model.train_on_batch(x, y)[0]) for _ in range(5)]

    path = tmp_path / f"model.{form}"
    straight = compiled(fastrnn)
    expected = train(straight) + train(straight)
    ways: list[Any] = [(keras, models.load_model), (fastrnn, keras.models.load_model)]
    # Keras 3 itself cannot go on from legacy files: its loader builds optimizers for no weights.
    for first, load in ways[: 1 if form == "h5" else 2]:
        model = compiled(first)
        losses = train(model)
        model.save(path)
        other = load(path)
        np.testing.assert_allclose(losses + train(other), expected, rtol=2e-4)
        for one, two in zip(straight.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(one, two, rtol=2e-3, atol=2e-4)


def test_weight_files_hold_the_optimizers_state_as_keras(tmp_path: Path) -> None:
    """Keras takes it, too, but only where its optimizer has been built by a step."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(6, 4)).astype(np.float32), rng.normal(size=(6, 2)).astype(np.float32)
    path = tmp_path / "model.weights.h5"

    def compiled(library: Any, steps: int) -> Any:
        model = library.Sequential([library.layers.Input((4,)), library.layers.Dense(2)])
        random_weights(model)
        model.compile(library.optimizers.Adam(0.02), "mse")
        for _ in range(steps):
            model.train_on_batch(x, y)
        return model

    def state(model: Any) -> list[Any]:
        return [np.asarray(value) for value in model.optimizer.variables]

    for source, target in ((fastrnn, keras), (keras, fastrnn), (fastrnn, fastrnn)):
        first = compiled(source, 3)
        first.save_weights(path)
        second, fresh = compiled(target, 1), compiled(target, 0)
        second.load_weights(path)
        fresh.load_weights(path)
        for one, two in zip(state(first), state(second), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5)
        assert state(fresh)[0] == 0
        for model in (first, second):
            model.train_on_batch(x, y)
        for one, two in zip(first.get_weights(), second.get_weights(), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)
    other = compiled(fastrnn, 1)
    other.compile("sgd", "mse")
    other.train_on_batch(x, y)
    with pytest.warns(UserWarning, match="optimizer's state does not fit"):
        other.load_weights(path)
    assert other.optimizer.iterations == 1


def test_descriptions_go_both_ways() -> None:
    ours, theirs, x = pair(RECURRENT["bidirectional"], (6, 4))
    ours.compile(optimizers.Adam(0.02), "mse", metrics=["mae"])
    theirs.compile("sgd", "mae")
    to_keras = keras.models.model_from_json(ours.to_json())
    to_keras.set_weights(ours.get_weights())
    assert_same(ours, to_keras, x)
    to_ours = models.model_from_json(theirs.to_json())
    to_ours.set_weights(theirs.get_weights())
    assert_same(to_ours, theirs, x)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("loss", ["mse", "categorical_crossentropy"])
def test_names_of_losses_and_metrics(loss: str, form: str, tmp_path: Path) -> None:
    ours, _, x = pair(lambda k: [k.LSTM(4), k.Dense(3, activation="softmax")], (6, 4))
    ours.compile("adam", loss, metrics=["accuracy", "mae"])
    y = np.eye(3, dtype=np.float32)
    path = tmp_path / f"model.{form}"
    ours.save(path)
    theirs = keras.models.load_model(path)
    mine, other = ours.train_on_batch(x, y), theirs.train_on_batch(x, y)
    np.testing.assert_allclose(mine, [float(value) for value in other], rtol=1e-4)


@pytest.mark.parametrize("form", FORMATS)
def test_a_model_without_weights_is_compiled(form: str, tmp_path: Path) -> None:
    theirs = keras.Sequential([keras.layers.Dense(2)])
    theirs.compile("adam", "mse")
    path = tmp_path / f"model.{form}"
    theirs.save(path)
    ours = models.load_model(path)
    assert not ours.built
    assert np.isfinite(ours.train_on_batch(np.ones((4, 3)), np.ones((4, 2))))
    assert not models.load_model(path, compile=False).compiled
