"""RNN layers: cells of one's own against finite differences, built-in cells against the layers."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers
from test_recurrent_states import check_slopes, mask_of_holes

_EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "custom_cell.py"
CandidateLSTMCell: Any = runpy.run_path(str(_EXAMPLE))["CandidateLSTMCell"]

Array = np.ndarray[Any, Any]
N, T, F, U = 4, 5, 3, 6


class LayeredCell(layers.AbstractRNNCell):
    """A cell of layers, whose output is not its state and whose state has two axes."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [(2, units)]
        self.inside = layers.Dense(units, activation="tanh", dtype=self.dtype)

    @property
    def output_size(self) -> int:
        return self.units + 1

    def build(self, input_shape: Any) -> None:
        self.inside.ensure_built((None, input_shape[-1] + self.units))
        self.scale = self.add_weight((self.units + 1,), "ones", name="scale")

    def forward(self, x: Any, states: Any, training: bool = False) -> Any:  # type: ignore[override]
        (state,) = states
        h = self.inside.forward(np.hstack([x, state[:, 0]]), training)
        wide = np.hstack([h, x[:, :1]])
        self.saved = (wide, x.shape[1]) if training else None
        return wide * self.scale.value, [np.stack([h + state[:, 1], 0.5 * h], axis=1)]

    def backward(self, dy: Any, dstates: Any) -> Any:  # type: ignore[override]
        wide, features = self.saved
        (d,) = dstates
        self.set_gradient(self.scale, (dy * wide).sum(axis=0))
        dwide = dy * self.scale.value
        dinput = self.inside.backward(dwide[:, :-1] + d[:, 0] + 0.5 * d[:, 1])
        dx = dinput[:, :features].copy()
        dx[:, :1] += dwide[:, -1:]
        return dx, [np.stack([dinput[:, features:], d[:, 0]], axis=1)]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}


