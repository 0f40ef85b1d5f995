"""The same weights and data give what Keras gives: outputs, losses, metrics, training, files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers, optimizers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras", reason="Keras is not installed")

# Keras itself uses what NumPy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

ROWS, STEPS, FEATURES, CLASSES = 6, 5, 4, 3

# Each case makes layers from a namespace, which is fastrnn.layers or keras.layers.
Case = Callable[[Any], list[Any]]
SEQUENCES: dict[str, Case] = {
    "lstm": lambda k: [k.LSTM(5)],
    "lstm_sequences": lambda k: [k.LSTM(5, return_sequences=True), k.LSTM(3)],
    "lstm_no_bias": lambda k: [k.LSTM(5, use_bias=False)],
    "lstm_no_forget_bias": lambda k: [k.LSTM(5, unit_forget_bias=False)],
    "lstm_activations": lambda k: [k.LSTM(5, "relu", "hard_sigmoid")],
    "lstm_softsign": lambda k: [k.LSTM(5, activation="softsign")],
    "lstm_gelu": lambda k: [k.LSTM(5, activation="gelu", recurrent_activation="silu")],
    "lstm_backwards": lambda k: [k.LSTM(5, go_backwards=True)],
    "lstm_backwards_sequences": lambda k: [
        k.LSTM(5, return_sequences=True, go_backwards=True),
        k.SimpleRNN(3),
    ],
    "gru": lambda k: [k.GRU(5)],
    "gru_reset_before": lambda k: [k.GRU(5, reset_after=False)],
    "gru_no_bias": lambda k: [k.GRU(5, use_bias=False)],
    "gru_reset_before_no_bias": lambda k: [k.GRU(5, use_bias=False, reset_after=False)],
    "gru_activations": lambda k: [k.GRU(5, "elu", "hard_sigmoid")],
    "gru_backwards": lambda k: [k.GRU(5, go_backwards=True)],
    "gru_sequences": lambda k: [k.GRU(5, return_sequences=True), k.GRU(3)],
    "rnn": lambda k: [k.SimpleRNN(5)],
    "rnn_relu": lambda k: [k.SimpleRNN(5, "relu")],
    "rnn_no_bias": lambda k: [k.SimpleRNN(5, use_bias=False)],
    "rnn_backwards": lambda k: [k.SimpleRNN(5, go_backwards=True)],
    "bidirectional_lstm": lambda k: [k.Bidirectional(k.LSTM(4))],
    "bidirectional_sum": lambda k: [
        k.Bidirectional(k.GRU(4, return_sequences=True), merge_mode="sum"),
        k.LSTM(3),
    ],
    "bidirectional_mul": lambda k: [k.Bidirectional(k.SimpleRNN(4), merge_mode="mul")],
    "bidirectional_ave": lambda k: [k.Bidirectional(k.LSTM(4), merge_mode="ave")],
    "bidirectional_two_layers": lambda k: [
        k.Bidirectional(k.LSTM(4), backward_layer=k.GRU(4, go_backwards=True))
    ],
    "masked_lstm": lambda k: [k.Masking(), k.LSTM(5)],
    "masked_gru": lambda k: [k.Masking(), k.GRU(5, return_sequences=True), k.GRU(3)],
    "masked_rnn_backwards": lambda k: [k.Masking(), k.SimpleRNN(5, go_backwards=True)],
    "masked_bidirectional": lambda k: [
        k.Masking(),
        k.Bidirectional(k.LSTM(4, return_sequences=True)),
        k.TimeDistributed(k.Dense(3, activation="relu")),
        k.GRU(3),
    ],
    "masked_distributed": lambda k: [
        k.Masking(),
        k.TimeDistributed(k.Dense(5, activation="tanh")),
        k.TimeDistributed(k.BatchNormalization(momentum=0.7)),
        k.GRU(3),
    ],
    "masked_value": lambda k: [k.Masking(-1.0), k.Dense(3), k.LSTM(5)],
    "flat": lambda k: [k.Flatten(), k.Dense(6, activation="relu")],
    "reshaped": lambda k: [k.Reshape((-1, 2)), k.LSTM(4), k.Activation("tanh")],
    "distributed": lambda k: [
        k.TimeDistributed(k.Dense(5, activation="swish")),
        k.Dropout(0.0),
        k.LSTM(4),
    ],
}
HEADS: dict[str, tuple[Case, str]] = {
    "categorical": (
        lambda k: [k.Dense(CLASSES, activation="softmax")],
        "categorical_crossentropy",
    ),
    "sparse": (
        lambda k: [k.Dense(CLASSES), k.Activation("softmax")],
        "sparse_categorical_crossentropy",
    ),
    "binary": (lambda k: [k.Dense(1, activation="sigmoid")], "binary_crossentropy"),
    "mse": (lambda k: [k.Dense(2)], "mse"),
    "mae": (lambda k: [k.Dense(2)], "mean_absolute_error"),
}
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"learning_rate": 0.05}),
    "momentum": ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop_momentum": ("RMSprop", {"momentum": 0.8}),
    "rmsprop_centered": ("RMSprop", {"centered": True, "rho": 0.8}),
    "adam": ("Adam", {}),
    "adam_decay": ("Adam", {"learning_rate": 0.01, "weight_decay": 0.1}),
    "amsgrad": ("Adam", {"learning_rate": 0.01, "amsgrad": True}),
    "clipvalue": ("Adam", {"clipvalue": 0.01}),
    "clipnorm": ("SGD", {"learning_rate": 0.1, "clipnorm": 0.1}),
    "global_clipnorm": ("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.1}),
}


def inputs(rng: np.random.Generator, gap: float | None = None) -> np.ndarray[Any, Any]:
    x = rng.normal(size=(ROWS, STEPS, FEATURES)).astype(np.float32)
    if gap is not None:
        x[0, -3:] = gap  # right padding, left padding, holes; a row that is masked throughout
        x[1, :2] = gap
        x[2, [1, 4]] = gap
        x[3] = gap
    return x


def targets(head: str, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    if head == "categorical":
        return np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, ROWS)]
    if head == "sparse":
        return rng.integers(0, CLASSES, ROWS)
    if head == "binary":
        return rng.integers(0, 2, ROWS)
    return rng.normal(size=(ROWS, 2)).astype(np.float32)


def pair(body: Case, head: str) -> tuple[fastrnn.Sequential, Any]:
    """A model of ours and Keras' with equal weights that are nowhere special."""
    make, _ = HEADS[head]
    shape = (STEPS, FEATURES)
    ours = fastrnn.Sequential([layers.Input(shape), *body(layers), *make(layers)])
    theirs = keras.Sequential([keras.layers.Input(shape), *body(keras.layers), *make(keras.layers)])
    rng = np.random.default_rng(5)
    weights = [w + 0.1 * rng.normal(size=w.shape).astype(np.float32) for w in ours.get_weights()]
    assert [w.shape for w in weights] == [w.shape for w in theirs.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def compare_training(
    ours: Any, theirs: Any, x: Any, y: Any, steps: int = 10, **weights: Any
) -> None:
    np.testing.assert_allclose(
        ours.predict(x, verbose=0), theirs.predict_on_batch(x), rtol=2e-5, atol=2e-6
    )
    for _ in range(steps):
        mine = ours.train_on_batch(x, y, return_dict=True, **weights)
        other = theirs.train_on_batch(x, y, return_dict=True, **weights)
        assert mine.keys() == other.keys()
        for name, value in mine.items():
            assert value == pytest.approx(float(other[name]), rel=2e-4, abs=2e-5), name
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-4)


