"""Frame-by-frame prediction: the same as predict on the whole sequence, for many architectures."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers

Array = np.ndarray[Any, Any]
N, T, F = 3, 7, 5
FRAMES = (T, 10, 9, 2)
SEQUENCE = (T, F)

Stack = Callable[[], list[Any]]
CASES: dict[str, tuple[tuple[int | None, ...], Stack]] = {
    "lstm": (SEQUENCE, lambda: [layers.LSTM(6)]),
    "gru": (SEQUENCE, lambda: [layers.GRU(6)]),
    "gru_before": (SEQUENCE, lambda: [layers.GRU(6, reset_after=False)]),
    "rnn": (SEQUENCE, lambda: [layers.SimpleRNN(6, "relu")]),
    "any_length": ((None, F), lambda: [layers.LSTM(6), layers.Dense(2, activation="softmax")]),
    "general": (SEQUENCE, lambda: [layers.LSTM(6, activation="gelu"), layers.Dense(2, "mish")]),
    "stack": (
        SEQUENCE,
        lambda: [
            layers.Dense(8, activation="relu"),
            layers.LSTM(6, return_sequences=True),
            layers.Dropout(0.5),
            layers.BatchNormalization(),
            layers.GRU(4, return_sequences=True),
            layers.LayerNormalization(),
            layers.SimpleRNN(3),
            layers.Dense(4),
            layers.LeakyReLU(),
            layers.Dense(2, activation="softmax"),
        ],
    ),
    "sequences": (
        SEQUENCE,
        lambda: [
            layers.LSTM(6, return_sequences=True),
            layers.TimeDistributed(layers.Dense(4, activation="tanh")),
            layers.Activation("softmax"),
        ],
    ),
    "elementwise": (
        SEQUENCE,
        lambda: [
            layers.ELU(0.5),
            layers.PReLU("ones", shared_axes=[1]),
            layers.GaussianNoise(0.5),
            layers.SpatialDropout1D(0.5),
            layers.Softmax(),
            layers.GRU(4),
        ],
    ),
    "after_the_last": (
        SEQUENCE,
        lambda: [
            layers.LSTM(6),
            layers.RepeatVector(4),
            layers.Bidirectional(layers.GRU(3, return_sequences=True)),
            layers.GlobalAveragePooling1D(),
        ],
    ),
    "nested": (
        SEQUENCE,
        lambda: [
            fastrnn.Sequential([layers.Input(SEQUENCE), layers.GRU(6, return_sequences=True)]),
            fastrnn.Sequential([layers.Input((T, 6)), layers.LSTM(4), layers.Dense(3)]),
        ],
    ),
    "cnn_lstm": (
        FRAMES,
        lambda: [
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(3, 2, padding="same", strides=2, activation="gelu"),
            layers.BatchNormalization(),
            layers.AveragePooling2D((2, 1)),
            layers.Flatten(),
            layers.LSTM(6, return_sequences=True),
            layers.LSTM(5),
            layers.Dense(3, activation="softmax"),
        ],
    ),
    "distributed_cnn": (
        FRAMES,
        lambda: [
            layers.TimeDistributed(
                fastrnn.Sequential(
                    [
                        layers.Input(FRAMES[1:]),
                        layers.Conv2D(4, 3, activation="relu"),
                        layers.GlobalAveragePooling2D(),
                    ]
                )
            ),
            layers.GRU(6),
        ],
    ),
    "frames_into_lstm": (FRAMES, lambda: [layers.ZeroPadding2D(), layers.LSTM(6)]),
    "depthwise": (
        FRAMES,
        lambda: [
            layers.DepthwiseConv2D(3),
            layers.SeparableConv2D(3, 2),
            layers.GlobalMaxPooling2D(),
            layers.GRU(4),
        ],
    ),
    "reshaped": (
        FRAMES,
        lambda: [layers.Reshape((T, 90, 2)), layers.Permute((1, 3, 2)), layers.LSTM(4)],
    ),
    "conv_lstm": (
        FRAMES,
        lambda: [
            layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True),
            layers.MaxPooling2D(),
            layers.ConvLSTM2D(2, 2),
            layers.Flatten(),
            layers.Dense(3),
        ],
    ),
    "masked": (
        SEQUENCE,
        lambda: [
            layers.Masking(),
            layers.Dense(4, activation="tanh"),
            layers.LSTM(6, return_sequences=True),
            layers.GRU(4),
            layers.Dense(2),
        ],
    ),
    "words": (
        (T,),
        lambda: [layers.Embedding(6, 4, mask_zero=True), layers.GRU(5), layers.Dense(2)],
    ),
}


def model_of(case: str) -> fastrnn.Sequential:
    """A model whose weights are nowhere special."""
    shape, stack = CASES[case]
    model = fastrnn.Sequential([layers.Input(shape), *stack()])
    rng = np.random.default_rng(2)
    model.set_weights([w + 0.1 * np.abs(rng.normal(size=w.shape)) for w in model.get_weights()])
    return model


def clips(case: str, rng: np.random.Generator) -> Array:
    shape = tuple(size or T for size in CASES[case][0])
    x = rng.normal(size=(N, *shape)).astype(np.float32)
    if case == "masked":
        x[0, -2:] = x[1, :2] = x[2, [1, 4]] = 0
    return rng.integers(0, 6, (N, T)).astype(np.float32) if case == "words" else x


@pytest.mark.parametrize("case", CASES)
def test_a_stream_gives_what_predict_gives(case: str, rng: np.random.Generator) -> None:
    model, x = model_of(case), clips(case, rng)
    stream = model.stream(N)
    for _ in range(2):
        outputs = [stream.step(x[:, t]) for t in range(T)]
        whole = model.predict(x, verbose=0)
        if whole.ndim == 3:
            outputs = [np.stack(outputs, axis=1)]
        np.testing.assert_allclose(outputs[-1], whole, rtol=2e-5, atol=2e-6)
        stream.reset()
    model_of_any_length = CASES[case][0][0] is None
    if model_of_any_length:
        half = model.predict(x[:, :4], verbose=0)
        np.testing.assert_allclose(outputs[3], half, rtol=2e-5, atol=2e-6)


def test_graphs_of_layers_stream(rng: np.random.Generator) -> None:
    x = layers.Input(FRAMES)
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(x))
    rows = layers.Reshape((T, 180))(x)
    both = layers.Concatenate()([pooled, layers.Dense(4, activation="tanh")(rows)])
    summed = layers.Add()([layers.GRU(8, return_sequences=True)(both), both])
    last = layers.LSTM(5)(summed)
    outputs = [
        layers.Dense(3, activation="softmax")(last),
        layers.TimeDistributed(layers.Dense(2))(summed),
    ]
    model = fastrnn.Model(x, outputs)
    clip = rng.normal(size=(N, *FRAMES)).astype(np.float32)
    stream = model.stream(N)
    steps = [stream.step(clip[:, t]) for t in range(T)]
    label, sequence = model.predict(clip, verbose=0)
    np.testing.assert_allclose(steps[-1][0], label, rtol=2e-5, atol=2e-6)
    every = np.stack([step[1] for step in steps], axis=1)
    np.testing.assert_allclose(every, sequence, rtol=2e-5, atol=2e-6)


def test_graphs_that_mix_a_step_and_a_sequence_are_refused() -> None:
    x = layers.Input(SEQUENCE)
    y, *states = layers.GRU(4, return_state=True)(x)
    for model, message in (
        (fastrnn.Model(x, layers.GRU(4)(x, initial_state=states)), r"\(GRU\) returns its states"),
        (fastrnn.Model(x, layers.Concatenate(axis=1)([x, x])), r"\(Concatenate\) needs the whole"),
        (fastrnn.Model([x, layers.Input((4,))], y), "one input and no masks, has 2 inputs"),
    ):
        with pytest.raises(ValueError, match=message):
            model.stream()


def test_streams_are_reset_one_by_one(rng: np.random.Generator) -> None:
    model, x = model_of("stack"), clips("stack", rng)
    fresh, stream = model.stream(N), model.stream(N)
    first = [fresh.step(x[:, t]) for t in range(T)]
    for rows in (np.array([True, False, True]), [0, 2], np.array([-3, 2])):
        stream.reset()
        for t in range(3):
            stream.step(x[:, t])
        stream.reset(rows)
        y = stream.step(x[:, 0])
        np.testing.assert_array_equal(y[[0, 2]], first[0][[0, 2]])
        assert np.abs(y[1] - first[0][1]).max() > 1e-4
    stream.reset(1)
    stream.reset([])


def test_a_stream_follows_the_weights(rng: np.random.Generator) -> None:
    model, x = model_of("stack"), clips("stack", rng)
    stream = model.stream(N)
    stream.step(x[:, 0])
    model.compile("sgd", "mse")
    model.train_on_batch(x, np.ones((N, 2)))
    for t in range(1, T):
        y = stream.step(x[:, t])  # goes on from the state before the change
    assert np.abs(y - model.predict(x, verbose=0)).max() < 0.1
    stream.reset()
    for t in range(T):
        y = stream.step(x[:, t])
    np.testing.assert_allclose(y, model.predict(x, verbose=0), rtol=2e-5, atol=2e-6)


def test_outputs_stay_and_frames_may_be_anything_numeric(rng: np.random.Generator) -> None:
    model, x = model_of("lstm"), clips("lstm", rng)[:1]
    stream = model.stream()
    kept = [stream.step(x[0, t]) for t in range(T)]
    stream.reset()
    for t in range(T):
        frame: Any = x[:, t].astype(np.float64) if t % 2 else x[0, t].tolist()
        np.testing.assert_array_equal(stream.step(frame), kept[t])
    assert kept[0].shape == (1, 6)
    assert np.abs(kept[0] - kept[1]).max() > 1e-4
    stream.step(np.arange(F, dtype=np.uint8))


def test_memory_does_not_grow_with_the_steps(rng: np.random.Generator) -> None:
    model, x = model_of("cnn_lstm"), clips("cnn_lstm", rng)
    stream = model.stream(N)

    def run(steps: int) -> int:
        tracemalloc.start()
        for step in range(steps):
            stream.step(x[:, step % T])
        current, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return current

    assert run(200) < run(20) + 2000


class Backwards(layers.Layer):
    """A user's layer that needs all steps."""

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        return x[:, ::-1]


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ([layers.Bidirectional(layers.LSTM(3))], r"\(Bidirectional\) needs the whole sequence"),
        ([layers.LSTM(3, go_backwards=True)], r"\(LSTM\) needs the whole sequence"),
        ([layers.LSTM(3, return_state=True)], r"\(LSTM\) returns its states"),
        ([layers.Conv1D(3, 2), layers.LSTM(3)], r"\(Conv1D\) needs the whole sequence"),
        ([layers.GlobalMaxPooling1D()], r"\(GlobalMaxPooling1D\) needs the whole sequence"),
        ([layers.LSTM(3, return_sequences=True), layers.Flatten()], r"\(Flatten\) needs the whole"),
        ([layers.Softmax(axis=1)], r"\(Softmax\) needs the whole sequence"),
        ([layers.LayerNormalization(axis=[1, 2])], r"\(LayerNormalization\) needs the whole"),
        ([Backwards()], r"\(Backwards\) needs .*; where it treats each step by itself, give it"),
    ],
)
def test_layers_that_need_all_steps_are_refused(stack: list[Any], message: str) -> None:
    model = fastrnn.Sequential([layers.Input(SEQUENCE), *stack])
    with pytest.raises(ValueError, match=message):
        model.stream()