CELLS: dict[str, Callable[[], Any]] = {
    "candidate": lambda: CandidateLSTMCell(U, dtype="float64"),
    "layered": lambda: LayeredCell(U, dtype="float64"),
    "lstm": lambda: layers.LSTMCell(U, dtype="float64"),
    "stack": lambda: layers.StackedRNNCells(
        [
            layers.GRUCell(2, dtype="float64"),
            layers.StackedRNNCells([CandidateLSTMCell(U, dtype="float64")]),
            layers.SimpleRNNCell(3, dtype="float64"),
        ]
    ),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_gradients_of_cells(
    name: str, backwards: bool, sequences: bool, masked: bool, rng: np.random.Generator
) -> None:
    layer = layers.RNN(CELLS[name](), sequences, True, backwards)
    layer.ensure_built((None, T, F))
    states = [rng.normal(size=(N, *shape[1:])) for shape in layer.state_shapes((N, T, F))]
    mask = mask_of_holes() if masked else None
    check_slopes(layer, [rng.normal(size=(N, T, F)), *states], mask, rng)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_cell_that_is_an_lstm_gives_what_the_lstm_gives(
    masked: bool, reverse: bool, rng: np.random.Generator
) -> None:
    """The loop over steps beside the kernels: outputs, states and all gradients."""
    options: dict[str, Any] = {"return_state": True, "go_backwards": reverse}
    cell = layers.LSTMCell(U, dtype="float64")
    fused = layers.RNN(cell, True, **options)
    fused.ensure_built((None, T, F))
    looped = layers.RNN(cell, True, **options)
    looped._runners = (layers.rnn.CellRunner(cell),)
    looped.ensure_built((None, T, F))
    x, mask = rng.normal(size=(N, T, F)), mask_of_holes() if masked else None
    results = []
    for layer in (fused, looped):
        outputs = layer.forward(x, True, mask)
        dx = layer.backward([np.cos(part) for part in outputs])
        results.append([*outputs, dx, *(weight.grad.copy() for weight in layer.weights)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("cell", "layer"),
    [
        (lambda: layers.LSTMCell(U, recurrent_dropout=0.2), lambda: layers.LSTM(U)),
        (lambda: layers.GRUCell(U, reset_after=False), lambda: layers.GRU(U, reset_after=False)),
        (lambda: layers.SimpleRNNCell(U, "relu"), lambda: layers.SimpleRNN(U, "relu")),
    ],
)
def test_built_in_cells_run_on_the_layers_kernels(
    cell: Any, layer: Any, rng: np.random.Generator
) -> None:
    one, other = layers.RNN(cell()), layer()
    x = rng.normal(size=(N, T, F)).astype(np.float32)
    other(x)
    one.ensure_built((None, T, F))
    one.set_weights(other.get_weights())
    np.testing.assert_array_equal(one(x), other(x))
    # A step of the cell by itself.
    y, states = x, [np.zeros((N, *shape[1:])) for shape in one.state_shapes((N, T, F))]
    for t in range(T):
        y, states = one.cell(x[:, t], states)
    np.testing.assert_allclose(y, other(x), rtol=1e-5, atol=1e-6)


def test_a_stack_is_a_stack_of_layers(rng: np.random.Generator) -> None:
    stack = layers.RNN([layers.LSTMCell(U), layers.GRUCell(4)], return_state=True)
    x = rng.normal(size=(N, T, F)).astype(np.float32)
    y, *states = stack(x)
    lstm, gru = layers.LSTM(U, return_sequences=True, return_state=True), layers.GRU(4)
    lstm(x)
    gru(np.zeros((N, T, U)))
    weights = stack.get_weights()
    lstm.set_weights(weights[:3])
    gru.set_weights(weights[3:])
    inner, h, c = lstm(x)
    for one, wanted in zip((y, *states), (gru(inner), h, c, gru(inner)), strict=True):
        np.testing.assert_array_equal(one, wanted)


def test_a_model_of_cells_trains_streams_and_is_described(rng: np.random.Generator) -> None:
    def make() -> list[Any]:
        return [
            layers.RNN([CandidateLSTMCell(U), layers.LSTMCell(4)], return_sequences=True),
            layers.Bidirectional(layers.RNN(CandidateLSTMCell(3))),
            layers.Dense(2, activation="softmax"),
        ]

    model = fastrnn.Sequential([layers.Input((T, F)), *make()])
    model.compile(fastrnn.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
    x = rng.normal(size=(32, T, F)).astype(np.float32)
    y = (x[:, :, 0].sum(axis=1) > 0).astype(int)
    losses = model.fit(x, y, epochs=15, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    with fastrnn.utils.custom_object_scope({"CandidateLSTMCell": CandidateLSTMCell}):
        same = fastrnn.Sequential.from_config(model.get_config())
    same.set_weights(model.get_weights())
    np.testing.assert_array_equal(same.predict(x, verbose=0), model.predict(x, verbose=0))
    first = fastrnn.Sequential([layers.Input((T, F)), model.layers[0]])
    stream = first.stream(32)
    steps = np.stack([stream.step(x[:, t]) for t in range(T)], axis=1)
    np.testing.assert_allclose(steps, first.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


class WrongCell(CandidateLSTMCell):  # type: ignore[misc]
    def forward(self, x: Any, states: Any, training: bool = False) -> Any:
        return x, states


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: layers.RNN(layers.Dense(3)), ValueError, "Dense has no state_size"),
        (lambda x: layers.RNN("lstm"), TypeError, "RNN: a cell must be a layer with .* got str"),
        (lambda x: layers.RNN([]), ValueError, "needs at least one cell"),
        (
            lambda x: layers.RNN(WrongCell(U, name="w"))(x),
            ValueError,
            r"w: forward must return .* shapes \[\(4, 6\), .* got \[\(4, 3\)",
        ),
        (lambda x: layers.LSTMCell(3, stateful=True), TypeError, "unexpected argument 'stateful'"),
    ],
)
def test_wrong_cells_are_refused(
    call: Callable[[Array], Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        call(np.ones((N, T, F), np.float32))
