"""Options of layers that other tables leave out: 20 steps of training as in Keras."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
import pytest

import fastrnn
from fastrnn import layers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras", reason="Keras is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

N, STEPS = 4, 20
SEQUENCE, IMAGE, VOLUME, CLIP = (6, 3), (6, 5, 3), (4, 5, 4, 2), (3, 6, 5, 2)
Array = np.ndarray[Any, Any]
Make = Callable[[Any], list[Any]]

# Options that other tables of cases leave out; of a namespace, fastrnn.layers or keras.layers.
OPTIONS: dict[str, tuple[tuple[int, ...], Make]] = {
    "average1d": (SEQUENCE, lambda k: [k.AveragePooling1D(2, 3, "same")]),
    "bidirectional_cells": (
        SEQUENCE,
        lambda k: [k.Bidirectional(k.RNN(k.GRUCell(3), return_sequences=True), "sum"), k.LSTM(3)],
    ),
    "conv1d": (SEQUENCE, lambda k: [k.Conv1D(6, 2, groups=3, use_bias=False)]),
    "conv1d_transpose": (
        SEQUENCE,
        lambda k: [k.Conv1DTranspose(3, 3, 2, "same", output_padding=0, activation="tanh")],
    ),
    "conv1d_transpose_dilated": (
        SEQUENCE,
        lambda k: [k.Conv1DTranspose(3, 3, dilation_rate=2, use_bias=False)],
    ),
    "conv3d": (VOLUME, lambda k: [k.Conv3D(4, 2, dilation_rate=(1, 2, 1), use_bias=False)]),
    "conv3d_groups": (VOLUME, lambda k: [k.Conv3D(4, 2, groups=2, activation="relu")]),
    "conv3d_transpose": (
        VOLUME,
        lambda k: [k.Conv3DTranspose(2, 3, 2, "same", output_padding=1, activation="elu")],
    ),
    "conv3d_transpose_dilated": (
        VOLUME,
        lambda k: [k.Conv3DTranspose(2, 2, dilation_rate=2, use_bias=False)],
    ),
    "conv_lstm": (
        CLIP,
        lambda k: [k.ConvLSTM2D(2, 3, 2, "same", activation="relu", use_bias=False)],
    ),
    "conv_lstm_dilated": (
        CLIP,
        lambda k: [
            k.ConvLSTM2D(
                2, 2, dilation_rate=2, recurrent_activation="sigmoid", unit_forget_bias=False
            )
        ],
    ),
    "dense": (SEQUENCE, lambda k: [k.Dense(4, "silu", use_bias=False)]),
    "depthwise1d": (SEQUENCE, lambda k: [k.DepthwiseConv1D(3, 2, "same", activation="relu")]),
    "depthwise1d_dilated": (
        SEQUENCE,
        lambda k: [k.DepthwiseConv1D(2, dilation_rate=2, use_bias=False)],
    ),
    "global_average2d": (IMAGE, lambda k: [k.GlobalAveragePooling2D(keepdims=True)]),
    "global_max2d": (IMAGE, lambda k: [k.GlobalMaxPooling2D(keepdims=True)]),
    "global_max3d": (VOLUME, lambda k: [k.GlobalMaxPooling3D(keepdims=True)]),
    "gru_cell": (SEQUENCE, lambda k: [k.RNN(k.GRUCell(4, "elu", "softsign", use_bias=False))]),
    "gru_cell_reset_before": (
        SEQUENCE,
        lambda k: [k.RNN(k.GRUCell(4, reset_after=False, use_bias=False))],
    ),
    "identity": (SEQUENCE, lambda k: [k.Dense(3), k.Identity(), k.GRU(2)]),
    "leaky_relu": (SEQUENCE, lambda k: [k.LeakyReLU(0.05)]),
    "lstm_cell": (SEQUENCE, lambda k: [k.RNN(k.LSTMCell(4, "relu", "hard_sigmoid"))]),
    "lstm_cell_biases": (
        SEQUENCE,
        lambda k: [
            k.RNN(k.LSTMCell(4, unit_forget_bias=False), return_sequences=True),
            k.RNN(k.LSTMCell(3, use_bias=False), go_backwards=True),
        ],
    ),
    "max1d": (SEQUENCE, lambda k: [k.MaxPooling1D(2, 3, "same")]),
    "max3d": (VOLUME, lambda k: [k.MaxPooling3D(2, 1, "same")]),
    "rnn_cell": (
        SEQUENCE,
        lambda k: [
            k.RNN(k.SimpleRNNCell(4, "relu"), return_sequences=True),
            k.RNN(k.SimpleRNNCell(3, use_bias=False)),
        ],
    ),
    "separable1d": (
        SEQUENCE,
        lambda k: [k.SeparableConv1D(4, 3, 2, "same", depth_multiplier=2, use_bias=False)],
    ),
    "separable1d_dilated": (SEQUENCE, lambda k: [k.SeparableConv1D(4, 2, dilation_rate=2)]),
    "separable2d_dilated": (IMAGE, lambda k: [k.SeparableConv2D(4, 2, dilation_rate=2)]),
    "unrolled": (
        SEQUENCE,
        lambda k: [
            k.LSTM(3, unroll=True, return_sequences=True),
            k.GRU(3, unroll=True, return_sequences=True),
            k.SimpleRNN(3, unroll=True, return_sequences=True),
            k.RNN(k.LSTMCell(2), unroll=True),
        ],
    ),
    "zero_output": (
        SEQUENCE,
        lambda k: [
            k.Masking(),
            k.RNN(k.LSTMCell(3), return_sequences=True, zero_output_for_mask=True),
        ],
    ),
}
# Layers with weights, for what each role of weights takes.
WEIGHTED: dict[str, tuple[tuple[int, ...], Callable[..., list[Any]]]] = {
    "BatchNormalization": (IMAGE, lambda k, **o: [k.BatchNormalization(**o)]),
    "Conv1D": (SEQUENCE, lambda k, **o: [k.Conv1D(3, 2, **o)]),
    "Conv1DTranspose": (SEQUENCE, lambda k, **o: [k.Conv1DTranspose(3, 2, **o)]),
    "Conv2D": (IMAGE, lambda k, **o: [k.Conv2D(3, 2, **o)]),
    "Conv2DTranspose": (IMAGE, lambda k, **o: [k.Conv2DTranspose(2, 2, **o)]),
    "Conv3D": (VOLUME, lambda k, **o: [k.Conv3D(3, 2, **o)]),
    "Conv3DTranspose": (VOLUME, lambda k, **o: [k.Conv3DTranspose(2, 2, **o)]),
    "ConvLSTM2D": (CLIP, lambda k, **o: [k.ConvLSTM2D(2, 2, **o)]),
    "Dense": (SEQUENCE, lambda k, **o: [k.Dense(4, **o)]),
    "DepthwiseConv1D": (SEQUENCE, lambda k, **o: [k.DepthwiseConv1D(2, **o)]),
    "DepthwiseConv2D": (IMAGE, lambda k, **o: [k.DepthwiseConv2D(2, **o)]),
    "Embedding": (SEQUENCE[:1], lambda k, **o: [k.Embedding(7, 3, **o)]),
    "GRU": (SEQUENCE, lambda k, **o: [k.GRU(3, **o)]),
    "GRUCell": (SEQUENCE, lambda k, **o: [k.RNN(k.GRUCell(3, **o))]),
    "LSTM": (SEQUENCE, lambda k, **o: [k.LSTM(3, **o)]),
    "LSTMCell": (SEQUENCE, lambda k, **o: [k.RNN(k.LSTMCell(3, **o))]),
    "LayerNormalization": (SEQUENCE, lambda k, **o: [k.LayerNormalization(**o)]),
    "PReLU": (SEQUENCE, lambda k, **o: [k.PReLU(**o)]),
    "SeparableConv1D": (SEQUENCE, lambda k, **o: [k.SeparableConv1D(3, 2, **o)]),
    "SeparableConv2D": (IMAGE, lambda k, **o: [k.SeparableConv2D(3, 2, **o)]),
    "SimpleRNN": (SEQUENCE, lambda k, **o: [k.SimpleRNN(3, **o)]),
    "SimpleRNNCell": (SEQUENCE, lambda k, **o: [k.RNN(k.SimpleRNNCell(3, **o))]),
}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"learning_rate": 0.02, "momentum": 0.8},
    "RMSprop": {"learning_rate": 0.005, "momentum": 0.5},
    "Adam": {"learning_rate": 0.01},
    "AdamW": {"learning_rate": 0.01},
    "Adagrad": {"learning_rate": 0.05},
    "Adadelta": {"learning_rate": 0.5},
    "Nadam": {"learning_rate": 0.01},
    "Adamax": {"learning_rate": 0.01},
    "Ftrl": {"learning_rate": 0.05},
    "Lion": {"learning_rate": 0.002},
}
EXTRAS: list[dict[str, Any]] = [
    {},
    {"clipnorm": 0.3},
    {"clipvalue": 0.02},
    {"global_clipnorm": 0.4},
    {"weight_decay": 0.05},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 4},
    {"gradient_accumulation_steps": 2},
    {"learning_rate": ("ExponentialDecay", {"decay_steps": 5, "decay_rate": 0.7})},
    {"learning_rate": ("CosineDecay", {"decay_steps": 15, "alpha": 0.1})},
]
LOSSES: list[tuple[str, dict[str, Any]]] = [
    ("MeanSquaredError", {}),
    ("Huber", {"delta": 0.5}),
    ("LogCosh", {"reduction": "mean_with_sample_weight"}),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("CategoricalCrossentropy", {"from_logits": True}),
    ("SquaredHinge", {"reduction": "sum"}),
    ("BinaryFocalCrossentropy", {"from_logits": True}),
]


class Case(NamedTuple):
    """A model's layers, and how it is trained."""

    layers: str
    optimizer: str
    extra: dict[str, Any]
    loss: tuple[str, dict[str, Any]]

    def __str__(self) -> str:
        return "-".join([self.layers, self.optimizer, *self.extra, self.loss[0]])


