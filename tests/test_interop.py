"""The same weights give the same numbers in PyTorch, ONNX Runtime and Keras."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from cases import Case, Problem, make
from fastrnn import ops

N, T, I, H = 3, 7, 5, 17  # noqa: E741
TOLERANCE = {"rtol": 1e-4, "atol": 2e-6}


def assert_close(ours: Any, theirs: Any, what: str) -> None:
    np.testing.assert_allclose(ours, np.asarray(theirs), **TOLERANCE, err_msg=what)


def blocks(weights: np.ndarray, order: list[int]) -> np.ndarray:
    """Reorder the gates along the last axis."""
    gates = np.split(weights, len(order), axis=-1)
    return np.concatenate([gates[k] for k in order], axis=-1)


# --- PyTorch -------------------------------------------------------------------------------

# Their gates, as positions in ours: LSTM i f g o as here; GRU r z n.
TORCH_ORDER = {"lstm": [0, 1, 2, 3], "gru": [1, 0, 2], "rnn": [0]}


def torch_layer(torch: Any, problem: Problem, nonlinearity: str) -> Any:
    """One layer with the weights of a problem."""
    order = TORCH_ORDER[problem.cell]
    options = {"nonlinearity": nonlinearity} if problem.cell == "rnn" else {}
    layer = getattr(torch.nn, problem.cell.upper())(I, H, batch_first=True, **options)
    bias = problem.inputs["bias"]
    halves = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    with torch.no_grad():
        for name, value in (
            ("weight_ih_l0", blocks(problem.inputs["kernel"], order).T),
            ("weight_hh_l0", blocks(problem.inputs["recurrent_kernel"], order).T),
            ("bias_ih_l0", blocks(halves[0], order)),
            ("bias_hh_l0", blocks(halves[1], order)),
        ):
            getattr(layer, name).copy_(torch.tensor(np.ascontiguousarray(value)))
    return layer


@pytest.mark.parametrize("variant", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_pytorch_forward_and_backward(variant: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    cell, _, nonlinearity = variant.partition("_")
    arguments = {"activation": nonlinearity} if nonlinearity else {}
    problem = make(Case(f"torch-{variant}", cell, (N, T, I, H), {}, arguments), np.float32)
    layer = torch_layer(torch, problem, nonlinearity)
    outputs, grads = problem.train(ops)

    x = torch.tensor(problem.inputs["x"], requires_grad=True)
    names = ("h0", "c0")[: 2 if cell == "lstm" else 1]
    states = [torch.tensor(problem.inputs[k][None], requires_grad=True) for k in names]
    y, final = layer(x, tuple(states) if cell == "lstm" else states[0])
    finals = final if cell == "lstm" else (final,)
    theirs = (y, *(f[0] for f in finals))
    sum(
        (a * torch.tensor(w)).sum() for a, w in zip(theirs, problem.cotangents, strict=True)
    ).backward()

    for name, ours, result in zip(("y", "h_n", "c_n"), outputs, theirs, strict=False):
        assert_close(ours, result.detach(), name)
    order = TORCH_ORDER[cell]  # swapping two gates is its own inverse
    assert_close(grads["x"], x.grad, "dx")
    for name, state in zip(names, states, strict=True):
        assert_close(grads[name], state.grad[0], f"d{name}")
    for name, weight in (("kernel", "weight_ih_l0"), ("recurrent_kernel", "weight_hh_l0")):
        assert_close(grads[name], blocks(getattr(layer, weight).grad.numpy().T, order), name)
    biases = [blocks(getattr(layer, f"bias_{k}_l0").grad.numpy(), order) for k in ("ih", "hh")]
    assert_close(grads["bias"], np.stack(biases) if cell == "gru" else biases[0], "dbias")


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_pytorch_packed_sequences_are_lengths(cell: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    problem = make(Case(f"packed-{cell}", cell, (N, T, I, H), {"states": False}), np.float32)
    lengths = [4, 7, 2]
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(problem.inputs["x"]), lengths, batch_first=True, enforce_sorted=False
    )
    with torch.no_grad():
        y, final = torch_layer(torch, problem, "tanh")(packed)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=T)
    ours, *finals = problem.forward(ops, lengths=lengths)
    valid = np.arange(T) < np.array(lengths)[:, None]
    assert_close(ours[valid], y.numpy()[valid], "y")
    for mine, state in zip(finals, final if cell == "lstm" else (final,), strict=True):
        assert_close(mine, state[0], "final state")


# --- ONNX Runtime --------------------------------------------------------------------------

# Their gates, as positions in ours: LSTM i o f c; GRU z r h.
ONNX_ORDER = {"lstm": [0, 3, 1, 2], "gru": [0, 1, 2], "rnn": [0]}


def onnx_run(problem: Problem, direction: str, lengths: list[int] | None) -> list[np.ndarray]:
    """One node with the weights of a problem; returns y (N, T, H) and the final states."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    order = ONNX_ORDER[problem.cell]
    p = problem.inputs
    bias = p["bias"] if p["bias"].ndim == 2 else np.stack([p["bias"], np.zeros_like(p["bias"])])
    feeds = {
        "X": p["x"].transpose(1, 0, 2),
        "W": blocks(p["kernel"], order).T[None],
        "R": blocks(p["recurrent_kernel"], order).T[None],
        "B": blocks(bias, order).reshape(1, -1),
        "lens": np.array(lengths or [T] * N, np.int32),
        "h0": p["h0"][None],
    }
    if problem.cell == "lstm":
        feeds["c0"] = p["c0"][None]
    if "peephole" in p:
        feeds["P"] = p["peephole"][[0, 2, 1]].reshape(1, -1)  # i o f
    attributes: dict[str, Any] = {"hidden_size": H, "direction": direction}
    if problem.cell == "gru":
        attributes["linear_before_reset"] = int(problem.options.get("reset_after", True))
    outputs = ["Y", "Y_h", "Y_c"][: 3 if problem.cell == "lstm" else 2]
    node = onnx.helper.make_node(problem.cell.upper(), list(feeds), outputs, **attributes)
    kinds = {
        np.dtype(np.float32): onnx.TensorProto.FLOAT,
        np.dtype(np.int32): onnx.TensorProto.INT32,
    }
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [onnx.helper.make_tensor_value_info(k, kinds[v.dtype], v.shape) for k, v in feeds.items()],
        [onnx.helper.make_tensor_value_info(k, onnx.TensorProto.FLOAT, None) for k in outputs],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8
    )
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    y, *final = session.run(None, {k: np.ascontiguousarray(v) for k, v in feeds.items()})
    return [y[:, 0].transpose(1, 0, 2), *(f[0] for f in final)]


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("variant", ["lstm", "peephole", "gru", "gru_before", "rnn"])
def test_onnxruntime(variant: str, direction: str) -> None:
    cell = {"peephole": "lstm", "gru_before": "gru"}.get(variant, variant)
    features = {"peephole": True} if variant == "peephole" else {}
    arguments = {"reset_after": False} if variant == "gru_before" else {}
    problem = make(Case(f"onnx-{variant}", cell, (N, T, I, H), features, arguments), np.float32)
    theirs = onnx_run(problem, direction, None)
    ours = problem.forward(ops, reverse=direction == "reverse")
    for name, mine, other in zip(("y", "h_n", "c_n"), ours, theirs, strict=False):
        assert_close(mine, other, name)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_onnxruntime_lengths(cell: str) -> None:
    problem = make(Case(f"onnx-lengths-{cell}", cell, (N, T, I, H)), np.float32)
    lengths = [4, 7, 2]
    theirs = onnx_run(problem, "forward", lengths)
    ours = problem.forward(ops, lengths=lengths)
    valid = np.arange(T) < np.array(lengths)[:, None]
    assert_close(ours[0][valid], theirs[0][valid], "y")
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        assert_close(mine, other, "final state")


