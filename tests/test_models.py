"""Sequential: training, evaluation, prediction, callbacks."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

import fastrnn
from fastrnn import callbacks, layers, losses, metrics, optimizers
from small_models import Array, C, F, N, T, model_of, problem


@pytest.fixture
def data() -> tuple[Array, Array]:
    return problem()


def test_training_learns(data: tuple[Array, Array]) -> None:
    x, y = data
    model = model_of()
    history = model.fit(x, y, epochs=30, batch_size=8, verbose=0)
    assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]
    assert history.history["accuracy"][-1] > 0.9
    assert history.epoch == list(range(30))
    assert model.history is history
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy == np.mean(model.predict(x, verbose=0).argmax(-1) == y)
    assert model.evaluate(x, y, verbose=0, return_dict=True) == {"loss": loss, "accuracy": accuracy}


def test_same_seed_gives_the_same_training(data: tuple[Array, Array]) -> None:
    results = []
    for _ in range(2):
        fastrnn.utils.set_random_seed(5)  # before the layers, which draw their own seeds
        stack = layers.GRU(5, dropout=0.2, recurrent_dropout=0.2), layers.Dense(C)
        model = fastrnn.Sequential([layers.Input((T, F)), *stack])
        model.compile("rmsprop", losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(*data, epochs=2, verbose=0)
        results.append(model.get_weights())
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_whole_model_gradient_by_finite_differences(rng: np.random.Generator) -> None:
    """The gradient that a training step leaves in the flat buffer, in float64."""
    x, y = rng.normal(size=(5, T, F)), rng.integers(0, C, 5)
    model = fastrnn.Sequential(
        [
            layers.Input((T, F), dtype="float64"),
            layers.Masking(dtype="float64"),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True, dtype="float64")),
            layers.GRU(3, dtype="float64"),
            layers.Dense(C, activation="softmax", dtype="float64"),
        ]
    )
    x[0, -2:] = 0
    weight = rng.random(5)
    model.compile(optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y, sample_weight=weight)
    parameters = model._parameters
    assert parameters is not None
    start, gradient = parameters.weights.copy(), parameters.grads.copy()
    direction = rng.normal(size=start.shape)
    step = 1e-6
    values = []
    for sign in (1, -1):
        parameters.touch()
        parameters.weights[...] = start + sign * step * direction
        values.append(model.test_on_batch(x, y, sample_weight=weight))
    slope = (values[0] - values[1]) / (2 * step)
    assert float(gradient @ direction) == pytest.approx(slope, rel=1e-6)


def test_fused_and_separate_softmax_agree(data: tuple[Array, Array]) -> None:
    x, y = data
    fused = model_of()
    separate = model_of(layers.LSTM(8), layers.Dense(C, activation="softmax"), layers.Flatten())
    separate.set_weights(fused.get_weights())
    assert fused.objective.fuses(fused.final_activation)  # type: ignore[union-attr]
    assert not separate.objective.fuses(separate.final_activation)  # type: ignore[union-attr]
    for _ in range(3):
        one, other = fused.train_on_batch(x, y), separate.train_on_batch(x, y)
        np.testing.assert_allclose(one, other, rtol=1e-4)


def test_validation_split_is_the_last_part(data: tuple[Array, Array]) -> None:
    x, y = data
    model = model_of()
    model.compile(optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, validation_split=0.25, verbose=0).history
    assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    loss, accuracy = model.evaluate(x[30:], y[30:], verbose=0)
    assert history["val_loss"] == [pytest.approx(loss)]
    assert history["val_accuracy"] == [pytest.approx(accuracy)]
    given = model.fit(x, y, validation_data=(x[30:], y[30:]), verbose=0).history
    assert given["val_loss"] == [pytest.approx(loss)]


def test_epochs_steps_and_validation_frequency(data: tuple[Array, Array]) -> None:
    x, y = data
    seen: list[tuple[int, int]] = []

    class Count(callbacks.Callback):
        epoch = 0

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.epoch = epoch

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            assert logs is not None
            assert set(logs) == {"loss", "accuracy"}
            seen.append((self.epoch, batch))

    model = model_of()
    history = model.fit(
        x,
        y,
        epochs=5,
        initial_epoch=2,
        steps_per_epoch=4,
        batch_size=16,
        validation_data=(x, y),
        validation_freq=np.int64(2),
        validation_steps=1,
        callbacks=[Count()],
        verbose=0,
    )
    assert seen == [(epoch, step) for epoch in (2, 3, 4) for step in range(4)]
    assert history.epoch == [2, 3, 4]
    assert len(history.history["val_loss"]) == 1
    with pytest.raises(ValueError, match="validation_freq must be an integer or a list of epochs"):
        model.fit(x, y, validation_data=(x, y), validation_freq=0.5, verbose=0)  # type: ignore[arg-type]


def test_callbacks_can_stop_training(data: tuple[Array, Array]) -> None:
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.model.stop_training = epoch == 1

    assert model_of().fit(*data, epochs=9, callbacks=Stop(), verbose=0).epoch == [0, 1]


def test_shuffling_covers_all_samples_once(rng: np.random.Generator) -> None:
    from fastrnn.models.batches import ArrayBatches

    x, y = np.arange(23.0).reshape(23, 1), np.arange(23)
    batches = ArrayBatches([x, y, None], [np.dtype("float32"), None, None], 5, rng)
    assert batches.steps == 5
    orders = []
    for _ in range(2):
        parts = [(a.copy(), b.copy(), c) for a, b, c in batches]
        assert [len(a) for a, _, _ in parts] == [5, 5, 5, 5, 3]
        assert all(c is None and a.dtype == np.float32 for a, _, c in parts)
        order = np.concatenate([b for _, b, _ in parts])
        np.testing.assert_array_equal(np.concatenate([a for a, _, _ in parts])[:, 0], order)
        orders.append(order)
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(23))
    assert list(orders[0]) != list(orders[1])


@pytest.mark.parametrize("dtype", ["uint8", "float64", "int64", "float32"])
def test_inputs_of_any_number_type(dtype: str, rng: np.random.Generator) -> None:
    x = (rng.random((N, T, F)) * 50).astype(dtype)
    model = model_of()
    np.testing.assert_allclose(
        model.predict(x, verbose=0), model.predict(x.astype(np.float32), verbose=0)
    )
    strided = np.repeat(x, 2, axis=2)[:, :, ::2]
    np.testing.assert_array_equal(model.predict(strided, verbose=0), model.predict(x, verbose=0))
    model.fit(strided, np.zeros(N, int), verbose=0)


def test_prediction_is_the_same_for_any_batch_size(data: tuple[Array, Array]) -> None:
    model = model_of()
    x, _ = data
    whole = model.predict_on_batch(x)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(model.predict(x, batch_size=7, verbose=0), whole, atol=1e-6)
    np.testing.assert_allclose(model.predict(x[:1], verbose=0), whole[:1], atol=1e-6)
    np.testing.assert_allclose(model(x), whole, atol=1e-6)
    assert len(model.predict(x, batch_size=7, steps=2, verbose=0)) == 14


def test_prediction_does_not_share_memory_with_its_input() -> None:
    model = fastrnn.Sequential([layers.Input((3,)), layers.Dropout(0.5)])
    x = np.ones((2, 3), np.float32)
    assert not np.shares_memory(model.predict(x, verbose=0), x)
    assert not np.shares_memory(model.predict_on_batch(x), x)


def test_several_outputs_can_be_predicted(rng: np.random.Generator) -> None:
    model = fastrnn.Sequential([layers.Input((T, F)), layers.LSTM(5, return_state=True)])
    x = rng.normal(size=(N, T, F))
    y, h, c = model.predict(x, batch_size=16, verbose=0)
    np.testing.assert_array_equal(y, h)
    assert c.shape == (N, 5)
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="y must be a list or dict for output_1"):
        model.fit(x, h, verbose=0)


def test_weights_scale_the_loss(data: tuple[Array, Array], rng: np.random.Generator) -> None:
    x, y = data
    model = model_of()
    weights = rng.random(N)
    p = model.predict(x, verbose=0)[np.arange(N), y]
    expected = (-np.log(p) * weights).mean()
    assert model.evaluate(x, y, sample_weight=weights, batch_size=N, verbose=0)[0] == pytest.approx(
        expected, rel=1e-5
    )
    by_class = model.train_on_batch(x, y, class_weight={0: 0.0, 2: 3.0})[0]
    factors = np.array([0.0, 1.0, 3.0])[y]
    assert by_class == pytest.approx((-np.log(p) * factors).mean(), rel=1e-5)
    model.compile("sgd", "mse", loss_weights=[2.0])
    one_hot = fastrnn.utils.to_categorical(y)
    twice = model.evaluate(x, one_hot, verbose=0)
    model.compile("sgd", "mse")
    assert twice == pytest.approx(2 * model.evaluate(x, one_hot, verbose=0))


def test_accuracy_and_crossentropy_are_resolved_by_shapes(data: tuple[Array, Array]) -> None:
    x, y = data
    for units, labels, metric, loss in (
        (C, y, metrics.SparseCategoricalAccuracy, losses.SparseCategoricalCrossentropy),
        (C, np.eye(C)[y], metrics.CategoricalAccuracy, losses.CategoricalCrossentropy),
        (1, y % 2, metrics.BinaryAccuracy, losses.BinaryCrossentropy),
    ):
        activation = "sigmoid" if units == 1 else "softmax"
        model = model_of(layers.SimpleRNN(4), layers.Dense(units, activation), loss="crossentropy")
        model.compile("sgd", "crossentropy", metrics=["acc"], weighted_metrics=["accuracy"])
        assert model.metrics_names == ["loss"]
        model.fit(x, labels, verbose=0)
        assert model.objective is not None
        assert type(model.objective.metrics[0]) is metric
        assert type(model.objective.loss) is loss
        assert model.metrics_names == ["loss", "acc", "accuracy"]
        assert [metric.name for metric in model.metrics] == model.metrics_names


def test_frozen_layers_stay(data: tuple[Array, Array]) -> None:
    model = model_of(
        layers.LSTM(4, return_sequences=True),
        layers.GRU(4, trainable=False),
        layers.Dense(C, activation="softmax"),
    )
    before = model.get_weights()
    model.fit(*data, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [True, True, True, False, False, False, True, True]
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    assert [layer.name for layer in model._backward_layers] == [model.layers[2].name]
    assert len(model.trainable_weights) == 2
    before = model.get_weights()
    model.fit(*data, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False] * 6 + [True, True]


def test_a_model_inside_another_is_trained_by_both(data: tuple[Array, Array]) -> None:
    """As in a GAN: one compiled alone, and frozen inside another that trains through it."""
    x, y = data
    judge = model_of(layers.LSTM(4), layers.Dense(C, activation="softmax"))
    front = fastrnn.Sequential([layers.Input((T, F)), layers.Dense(F)])
    judge.trainable = False
    both = fastrnn.Sequential([front, judge])
    both.compile("adam", "sparse_categorical_crossentropy")
    for _ in range(2):
        before = front.get_weights(), judge.get_weights()
        judge.train_on_batch(x, y)
        middle = front.get_weights(), judge.get_weights()
        both.train_on_batch(x, y)
        after = front.get_weights(), judge.get_weights()
        np.testing.assert_equal(before[0], middle[0])
        assert not np.array_equal(before[1][0], middle[1][0])
        assert not np.array_equal(middle[0][0], after[0][0])
        np.testing.assert_equal(middle[1], after[1])


def test_interrupted_training_leaves_the_model_whole(data: tuple[Array, Array]) -> None:
    x, y = data

    class Interrupt(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            if batch == 1 and len(self.model.history.epoch) == 2:
                os.kill(os.getpid(), signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals reach the main thread alone")
    model = model_of()
    # A process started in the background may ignore the signal from birth.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, epochs=5, batch_size=8, callbacks=[Interrupt()], verbose=0)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert model.history.epoch == [0, 1]
    assert len(model.history.history["loss"]) == 2
    assert all(layer.saved is None for layer in model.layers)
    copy = fastrnn.Sequential.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(
        copy.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6
    )
    model.fit(x, y, verbose=0)


def test_threads_predict_at_once(data: tuple[Array, Array]) -> None:
    x, _ = data
    model = model_of(
        layers.Masking(),
        layers.Bidirectional(layers.LSTM(6, return_sequences=True)),
        layers.GRU(5),
        layers.Dense(C, activation="softmax"),
    )
    expected = [model.predict(x[i : i + 4], verbose=0) for i in range(8)]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(20):
            if not np.array_equal(model.predict(x[i : i + 4], verbose=0), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_built_at_first_sight(data: tuple[Array, Array]) -> None:
    x, y = data
    model = fastrnn.Sequential([layers.GRU(4), layers.Dense(C, activation="softmax")])
    assert not model.built
    with pytest.raises(ValueError, match="has no weights to save"):
        model.save_weights("x.weights.h5")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    assert model.output_shape == (None, C)
    later = fastrnn.Sequential([layers.GRU(4)])
    later.build((None, T, F))
    assert later.predict(x, verbose=0).shape == (N, 4)
    series = fastrnn.Sequential([layers.Input((T, 1)), layers.LSTM(2)])
    assert series.predict(x[..., 0], verbose=0).shape == (N, 2)


def test_layers_are_added_and_removed() -> None:
    model = fastrnn.Sequential()
    model.add(layers.LSTM(4, input_shape=(T, F), return_sequences=True))
    model.add(layers.LSTM(3))
    model.add(layers.Dense(2))
    assert [weight.shape for weight in model.weights[-2:]] == [(3, 2), (2,)]
    model.pop()
    assert model.output_shape == (None, 3)
    assert model.get_layer(index=0) is model.layers[0]
    assert model.get_layer(model.layers[1].name) is model.layers[1]
    with pytest.raises(ValueError, match="has no layer 'none'"):
        model.get_layer("none")
    with pytest.raises(ValueError, match="all names must differ"):
        model.add(model.layers[0])
    with pytest.raises(TypeError, match="make an instance of it"):
        model.add(layers.Dense)
    with pytest.raises(ValueError, match="Input must come first"):
        model.add(layers.Input((3,)))
