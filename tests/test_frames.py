"""Sequences of images: layers for images map over time, and frames become rows for recurrence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import Sequential, layers
from fastrnn.ops.bound import BoundConvolution
from gradient_checks import check_gradients
from layer_cases import CASES, IMAGE

Array = np.ndarray[Any, Any]

N, T = 2, 3
NOT_MAPPED = ("layer_axes", "p_re_lu", "p_re_lu_shared", "p_re_lu_channels_shared", "permute")
ON_IMAGES = [
    name
    for name, case in CASES.items()
    if case.shape == IMAGE and name not in NOT_MAPPED and name != "batch_axis"
]


@pytest.mark.parametrize("name", ON_IMAGES)
def test_layers_for_images_map_over_time(name: str, rng: np.random.Generator) -> None:
    case = CASES[name]
    frames = rng.normal(size=(N, T, *IMAGE)).astype(np.float32)
    images = frames.reshape(N * T, *IMAGE)
    layer = case.make(layers)
    y = layer(frames, training=True)
    assert y.shape == (N, T, *case.output)
    assert layer.compute_output_shape((None, T, *IMAGE)) == (None, T, *case.output)
    assert layer.compute_output_shape((None, None, *IMAGE)) == (None, None, *case.output)
    dy = rng.normal(size=y.shape).astype(np.float32)
    dx = layer.backward(dy)
    grads = [weight.grad.copy() for weight in layer.trainable_weights]
    alone = case.make(layers)
    alone(images)
    alone.set_weights(layer.get_weights())
    if name.startswith("batch"):
        np.testing.assert_allclose(alone(images, training=True), y.reshape(-1, *case.output), 1e-5)
    else:
        np.testing.assert_array_equal(alone(images, training=True).reshape(y.shape), y)
    np.testing.assert_array_equal(
        alone.backward(dy.reshape(-1, *dy.shape[2:])), dx.reshape(images.shape)
    )
    for one, weight in zip(grads, alone.trainable_weights, strict=True):
        np.testing.assert_array_equal(one, weight.grad)


@pytest.mark.parametrize("name", ["conv2d", "max2d", "up_sampling2d", "global_average2d", "batch"])
def test_a_mask_of_steps_goes_on(name: str, rng: np.random.Generator) -> None:
    layer = CASES[name].make(layers)
    frames = rng.normal(size=(N, T, *IMAGE)).astype(np.float32)
    mask = np.array([[True, True, False], [True, False, False]])
    assert layer.compute_mask(frames, mask) is mask


def test_frames_are_not_copied(rng: np.random.Generator) -> None:
    layer = layers.Conv2D(3, 3)
    frames = rng.normal(size=(N, T, *IMAGE)).astype(np.float32)
    layer(frames, training=True)
    images, _ = layer.saved[0]
    assert np.shares_memory(images, frames)


def test_masked_frames_are_skipped(rng: np.random.Generator) -> None:
    """Frames of zeros at the end change nothing, and get no gradient."""
    frames = rng.normal(size=(N, T + 2, 6, 5, 2))
    frames[:, T:] = 0
    stack: list[layers.Layer] = [
        layers.Masking(dtype="float64"),
        layers.Conv2D(3, 3, activation="tanh", dtype="float64"),
        layers.MaxPooling2D((2, 1), dtype="float64"),
        layers.Flatten(dtype="float64"),
        layers.Bidirectional(layers.LSTM(4, dtype="float64")),
    ]
    model = Sequential([layers.Input((None, 6, 5, 2), dtype="float64"), *stack])
    whole, short = model.propagate(frames, True)[0], model.propagate(frames[:, :T], True)[0]
    np.testing.assert_allclose(whole, short, rtol=1e-12)
    check_gradients(model, frames, rng)
    model.propagate(frames, True)
    np.testing.assert_array_equal(model.propagate_back(np.ones_like(whole))[:, T:], 0)


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("cell", ["LSTM", "GRU", "SimpleRNN"])
def test_recurrent_layers_take_frames(cell: str, flatten: bool, rng: np.random.Generator) -> None:
    recurrent = getattr(layers, cell)(3, return_sequences=True, dtype="float64")
    stack = [layers.Flatten(dtype="float64")] if flatten else []
    model = Sequential(
        [
            layers.Input((T, 6, 5, 2), dtype="float64"),
            layers.Conv2D(2, 2, dtype="float64"),
            *stack,
            recurrent,
        ]
    )
    assert recurrent.kernel.shape[0] == 5 * 4 * 2
    assert model.output_shape == (None, T, 3)
    check_gradients(model, rng.normal(size=(N, T, 6, 5, 2)), rng)


class TestFlatten:
    """Which axes it takes together depends on what follows."""

    frames = (T, 6, 5, 2)

    def test_without_recurrence_everything_is_one_axis(self) -> None:
        model = Sequential([layers.Input(self.frames), layers.Conv3D(4, 2), layers.Flatten()])
        model.add(layers.Dense(3))
        assert model.output_shape == (None, 3)
        assert model.layers[-1].kernel.shape == (2 * 5 * 4 * 4, 3)  # type: ignore[attr-defined]

    def test_layers_between_are_built_anew(self, rng: np.random.Generator) -> None:
        model = Sequential([layers.Input(self.frames, dtype="float64")])
        model.add(layers.Flatten(dtype="float64"))
        model.add(layers.Dense(7, "tanh", dtype="float64"))
        model.add(layers.Dropout(0.0, dtype="float64"))
        assert model.output_shape == (None, 7)
        model.add(layers.GRU(4, dtype="float64"))
        assert model.layers[0].compute_output_shape((None, *self.frames)) == (None, T, 60)
        assert [w.shape for w in model.weights[:2]] == [(60, 7), (7,)]
        assert model.layers[3].kernel.shape == (7, 12)  # type: ignore[attr-defined]
        check_gradients(model, rng.normal(size=(N, *self.frames)), rng)

    @pytest.mark.parametrize("depth", [1, 2])
    def test_inside_a_model(self, depth: int, rng: np.random.Generator) -> None:
        """A CNN as a model of its own, and its place in a larger one."""
        inner = Sequential([layers.Conv2D(2, 3, dtype="float64"), layers.Flatten(dtype="float64")])
        inner.add(layers.Dense(5, "tanh", dtype="float64"))
        for _ in range(depth - 1):
            inner = Sequential([inner])
        model = Sequential([layers.Input(self.frames, dtype="float64"), inner])
        model.add(layers.Dropout(0.0, dtype="float64"))
        assert model.output_shape == (None, 5)
        model.add(layers.LSTM(4, dtype="float64"))
        assert inner.output_shape == (None, T, 5)
        assert [w.shape for w in model.weights[2:5]] == [(24, 5), (5,), (5, 16)]
        check_gradients(model, rng.normal(size=(N, *self.frames)), rng)
        model.pop()
        assert model.output_shape == (None, 5)
        assert inner.output_shape == (None, 5)

    @pytest.mark.parametrize("first", [layers.LSTM, layers.GRU])
    def test_before_a_model(self, first: Any) -> None:
        recurrent = Sequential([layers.Dropout(0.1), first(4), layers.Dense(2)])
        model = Sequential([layers.Input(self.frames), layers.Flatten(), recurrent])
        assert model.layers[0].compute_output_shape((None, *self.frames)) == (None, T, 60)
        assert model.predict(np.zeros((2, *self.frames)), verbose=0).shape == (2, 2)
        steps = Sequential([layers.Reshape((T, 60)), first(4)])
        model = Sequential([layers.Input(self.frames), layers.Flatten(), steps])
        assert model.layers[0].compute_output_shape((None, *self.frames)) == (None, T * 60)

    def test_models_between_that_need_vectors(self) -> None:
        inner = Sequential([layers.Flatten(), layers.Reshape((T * 60,))])
        model = Sequential([layers.Input(self.frames), inner])
        with pytest.raises(ValueError, match=r"lstm.*needs inputs \(N, T, features\)"):
            model.add(layers.LSTM(4))
        assert inner.output_shape == (None, T * 60)
        model.add(layers.Dense(2))
        assert model.predict(np.zeros((1, *self.frames)), verbose=0).shape == (1, 2)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: layers.Bidirectional(layers.LSTM(2)),
            lambda: layers.TimeDistributed(layers.Dense(2)),
            lambda: layers.Masking(),
        ],
    )
    def test_other_layers_that_need_time(self, make: Any) -> None:
        model = Sequential([layers.Input(self.frames), layers.Flatten(), make()])
        assert model.layers[0].compute_output_shape((None, *self.frames)) == (None, T, 60)

    def test_models_that_are_built_late(self) -> None:
        model = Sequential([layers.Flatten(), layers.LSTM(4)])
        model.build((None, None, 6, 5, 2))
        assert model.layers[1].kernel.shape == (60, 16)  # type: ignore[attr-defined]
        assert model.predict(np.zeros((2, 7, 6, 5, 2)), verbose=0).shape == (2, 4)

    def test_taking_the_recurrent_layer_away_undoes_it(self) -> None:
        model = Sequential([layers.Input(self.frames), layers.Flatten(), layers.LSTM(4)])
        model.pop()
        assert model.output_shape == (None, T * 60)
        model.add(layers.Dense(2))
        assert model.output_shape == (None, 2)
        model.add(layers.Reshape((1, 2)))
        model.add(layers.LSTM(3))
        assert model.output_shape == (None, 3)
        assert model.layers[1].kernel.shape == (T * 60, 2)  # type: ignore[attr-defined]

    def test_layers_between_that_need_vectors(self) -> None:
        """Nothing changes, and the error is that of the layer that does not fit."""
        model = Sequential([layers.Input(self.frames), layers.Flatten()])
        model.add(layers.Reshape((T * 60,)))
        with pytest.raises(ValueError, match=r"lstm.*needs inputs \(N, T, features\)"):
            model.add(layers.LSTM(4))
        assert model.output_shape == (None, T * 60)
        model.add(layers.Dense(2))
        assert model.predict(np.zeros((1, *self.frames)), verbose=0).shape == (1, 2)

    def test_steps_that_come_from_elsewhere(self) -> None:
        """An LSTM after another's last output is a mistake that no Flatten can mend."""
        model = Sequential([layers.Input(self.frames), layers.Flatten()])
        model.add(layers.Reshape((T, 60)))
        model.add(layers.LSTM(4, name="first"))
        with pytest.raises(ValueError, match="give first return_sequences=True"):
            model.add(layers.LSTM(4))
        assert model.layers[0].compute_output_shape((None, *self.frames)) == (None, T * 60)

    def test_descriptions_make_the_same_model(self, rng: np.random.Generator) -> None:
        model = Sequential([layers.Input(self.frames), layers.Flatten(), layers.LSTM(4)])
        again = Sequential.from_config(model.get_config())
        again.set_weights(model.get_weights())
        x = rng.normal(size=(N, *self.frames))
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))

    def test_images_have_no_steps(self) -> None:
        with pytest.raises(ValueError, match=r"lstm.*needs inputs \(N, T, features\)"):
            Sequential([layers.Input((6, 5, 2)), layers.Flatten(), layers.LSTM(4)])