# Each layer with the next optimizer, the next of its options and the next loss.
CASES = [
    Case(*case)
    for case in zip(
        [*OPTIONS, *WEIGHTED], cycle(OPTIMIZERS), cycle(EXTRAS), cycle(LOSSES), strict=False
    )
]


def roles_of(name: str) -> tuple[str, ...]:
    cell = name.removesuffix("Cell")
    return tuple(getattr(layers, {"RNN": "SimpleRNN"}.get(cell, cell)).roles)


def for_roles(name: str, library: Any) -> dict[str, Any]:
    """A regularizer and a constraint for each role, each another one."""
    r, c = library.regularizers, library.constraints
    kinds = [
        (r.L2(0.02), c.MaxNorm(0.7)),
        (r.L1(0.01), c.MinMaxNorm(0.3, 0.9, 0.5)),
        (r.L1L2(0.01, 0.02), c.NonNeg()),
    ]
    found = {}
    for role, (regularizer, constraint) in zip(roles_of(name), kinds, strict=False):
        found |= {f"{role}_regularizer": regularizer, f"{role}_constraint": constraint}
    if not name.endswith("Cell") and name != "SimpleRNN":  # Keras drops it there
        found["activity_regularizer"] = r.L2(0.03)
    return found


def model_of(library: Any, name: str) -> Any:
    k = library.layers
    if name in OPTIONS:
        shape, make = OPTIONS[name]
        body = make(k)
    else:
        shape, weighted = WEIGHTED[name]
        body = weighted(k, **for_roles(name, library))
    return library.Sequential([k.Input(shape), *body, k.Flatten(), k.Dense(2)])