# --- Keras ---------------------------------------------------------------------------------

KERAS_LAYER = {"lstm": "LSTM", "gru": "GRU", "rnn": "SimpleRNN"}


def keras_layer(problem: Problem, **options: Any) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    layer = getattr(keras.layers, KERAS_LAYER[problem.cell])(
        H, return_sequences=True, return_state=True, **problem.options, **options
    )
    layer.build((N, T, I))
    layer.set_weights([problem.inputs[k] for k in ("kernel", "recurrent_kernel", "bias")])
    return layer


def keras_states(problem: Problem) -> list[np.ndarray]:
    return [problem.inputs[k] for k in ("h0", "c0") if k in problem.inputs]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("cell", "arguments"),
    [
        ("lstm", {}),
        ("lstm", {"recurrent_activation": "hard_sigmoid", "activation": "softsign"}),
        ("gru", {}),
        ("gru", {"reset_after": False}),
        ("rnn", {}),
        ("rnn", {"activation": "gelu"}),
    ],
    ids=str,
)
def test_keras(cell: str, arguments: dict[str, Any]) -> None:
    name = f"keras-{cell}-{sorted(arguments)}"
    problem = make(Case(name, cell, (N, T, I, H), {}, arguments), np.float32)
    layer = keras_layer(problem)
    theirs = layer(problem.inputs["x"], initial_state=keras_states(problem))
    for what, mine, other in zip(("y", "h", "c"), problem.forward(ops), theirs, strict=False):
        assert_close(mine, other, what)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_keras_masks(cell: str, backwards: bool) -> None:
    """Holes of every kind: state carried, output repeated, zeros before the first valid step."""
    problem = make(Case(f"keras-mask-{cell}", cell, (N, T, I, H)), np.float32)
    mask = np.array([[0, 1, 1, 0, 0, 1, 0], [1, 0, 1, 1, 1, 1, 1], [0] * 7], bool)
    layer = keras_layer(
        problem, go_backwards=backwards, **({} if cell == "rnn" else {"use_cudnn": False})
    )
    theirs = layer(problem.inputs["x"], mask=mask, initial_state=keras_states(problem))
    ours = problem.forward(ops, mask=mask, reverse=backwards)
    y = ours[0][:, ::-1] if backwards else ours[0]  # go_backwards leaves time reversed
    assert_close(y, theirs[0], "y")
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        assert_close(mine, other, "final state")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_keras_gradients(cell: str) -> None:
    problem = make(Case(f"keras-gradient-{cell}", cell, (N, T, I, H)), np.float32)
    layer = keras_layer(problem)
    tensorflow = pytest.importorskip("tensorflow")
    x = tensorflow.constant(problem.inputs["x"])
    with tensorflow.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, initial_state=keras_states(problem))
        loss = sum(
            tensorflow.reduce_sum(a * w) for a, w in zip(outputs, problem.cotangents, strict=True)
        )
    theirs = tape.gradient(loss, [x, *(w.value for w in layer.trainable_variables)])
    _, grads = problem.train(ops)
    for name, other in zip(("x", "kernel", "recurrent_kernel", "bias"), theirs, strict=True):
        assert_close(grads[name], other, f"d{name}")