class TestNeedDx:
    """The gradient of what comes into the first trained layer is computed for nobody."""

    @pytest.fixture(autouse=True)
    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[bool] = []
        backward = BoundConvolution.backward

        def noted(*arguments: Any) -> Any:
            gradients = backward(*arguments)
            self.asked.append("x" in gradients)
            return gradients

        monkeypatch.setattr(BoundConvolution, "backward", noted)

    def train(self, *stack: Any) -> list[bool]:
        model = Sequential([layers.Input((T, 8, 7, 2)), *stack, layers.LSTM(2)])
        model.compile("sgd", "mse")
        self.asked.clear()
        model.train_on_batch(np.ones((N, T, 8, 7, 2)), np.ones((N, 2)))
        return self.asked

    def test_frames(self) -> None:
        assert self.train(layers.Conv2D(2, 3), layers.Conv2D(2, 3)) == [True, False]

    def test_layers_without_weights_in_front(self) -> None:
        front = (layers.ZeroPadding2D(), layers.Dropout(0.1), layers.MaxPooling2D(2, 1))
        assert self.train(*front, layers.Conv2D(2, 3)) == [False]

    def test_time_distributed(self) -> None:
        wrap = layers.TimeDistributed
        stack = wrap(layers.Conv2D(2, 3)), wrap(layers.Conv2D(2, 3)), wrap(layers.Flatten())
        assert self.train(*stack) == [True, False]

    def test_a_model_in_time_distributed(self) -> None:
        inner = Sequential([layers.Conv2D(2, 3), layers.MaxPooling2D(), layers.Conv2D(2, 2)])
        inner.add(layers.Flatten())
        assert self.train(layers.TimeDistributed(inner)) == [True, False]

    def test_frozen_layers_in_front(self) -> None:
        frozen = layers.Conv2D(2, 3, trainable=False)
        assert self.train(frozen, layers.Conv2D(2, 3)) == [False]


