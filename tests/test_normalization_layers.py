"""Batch and layer normalisation: statistics, masks, frozen layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers
from gradient_checks import check_gradients, gradients

Array = np.ndarray[Any, Any]


def model_of(*stack: layers.Layer, shape: tuple[int, ...]) -> fastrnn.Sequential:
    return fastrnn.Sequential([layers.Input(shape, dtype="float64"), *stack])


def test_running_averages_follow_the_batches(rng: np.random.Generator) -> None:
    layer = layers.BatchNormalization(momentum=0.9, dtype="float64")
    batches = rng.normal(3, 2, (4, 8, 5, 6))
    layer(batches[0])
    mean, variance = np.zeros(6), np.ones(6)
    for batch in batches:
        before = layer.moving_mean.storage.version
        y = layer(batch, training=True)
        assert layer.moving_mean.storage.version != before
        np.testing.assert_allclose(y.mean(axis=(0, 1)), 0, atol=1e-12)
        np.testing.assert_allclose(y.var(axis=(0, 1)), 1, atol=1e-3)
        mean = 0.9 * mean + 0.1 * batch.mean(axis=(0, 1))
        variance = 0.9 * variance + 0.1 * batch.var(axis=(0, 1))
    np.testing.assert_allclose(layer.moving_mean.value, mean)
    np.testing.assert_allclose(layer.moving_variance.value, variance)
    expected = (batches[0] - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(layer(batches[0]), expected)


def test_averages_are_not_trained() -> None:
    layer = layers.BatchNormalization()
    model = fastrnn.Sequential([layers.Input((3,)), layer, layers.Dense(1)])
    assert [weight.name for weight in layer.trainable_weights] == ["gamma", "beta"]
    assert [w.name for w in model.non_trainable_weights] == ["moving_mean", "moving_variance"]
    assert model.count_params() == 4 * 3 + 4


def test_a_frozen_layer_normalises_by_its_averages(rng: np.random.Generator) -> None:
    frozen = layers.BatchNormalization(trainable=False, dtype="float64")
    model = model_of(layers.Dense(4, dtype="float64"), frozen, shape=(3,))
    weights = [rng.normal(size=w.shape) for w in model.get_weights()[:-1]]
    model.set_weights([*weights, rng.random(4) + 0.5])
    x = rng.normal(size=(5, 3))
    before = frozen.get_weights()
    np.testing.assert_array_equal(model.propagate(x, True)[0], model.propagate(x, False)[0])
    check_gradients_of_inputs(model, x, rng)
    for one, other in zip(frozen.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def check_gradients_of_inputs(
    model: fastrnn.Sequential, x: Array, rng: np.random.Generator
) -> None:
    dy = rng.normal(size=(*x.shape[:-1], 4))
    dx, _ = gradients(model, x, dy)
    direction = rng.normal(size=x.shape)
    plus, minus = (model.propagate(x + s * 1e-6 * direction, True)[0] for s in (1, -1))
    slope = (dy * (plus - minus)).sum() / 2e-6
    assert (dx * direction).sum() == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("shape", [(6, 3), (6, 4, 2, 3)])
@pytest.mark.parametrize("plain", [False, True])
def test_masked_steps_count_for_nothing(
    shape: tuple[int, ...], plain: bool, rng: np.random.Generator
) -> None:
    x = rng.normal(2, 3, (5, *shape))
    x[0, 4:], x[1, :3], x[2] = 0, 0, 0
    mask = (x != 0).reshape(5, 6, -1).any(axis=-1)
    layer = layers.BatchNormalization(center=not plain, scale=not plain, dtype="float64")
    y = layer(x, training=True, mask=mask)
    valid = x[mask].reshape(-1, 3)
    expected = (x - valid.mean(axis=0)) / np.sqrt(valid.var(axis=0) + 1e-3)
    np.testing.assert_allclose(y, expected)
    np.testing.assert_allclose(layer.moving_mean.value, 0.01 * valid.mean(axis=0))
    model = model_of(layers.Masking(dtype="float64"), layer, shape=shape)
    check_gradients(model, x, rng)


def test_a_mask_without_gaps_changes_nothing(rng: np.random.Generator) -> None:
    layer = layers.BatchNormalization(dtype="float64")
    x = rng.normal(size=(4, 5, 3))
    y = layer(x, training=True, mask=np.ones((4, 5), bool))
    np.testing.assert_array_equal(y, layer(x, training=True))


def test_a_batch_without_a_valid_step_gives_numbers() -> None:
    layer = layers.BatchNormalization()
    y = layer(np.ones((2, 3, 4)), training=True, mask=np.zeros((2, 3), bool))
    assert np.isfinite(y).all()
    assert np.isfinite(layer.backward(y)).all()


def test_layer_normalization_over_several_axes(rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 5, 6, 3))
    layer = layers.LayerNormalization(axis=(-2, -1), dtype="float64")
    layer(x)
    gamma, beta = rng.normal(size=(2, 6, 3))
    layer.set_weights([gamma, beta])
    over = (2, 3)
    mean, variance = x.mean(axis=over, keepdims=True), x.var(axis=over, keepdims=True)
    expected = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(layer(x), expected)


def test_training_with_batch_normalization(rng: np.random.Generator) -> None:
    """What training learns holds for prediction, once the averages have followed."""
    fastrnn.utils.set_random_seed(2)
    x = rng.normal(5, 3, (128, 6, 6, 2)).astype(np.float32)
    y = (x.mean(axis=(1, 2))[:, :1] > 5).astype(np.float32)
    stack = [
        layers.Input((6, 6, 2)),
        layers.Conv2D(4, 3, use_bias=False),
        layers.BatchNormalization(momentum=0.8),
        layers.ReLU(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(1, activation="sigmoid"),
    ]
    model = fastrnn.Sequential(stack)
    model.compile(fastrnn.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=15, batch_size=32, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.9
