"""Recurrent layers' states, directions and masks beside Keras'."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras", reason="Keras is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

N, T, F, U = 4, 5, 3, 6
Array = np.ndarray[Any, Any]

# Makes a layer from a namespace; the shape of a step, and of each state.
Case = tuple[Callable[..., Any], tuple[int, ...], list[tuple[int, ...]]]
CASES: dict[str, Case] = {
    "lstm": (lambda k, **o: k.LSTM(U, **o), (F,), [(U,)] * 2),
    "gru": (lambda k, **o: k.GRU(U, **o), (F,), [(U,)]),
    "gru_before": (lambda k, **o: k.GRU(U, reset_after=False, **o), (F,), [(U,)]),
    "rnn": (lambda k, **o: k.SimpleRNN(U, **o), (F,), [(U,)]),
    "lstm_cell": (lambda k, **o: k.RNN(k.LSTMCell(U), **o), (F,), [(U,)] * 2),
    "gru_cell": (lambda k, **o: k.RNN(k.GRUCell(U, reset_after=False), **o), (F,), [(U,)]),
    "conv_lstm": (lambda k, **o: k.ConvLSTM2D(2, 3, **o), (5, 6, F), [(3, 4, 2)] * 2),
    "bidirectional": (lambda k, **o: k.Bidirectional(k.LSTM(U, **o)), (F,), [(U,)] * 4),
    "bidirectional_none": (
        lambda k, **o: k.Bidirectional(k.GRU(U, **o), merge_mode=None),
        (F,),
        [(U,)] * 2,
    ),
}


def pair(case: str, **options: Any) -> tuple[Any, Any]:
    """A layer of ours and one of Keras' with equal weights that are nowhere special."""
    make, step, _ = CASES[case]
    ours, theirs = make(layers, **options), make(keras.layers, **options)
    ours.ensure_built((None, T, *step))
    theirs.build((None, T, *step) if not options.get("stateful") else (N, T, *step))
    rng = np.random.default_rng(5)
    weights = [w + 0.1 * rng.normal(size=w.shape).astype(np.float32) for w in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def inputs(case: str) -> list[Array]:
    _, step, states = CASES[case]
    rng = np.random.default_rng(1)
    shapes = [(N, T, *step), *((N, *state) for state in states)]
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def mask_of_holes() -> Array:
    mask = np.ones((N, T), bool)
    mask[0, -2:] = mask[1, :2] = mask[2, [1, 3]] = mask[3] = False
    return mask


def flat(outputs: Any) -> list[Array]:
    if isinstance(outputs, (list, tuple)):
        return [array for part in outputs for array in flat(part)]
    return [np.asarray(outputs)]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_initial_states_and_their_gradients(
    case: str, backwards: bool, sequences: bool, masked: bool
) -> None:
    tf = pytest.importorskip("tensorflow")
    if backwards and case.startswith("bidirectional"):
        pytest.skip("has both directions")
    options: dict[str, Any] = {"return_sequences": sequences, "return_state": True}
    if backwards:
        options["go_backwards"] = True
    ours, theirs = pair(case, **options)
    x, *states = inputs(case)
    mask = mask_of_holes() if masked else None
    given = [tf.constant(array) for array in (x, *states)]
    with tf.GradientTape() as tape:
        tape.watch(given)
        expected = flat_tensors(theirs(given[0], initial_state=given[1:], mask=mask))
        rng = np.random.default_rng(2)
        dy = [rng.normal(size=part.shape).astype(np.float32) for part in expected]
        total = sum(tf.reduce_sum(part * d) for part, d in zip(expected, dy, strict=True))
    slopes = tape.gradient(total, [*given, *theirs.trainable_variables])
    outputs = ours.forward([x, *states], True, mask)
    assert len(outputs) == len(expected)
    for one, other in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(one, other.numpy(), rtol=2e-5, atol=2e-6)
    gradients = [*ours.backward(dy), *(weight.grad for weight in ours.trainable_weights)]
    for one, other in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(one, np.asarray(other), rtol=2e-4, atol=2e-5)


def flat_tensors(outputs: Any) -> list[Any]:
    if isinstance(outputs, (list, tuple)):
        return [part for entry in outputs for part in flat_tensors(entry)]
    return [outputs]


@pytest.mark.parametrize("case", [name for name in CASES if name != "conv_lstm"])
def test_stateful_layers_go_on_and_are_reset(case: str) -> None:
    ours, theirs = pair(case, stateful=True, return_sequences=True)
    x, *states = inputs(case)
    for action in ("first", "second", "reset", "given"):
        if action == "reset":
            ours.reset_states()
            for direction in ("forward_layer", "backward_layer"):
                getattr(theirs, direction, theirs).reset_states()
        given = {"initial_state": states} if action == "given" else {}
        for one, other in zip(flat(ours(x, **given)), flat(theirs(x, **given)), strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)


def test_training_of_an_encoder_state_in_a_decoder() -> None:
    """One layer's final states start the other: both train as in Keras."""
    tf = pytest.importorskip("tensorflow")
    encoder, their_encoder = pair("lstm", return_state=True)
    decoder, their_decoder = pair("lstm", return_sequences=True)
    x = inputs("lstm")[0]
    with tf.GradientTape() as tape:
        _, *states = their_encoder(x)
        total = tf.reduce_sum(their_decoder(x[:, ::-1], initial_state=states) ** 2)
    slopes = tape.gradient(total, their_encoder.trainable_variables)
    _, *ours = encoder.forward(x, True)
    y = decoder.forward([np.ascontiguousarray(x[:, ::-1]), *ours], True)
    _, *dstates = decoder.backward(2 * y)
    encoder.backward([None, *dstates])
    for weight, slope in zip(encoder.weights, slopes, strict=True):
        np.testing.assert_allclose(weight.grad, slope.numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_stacked_cells_train_and_are_saved_as_keras(masked: bool, tmp_path: Path) -> None:
    def make(k: Any) -> list[Any]:
        cells = [k.LSTMCell(U), k.LSTMCell(4), k.GRUCell(3)]
        masking = [k.Masking()] if masked else []
        return [
            *masking,
            k.RNN(k.StackedRNNCells(cells), return_sequences=True),
            k.RNN(k.SimpleRNNCell(5)),
            k.Dense(2),
        ]

    ours = fastrnn.Sequential([layers.Input((T, F)), *make(layers)])
    theirs = keras.Sequential([keras.layers.Input((T, F)), *make(keras.layers)])
    theirs.set_weights(ours.get_weights())
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(N, T, F)), rng.normal(size=(N, 2))
    if masked:
        x[~mask_of_holes()] = 0
    for model in (ours, theirs):
        model.compile("adam", "mse")
    for _ in range(5):
        loss = float(theirs.train_on_batch(x, y))
        assert ours.train_on_batch(x, y) == pytest.approx(loss, rel=1e-4)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    expected = theirs.predict_on_batch(x)
    np.testing.assert_allclose(ours.predict(x, verbose=0), expected, rtol=2e-5, atol=2e-6)
    ours.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(again.predict_on_batch(x), expected, rtol=2e-5, atol=2e-6)


def test_conv_lstm_drops_out_as_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same factors in both: a mask of inputs and of the state for each gate."""
    tf = pytest.importorskip("tensorflow")
    ours, theirs = pair("conv_lstm", dropout=0.3, recurrent_dropout=0.4)
    x = inputs("conv_lstm")[0]
    rng = np.random.default_rng(4)
    masks: dict[int, Array] = {}

    def kept(_: Any, shape: Any, *__: Any) -> Array:
        masks[shape[-1]] = (rng.random(shape) > 0.35).astype(np.float32) / 0.65
        return masks[shape[-1]]

    monkeypatch.setattr("fastrnn.layers.conv_lstm.kept", kept)
    y = ours.forward(x, True)
    ours.backward(np.cos(y))
    theirs.cell._dropout_mask = list(masks[F])
    theirs.cell._recurrent_dropout_mask = list(masks[2])
    with tf.GradientTape() as tape:
        expected = theirs(x, training=True)
        total = tf.reduce_sum(tf.sin(expected))
    np.testing.assert_allclose(y, expected.numpy(), rtol=2e-5, atol=2e-6)
    slopes = tape.gradient(total, theirs.trainable_variables)
    for weight, slope in zip(ours.weights, slopes, strict=True):
        np.testing.assert_allclose(weight.grad, slope.numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("recurrent", [0.0, 0.4])
@pytest.mark.parametrize("case", ["lstm", "gru", "gru_before", "rnn"])
def test_recurrent_layers_drop_out_as_keras(
    case: str, recurrent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same factors in both: where the state is dropped out, others for each gate."""
    tf = pytest.importorskip("tensorflow")
    ours, theirs = pair(case, dropout=0.3, recurrent_dropout=recurrent)
    x = inputs(case)[0]
    rng = np.random.default_rng(4)
    drawn: list[Array] = []

    def kept(_: Any, shape: Any, *__: Any) -> Array:
        drawn.append((rng.random(shape) > 0.35).astype(np.float32) / 0.65)
        return drawn[-1]

    monkeypatch.setattr("fastrnn.layers.recurrent.kept", kept)
    y = ours.forward(x, True)
    ours.backward(np.cos(y))
    masks = [list(mask) if mask.ndim == 3 else mask for mask in drawn]
    for name, mask in zip(("_dropout_mask", "_recurrent_dropout_mask"), masks, strict=False):
        setattr(theirs.cell, name, mask)
    with tf.GradientTape() as tape:
        expected = theirs(x, training=True)
        total = tf.reduce_sum(tf.sin(expected))
    np.testing.assert_allclose(y, expected.numpy(), rtol=2e-5, atol=2e-6)
    slopes = tape.gradient(total, theirs.trainable_variables)
    for weight, slope in zip(ours.weights, slopes, strict=True):
        np.testing.assert_allclose(weight.grad, slope.numpy(), rtol=2e-4, atol=2e-5)