def optimizer_of(library: Any, case: Case) -> Any:
    options = OPTIMIZERS[case.optimizer] | case.extra
    if isinstance(options["learning_rate"], tuple):
        name, schedule = options["learning_rate"]
        rate = OPTIMIZERS[case.optimizer]["learning_rate"]
        options["learning_rate"] = getattr(library.optimizers.schedules, name)(rate, **schedule)
    return getattr(library.optimizers, case.optimizer)(**options)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_trains_as_keras(case: Case) -> None:
    rng = np.random.default_rng(1)
    models = []
    for library in (fastrnn, keras):
        model = model_of(library, case.layers)
        loss = getattr(library.losses, case.loss[0])(**case.loss[1])
        options = {} if library is fastrnn else {"run_eagerly": True}
        model.compile(optimizer_of(library, case), loss, **options)
        models.append(model)
    ours, theirs = models
    weights = [w + 0.3 * rng.normal(size=w.shape).astype(np.float32) for w in ours.get_weights()]
    for model in models:
        model.set_weights(weights)
    shape = ours.input_shape[1:]
    x = rng.normal(size=(N, *shape)).astype(np.float32)
    if case.layers == "Embedding":
        x = rng.integers(0, 7, (N, *shape))
    elif case.layers == "zero_output":
        x[rng.random(x.shape[:2]) < 0.3] = 0
    y = np.eye(2, dtype=np.float32)[rng.integers(0, 2, N)]
    weight = rng.random(N).astype(np.float32) if len(case.layers) % 2 else None
    np.testing.assert_allclose(
        ours.predict_on_batch(x), theirs(x, training=False), rtol=2e-5, atol=2e-6
    )
    for step in range(STEPS):
        mine, other = (float(model.train_on_batch(x, y, weight)) for model in models)
        assert mine == pytest.approx(other, rel=5e-4, abs=2e-5), step
    for one, two in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("name", WEIGHTED)
def test_initializers_of_each_role_as_keras(name: str) -> None:
    models = []
    for library in (fastrnn, keras):
        shape, make = WEIGHTED[name]
        roles = [*roles_of(name), *["moving_mean", "moving_variance"] * (name[:5] == "Batch")]
        given = {
            f"{role}_initializer": library.initializers.Constant(0.1 + 0.2 * i)
            for i, role in enumerate(roles)
        }
        models.append(
            library.Sequential([library.layers.Input(shape), *make(library.layers, **given)])
        )
    ours, theirs = (model.get_weights() for model in models)
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, two)
