"""What becomes of a mask in each layer, and what it does to the outputs, beside Keras."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras", reason="Keras is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

N, T, F = 4, 6, 3
Array = np.ndarray[Any, Any]
Make = Callable[[Any], Any]

# After a Masking, on sequences (N, T, F). Softmax is not among them: Keras refuses a mask there.
SEQUENCES: dict[str, Make] = {
    "activation": lambda k: k.Activation("tanh"),
    "average_pooling": lambda k: k.AveragePooling1D(2),
    "batch_normalization": lambda k: k.BatchNormalization(),
    "bidirectional": lambda k: k.Bidirectional(k.GRU(2)),
    "bidirectional_sequences": lambda k: k.Bidirectional(k.LSTM(2, return_sequences=True)),
    "bidirectional_sum": lambda k: k.Bidirectional(
        k.SimpleRNN(2, return_sequences=True), merge_mode="sum"
    ),
    "conv1d": lambda k: k.Conv1D(2, 3),
    "conv1d_causal": lambda k: k.Conv1D(2, 3, padding="causal"),
    "cropping": lambda k: k.Cropping1D(1),
    "dense": lambda k: k.Dense(2, activation="relu"),
    "depthwise": lambda k: k.DepthwiseConv1D(2),
    "dropout": lambda k: k.Dropout(0.0),
    "elu": lambda k: k.ELU(),
    "flatten": lambda k: k.Flatten(),
    "global_average": lambda k: k.GlobalAveragePooling1D(),
    "global_average_keepdims": lambda k: k.GlobalAveragePooling1D(keepdims=True),
    "global_max": lambda k: k.GlobalMaxPooling1D(),
    "gru": lambda k: k.GRU(2),
    "gru_sequences": lambda k: k.GRU(2, return_sequences=True),
    "layer_normalization": lambda k: k.LayerNormalization(),
    "leaky_relu": lambda k: k.LeakyReLU(),
    "lstm": lambda k: k.LSTM(2),
    "lstm_backwards": lambda k: k.LSTM(2, return_sequences=True, go_backwards=True),
    "lstm_zeros": lambda k: k.LSTM(2, return_sequences=True, zero_output_for_mask=True),
    "max_pooling": lambda k: k.MaxPooling1D(2),
    "noise": lambda k: k.GaussianNoise(0.0),
    "permute": lambda k: k.Permute((2, 1)),
    "prelu": lambda k: k.PReLU("ones"),
    "relu": lambda k: k.ReLU(),
    "reshape": lambda k: k.Reshape((T * F,)),
    "rnn": lambda k: k.RNN(k.LSTMCell(2), return_sequences=True),
    "separable": lambda k: k.SeparableConv1D(2, 3),
    "simple_rnn": lambda k: k.SimpleRNN(2, return_sequences=True),
    "spatial_dropout": lambda k: k.SpatialDropout1D(0.0),
    "stacked_cells": lambda k: k.RNN([k.GRUCell(2), k.SimpleRNNCell(3)]),
    "time_distributed": lambda k: k.TimeDistributed(k.Dense(2)),
    "time_distributed_model": lambda k: k.TimeDistributed(
        (keras if k is keras.layers else fastrnn).Sequential(
            [k.Dense(3, activation="tanh"), k.BatchNormalization(), k.Dense(2)]
        )
    ),
    "time_distributed_normalization": lambda k: k.TimeDistributed(k.BatchNormalization()),
    "transposed": lambda k: k.Conv1DTranspose(2, 3),
    "up_sampling": lambda k: k.UpSampling1D(2),
    "zero_padding": lambda k: k.ZeroPadding1D(1),
}
# On integers (N, T), after an Embedding with mask_zero.
WORDS: dict[str, Make] = {
    "embedding": lambda k: k.Dropout(0.0),
    "embedding_average": lambda k: k.GlobalAveragePooling1D(),
    "embedding_gru": lambda k: k.GRU(2),
}


def models(first: Make, make: Make, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The two layers as a model of ours and one of Keras', with equal weights."""
    ours = fastrnn.Sequential([layers.Input(shape), first(layers), make(layers)])
    theirs = keras.Sequential([keras.layers.Input(shape), first(keras.layers), make(keras.layers)])
    rng = np.random.default_rng(5)
    weights = [w + 0.1 * np.abs(rng.normal(size=w.shape)) for w in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def compare(ours: Any, theirs: Any, x: Array, training: bool) -> None:
    from keras.src.backend import get_keras_mask

    expected = theirs(x, training=training)
    mask = get_keras_mask(expected)
    y, out_mask = ours.propagate(x, training)
    np.testing.assert_allclose(y, np.asarray(expected), rtol=2e-5, atol=2e-6)
    for one, two in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol=2e-5, atol=2e-6)  # averages move
    if mask is None:
        assert out_mask is None
    else:
        np.testing.assert_array_equal(out_mask, np.asarray(mask))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", SEQUENCES)
def test_masks_of_sequences(name: str, training: bool) -> None:
    ours, theirs = models(lambda k: k.Masking(), SEQUENCES[name], (T, F))
    x = np.random.default_rng(1).normal(size=(N, T, F)).astype(np.float32)
    x[0, -2:] = x[1, :2] = x[2, [1, 4]] = 0
    compare(ours, theirs, x, training)


@pytest.mark.parametrize("name", WORDS)
def test_masks_of_words(name: str) -> None:
    ours, theirs = models(lambda k: k.Embedding(5, F, mask_zero=True), WORDS[name], (T,))
    x = np.random.default_rng(1).integers(1, 5, (N, T)).astype(np.float32)
    x[0, -2:] = x[1, :2] = x[2, [1, 4]] = 0
    compare(ours, theirs, x, False)


def test_masks_of_vectors_end() -> None:
    """RepeatVector after a layer that ends the sequence, and a mask that starts anew."""

    def make(k: Any) -> list[Any]:
        return [
            k.Masking(),
            k.GRU(2),
            k.RepeatVector(3),
            k.Dense(2),
            k.Masking(),
            k.LSTM(2, return_sequences=True),
        ]

    ours = fastrnn.Sequential([layers.Input((T, F)), *make(layers)])
    theirs = keras.Sequential([keras.layers.Input((T, F)), *make(keras.layers)])
    theirs.set_weights(ours.get_weights())
    x = np.random.default_rng(1).normal(size=(N, T, F)).astype(np.float32)
    x[0, -2:] = x[3] = 0
    compare(ours, theirs, x, False)


@pytest.mark.parametrize("name", ["flatten", "conv1d", "max_pooling", "reshape", "global_max"])
def test_layers_that_lose_a_mask_say_so(name: str) -> None:
    ours, theirs = models(lambda k: k.Masking(), SEQUENCES[name], (T, F))
    x = np.ones((N, T, F), np.float32)
    for model in (ours, theirs):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.propagate(x, False) if model is ours else model(x)
        assert any("mask" in str(warning.message) for warning in caught)