def compile_both(ours: Any, theirs: Any, optimizer: str, loss: Any, metrics: list[str]) -> None:
    name, options = OPTIMIZERS[optimizer]
    ours.compile(getattr(optimizers, name)(**options), loss, metrics=metrics)
    theirs.compile(
        getattr(keras.optimizers, name)(**options), loss, metrics=metrics, run_eagerly=True
    )


@pytest.mark.parametrize("case", SEQUENCES)
def test_layers_train_as_keras(case: str) -> None:
    rng = np.random.default_rng(1)
    gap = {"masked_value": -1.0}.get(case, 0.0) if case.startswith("masked") else None
    ours, theirs = pair(SEQUENCES[case], "categorical")
    compile_both(ours, theirs, "adam", "categorical_crossentropy", ["accuracy"])
    compare_training(ours, theirs, inputs(rng, gap), targets("categorical", rng))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("case", ["lstm", "gru"])
def test_optimizers_step_as_keras(case: str, optimizer: str) -> None:
    rng = np.random.default_rng(2)
    ours, theirs = pair(SEQUENCES[case], "mse")
    compile_both(ours, theirs, optimizer, "mse", ["mae"])
    compare_training(ours, theirs, inputs(rng), targets("mse", rng))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_and_metrics_as_keras(head: str, weighted: bool) -> None:
    rng = np.random.default_rng(3)
    ours, theirs = pair(SEQUENCES["rnn"], head)
    compile_both(
        ours, theirs, "sgd", HEADS[head][1], ["accuracy", "mse"] if head != "sparse" else ["acc"]
    )
    weights = {"sample_weight": rng.random(ROWS).astype(np.float32)} if weighted else {}
    compare_training(ours, theirs, inputs(rng), targets(head, rng), **weights)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mse"])
