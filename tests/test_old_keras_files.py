"""Files of Keras 2, most of which Keras 3 refuses, built by hand as its versions wrote them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fastrnn import Sequential, layers, models
from fastrnn.layers import GRU, LSTM, Dense, Input

Array = np.ndarray[Any, Any]
Weights = dict[str, dict[str, Array]]


def random(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def write(
    path: Path,
    stack: list[dict[str, Any]],
    weights: Weights,
    version: str = "2.2.4",
    training: dict[str, Any] | None = None,
    optimizer: dict[str, Array] | None = None,
    as_list: bool = False,
) -> Path:
    """A whole model; strings are bytes, as h5py 2 wrote them."""
    config: Any = stack if as_list else {"name": "sequential_1", "layers": stack}
    with h5py.File(path, "w") as file:
        description = {"class_name": "Sequential", "config": config}
        file.attrs["model_config"] = np.bytes_(json.dumps(description))
        file.attrs["keras_version"] = np.bytes_(version)
        if training is not None:
            file.attrs["training_config"] = np.bytes_(json.dumps(training))
        write_weights(file.create_group("model_weights"), weights, version)
        if optimizer is not None:
            write_arrays(file.create_group("optimizer_weights"), optimizer)
    return path


def write_weights(group: Any, weights: Weights, version: str = "2.2.4") -> None:
    group.attrs["keras_version"] = np.bytes_(version)
    group.attrs["layer_names"] = np.array([name.encode() for name in weights])
    for name, arrays in weights.items():
        write_arrays(group.create_group(name), {f"{name}/{k}:0": v for k, v in arrays.items()})


def write_arrays(group: Any, arrays: dict[str, Array]) -> None:
    group.attrs["weight_names"] = np.array([name.encode() for name in arrays], dtype="S")
    for name, array in arrays.items():
        group.create_dataset(name, data=array)


def entry(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def glorot() -> dict[str, Any]:
    config = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}
    return entry("VarianceScaling", **config, dtype="float32")


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def test_a_model_as_keras_2_describes_it(tmp_path: Path) -> None:
    dense = {"kernel": random(5, 3), "bias": random(3)}
    rnn = {"kernel": random(4, 5), "recurrent_kernel": random(5, 5), "bias": random(5)}
    norm = {name: np.abs(random(4)) + n for n, name in enumerate(("gamma", "beta", "mean", "var"))}
    inner = entry("Dense", name="dense_1", units=3, activation="relu", kernel_initializer=glorot())
    stack = [
        entry(
            "BatchNormalizationV1", name="bn", axis=[2], batch_input_shape=[None, 6, 4], fused=True
        ),
        entry("LeakyReLU", name="leak", alpha=0.25),
        entry(
            "SimpleRNN",
            name="rnn",
            units=5,
            return_sequences=True,
            time_major=False,
            implementation=1,
            unroll=False,
            recurrent_initializer=entry("Orthogonal", gain=1.0, seed=None, dtype="float32"),
        ),
        entry("TimeDistributed", name="td", layer=inner),
        entry("Flatten", name="flatten", data_format="channels_last"),
    ]
    weights = {"bn": norm, "leak": {}, "rnn": rnn, "td": dense, "flatten": {}}
    for as_list in (False, True):
        path = write(tmp_path / "model.h5", stack, weights, as_list=as_list)
        model = models.load_model(path)
        x = random(2, 6, 4)
        h = (x - norm["mean"]) / np.sqrt(norm["var"] + 1e-3) * norm["gamma"] + norm["beta"]
        h = np.where(h > 0, h, 0.25 * h)
        state, states = np.zeros((2, 5)), []
        for step in range(6):
            state = np.tanh(
                h[:, step] @ rnn["kernel"] + state @ rnn["recurrent_kernel"] + rnn["bias"]
            )
            states.append(state)
        out = np.maximum(np.stack(states, 1) @ dense["kernel"] + dense["bias"], 0).reshape(2, -1)
        np.testing.assert_allclose(model(x), out, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("LSTM", {"units": 3}), ("RNN", {"cell": entry("LSTMCell", units=3)})],
)
def test_hard_sigmoid_had_another_slope(kind: str, settings: Any, tmp_path: Path) -> None:
    units = 3
    lstm = {"kernel": random(2, 12), "recurrent_kernel": random(3, 12), "bias": random(12)}
    dense = {"kernel": random(3, 4), "bias": random(4)}
    # Of this time, and without a word of it, gates were hard sigmoids.
    stack = [
        entry(kind, name="lstm", batch_input_shape=[None, 3, 2], **settings),
        entry("Dense", name="dense", units=4, activation="hard_sigmoid"),
    ]
    model = models.load_model(
        write(tmp_path / "model.h5", stack, {"lstm": lstm, "dense": dense}, "2.2.4-tf")
    )
    hard = lambda v: np.clip(0.2 * v + 0.5, 0, 1)  # noqa: E731
    x = random(4, 3, 2) * 2
    h, c = np.zeros((4, units)), np.zeros((4, units))
    for step in range(3):
        z = x[:, step] @ lstm["kernel"] + h @ lstm["recurrent_kernel"] + lstm["bias"]
        i, f, g, o = np.split(z, 4, axis=1)
        c = hard(f) * c + hard(i) * np.tanh(g)
        h = hard(o) * np.tanh(c)
    expected = hard(h @ dense["kernel"] + dense["bias"])
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "new.keras")
    np.testing.assert_array_equal(models.load_model(tmp_path / "new.keras")(x), model(x))


def cudnn(kernel: Array, gates: int) -> Array:
    """A kernel as cuDNN has it: its matrices (units, inputs) one after another in memory."""
    parts = np.split(kernel, gates, axis=1)
    return np.concatenate([part.T.reshape(part.shape) for part in parts], axis=1)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_cudnn_layers(kind: str, tmp_path: Path) -> None:
    gates = {"LSTM": 4, "GRU": 3}[kind]
    bias = random(2, gates * 3)
    plain = Sequential([Input((5, 2)), {"LSTM": LSTM, "GRU": GRU}[kind](3), Dense(2)])
    kernel, recurrent = random(2, gates * 3), random(3, gates * 3)
    head = [random(3, 2), random(2)]
    plain.set_weights([kernel, recurrent, bias if kind == "GRU" else bias.sum(0), *head])
    stored = {
        "kernel": cudnn(kernel, gates),
        "recurrent_kernel": cudnn(recurrent, gates),
        "bias": bias.reshape(-1),
    }
    stack = [
        entry(f"CuDNN{kind}", name="rnn", units=3, batch_input_shape=[None, 5, 2], stateful=False),
        entry("Dense", name="dense", units=2),
    ]
    weights = {"rnn": stored, "dense": {"kernel": head[0], "bias": head[1]}}
    path = write(tmp_path / "model.h5", stack, weights, "2.2.4")
    np.testing.assert_allclose(models.load_model(path)(random(4, 5, 2)), plain(random(4, 5, 2)))
    model = Sequential([Input((5, 2)), {"LSTM": LSTM, "GRU": GRU}[kind](3), Dense(2)])
    model.load_weights(path)
    np.testing.assert_array_equal(model(random(4, 5, 2)), plain(random(4, 5, 2)))


def test_gru_before_reset_after(tmp_path: Path) -> None:
    gru = {"kernel": random(2, 9), "recurrent_kernel": random(3, 9), "bias": random(9)}
    config = {"units": 3, "recurrent_activation": "sigmoid", "batch_input_shape": [None, 5, 2]}
    path = write(tmp_path / "model.h5", [entry("GRU", name="gru", **config)], {"gru": gru}, "2.1.6")
    model = models.load_model(path)
    x, h = random(4, 5, 2), np.zeros((4, 3))
    for step in range(5):
        xz, xr, xn = np.split(x[:, step] @ gru["kernel"] + gru["bias"], 3, axis=1)
        rz, rr, rn = np.split(gru["recurrent_kernel"], 3, axis=1)
        z, r = sigmoid(xz + h @ rz), sigmoid(xr + h @ rr)
        h = z * h + (1 - z) * np.tanh(xn + (r * h) @ rn)
    np.testing.assert_allclose(model(x), h, rtol=1e-4, atol=1e-5)


def compiled(tmp_path: Path, settings: dict[str, Any], state: dict[str, Array]) -> Any:
    training = {
        "optimizer_config": settings,
        "loss": {
            "class_name": "CategoricalCrossentropy",
            "config": {"reduction": "auto", "name": "cc", "from_logits": True, "axis": -1}
            | {"fn": "categorical_crossentropy"},
        },
        "metrics": [
            [entry("MeanMetricWrapper", name="acc", dtype="float32", fn="categorical_accuracy")]
        ],
        "sample_weight_mode": None,
        "loss_weights": None,
        "weighted_metrics": None,
    }
    stack = [entry("Dense", name="dense", units=3, batch_input_shape=[None, 2])]
    weights = {"dense": {"kernel": random(2, 3), "bias": random(3)}}
    return models.load_model(write(tmp_path / "model.h5", stack, weights, "2.4.0", training, state))


def test_compilation_and_optimizer_state(tmp_path: Path) -> None:
    config = {"lr": 0.01, "decay": 0.0, "epsilon": None, "beta_1": 0.8, "amsgrad": False}
    slots = {slot: (random(2, 3) * n, random(3) * n) for n, slot in ((1, "m"), (2, "v"))}
    state: dict[str, Array] = {"Adam/iter:0": np.array(7)}
    for slot, (kernel, bias) in slots.items():
        state[f"Adam/dense/kernel/{slot}:0"] = kernel
        state[f"Adam/dense/bias/{slot}:0"] = bias
    model = compiled(tmp_path, entry("Adam", **config), state)
    adam = model.optimizer
    assert (adam.learning_rate, adam.beta_1, adam.epsilon, adam.iterations) == (0.01, 0.8, 1e-7, 7)
    for (kernel, bias), slot in zip(slots.values(), ("momentum", "velocity"), strict=True):
        (_, first), (_, second) = model._parameters.spans
        np.testing.assert_array_equal(adam.slots[slot][first], kernel.ravel())
        np.testing.assert_array_equal(adam.slots[slot][second], bias)
    logs = model.train_on_batch(random(4, 2), np.eye(3)[[0, 1, 2, 0]], return_dict=True)
    assert sorted(logs) == ["acc", "loss"]
    with pytest.warns(UserWarning, match="starts afresh: which array belongs to which weight"):
        compiled(tmp_path, entry("Adam", lr=0.01), {"Adam/Variable:0": np.zeros(3)})


def test_weights_alone_by_name(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    first = {"kernel": random(4, 3), "bias": random(3)}
    with h5py.File(path, "w") as file:
        write_weights(file, {"one": first, "gone": {"kernel": random(9, 9)}})
    model = Sequential([Input((4,)), Dense(3, name="one"), Dense(2, name="two")])
    kept = model.get_weights()[2:]
    with pytest.raises(ValueError, match="one does not fit|two does not fit"):
        model.load_weights(path)
    model.load_weights(path, by_name=True)
    np.testing.assert_equal(model.get_weights(), [first["kernel"], first["bias"], *kept])
    with pytest.raises(ValueError, match="holds weights alone"):
        models.load_model(path)


def test_names_that_fill_more_than_one_attribute(tmp_path: Path) -> None:
    names = [f"{'layer' * 20}_{number}" for number in range(800)]
    model = Sequential([Input((1,)), *(layers.Activation("linear", name=n) for n in names)])
    model.add(Dense(2, name="last"))
    model.save_weights(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5") as file:
        assert "layer_names" not in file.attrs
        assert "layer_names1" in file.attrs
    before = model.get_weights()
    model.set_weights([w * 0 for w in before])
    model.load_weights(tmp_path / "weights.h5")
    np.testing.assert_equal(model.get_weights(), before)


def test_graphs_as_keras_2_describes_them(tmp_path: Path) -> None:
    def node(name: str, class_name: str, *inputs: str, **config: Any) -> dict[str, Any]:
        calls = [[[other, 0, 0, {}] for other in inputs]] if inputs else []
        return entry(class_name, name=name, **config) | {"name": name, "inbound_nodes": calls}

    stack = [
        node("a", "InputLayer", batch_input_shape=[None, 5, 2], dtype="float32", sparse=False),
        node("b", "InputLayer", batch_input_shape=[None, 3], dtype="float32", sparse=False),
        node("rnn", "SimpleRNN", "a", units=3),
        node("sum", "Add", "rnn", "b"),
        node("joined", "Concatenate", "sum", "b", axis=-1),
        node("dense", "Dense", "joined", units=2, use_bias=False),
    ]
    config = {
        "name": "model_1",
        "layers": stack,
        "input_layers": [["a", 0, 0], ["b", 0, 0]],
        "output_layers": [["dense", 0, 0]],
    }
    rnn = {"kernel": random(2, 3), "recurrent_kernel": random(3, 3), "bias": random(3)}
    dense = {"kernel": random(6, 2)}
    weights: Weights = {"a": {}, "b": {}, "rnn": rnn, "sum": {}, "joined": {}, "dense": dense}
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["model_config"] = np.bytes_(
            json.dumps({"class_name": "Model", "config": config})
        )
        file.attrs["keras_version"] = np.bytes_("2.2.4")
        write_weights(file.create_group("model_weights"), weights)
    model = models.load_model(tmp_path / "model.h5")
    a, b = random(4, 5, 2), random(4, 3)
    state = np.zeros((4, 3))
    for step in range(5):
        state = np.tanh(a[:, step] @ rnn["kernel"] + state @ rnn["recurrent_kernel"] + rnn["bias"])
    expected = np.concatenate([state + b, b], axis=1) @ dense["kernel"]
    np.testing.assert_allclose(model.predict_on_batch([a, b]), expected, rtol=1e-4, atol=1e-5)


def test_the_first_keras_files_with_weights_under_another_name(tmp_path: Path) -> None:
    """Keras 2.13 wrote .keras files with its own names of the layers' groups."""
    model = Sequential([Input((5, 2)), GRU(3), Dense(2, activation="hard_sigmoid")])
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        file.move("layers", "_layer_checkpoint_dependencies")
    members["model.weights.h5"] = content.getvalue()
    members["metadata.json"] = b'{"keras_version": "2.13.1", "date_saved": "2023-07-01@12:00:00"}'
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    x = random(4, 5, 2)
    state = model.layers[0](x)
    kernel, bias = model.layers[1].get_weights()
    expected = np.clip(0.2 * (state @ kernel + bias) + 0.5, 0, 1)
    np.testing.assert_allclose(models.load_model(tmp_path / "model.keras")(x), expected, rtol=1e-5)
