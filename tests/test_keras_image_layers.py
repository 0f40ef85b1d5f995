"""Layers on images give what Keras' give: outputs, training, statistics, configurations, files."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers
from layer_cases import CASES

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras", reason="Keras is not installed")

# Keras itself uses what NumPy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

N = 5
TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}


def pair(*make: Any, shape: tuple[int, ...], dtype: str = "float32") -> tuple[Any, Any]:
    """Models of ours and Keras' with equal weights that are nowhere special."""
    models = []
    for namespace, sequential in ((layers, fastrnn.Sequential), (keras.layers, keras.Sequential)):
        stack = [one(namespace) for one in make]
        models.append(sequential([namespace.Input(shape, dtype=dtype), *stack]))
    ours, theirs = models
    rng = np.random.default_rng(5)
    weights = [w + 0.2 * rng.random(w.shape).astype(np.float32) for w in ours.get_weights()]
    assert [w.shape for w in weights] == [w.shape for w in theirs.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def compare_training(ours: Any, theirs: Any, x: Any, y: Any, rate: float = 0.05) -> None:
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict_on_batch(x), **TOLERANCE)
    ours.compile(fastrnn.optimizers.SGD(rate), "mse")
    theirs.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
    for _ in range(3):
        mine, other = ours.train_on_batch(x, y), theirs.train_on_batch(x, y)
        assert float(np.ravel(mine)[0]) == pytest.approx(float(np.ravel(other)[0]), rel=5e-4)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(
        ours.predict(x, verbose=0), theirs.predict_on_batch(x), rtol=2e-3, atol=2e-4
    )


@pytest.mark.parametrize("name", CASES)
def test_layers_train_as_keras(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    rng = np.random.default_rng(1)
    ours, theirs = pair(case.make, lambda k: k.Flatten(), lambda k: k.Dense(2), shape=case.shape)
    x = rng.normal(size=(N, *case.shape)).astype(np.float32)
    y = rng.normal(size=(N, 2)).astype(np.float32)
    # Many inputs of one dense layer: larger steps would throw it about.
    compare_training(ours, theirs, x, y, rate=1 / math.prod(case.output))
    theirs.set_weights([w + 0.25 for w in theirs.get_weights()])
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    ours.set_weights([w - 0.5 for w in ours.get_weights()])
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rescaling_by_an_array_is_read(tmp_path: Path) -> None:
    theirs = keras.Sequential(
        [keras.layers.Input((3, 2)), keras.layers.Rescaling(np.array([2.0, 3.0]), 1)]
    )
    theirs.save(tmp_path / "theirs.keras")
    x = np.random.default_rng(3).normal(size=(N, 3, 2)).astype(np.float32)
    ours = fastrnn.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict_on_batch(x), 1e-6)


@pytest.mark.parametrize("name", CASES)
def test_configurations_go_both_ways(name: str) -> None:
    case = CASES[name]
    ours, theirs = case.make(layers), case.make(keras.layers)
    # As a file has them.
    mine, other = (json.loads(json.dumps(layer.get_config())) for layer in (ours, theirs))
    from_theirs = type(ours).from_config(other)
    from_ours = type(theirs).from_config(mine)
    for key, value in mine.items():
        if key not in ("name", "dtype") and not key.endswith("initializer"):
            # Keras leaves out activity_regularizer where it is None and no argument by itself.
            assert other.get(key) == value, key
            assert json.loads(json.dumps(from_theirs.get_config()))[key] == value, key
            assert json.loads(json.dumps(from_ours.get_config())).get(key) == value, key
    # What Keras has beside these are options that are refused unless they are off.
    assert not {key for key in other if other[key] and key not in mine} - {"renorm_momentum"}


@pytest.mark.parametrize("frozen", [False, True])
def test_batch_normalization_as_keras_with_masks(frozen: bool) -> None:
    rng = np.random.default_rng(2)
    ours, theirs = pair(
        lambda k: k.Masking(),
        lambda k: k.BatchNormalization(trainable=not frozen),
        lambda k: k.LSTM(3),
        lambda k: k.Dense(2),
        shape=(6, 4),
    )
    x = rng.normal(size=(N, 6, 4)).astype(np.float32)
    x[0, 3:], x[1, :2] = 0, 0
    compare_training(ours, theirs, x, rng.normal(size=(N, 2)).astype(np.float32))


@pytest.mark.parametrize("mask_zero", [False, True])
def test_embedding_as_keras(mask_zero: bool) -> None:
    rng = np.random.default_rng(3)
    ours, theirs = pair(
        lambda k: k.Embedding(7, 4, mask_zero=mask_zero),
        lambda k: k.LSTM(3, return_sequences=True),
        lambda k: k.GlobalAveragePooling1D(),
        lambda k: k.Dense(2),
        shape=(6,),
        dtype="int32",
    )
    ids = rng.integers(0, 7, (N, 6))
    ids[:, 0] = 3  # Keras divides by zero where a row has no step at all
    compare_training(ours, theirs, ids, rng.normal(size=(N, 2)).astype(np.float32))


def test_an_image_classifier_as_keras(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    ours, theirs = pair(
        lambda k: k.Conv2D(6, 3, padding="same", use_bias=False),
        lambda k: k.BatchNormalization(),
        lambda k: k.ReLU(),
        lambda k: k.MaxPooling2D(),
        lambda k: k.SeparableConv2D(8, 3, activation="elu"),
        lambda k: k.LayerNormalization(),
        lambda k: k.LeakyReLU(),
        lambda k: k.GlobalAveragePooling2D(),
        lambda k: k.Dense(2),
        shape=(12, 10, 3),
    )
    x = rng.normal(size=(N, 12, 10, 3)).astype(np.float32)
    compare_training(ours, theirs, x, rng.normal(size=(N, 2)).astype(np.float32))
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict_on_batch(x), **TOLERANCE)


def test_frames_as_keras_in_time_distributed() -> None:
    """What Keras needs a wrapper for: the same model, the same training."""
    rng = np.random.default_rng(6)
    shape = (4, 10, 9, 3)
    ours = fastrnn.Sequential(
        [
            layers.Input(shape),
            layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.LSTM(5),
            layers.Dense(2),
        ]
    )
    wrap = keras.layers.TimeDistributed
    theirs = keras.Sequential(
        [
            keras.layers.Input(shape),
            wrap(keras.layers.Conv2D(3, 3, activation="relu")),
            wrap(keras.layers.MaxPooling2D()),
            wrap(keras.layers.Flatten()),
            keras.layers.LSTM(5),
            keras.layers.Dense(2),
        ]
    )
    theirs.set_weights(ours.get_weights())
    x = rng.normal(size=(N, *shape)).astype(np.float32)
    compare_training(ours, theirs, x, rng.normal(size=(N, 2)).astype(np.float32))