def test_masked_sequences_count_valid_steps_alone(loss: str) -> None:
    rng = np.random.default_rng(4)

    def make(k: Any) -> list[Any]:
        return [
            k.Masking(),
            k.Bidirectional(k.LSTM(4, return_sequences=True)),
            k.TimeDistributed(k.Dense(CLASSES, activation="softmax")),
        ]

    shape = (STEPS, FEATURES)
    ours = fastrnn.Sequential([layers.Input(shape), *make(layers)])
    theirs = keras.Sequential([keras.layers.Input(shape), *make(keras.layers)])
    theirs.set_weights(ours.get_weights())
    y: np.ndarray[Any, Any] = rng.integers(0, CLASSES, (ROWS, STEPS))
    if loss == "mse":
        y = rng.random((ROWS, STEPS, CLASSES)).astype(np.float32)
    metrics = ["accuracy"] if loss != "mse" else ["mae"]
    compile_both(ours, theirs, "adam", loss, metrics)
    compare_training(ours, theirs, inputs(rng, 0.0), y)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("name", ["CategoricalCrossentropy", "BinaryCrossentropy"])
def test_crossentropies_as_keras(name: str, from_logits: bool, smoothing: float) -> None:
    rng = np.random.default_rng(6)
    y_pred = rng.random((ROWS, 4)).astype(np.float32)
    if from_logits:
        y_pred = (y_pred - 0.5) * 8
    y_true = np.eye(4, dtype=np.float32)[rng.integers(0, 4, ROWS)]
    arguments = {"from_logits": from_logits, "label_smoothing": smoothing}
    mine = getattr(fastrnn.losses, name)(**arguments)(y_true, y_pred)
    other = getattr(keras.losses, name)(**arguments)(y_true, y_pred)
    assert mine == pytest.approx(float(other), rel=1e-5)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("ignored", [None, 2])
def test_sparse_crossentropy_as_keras(reduction: str, ignored: int | None) -> None:
    rng = np.random.default_rng(7)
    y_pred = rng.random((ROWS, STEPS, 4)).astype(np.float32)
    y_true = rng.integers(0, 4, (ROWS, STEPS))
    weights = rng.random((ROWS, STEPS)).astype(np.float32)
    arguments = {"ignore_class": ignored, "reduction": reduction}
    mine = fastrnn.losses.SparseCategoricalCrossentropy(**arguments)(y_true, y_pred, weights)
    other = keras.losses.SparseCategoricalCrossentropy(**arguments)(y_true, y_pred, weights)
    assert mine == pytest.approx(float(other), rel=1e-5)