def test_a_video_model_as_in_tutorials() -> None:
    """Convolution and pooling of frames, straight into an LSTM."""
    fastrnn.utils.set_random_seed(3)
    frames, height, width, channels = 4, 8, 9, 3
    rng = np.random.default_rng(1)
    x_train = rng.random((6, frames, height, width, channels))
    y_train = rng.random((6, 1))
    model = Sequential()
    model.add(
        layers.Conv2D(8, (3, 3), activation="relu", input_shape=(frames, height, width, channels))
    )
    model.add(layers.MaxPooling2D(pool_size=(2, 2)))
    model.add(layers.LSTM(5))
    model.add(layers.Dropout(0.2))
    model.add(layers.Dense(1))
    model.compile(loss="mean_squared_error", optimizer="adam")
    history = model.fit(x_train, y_train, epochs=30, batch_size=1, verbose=2)
    assert model.output_shape == (None, 1)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_a_video_classifier_as_in_tutorials() -> None:
    """Three convolutions, Flatten, two LSTMs; targets that are no probabilities train as well."""
    fastrnn.utils.set_random_seed(4)
    input_shape, num_classes = (3, 23, 24, 3), 4
    model = Sequential()
    model.add(layers.Conv2D(4, (3, 3), activation="relu", input_shape=input_shape))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(6, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(8, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Flatten())
    model.add(layers.LSTM(7, return_sequences=True))
    model.add(layers.Dropout(0.5))
    model.add(layers.LSTM(7))
    model.add(layers.Dense(num_classes, activation="softmax"))
    assert [layer.compute_output_shape(layer.input_shape) for layer in model.layers[5:8]] == [
        (None, 3, 1, 1, 8),
        (None, 3, 8),
        (None, 3, 7),
    ]
    model.compile(
        optimizer=fastrnn.optimizers.Adam(lr=0.001),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    rng = np.random.default_rng(5)
    x_train = rng.integers(0, 256, (20, *input_shape)).astype(np.uint8)
    y_train = rng.integers(num_classes, size=(20, num_classes))
    history = model.fit(x_train, y_train, batch_size=8, epochs=2, verbose=0, validation_split=0.1)
    assert np.isfinite(history.history["val_loss"]).all()
    loss, accuracy = model.evaluate(x_train, y_train, verbose=0)
    assert np.isfinite(loss)
    assert 0 <= accuracy <= 1
