"""Layers: outputs against the reference, gradients by finite differences, shapes, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import activations, initializers, layers, reference
from gradient_checks import check_gradients

N, T, F = 5, 6, 4  # rows, steps, features

Array = np.ndarray[Any, Any]


def made(*stack: layers.Layer, shape: tuple[int, ...] = (T, F)) -> fastrnn.Sequential:
    return fastrnn.Sequential([layers.Input(shape, dtype="float64"), *stack])


def sequences(rng: np.random.Generator, gap: float | None = None) -> Array:
    x = rng.normal(size=(N, T, F))
    if gap is not None:
        x[0, -2:], x[1, :2], x[2, 3], x[3] = gap, gap, gap, gap
    return x


STACKS: dict[str, Callable[[], list[layers.Layer]]] = {
    "lstm": lambda: [layers.LSTM(3, dtype="float64")],
    "lstm_sequences": lambda: [layers.LSTM(3, return_sequences=True, dtype="float64")],
    "lstm_backwards": lambda: [
        layers.LSTM(3, return_sequences=True, go_backwards=True, dtype="float64")
    ],
    "lstm_gelu": lambda: [layers.LSTM(3, "gelu", "mish", dtype="float64")],
    "gru": lambda: [layers.GRU(3, dtype="float64")],
    "gru_reset_before": lambda: [layers.GRU(3, reset_after=False, dtype="float64")],
    "gru_no_bias": lambda: [layers.GRU(3, use_bias=False, dtype="float64")],
    "rnn": lambda: [layers.SimpleRNN(3, return_sequences=True, dtype="float64")],
    "masked": lambda: [
        layers.Masking(dtype="float64"),
        layers.LSTM(3, return_sequences=True, dtype="float64"),
        layers.GRU(2, dtype="float64"),
    ],
    "masked_bidirectional": lambda: [
        layers.Masking(dtype="float64"),
        layers.Bidirectional(layers.GRU(3, return_sequences=True, dtype="float64")),
        layers.TimeDistributed(layers.Dense(2, "tanh", dtype="float64")),
    ],
    "bidirectional_mul": lambda: [
        layers.Bidirectional(layers.LSTM(3, dtype="float64"), merge_mode="mul")
    ],
    "bidirectional_ave": lambda: [
        layers.Bidirectional(
            layers.SimpleRNN(3, return_sequences=True, dtype="float64"), merge_mode="ave"
        )
    ],
    "bidirectional_sum": lambda: [
        layers.Bidirectional(layers.GRU(3, dtype="float64"), merge_mode="sum")
    ],
    "dense": lambda: [layers.Dense(3, "sigmoid", dtype="float64")],
    "dense_softmax": lambda: [layers.Dense(3, "softmax", dtype="float64")],
    "dense_gelu": lambda: [layers.Dense(3, "gelu", use_bias=False, dtype="float64")],
    "dense_glu": lambda: [layers.Dense(4, "glu", dtype="float64")],
    "activation": lambda: [
        layers.Dense(3, dtype="float64"),
        layers.Activation("swish", dtype="float64"),
    ],
    "flatten": lambda: [layers.Flatten(dtype="float64"), layers.Dense(3, dtype="float64")],
    "reshape": lambda: [
        layers.Reshape((-1, 2, 4), dtype="float64"),
        layers.TimeDistributed(layers.LSTM(3, dtype="float64")),
    ],
    "masked_steps_as_batches": lambda: [
        layers.Masking(dtype="float64"),
        layers.TimeDistributed(
            fastrnn.Sequential(
                [
                    layers.Dense(3, "tanh", dtype="float64"),
                    layers.BatchNormalization(dtype="float64"),
                    layers.Dense(2, dtype="float64"),
                ]
            )
        ),
    ],
    "model_in_model": lambda: [
        made(layers.LSTM(3, return_sequences=True, dtype="float64")),
        layers.GRU(2, dtype="float64"),
    ],
}


@pytest.mark.parametrize("stack", STACKS)
def test_gradients_through_a_model(stack: str, rng: np.random.Generator) -> None:
    gap = 0.0 if "masked" in stack else None
    check_gradients(made(*STACKS[stack]()), sequences(rng, gap), rng)


def test_gradients_with_dropout(rng: np.random.Generator) -> None:
    """The masks of one pass: the generator is put back before each."""
    recurrent = layers.LSTM(3, dropout=0.3, recurrent_dropout=0.4, seed=1, dtype="float64")
    gru = layers.GRU(3, recurrent_dropout=0.5, return_sequences=True, seed=2, dtype="float64")
    model = made(gru, layers.Dropout(0.5, seed=3, dtype="float64"), recurrent)
    dropped = [layer for layer in model.layers if hasattr(layer, "_rng")]
    states = [layer._rng.bit_generator.state for layer in dropped]
    run = model.propagate

    def repeatable(*arguments: Any, **options: Any) -> Any:
        for layer, state in zip(dropped, states, strict=True):
            layer._rng.bit_generator.state = state
        return run(*arguments, **options)

    model.propagate = repeatable  # type: ignore[method-assign]
    check_gradients(model, sequences(rng), rng)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_recurrent_layers_against_the_reference(
    name: str, masked: bool, reverse: bool, dtype: str, rng: np.random.Generator
) -> None:
    x = sequences(rng).astype(dtype)
    mask = rng.random((N, T)) > 0.4 if masked else None
    op = {"LSTM": reference.lstm, "GRU": reference.gru, "SimpleRNN": reference.rnn}[name]
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for sequence in (False, True):
        layer = getattr(layers, name)(
            3, return_sequences=sequence, return_state=True, go_backwards=reverse, dtype=dtype
        )
        out, *states = layer(x, mask=mask)
        trained, *_ = layer(x, mask=mask, training=True)
        expected = op(x, *layer.get_weights(), mask=mask, reverse=reverse)
        y = expected[0][:, ::-1] if reverse else expected[0]
        np.testing.assert_allclose(out, y if sequence else expected[1], atol=tolerance)
        np.testing.assert_allclose(trained, out, atol=tolerance)
        for state, wanted in zip(states, expected[1:], strict=True):
            np.testing.assert_allclose(state, wanted, atol=tolerance)
        assert out.dtype == dtype
        assert out.flags.c_contiguous


def test_frames_of_several_axes_are_flattened(rng: np.random.Generator) -> None:
    frames = rng.normal(size=(2, T, 3, 2, 1)).astype(np.float32)
    model = fastrnn.Sequential([layers.Input((T, 3, 2, 1)), layers.LSTM(4)])
    assert model.layers[0].kernel.shape == (6, 16)
    flat = fastrnn.Sequential([layers.Input((T, 6)), layers.LSTM(4)])
    flat.set_weights(model.get_weights())
    np.testing.assert_array_equal(
        model.predict(frames, verbose=0), flat.predict(frames.reshape(2, T, 6), verbose=0)
    )


def test_bidirectional_writes_zeros_for_masked_steps(rng: np.random.Generator) -> None:
    x, mask = sequences(rng), rng.random((N, T)) > 0.5
    layer = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
    y = layer(x, mask=mask)
    assert not y[~mask].any()
    assert y[mask].all()
    one, other = layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode=None)(
        x, mask=mask
    )
    assert not one[~mask].any()
    assert not other[~mask].any()


def test_stateful_layer_goes_on(rng: np.random.Generator) -> None:
    x = sequences(rng).astype(np.float32)
    layer = layers.LSTM(3, stateful=True, return_sequences=True)
    halves = [layer(x[:, :3]), layer(x[:, 3:])]
    plain = layers.LSTM(3, return_sequences=True)
    plain(x)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(np.concatenate(halves, axis=1), plain(x), atol=1e-6)
    with pytest.raises(ValueError, match="holds the state of 5 sequences, got a batch of 2"):
        layer(x[:2])
    layer.reset_states()
    np.testing.assert_allclose(layer(x[:2, :3]), halves[0][:2], atol=1e-6)
    with pytest.raises(ValueError, match="make it with stateful=True"):
        plain.reset_states()


def test_weights_are_packed_once_per_change(rng: np.random.Generator) -> None:
    x = sequences(rng).astype(np.float32)
    layer = layers.GRU(3)
    before = layer(x)
    packed = layer._packed[1]
    np.testing.assert_array_equal(layer(x), before)
    assert layer._packed[1] is packed
    layer.set_weights([w * 2 for w in layer.get_weights()])
    assert not np.allclose(layer(x), before)
    assert layer._packed[1] is not packed


def test_dropout_scales_and_is_repeatable() -> None:
    x = np.ones((200, 50), np.float32)
    first = layers.Dropout(0.25, seed=4)(x, training=True)
    assert set(np.unique(first)) == {0.0, np.float32(1 / 0.75)}
    assert first.mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(first, layers.Dropout(0.25, seed=4)(x, training=True))
    assert layers.Dropout(0.25)(x) is not None
    np.testing.assert_array_equal(layers.Dropout(0.25)(x), x)
    assert not layers.Dropout(1.0)(x, training=True).any()
    shared = layers.Dropout(0.5, noise_shape=(None, 1), seed=1)(x, training=True)
    assert (shared == shared[:, :1]).all()
    fastrnn.utils.set_random_seed(11)
    one = layers.Dropout(0.5)(x, training=True)
    fastrnn.utils.set_random_seed(11)
    np.testing.assert_array_equal(one, layers.Dropout(0.5)(x, training=True))


def test_recurrent_dropout_draws_for_each_gate(rng: np.random.Generator) -> None:
    layer = layers.LSTM(3, dropout=0.5, recurrent_dropout=0.5)
    masks = layer._dropout_masks(sequences(rng))
    assert masks["dropout_mask"].shape == (4, N, F)
    assert masks["recurrent_dropout_mask"].shape == (4, N, 3)
    assert layers.GRU(3, dropout=0.5)._dropout_masks(sequences(rng))["dropout_mask"].shape == (N, F)
    rnn = layers.SimpleRNN(3, recurrent_dropout=0.5)._dropout_masks(sequences(rng))
    assert rnn["recurrent_dropout_mask"].shape == (N, 3)


def test_initial_weights_are_keras() -> None:
    layer = layers.LSTM(6)
    layer.build((None, T, F))
    kernel, recurrent, bias = layer.get_weights()
    limit = np.sqrt(6 / (F + 24))
    assert np.abs(kernel).max() <= limit
    assert np.abs(kernel).max() > 0.8 * limit
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(6), atol=1e-6)
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 6))
    gru = layers.GRU(6, reset_after=False)
    gru.build((None, T, F))
    assert gru.bias is not None
    assert gru.bias.shape == (18,)


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("glorot_normal", np.sqrt(2 / 700)),
        ("he_normal", np.sqrt(2 / 300)),
        ("lecun_normal", np.sqrt(1 / 300)),
        ("he_uniform", np.sqrt(2 / 300)),
        ("lecun_uniform", np.sqrt(1 / 300)),
        ("glorot_uniform", np.sqrt(2 / 700)),
        ("random_normal", 0.05),
        ("random_uniform", 0.05 / np.sqrt(3)),
        ("orthogonal", 1 / np.sqrt(400)),
    ],
)
def test_initializers_have_keras_spread(name: str, deviation: float) -> None:
    values = initializers.get(name)((300, 400))
    assert values.std() == pytest.approx(deviation, rel=0.02)
    assert abs(values.mean()) < 0.02 * deviation + 1e-4
    assert values.dtype == np.float32
    seeded = type(initializers.get(name))(seed=3)
    np.testing.assert_array_equal(seeded((4, 5)), seeded((4, 5)))


def test_initializers_count_the_axes_that_they_are_told() -> None:
    given = initializers.VarianceScaling(2.0, "fan_in", input_axes=[0, 2], output_axes=[1])
    assert given((20, 300, 30)).std() == pytest.approx(np.sqrt(2 / 600), rel=0.02)
    again = initializers.deserialize(initializers.serialize(given))
    assert again.get_config() == given.get_config()
    assert initializers.glorot_uniform is initializers.GlorotUniform
    with pytest.raises(ValueError, match="HeNormal: give input_axes and output_axes, or neither"):
        initializers.HeNormal(input_axes=[0])


def test_constant_initializers() -> None:
    np.testing.assert_array_equal(initializers.get("ones")((2,)), [1, 1])
    np.testing.assert_array_equal(initializers.Constant(2.5)((2, 1)), [[2.5], [2.5]])
    np.testing.assert_array_equal(initializers.get("identity")((2, 3)), [[1, 0, 0], [0, 1, 0]])
    with pytest.raises(ValueError, match="did you mean 'glorot_uniform'"):
        initializers.get("glorot_unifrom")


@pytest.mark.parametrize("name", sorted(activations._BY_NAME))
def test_activations_by_name_and_function(name: str, rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 6))
    function = activations.get(name)
    np.testing.assert_allclose(function(x), reference.activation(x, name), atol=1e-12)
    assert activations.resolve(function) == name
    assert layers.Dense(2, activation=function).get_config()["activation"] == name


def test_output_shapes() -> None:
    assert layers.Reshape((3, -1)).compute_output_shape((None, 4, 6)) == (None, 3, 8)
    assert layers.Flatten().compute_output_shape((None, 4, None)) == (None, None)
    state = layers.LSTM(3, return_state=True).compute_output_shape((None, T, F))
    assert state == [(None, 3)] * 3
    both = layers.Bidirectional(layers.GRU(3), merge_mode=None)
    assert both.compute_output_shape((None, T, F)) == [(None, 3), (None, 3)]


@pytest.mark.parametrize("stack", STACKS)
def test_configurations_make_the_same_model(stack: str, rng: np.random.Generator) -> None:
    if stack == "model_in_model":
        pytest.skip("a model in a model is described by the model's own format")
    model = made(*STACKS[stack]())
    copy = fastrnn.Sequential.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    x = sequences(rng)
    np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.LSTM(0), "lstm.*: units must be a positive integer, got 0"),
        (lambda: layers.LSTM(3, activation="tahn"), "unknown activation 'tahn'.*'tanh'"),
        (lambda: layers.LSTM(3, dropout=2), "dropout must be from 0 to 1, got 2"),
        (lambda: layers.Dropout(-0.5), "rate must be from 0 to 1"),
        (lambda: layers.GRU(3, dtype="int8"), "dtype must be one of float32, float64"),
        (lambda: layers.Reshape((-1, -1)), "may hold one -1"),
        (lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="cat"), "'concat'"),
        (
            lambda: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3)),
            "must differ in go_backwards",
        ),
        (lambda: layers.LSTM(3, kernel_regularizer="l3"), "unknown regularizer .l3."),
        (lambda: layers.SimpleRNN(3, time_major=True), "time_major=True is not supported"),
        (lambda: made(layers.Reshape((5, 5))), "hold 24 values, which do not fill"),
        (lambda: made(layers.Flatten(), layers.LSTM(3)), r"lstm.*needs inputs \(N, T, features\)"),
        (
            lambda: made(layers.LSTM(3, name="first"), layers.LSTM(3)),
            "give first return_sequences=True",
        ),
        (
            lambda: made(layers.GRU(3, name="g"), layers.TimeDistributed(layers.Dense(3))),
            r"time axis, \(N, T, ...\), got \(None, 3\).*return_sequences=True",
        ),
        (
            lambda: made(layers.LSTM(3, return_state=True), layers.Dense(3)),
            "takes one input, but lstm.* has 3 outputs",
        ),
    ],
)
def test_errors_say_what_to_change(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_arguments_and_objects() -> None:
    with pytest.raises(TypeError, match="LSTM: unexpected argument 'return_sequence'.*'return_seq"):
        layers.LSTM(3, return_sequence=True)
    with pytest.raises(TypeError, match="Dense: unexpected argument"):
        layers.Dense(3, colour="red")
    with pytest.raises(TypeError, match="must be an LSTM, GRU, .* got Dense"):
        layers.Bidirectional(layers.Dense(3))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="activation must be a name or a callable, got int"):
        layers.Dense(3, activation=3)
    with pytest.raises(ValueError, match="has no weights yet"):
        layers.LSTM(3).set_weights([])


def test_functions_as_options_reach_both_directions(rng: np.random.Generator) -> None:
    def doubled(x: Array) -> Array:
        return np.tanh(2 * x)

    def halves(shape: tuple[int, ...], dtype: Any = None) -> Array:
        return np.full(shape, 0.5, dtype)

    layer = layers.Bidirectional(layers.LSTM(2, doubled, bias_initializer=halves))
    layer(sequences(rng).astype(np.float32))
    for one in (layer.forward_layer, layer.backward_layer):
        assert one.activation is doubled
        np.testing.assert_array_equal(one.get_weights()[2], np.repeat([0.5, 1, 0.5, 0.5], 2))


def test_input_type_is_that_of_the_data(rng: np.random.Generator) -> None:
    model = fastrnn.Sequential([layers.Input((T, F), dtype="uint8"), layers.LSTM(2)])
    assert model.predict(rng.integers(0, 255, (N, T, F)), verbose=0).dtype == np.float32


def test_keras_2_spellings() -> None:
    layer = layers.LSTM(3, input_shape=(T, F), implementation=2, time_major=False, unroll=False)
    assert fastrnn.Sequential([layer]).input_shape == (None, T, F)
    dense = layers.Dense(3, input_dim=7)
    assert fastrnn.Sequential([dense]).output_shape == (None, 3)
    fixed = layers.GRU(3, batch_input_shape=(2, None, F))
    assert fastrnn.Sequential([fixed]).input_shape == (2, None, F)
