"""Initial states, final states and their gradients, through layers and directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers, ops

N, T, F, U = 4, 5, 3, 6
Array = np.ndarray[Any, Any]

# Each case makes a layer that outputs its states as well; the shape of a step, of each state.
CASES: dict[str, tuple[Callable[..., Any], tuple[int, ...], list[tuple[int, ...]]]] = {
    "lstm": (lambda **k: layers.LSTM(U, **k), (F,), [(U,)] * 2),
    "gru": (lambda **k: layers.GRU(U, **k), (F,), [(U,)]),
    "gru_before": (lambda **k: layers.GRU(U, reset_after=False, **k), (F,), [(U,)]),
    "rnn": (lambda **k: layers.SimpleRNN(U, **k), (F,), [(U,)]),
    "conv_lstm": (
        lambda **k: layers.ConvLSTM2D(2, 3, padding="same", **k),
        (4, 5, F),
        [(4, 5, 2)] * 2,
    ),
    "bidirectional": (
        lambda **k: layers.Bidirectional(
            layers.LSTM(U, **k),
            backward_layer=layers.GRU(2, go_backwards=True, **k),
        ),
        (F,),
        [(U,), (U,), (2,)],
    ),
}


def mask_of_holes() -> Array:
    """Right padding, left padding and holes, a row that is masked throughout."""
    mask = np.ones((N, T), bool)
    mask[0, -2:] = mask[1, :2] = mask[2, [1, 3]] = mask[3] = False
    return mask


def check_slopes(layer: Any, x: list[Array], mask: Array | None, rng: np.random.Generator) -> None:
    """Gradients of all inputs and weights against central differences."""
    outputs = layer.forward(x, True, mask)
    dy = [rng.normal(size=part.shape) for part in outputs]
    dx = layer.backward(dy)
    assert isinstance(dx, list)
    assert [part.shape for part in dx] == [part.shape for part in x]

    def value() -> float:
        parts = layer.forward(x, True, mask)
        return float(sum((d * part).sum() for d, part in zip(dy, parts, strict=True)))

    moved = [*x, *(weight.value for weight in layer.weights)]
    slopes = [*dx, *(weight.grad for weight in layer.weights)]
    for array, gradient in zip(moved, slopes, strict=True):
        direction, start, values = rng.normal(size=array.shape), array.copy(), []
        for sign in (1, -1):
            array[...] = start + sign * 1e-6 * direction
            values.append(value())
        array[...] = start
        slope = (values[0] - values[1]) / 2e-6
        assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_gradients_of_initial_states(
    case: str, backwards: bool, sequences: bool, masked: bool, rng: np.random.Generator
) -> None:
    if backwards and case == "bidirectional":
        pytest.skip("has both directions")
    make, step, states = CASES[case]
    options: dict[str, Any] = {"go_backwards": True} if backwards else {}
    layer = make(return_sequences=sequences, return_state=True, dtype="float64", **options)
    inputs = [rng.normal(size=(N, T, *step)), *(rng.normal(size=(N, *s)) for s in states)]
    layer.ensure_built([(None, *part.shape[1:]) for part in inputs])
    check_slopes(layer, inputs, mask_of_holes() if masked else None, rng)


@pytest.mark.parametrize("case", CASES)
def test_initial_state_continues_a_run(case: str, rng: np.random.Generator) -> None:
    if case == "bidirectional":
        pytest.skip("its directions start at both ends")
    make, step, _ = CASES[case]
    layer = make(return_state=True)
    x = rng.normal(size=(N, 2 * T, *step))
    whole, *states = layer(x)
    _, *middle = layer(x[:, :T])
    last, *ends = layer(x[:, T:], initial_state=middle)
    for one, other in zip((whole, *states), (last, *ends), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    listed = layer([x[:, T:], *middle])
    np.testing.assert_array_equal(listed[0], last)


def test_a_masked_row_keeps_its_initial_state(rng: np.random.Generator) -> None:
    layer = layers.GRU(U, return_state=True)
    h0 = rng.normal(size=(N, U)).astype(np.float32)
    y, h = layer(rng.normal(size=(N, T, F)), mask=np.zeros((N, T), bool), initial_state=h0)
    np.testing.assert_array_equal(y, np.zeros((N, U)))
    np.testing.assert_array_equal(h, h0)


def test_bidirectional_layers_take_each_their_states(rng: np.random.Generator) -> None:
    layer = layers.Bidirectional(layers.LSTM(U), merge_mode=None)
    x = rng.normal(size=(N, T, F)).astype(np.float32)
    states = [rng.normal(size=(N, U)).astype(np.float32) for _ in range(4)]
    one, other = layer(x, initial_state=states)
    for inner, start, reverse, y in (
        (layer.forward_layer, states[:2], False, one),
        (layer.backward_layer, states[2:], True, other),
    ):
        _, h_n, _ = ops.lstm(x, *inner.get_weights(), *start, reverse=reverse)
        np.testing.assert_allclose(y, h_n, rtol=1e-5, atol=1e-6)


def test_stateful_layers_may_start_from_a_state(rng: np.random.Generator) -> None:
    layer = layers.LSTM(U, stateful=True, return_state=True)
    x = rng.normal(size=(N, T, F))
    start = [rng.normal(size=(N, U)) for _ in range(2)]
    first = layer(x, initial_state=start)
    layer.reset_states(start)
    np.testing.assert_array_equal(first[0], layer(x)[0])
    layer.reset_states()
    assert np.abs(first[0] - layer(x)[0]).max() > 1e-3


def test_shapes_and_masks_of_several_outputs() -> None:
    layer = layers.LSTM(U, return_sequences=True, return_state=True)
    shapes = [(None, T, F), (None, U), (None, U)]
    assert layer.compute_output_shape(shapes) == [(None, T, U), (None, U), (None, U)]
    both = layers.Bidirectional(layers.GRU(U), merge_mode=None)
    assert both.compute_output_shape([(None, T, F), (None, U), (None, U)]) == [(None, U)] * 2
    x, mask = np.zeros((N, T, F)), np.ones((N, T), bool)
    assert layer.compute_mask([x, x[:, 0], x[:, 0]], [mask, None, None]) == [mask, None, None]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x: layers.LSTM(4, name="a")(x, initial_state=[np.ones((N, 4))]),
            r"a: initial_state must be \(N, 4\), \(N, 4\), got \(None, 4\)",
        ),
        (
            lambda x: layers.GRU(4, name="a")([x, np.ones((N, 5))]),
            r"a: initial_state must be \(N, 4\), got \(None, 5\)",
        ),
        (
            lambda x: layers.GRU(4)(x, initial_state=np.ones((N + 1, 4))),
            r"h0 must be \(N, H\) = \(4, 4\), got \(5, 4\)",
        ),
        (
            lambda x: layers.Bidirectional(layers.LSTM(4))(x, initial_state=[np.ones((N, 4))] * 3),
            "initial_state must be 4 arrays, 2 for the forward and 2 for the backward layer, got 3",
        ),
    ],
)
def test_wrong_states_are_refused(call: Callable[[Array], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.ones((N, T, F)))


def test_states_in_a_nested_list_are_data() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    layer = layers.SimpleRNN(2)
    np.testing.assert_array_equal(layer(x.tolist()), layer(x))
    assert fastrnn.layers.deserialize(
        {"class_name": "LSTM", "config": layers.LSTM(3, zero_output_for_mask=True).get_config()}
    ).zero_output_for_mask  # type: ignore[attr-defined]
