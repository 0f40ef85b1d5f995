"""Whole models in files: everything comes back, and nothing that means harm gets in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers, models, optimizers
from small_models import C, model_of, problem

Array = np.ndarray[Any, Any]


def assert_same(one: fastrnn.Model, other: fastrnn.Model, x: Array) -> None:
    assert one.get_config() == other.get_config()
    np.testing.assert_equal(one.get_weights(), other.get_weights())
    np.testing.assert_array_equal(one.predict(x, verbose=0), other.predict(x, verbose=0))


def clip_model() -> tuple[fastrnn.Sequential, Array]:
    """Layers for images that run over frames, and a recurrent layer that makes rows of them."""
    model = fastrnn.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=(5, 12, 9, 2)),
            layers.MaxPooling2D(2),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Bidirectional(layers.GRU(3, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(4)),
            layers.LSTM(3),
        ]
    )
    return model, np.random.default_rng(3).random((2, 5, 12, 9, 2), np.float32)


def test_models_come_back_whole(tmp_path: Path) -> None:
    x, y = problem()
    model = model_of()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    other = models.load_model(tmp_path / "model.keras")
    assert_same(model, other, x)
    assert other.optimizer is not None
    assert other.optimizer.iterations == 2
    assert other.optimizer.learning_rate == 0.02
    assert other.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert not models.load_model(tmp_path / "model.keras", compile=False).compiled
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.01, momentum=0.9, nesterov=True, clipnorm=0.5),
        optimizers.RMSprop(0.01, momentum=0.5, centered=True),
        optimizers.Adam(0.01, amsgrad=True, use_ema=True),
        optimizers.AdamW(optimizers.schedules.CosineDecay(0.01, 5)),
        optimizers.Nadam(0.01),
        optimizers.Adadelta(0.5),
        optimizers.Ftrl(0.01, gradient_accumulation_steps=2),
    ],
    ids=lambda optimizer: optimizer.name,
)
def test_training_goes_on_as_if_it_had_not_stopped(optimizer: Any, tmp_path: Path) -> None:
    x, y = problem()
    model = model_of()
    model.compile(optimizer, model.loss, metrics=["accuracy"])
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(tmp_path / "model.keras")
    other = models.load_model(tmp_path / "model.keras")
    for _ in range(3):
        assert model.train_on_batch(x, y) == other.train_on_batch(x, y)
    assert_same(model, other, x)


def test_layers_over_frames_come_back_as_they_were(tmp_path: Path) -> None:
    model, x = clip_model()
    model.save(tmp_path / "model.keras")
    assert_same(model, models.load_model(tmp_path / "model.keras"), x)


def test_a_description_makes_a_model_with_new_weights() -> None:
    model, x = clip_model()
    for other in (models.clone_model(model), models.model_from_json(model.to_json())):
        assert other.get_config() == model.get_config()
        assert (other.get_weights()[0] != model.get_weights()[0]).any()
        other.set_weights(model.get_weights())
        assert_same(model, other, x)


def test_layers_of_ones_own(tmp_path: Path) -> None:
    class Wide(layers.Dense):
        pass

    model = fastrnn.Sequential([layers.Input((3,)), layers.TimeDistributed(Wide(2)), Wide(2)][::2])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="unknown layer 'Wide'"):
        models.load_model(tmp_path / "model.keras")
    other = models.load_model(tmp_path / "model.keras", custom_objects={"Wide": Wide})
    assert type(other.layers[0]) is Wide
    assert type(models.clone_model(model).layers[0]) is Wide


def test_names_and_states_that_do_not_do(tmp_path: Path) -> None:
    model = model_of()
    with pytest.raises(ValueError, match=r"must end in \.keras"):
        model.save(tmp_path / "model.txt")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        models.load_model(tmp_path / "none.keras")
    with pytest.raises(ValueError, match="has no weights to save"):
        fastrnn.Sequential([layers.Dense(C)]).save(tmp_path / "model.keras")
    model.save(tmp_path / "model.keras")
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "model.keras", overwrite=False)


def test_functions_of_ones_own(tmp_path: Path) -> None:
    def cubic(y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        error = y_pred - y_true
        return np.abs(error**3).mean(-1), 3 * error * np.abs(error) / error.shape[-1]

    def worst(y_true: Array, y_pred: Array) -> Array:
        return np.asarray(np.abs(y_true - y_pred).max(-1))

    x, y = np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32)
    model = fastrnn.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile("sgd", cubic, metrics=[worst])
    path = tmp_path / "model.keras"
    model.save(path)
    other = models.load_model(path, custom_objects={"cubic": cubic, "worst": worst})
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert other.evaluate(x, y, verbose=0, return_dict=True) == logs
    assert set(logs) == {"loss", "worst"}
    with pytest.raises(ValueError, match="unknown .* left out: compile=False, or --no-training"):
        models.load_model(path)


def test_options_that_a_kind_of_file_does_not_take(tmp_path: Path) -> None:
    model = model_of()
    for name in ("a.weights.h5", "a.safetensors"):
        model.save_weights(tmp_path / name)
        with pytest.raises(ValueError, match="by_name"):
            model.load_weights(tmp_path / name, by_name=True)
    for method in (model.load_weights, model.save_weights):
        with pytest.raises(ValueError, match=r"is for \.safetensors files"):
            method(tmp_path / "a.weights.h5", format="torch")