def test_wrong_calls_say_what_to_change() -> None:
    model = model_of("lstm")
    stream = model.stream(2)
    calls: list[tuple[type[Exception], str, Callable[[], Any]]] = [
        (
            ValueError,
            r"takes frames of shape \(2, 5\), got \(5,\)",
            lambda: stream.step(np.ones(F)),
        ),
        (
            ValueError,
            r"\(1, 5\) or \(5,\), got \(2, 4\)",
            lambda: model.stream().step([[1] * 4] * 2),
        ),
        (TypeError, "takes an array of numbers, got <U1", lambda: stream.step(["a"] * F)),
        (ValueError, r"there are 2 streams, got reset\(2\)", lambda: stream.reset(2)),
        (ValueError, "a boolean for each of 2 streams", lambda: stream.reset([True])),
        (TypeError, "reset takes indices, got float64", lambda: stream.reset([0.5])),
        (ValueError, "batch_size must be positive, got 0", lambda: model.stream(0)),
        (TypeError, "batch_size must be an integer, got 2.5", lambda: model.stream(2.5)),  # type: ignore[arg-type]
        (ValueError, "build the model first", lambda: fastrnn.Sequential().stream()),
        (
            ValueError,
            r"needs a model of sequences \(N, T, \.\.\.\).* got one for \(None, 4\)",
            lambda: fastrnn.Sequential([layers.Input((4,)), layers.Dense(2)]).stream(),
        ),
    ]
    for kind, message, call in calls:
        with pytest.raises(kind, match=message):
            call()