def test_stateful_layers_go_on_as_keras() -> None:
    rng = np.random.default_rng(8)
    shape = (ROWS, STEPS, FEATURES)
    ours = fastrnn.Sequential(
        [layers.Input(batch_shape=shape), layers.LSTM(4, stateful=True), layers.Dense(2)]
    )
    theirs = keras.Sequential(
        [
            keras.layers.Input(batch_shape=shape),
            keras.layers.LSTM(4, stateful=True),
            keras.layers.Dense(2),
        ]
    )
    theirs.set_weights(ours.get_weights())
    compile_both(ours, theirs, "sgd", "mse", [])
    compare_training(ours, theirs, inputs(rng), targets("mse", rng), steps=4)


def test_class_weight_and_history_as_keras() -> None:
    rng = np.random.default_rng(9)
    ours, theirs = pair(SEQUENCES["gru"], "sparse")
    compile_both(ours, theirs, "adam", "sparse_categorical_crossentropy", ["accuracy"])
    x, y = np.repeat(inputs(rng), 4, axis=0), np.repeat(targets("sparse", rng), 4)
    arguments: dict[str, Any] = {
        "batch_size": 5,
        "epochs": 3,
        "validation_split": 0.2,
        "shuffle": False,
        "class_weight": {0: 1.0, 1: 0.5, 2: 2.0},
        "verbose": 0,
    }
    mine, other = ours.fit(x, y, **arguments), theirs.fit(x, y, **arguments)
    assert list(mine.history) == list(other.history)
    assert mine.epoch == other.epoch
    for name in mine.history:
        np.testing.assert_allclose(mine.history[name], other.history[name], rtol=2e-4, atol=1e-5)
    one = ours.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(one, theirs.evaluate(x, y, verbose=0), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("case", ["lstm_sequences", "masked_bidirectional", "gru_reset_before"])
def test_weight_files_go_both_ways(case: str, tmp_path: Path) -> None:
    x = inputs(np.random.default_rng(10))
    ours, theirs = pair(SEQUENCES[case], "categorical")
    theirs.set_weights([w + 0.25 for w in theirs.get_weights()])
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(
        ours.predict(x, verbose=0), theirs.predict_on_batch(x), rtol=2e-5, atol=2e-6
    )
    ours.set_weights([w - 0.5 for w in ours.get_weights()])
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_allclose(
        ours.predict(x, verbose=0), theirs.predict_on_batch(x), rtol=2e-5, atol=2e-6
    )


@pytest.mark.parametrize(
    "averaging", [{}, {"stateful_metrics": ["loss"]}, {"stateless_metrics": {"loss"}}]
)
@pytest.mark.parametrize("verbose", [1, 2])
def test_progress_looks_as_keras(
    verbose: int, averaging: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from keras.src.utils.progbar import Progbar

    values = [("accuracy", 0.5), ("loss", 0.0001), ("val_loss", -0.25), ("x", 12.34567)]
    shown = []
    for make in (Progbar, fastrnn.utils.Progbar):
        bar = make(12, verbose=verbose, interval=0.0, **averaging)
        for step in (1, 4, 7):
            bar.update(step, [(name, value * step) for name, value in values[:2]])
        bar.update(12, values, finalize=True)
        text = capsys.readouterr().out
        shown.append(_without_times(text))
    assert shown[0] == shown[1]


def _without_times(text: str) -> str:
    import re

    text = re.sub(r"\x08+", "", text)
    text = re.sub(r"\d+s", "s", re.sub(r"\d+[mu]?s/step", "s", text))
    return re.sub(r" +(\r|\n|$)", r"\1", text)
