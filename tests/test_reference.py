"""The reference against finite differences, against the equations written out, and against itself.

Everything else is compared with the reference, so nothing here may use the kernels.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from cases import ALL_CASES, Case, Squash, make
from fastrnn import reference
from fastrnn.testing import gradcheck


@pytest.mark.parametrize("case", ALL_CASES, ids=str)
def test_backward_is_the_gradient_of_forward(case: Case) -> None:
    problem = make(case)
    forward = getattr(reference, f"{case.cell}_forward")
    backward = getattr(reference, f"{case.cell}_backward")
    gradcheck(
        lambda **a: forward(**a, **problem.options)[:-1],
        lambda *d, **a: backward(forward(**a, **problem.options)[-1], *d),
        problem.inputs,
    )


def sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def scalar_lstm(x, w, r, b, p, h0, c0):  # type: ignore[no-untyped-def]
    """One row, every number on its own: x (T, I), p (3, H), returns y (T, H)."""
    units = len(h0)
    h, c, y = list(h0), list(c0), []
    for x_t in x:
        new_h, new_c = [], []
        for u in range(units):
            i, f, g, o = (
                sum(x_t[k] * w[k][gate * units + u] for k in range(len(x_t)))
                + sum(h[k] * r[k][gate * units + u] for k in range(units))
                + b[gate * units + u]
                for gate in range(4)
            )
            i, f = sigmoid(i + p[0][u] * c[u]), sigmoid(f + p[1][u] * c[u])
            new_c.append(f * c[u] + i * math.tanh(g))
            new_h.append(sigmoid(o + p[2][u] * new_c[u]) * math.tanh(new_c[u]))
        h, c = new_h, new_c
        y.append(h)
    return np.array(y)


def scalar_gru(x, w, r, b, h0, reset_after):  # type: ignore[no-untyped-def]
    """One row: x (T, I), b (2, 3H) or (3H,), returns y (T, H)."""
    units = len(h0)
    h, y = list(h0), []

    def of_x(x_t, gate, u):  # type: ignore[no-untyped-def]
        bias = b[0][gate * units + u] if reset_after else b[gate * units + u]
        return bias + sum(x_t[k] * w[k][gate * units + u] for k in range(len(x_t)))

    def of_h(state, gate, u):  # type: ignore[no-untyped-def]
        bias = b[1][gate * units + u] if reset_after else 0
        return bias + sum(state[k] * r[k][gate * units + u] for k in range(units))

    for x_t in x:
        z = [sigmoid(of_x(x_t, 0, u) + of_h(h, 0, u)) for u in range(units)]
        reset = [sigmoid(of_x(x_t, 1, u) + of_h(h, 1, u)) for u in range(units)]
        if reset_after:
            inner = [reset[u] * of_h(h, 2, u) for u in range(units)]
        else:
            kept = [reset[k] * h[k] for k in range(units)]
            inner = [of_h(kept, 2, u) for u in range(units)]
        n = [math.tanh(of_x(x_t, 2, u) + inner[u]) for u in range(units)]
        h = [z[u] * h[u] + (1 - z[u]) * n[u] for u in range(units)]
        y.append(h)
    return np.array(y)


def test_lstm_equals_its_equations_number_by_number() -> None:
    p = make(Case("scalar", "lstm", (2, 4, 3, 5), {"peephole": True}))
    y, h_n, _ = p.forward(reference)
    for n in range(2):
        expected = scalar_lstm(
            p.inputs["x"][n], p.inputs["kernel"], p.inputs["recurrent_kernel"], p.inputs["bias"],
            p.inputs["peephole"], p.inputs["h0"][n], p.inputs["c0"][n],
        )  # fmt: skip
        np.testing.assert_allclose(y[n], expected, rtol=1e-12)
        np.testing.assert_array_equal(h_n[n], y[n, -1])


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_equals_its_equations_number_by_number(reset_after: bool) -> None:
    p = make(Case("scalar", "gru", (2, 4, 3, 5), {}, {"reset_after": reset_after}))
    y, _ = p.forward(reference)
    for n in range(2):
        expected = scalar_gru(
            p.inputs["x"][n], p.inputs["kernel"], p.inputs["recurrent_kernel"], p.inputs["bias"],
            p.inputs["h0"][n], reset_after,
        )  # fmt: skip
        np.testing.assert_allclose(y[n], expected, rtol=1e-12)


def test_rnn_by_hand() -> None:
    y, h_n = reference.rnn(
        [[[1.0], [2.0]]], [[0.5]], [[-1.0]], [0.25], [[3.0]], activation="linear"
    )
    assert y.tolist() == [[[0.5 + 0.25 - 3.0], [1.0 + 0.25 + 2.25]]]
    assert h_n.tolist() == [[3.5]]


CELLS = ["lstm", "gru", "rnn"]


@pytest.mark.parametrize("cell", CELLS)
def test_reverse_is_flip_run_flip(cell: str) -> None:
    p = make(Case("reverse", cell, (3, 6, 2, 4)))
    reversed_run = p.forward(reference, reverse=True)
    p.inputs["x"] = p.inputs["x"][:, ::-1]
    flipped = p.forward(reference)
    np.testing.assert_array_equal(reversed_run[0], flipped[0][:, ::-1])
    for a, b in zip(reversed_run[1:], flipped[1:], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("cell", CELLS)
def test_masked_steps_might_as_well_not_be_there(cell: str) -> None:
    p = make(Case("masked", cell, (1, 7, 2, 4)))
    valid = np.array([[False, True, True, False, True, False, False]])
    masked = p.forward(reference, mask=valid)
    p.inputs["x"] = p.inputs["x"][:, valid[0]]
    short = p.forward(reference)
    np.testing.assert_array_equal(masked[0][:, valid[0]], short[0])
    np.testing.assert_array_equal(masked[0][0, 0], np.zeros(4))
    np.testing.assert_array_equal(masked[0][0, [3, 5, 6]], short[0][0, [1, 2, 2]])
    for a, b in zip(masked[1:], short[1:], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("cell", CELLS)
def test_what_lies_in_masked_steps_is_never_used(cell: str) -> None:
    p = make(Case("padding", cell, (2, 5, 3, 4), {"mask": "holes"}))
    outputs, grads = p.train(reference)
    p.inputs["x"][~p.options["mask"]] = np.nan
    outputs_nan, grads_nan = p.train(reference)
    for a, b in zip(outputs, outputs_nan, strict=True):
        np.testing.assert_array_equal(a, b)
    for name, grad in grads.items():
        np.testing.assert_array_equal(grad, grads_nan[name], err_msg=name)


@pytest.mark.parametrize("cell", CELLS)
def test_lengths_are_a_right_padded_mask(cell: str) -> None:
    p = make(Case("lengths", cell, (4, 5, 3, 2)))
    lengths = np.array([5, 0, 2, 3])
    by_lengths = p.forward(reference, lengths=lengths)
    by_mask = p.forward(reference, mask=np.arange(5) < lengths[:, None])
    for a, b in zip(by_lengths, by_mask, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("cell", CELLS)
def test_reset_starts_again_from_the_initial_state(cell: str) -> None:
    p = make(Case("reset", cell, (2, 7, 3, 4)))
    reset = np.zeros((2, 7), bool)
    reset[:, 3] = True
    whole = p.forward(reference, reset=reset)
    x = p.inputs["x"]
    p.inputs["x"] = x[:, :3]
    first = p.forward(reference)[0]
    p.inputs["x"] = x[:, 3:]
    second = p.forward(reference)[0]
    np.testing.assert_array_equal(whole[0], np.concatenate([first, second], axis=1))


@pytest.mark.parametrize("cell", CELLS)
def test_a_reset_on_a_masked_step_sets_the_state_and_repeats_the_output(cell: str) -> None:
    p = make(Case("masked_reset", cell, (1, 3, 2, 4)))
    reset, valid = np.array([[False, True, False]]), np.array([[True, False, False]])
    y, *states = p.forward(reference, reset=reset, mask=valid)
    np.testing.assert_array_equal(y[0, 1], y[0, 0])
    np.testing.assert_array_equal(y[0, 2], y[0, 0])
    for state, name in zip(states, ("h0", "c0"), strict=False):
        np.testing.assert_array_equal(state, p.inputs[name])


@pytest.mark.parametrize("cell", CELLS)
def test_full_zoneout_carries_the_state(cell: str) -> None:
    p = make(Case("zoneout", cell, (2, 4, 3, 5)))
    y, h_n, *c_n = p.forward(
        reference, **({"zoneout_h": 1.0} | ({"zoneout_c": 1.0} if cell == "lstm" else {}))
    )
    np.testing.assert_array_equal(y, np.repeat(p.inputs["h0"][:, None], 4, axis=1))
    np.testing.assert_array_equal(h_n, p.inputs["h0"])
    if c_n:
        np.testing.assert_array_equal(c_n[0], p.inputs["c0"])


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_of_one_row_is_a_scaled_kernel(cell: str, rng: np.random.Generator) -> None:
    p = make(Case("dropout", cell, (1, 4, 3, 5)))
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[cell]
    x_mask, h_mask = rng.random((gates, 1, 3)), rng.random((gates, 1, 5))
    dropped = p.forward(reference, dropout_mask=x_mask, recurrent_dropout_mask=h_mask)
    for name, mask in (("kernel", x_mask), ("recurrent_kernel", h_mask)):
        p.inputs[name] = p.inputs[name] * np.repeat(mask[:, 0].T, 5, axis=1)
    for a, b in zip(dropped, p.forward(reference), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_gru_forms_agree_when_the_reset_gate_is_open() -> None:
    p = make(Case("open", "gru", (2, 4, 3, 5), {}, {"reset_after": False}))
    p.inputs["bias"][5:10] = 1e3  # r = 1
    before = p.forward(reference)
    p.options["reset_after"] = True
    p.inputs["bias"] = np.stack([p.inputs["bias"], np.zeros(15)])
    for a, b in zip(before, p.forward(reference), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_lstm_with_closed_input_and_open_forget_gate_keeps_c() -> None:
    p = make(Case("carousel", "lstm", (2, 50, 3, 4)))
    p.inputs["bias"][:4], p.inputs["bias"][4:8] = -1e3, 1e3
    _, _, c_n = p.forward(reference)
    np.testing.assert_array_equal(c_n, p.inputs["c0"])


def test_float32_computation_stays_in_float32() -> None:
    for case in ALL_CASES:
        if case.sizes[1] > 20:
            continue
        outputs, grads = make(case, np.float32).reference_train()
        for array in (*outputs, *grads.values()):
            assert array.dtype == np.float32, case.name
            assert np.isfinite(array).all(), case.name


def test_out_receives_the_gradients_of_the_weights() -> None:
    p = make(Case("out", "lstm", (2, 3, 4, 5)))
    _, expected = p.train(reference)
    flat = np.zeros(expected["kernel"].size + 3)
    out = {"kernel": flat[:-3].reshape(expected["kernel"].shape)}
    _, grads = p.train(reference, backward={"out": out, "need_dx": False})
    assert grads["kernel"] is out["kernel"]
    assert "x" not in grads
    np.testing.assert_array_equal(out["kernel"], expected["kernel"])


@pytest.mark.parametrize("name", reference.activation_names())
def test_activation_gradient(name: str) -> None:
    x = np.random.default_rng(3).normal(size=(5, 8)) * 2

    def backward(dy: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
        return {"x": reference.activation_backward(dy, name, x=x)}

    gradcheck(lambda x: reference.activation(x, name), backward, {"x": x})


# Values of Keras 3.15.1 at KERAS_X.
KERAS_X = [-3.0, -1.2, -0.5, 0.0, 0.3, 1.0, 2.5, 7.0]
KERAS_Y = {
    "celu": [-0.95021, -0.69881, -0.39347, 0.0, 0.3, 1.0, 2.5, 7.0],
    "elu": [-0.95021, -0.69881, -0.39347, 0.0, 0.3, 1.0, 2.5, 7.0],
    "exponential": [0.04979, 0.30119, 0.60653, 1.0, 1.34986, 2.71828, 12.18249, 1096.63316],
    "gelu": [-0.00405, -0.13808, -0.15427, 0.0, 0.18537, 0.84134, 2.48448, 7.0],
    "glu": [-1.72333, -0.87727, -0.46207, 0.0],
    "hard_shrink": [-3.0, -1.2, 0.0, 0.0, 0.0, 1.0, 2.5, 7.0],
    "hard_sigmoid": [0.0, 0.3, 0.41667, 0.5, 0.55, 0.66667, 0.91667, 1.0],
    "hard_silu": [0.0, -0.36, -0.20833, 0.0, 0.165, 0.66667, 2.29167, 7.0],
    "hard_tanh": [-1.0, -1.0, -0.5, 0.0, 0.3, 1.0, 1.0, 1.0],
    "leaky_relu": [-0.6, -0.24, -0.1, 0.0, 0.3, 1.0, 2.5, 7.0],
    "linear": KERAS_X,
    "log_sigmoid": [-3.04859, -1.46328, -0.97408, -0.69315, -0.55436, -0.31326, -0.07889, -0.00091],
    "log_softmax": [
        -10.01647, -8.21647, -7.51647, -7.01647, -6.71647, -6.01647, -4.51647, -0.01647,
    ],
    "mish": [-0.14565, -0.30884, -0.22074, 0.0, 0.208, 0.8651, 2.47139, 6.99999],
    "relu": [0.0, 0.0, 0.0, 0.0, 0.3, 1.0, 2.5, 7.0],
    "relu6": [0.0, 0.0, 0.0, 0.0, 0.3, 1.0, 2.5, 6.0],
    "selu": [-1.67057, -1.22857, -0.69176, 0.0, 0.31521, 1.0507, 2.62675, 7.35491],
    "sigmoid": [0.04743, 0.23148, 0.37754, 0.5, 0.57444, 0.73106, 0.92414, 0.99909],
    "silu": [-0.14228, -0.27777, -0.18877, 0.0, 0.17233, 0.73106, 2.31035, 6.99362],
    "soft_shrink": [-2.5, -0.7, 0.0, 0.0, 0.0, 0.5, 2.0, 6.5],
    "softmax": [4e-05, 0.00027, 0.00054, 0.0009, 0.00121, 0.00244, 0.01093, 0.98367],
    "softplus": [0.04859, 0.26328, 0.47408, 0.69315, 0.85436, 1.31326, 2.57889, 7.00091],
    "softsign": [-0.75, -0.54545, -0.33333, 0.0, 0.23077, 0.5, 0.71429, 0.875],
    "sparse_plus": [0.0, 0.0, 0.0625, 0.25, 0.4225, 1.0, 2.5, 7.0],
    "sparse_sigmoid": [0.0, 0.0, 0.25, 0.5, 0.65, 1.0, 1.0, 1.0],
    "sparsemax": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    "squareplus": [0.30278, 0.56619, 0.78078, 1.0, 1.16119, 1.61803, 2.85078, 7.14005],
    "tanh": [-0.99505, -0.83365, -0.46212, 0.0, 0.29131, 0.76159, 0.98661, 1.0],
    "tanh_shrink": [-2.00495, -0.36635, -0.03788, 0.0, 0.00869, 0.23841, 1.51339, 6.0],
}  # fmt: skip


def test_activation_values_are_those_of_keras() -> None:
    for name, expected in KERAS_Y.items():
        y = reference.activation(KERAS_X, name)
        np.testing.assert_allclose(y, expected, atol=6e-6, err_msg=name)
    missing = set(reference.activation_names()) - set(KERAS_Y) - {"swish", "hard_swish"}
    assert not missing


def test_activation_from_a_callable() -> None:
    x = np.linspace(-2, 2, 9)
    np.testing.assert_array_equal(reference.activation(x, np.sin), np.sin(x))
    dx = reference.activation_backward(np.full(9, 2.0), np.sin, x=x)
    np.testing.assert_allclose(dx, 2 * np.cos(x), atol=1e-9)
    own = reference.activation_backward(x, Squash(), x=x)
    np.testing.assert_array_equal(own, Squash().backward(x, x, x))


def test_activation_errors() -> None:
    with pytest.raises(ValueError, match=r"activation: unknown name 'tan', expected one of"):
        reference.activation([1.0], "tan")
    with pytest.raises(ValueError, match=r"^activation_backward: gelu needs x$"):
        reference.activation_backward([1.0], "gelu", y=[1.0])
    with pytest.raises(ValueError, match=r"^activation_backward: tanh needs x or y$"):
        reference.activation_backward([1.0], "tanh")


@pytest.mark.parametrize("activation", [None, "tanh", "softmax"])
def test_dense_gradient(activation: str | None, rng: np.random.Generator) -> None:
    inputs = {"x": rng.normal(size=(2, 3, 5)), "kernel": rng.normal(size=(5, 4))}
    inputs["bias"] = rng.normal(size=4)

    def backward(dy, x, kernel, bias):  # type: ignore[no-untyped-def]
        y = reference.dense(x, kernel, bias, activation=activation)
        return reference.dense_backward(dy, x, kernel, y=y, activation=activation)

    gradcheck(lambda **a: reference.dense(**a, activation=activation), backward, inputs)


def test_softmax_cross_entropy(rng: np.random.Generator) -> None:
    logits, labels = rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 0])
    loss, dlogits = reference.softmax_cross_entropy(logits, labels)
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loss, -np.log(probability[np.arange(5), labels]))
    for expected, by_one_hot in zip(
        (loss, dlogits), reference.softmax_cross_entropy(logits, np.eye(3)[labels]), strict=True
    ):
        np.testing.assert_array_equal(by_one_hot, expected)
    p = rng.dirichlet(np.ones(3), 5)
    gradcheck(
        lambda z: reference.softmax_cross_entropy(z, p)[0],
        lambda d, z: {"z": d[:, None] * reference.softmax_cross_entropy(z, p)[1]},
        {"z": logits},
    )
    assert np.isfinite(reference.softmax_cross_entropy([[1e4, -1e4]], [1])[0]).all()


def test_sigmoid_cross_entropy(rng: np.random.Generator) -> None:
    logits, targets = rng.normal(size=(4, 3)), rng.random((4, 3))
    s = 1 / (1 + np.exp(-logits))
    loss, _ = reference.sigmoid_cross_entropy(logits, targets)
    np.testing.assert_allclose(loss, -targets * np.log(s) - (1 - targets) * np.log(1 - s))
    gradcheck(
        lambda z: reference.sigmoid_cross_entropy(z, targets)[0],
        lambda d, z: {"z": d * reference.sigmoid_cross_entropy(z, targets)[1]},
        {"z": logits},
    )


def test_optimizers_by_hand() -> None:
    w, velocity = np.array([1.0]), np.array([0.0])
    for _ in range(2):
        reference.sgd_update(w, np.array([2.0]), velocity, lr=0.1, momentum=0.5)
    assert velocity == pytest.approx(-0.3)  # -0.2, then -0.1 - 0.2
    assert w == pytest.approx(0.5)
    reference.sgd_update(w, np.array([2.0]), velocity, lr=0.1, momentum=0.5, nesterov=True)
    assert w == pytest.approx(0.5 + 0.5 * -0.35 - 0.2)
    w = np.array([1.0])
    reference.sgd_update(w, np.array([2.0]), None, lr=0.1)
    assert w == pytest.approx(0.8)

    w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    for step in (1, 2):
        reference.adam_update(
            w, np.array([3.0]), m, v, lr=0.1, beta_1=0.9, beta_2=0.99, epsilon=1e-7, step=step
        )
    assert w == pytest.approx(0.8, abs=1e-6)  # a constant gradient moves by lr each step

    w, v, mean, momentum = np.array([1.0]), np.zeros(1), np.zeros(1), np.zeros(1)
    options = {"lr": 0.1, "rho": 0.5, "momentum": 0.9, "epsilon": 1e-3}
    reference.rmsprop_update(w, np.array([2.0]), v, mean, momentum, **options)
    step = 0.1 * 2 / math.sqrt(2 - 1 + 1e-3)
    assert w == pytest.approx(1 - step)
    reference.rmsprop_update(w, np.array([0.0]), v, mean, momentum, **options)
    assert w == pytest.approx(1 - step - 0.9 * step)
