"""Reports on the kernels that a model runs on: what they claim is what happens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers
from fastrnn.ops import _general

SEQUENCE, FRAMES = (7, 5), (7, 12, 12, 2)


def cube(x: Any) -> Any:
    return np.clip(x, -1, 1) ** 3  # bounded: states must not overflow, whatever the weights


def model_of(shape: tuple[int, ...], *stack: Any) -> fastrnn.Sequential:
    return fastrnn.Sequential([layers.Input(shape), *stack])


@pytest.mark.parametrize(
    "layer",
    [
        layers.LSTM(4),
        layers.LSTM(4, "relu", "hard_sigmoid", dropout=0.2, recurrent_dropout=0.3),
        layers.GRU(4, activation="elu"),
        layers.GRU(4, recurrent_activation="gelu"),
        layers.LSTM(4, activation=cube),
        layers.SimpleRNN(4, activation="softmax"),
        layers.Bidirectional(layers.LSTM(4, activation="silu")),
        layers.RNN([layers.LSTMCell(3), layers.GRUCell(2, activation="mish")]),
    ],
)
@pytest.mark.parametrize("masked", [False, True])
def test_a_general_path_is_named_exactly_where_it_is_taken(
    layer: Any, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    forward = _general.forward

    def watched(*arguments: Any, **options: Any) -> Any:
        taken.append(True)
        return forward(*arguments, **options)

    monkeypatch.setattr(_general, "forward", watched)
    model = model_of(SEQUENCE, *[layers.Masking()] * masked, layer)
    model.propagate(np.ones((2, *SEQUENCE), np.float32), True)
    records = model.explain()[masked:]
    assert any(record.kernel == "NumPy, step by step" for record in records) == bool(taken)
    if masked and not taken:
        assert all("mask" in record.reason for record in records)


def test_the_report_of_a_whole_model() -> None:
    model = model_of(
        FRAMES,
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.TimeDistributed(layers.DepthwiseConv2D(3, activation="gelu", name="depth")),
        layers.BatchNormalization(name="norm"),
        layers.MaxPooling2D(name="pool"),
        layers.Flatten(name="flat"),
        layers.LSTM(6, dropout=0.1, name="lstm"),
        layers.Dropout(0.5, name="drop"),
        layers.Dense(3, activation="softmax", name="head"),
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    report = model.explain(strict=True)
    assert [(record.layer, record.kernel, record.reason) for record in report] == [
        (
            "conv",
            "direct convolution",
            "relu applied to the sums in registers",
        ),
        (
            "depth",
            "depthwise convolution",
            "gelu in a second sweep",
        ),
        ("norm", "batch normalization", ""),
        ("pool", "pooling", ""),
        ("flat", "none: the same memory", ""),
        ("lstm", "fused lstm", "tanh, sigmoid, dropout within the kernel"),
        ("drop", "NumPy in training, else nothing", ""),
        ("head", "matrix product", "softmax in a second sweep"),
    ]
    text = str(report)
    assert f"{fastrnn.show_config()['isa']} kernels" in text
    assert "loss: computed together with the final softmax" in text
    model.compile("adam", "mse")
    assert "loss: computed from the output" in str(model.explain())


class Own(layers.Layer):
    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        return x


class OwnCell(layers.AbstractRNNCell):
    state_size = 5

    def forward(self, x: Any, states: Any, training: bool = False) -> Any:  # type: ignore[override]
        return x, [x]


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (
            [layers.GRU(4, activation="gelu", name="a")],
            r"a \(GRU\) runs on NumPy, step by step: .* the activation gelu; use one of .*tanh",
        ),
        ([layers.RNN(OwnCell(), name="a")], r"a \(RNN\) .*: OwnCell is a cell of one's own; LSTMC"),
        ([layers.Dense(2, activation=cube, name="a")], r"a \(Dense\) .* activation cube is a func"),
        (
            [layers.Masking(), layers.BatchNormalization(name="a")],
            r"a \(BatchNormalization\) .*: a mask leaves steps out .*; put it before",
        ),
    ],
)
def test_strict_refuses_slow_paths(stack: list[Any], message: str) -> None:
    model = model_of(SEQUENCE, *stack)
    assert not all(record.fast for record in model.explain())
    with pytest.raises(ValueError, match=message):
        model.explain(strict=True)


def test_every_layer_has_a_record() -> None:
    model = model_of(
        SEQUENCE, Own(), layers.LeakyReLU(), layers.Permute((2, 1)), layers.UpSampling1D(2)
    )
    kernels = [record.kernel for record in model.explain(strict=True)]
    assert kernels == ["Python", "elementwise sweep", "NumPy", "up-sampling"]
    x = layers.Input(SEQUENCE)
    graph = fastrnn.Model(x, layers.Concatenate()([layers.GRU(2)(x), layers.SimpleRNN(3)(x)]))
    first, *kinds = [record.kernel for record in graph.explain()]
    assert first == "none: the same memory"
    assert set(kinds) == {"fused gru", "fused rnn", "NumPy: one sweep an input"}
    with pytest.raises(ValueError, match="build the model first"):
        fastrnn.Sequential([layers.LSTM(2)]).explain()
