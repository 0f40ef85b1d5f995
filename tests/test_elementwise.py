"""Activations and losses over whole arrays, against the reference and finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import ops, reference
from fastrnn.testing import assert_close_to_reference, gradcheck, noncontiguous

DTYPES = [np.float32, np.float64]
SHAPES = [(1,), (3, 7), (2, 3, 34), (5, 0), (4099,)]
ROWS = {"softmax", "log_softmax", "sparsemax", "glu"}
NAMES = reference.activation_names()
# With kinks where finite differences mean nothing; their gradients are compared all the same.
KINKED = {
    *("relu", "relu6", "leaky_relu", "hard_sigmoid", "hard_tanh", "hard_silu", "hard_swish"),
    *("hard_shrink", "soft_shrink", "sparse_plus", "sparse_sigmoid", "sparsemax"),
}


def drawn(rng: np.random.Generator, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    if name == "glu":
        shape = (*shape[:-1], 2 * shape[-1])
    return np.asarray(2.5 * rng.standard_normal(shape), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_forward_and_backward_match_the_reference(
    name: str, shape: tuple[int, ...], dtype: type[Any], rng: np.random.Generator
) -> None:
    if name == "sparsemax" and 0 in shape:
        pytest.skip("the reference divides by zero on empty rows")
    x = drawn(rng, name, shape, dtype)
    dy = rng.standard_normal(shape).astype(dtype)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    if 0 in shape:
        assert ops.activation(x, name).shape == shape
        assert ops.activation_backward(dy, name, x=x).shape == x.shape
        return
    depth = x.shape[-1] if name in ROWS else 1
    y = ops.activation(noncontiguous(x), name)
    truth = reference.activation(x, name, dtype=wide)
    naive = reference.activation(x, name, dtype=dtype)
    assert_close_to_reference(y, truth, naive, depth=8 * depth, name=name)

    dtruth = reference.activation_backward(dy, name, x=x, dtype=wide)
    dnaive = reference.activation_backward(dy, name, x=x, dtype=dtype)
    from_x = ops.activation_backward(noncontiguous(dy), name, x=noncontiguous(x))
    both = ops.activation_backward(dy, name, x=x, y=y)
    for got in (from_x, both):
        assert_close_to_reference(got, dtruth, dnaive, depth=8 * depth, backward=True, name=name)
    if name in ops.FUSED_ACTIVATIONS or name in ROWS - {"glu"}:
        from_y = ops.activation_backward(dy, name, y=y)
        np.testing.assert_array_equal(from_y, both)


@pytest.mark.parametrize("name", [n for n in ops.activation_names() if n not in KINKED])
def test_gradients_by_finite_differences(name: str, rng: np.random.Generator) -> None:
    x = drawn(rng, name, (3, 11), np.float64)
    if name == "threshold":
        x += np.sign(x)  # away from the kink
    gradcheck(
        lambda x: ops.activation(x, name),
        lambda dy, x: {"x": ops.activation_backward(dy, name, x=x)},
        {"x": x},
    )


PARAMETRIC: dict[str, tuple[float, Callable[[np.ndarray, float], np.ndarray]]] = {
    "leaky_relu": (0.3, lambda x, a: np.where(x > 0, x, a * x)),
    "elu": (0.7, lambda x, a: np.where(x > 0, x, a * np.expm1(x))),
    "celu": (0.7, lambda x, a: np.where(x > 0, x, a * np.expm1(x / a))),
    "squareplus": (2.5, lambda x, a: (x + np.sqrt(x * x + a)) / 2),
    "soft_shrink": (0.9, lambda x, a: np.sign(x) * np.maximum(np.abs(x) - a, 0)),
    "hard_shrink": (0.9, lambda x, a: np.where(np.abs(x) > a, x, 0)),
    "threshold": (-0.4, lambda x, a: np.where(x > a, x, 0)),
}


@pytest.mark.parametrize("name", PARAMETRIC)
def test_parameters(name: str, rng: np.random.Generator) -> None:
    value, function = PARAMETRIC[name]
    x = np.concatenate([rng.uniform(-3, -1, 21), rng.uniform(1, 3, 22)])
    np.testing.assert_allclose(
        ops.activation(x, name, parameter=value), function(x, value), rtol=1e-14
    )
    gradcheck(
        lambda x: ops.activation(x, name, parameter=value),
        lambda dy, x: {"x": ops.activation_backward(dy, name, x=x, parameter=value)},
        {"x": x},
    )


def test_gelu_tanh_is_its_formula(rng: np.random.Generator) -> None:
    x = 3 * rng.standard_normal(101)
    u = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    expected = 0.5 * x * (1 + np.tanh(u))
    np.testing.assert_allclose(ops.activation(x, "gelu_tanh"), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_nan_and_infinity(name: str, dtype: type[Any]) -> None:
    x = np.linspace(-2, 2, 38).astype(dtype).reshape(2, 19)
    if name == "glu":
        x = x.reshape(1, 38)
    x[0, 3] = np.nan
    y = ops.activation(x, name)
    if name in ("softmax", "log_softmax"):
        assert np.isnan(y[0]).all()
        assert np.isfinite(y[1]).all()
    elif name != "sparsemax":
        assert np.isnan(y[0, 3])
        assert np.isnan(y).sum() == 1
    if name in ROWS:
        return
    edges = np.array([-np.inf, np.inf, -1e4, 1e4], dtype)
    with np.errstate(all="ignore"):
        expected = reference.activation(edges, name, dtype=np.longdouble).astype(dtype)
    got = ops.activation(edges, name)
    known = ~np.isnan(expected)  # the plain formulas have inf - inf and 0 * inf
    np.testing.assert_allclose(got[known], expected[known], rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sparsemax"])
def test_rows_of_large_values(name: str, dtype: type[Any], rng: np.random.Generator) -> None:
    x = rng.standard_normal((9, 37)).astype(dtype)
    shifted = ops.activation(np.asarray(x.astype(np.float64) + 2048, dtype), name)
    rounded = np.asarray(x.astype(np.float64) + 2048, dtype).astype(np.float64) - 2048
    expected = reference.activation(rounded, name)
    np.testing.assert_allclose(shifted, expected, rtol=2e-5, atol=1e-6)
    if name != "log_softmax":
        np.testing.assert_allclose(shifted.sum(axis=1), 1, rtol=1e-6)


def test_softmax_gives_impossible_classes_zero() -> None:
    x = np.array([[0.0, -np.inf, 0.0]])
    assert ops.activation(x, "softmax").tolist() == [[0.5, 0.0, 0.5]]


@pytest.mark.parametrize("columns", range(1, 40))
def test_softmax_of_every_width(columns: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, columns)) - 5  # a zero in an unused lane would stand out
    for name in ("softmax", "log_softmax", "sparsemax"):
        np.testing.assert_allclose(
            ops.activation(x, name), reference.activation(x, name), rtol=1e-13, atol=1e-15
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (5, 16), (33, 101), (0, 4)], ids=str)
def test_softmax_cross_entropy(
    shape: tuple[int, int], dtype: type[Any], rng: np.random.Generator
) -> None:
    rows, classes = shape
    logits = (4 * rng.standard_normal(shape)).astype(dtype)
    labels = rng.integers(0, classes, rows)
    one_hot = np.eye(classes, dtype=dtype)[labels]
    soft = rng.dirichlet(np.ones(classes), rows).astype(dtype).reshape(shape)
    for targets in (labels, labels.astype(np.int32), labels.astype(np.uint8), one_hot, soft):
        loss, dlogits = ops.softmax_cross_entropy(noncontiguous(logits), noncontiguous(targets))
        expected = reference.softmax_cross_entropy(logits, targets)
        naive = reference.softmax_cross_entropy(logits, targets, dtype=dtype)
        for got, truth, plain in zip((loss, dlogits), expected, naive, strict=True):
            assert_close_to_reference(got, truth, plain, depth=8 * classes)


def test_softmax_cross_entropy_of_huge_logits() -> None:
    logits = np.array([[1e4, 0.0, -1e4]], np.float32)
    loss, dlogits = ops.softmax_cross_entropy(logits, [1])
    assert loss.tolist() == [1e4]
    assert dlogits.tolist() == [[1, -1, 0]]
    loss, _ = ops.softmax_cross_entropy(np.array([[0.0, -np.inf]]), np.array([[1.0, 0.0]]))
    assert loss.tolist() == [0]


def test_cross_entropy_gradients_by_finite_differences(rng: np.random.Generator) -> None:
    logits = rng.standard_normal((4, 9))
    labels = rng.integers(0, 9, 4)
    targets = rng.uniform(size=(4, 9))
    gradcheck(
        lambda logits: ops.softmax_cross_entropy(logits, labels)[0],
        lambda dy, logits: {"logits": dy[:, None] * ops.softmax_cross_entropy(logits, labels)[1]},
        {"logits": logits},
    )
    gradcheck(
        lambda logits: ops.sigmoid_cross_entropy(logits, targets)[0],
        lambda dy, logits: {"logits": dy * ops.sigmoid_cross_entropy(logits, targets)[1]},
        {"logits": logits},
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_cross_entropy(dtype: type[Any], rng: np.random.Generator) -> None:
    logits = np.concatenate([5 * rng.standard_normal(97), [80.0, -80.0, 1e4, -1e4]]).astype(dtype)
    targets = rng.uniform(size=101).astype(dtype)
    got = ops.sigmoid_cross_entropy(logits, targets)
    for g, t in zip(got, reference.sigmoid_cross_entropy(logits, targets), strict=True):
        np.testing.assert_allclose(g, t, rtol=20 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("distance", ["squared", "absolute", "huber", "log_cosh"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (5001, 1), (2, 900, 3), (7, 97), (3, 1025), (0, 4), (6,)]
)
def test_distance_losses(
    shape: tuple[int, ...], distance: str, dtype: type[Any], rng: np.random.Generator
) -> None:
    y_true, y_pred = (2 * rng.standard_normal((2, *shape))).astype(dtype)
    got = ops.distance_loss(noncontiguous(y_true), noncontiguous(y_pred), distance, 0.7)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    expected = reference.distance_loss(y_true, y_pred, distance, 0.7, dtype=wide)
    naive = reference.distance_loss(y_true, y_pred, distance, 0.7, dtype=dtype)
    for g, truth, plain in zip(got, expected, naive, strict=True):
        assert_close_to_reference(g, truth, plain, depth=8 * shape[-1])


def test_distance_losses_of_values_that_are_no_numbers() -> None:
    y_pred = np.array([[np.nan], [np.inf], [-np.inf], [1e30]], np.float32)
    for distance in ("absolute", "huber", "log_cosh"):
        loss, gradient = ops.distance_loss(np.zeros((4, 1), np.float32), y_pred, distance)
        assert np.isnan(loss[0])
        assert np.isnan(gradient[0])
        assert (loss[1:3] == np.inf).all()
        assert gradient[1:, 0].tolist() == [1, -1, 1]


def test_any_number_of_threads_gives_the_same_bits(rng: np.random.Generator) -> None:
    x = rng.standard_normal((307, 1001)).astype(np.float32)
    labels = rng.integers(0, 1001, 307)
    before = fastrnn.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            fastrnn.set_num_threads(threads)
            arrays = [ops.activation(x, n) for n in ("tanh", "gelu", "softmax")]
            arrays += ops.distance_loss(x.reshape(-1, 7), x[::-1].reshape(-1, 7), "huber")
            results.append([*arrays, *ops.softmax_cross_entropy(x, labels)])
    finally:
        fastrnn.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


class Cube:
    """A callable activation that brings its derivative."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x**3

    def backward(self, dy: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 3 * dy * x * x


@pytest.mark.parametrize("function", [Cube(), lambda x: x**3], ids=["own", "differences"])
def test_callables(function: Callable[[np.ndarray], np.ndarray]) -> None:
    x = np.array([-2.0, 0.5, 3.0], np.float32)
    assert ops.activation(x, function).tolist() == [-8, 0.125, 27]
    dx = ops.activation_backward(np.ones(3, np.float32), function, x=x)
    assert dx.dtype == np.float32
    np.testing.assert_allclose(dx, 3 * x * x, rtol=1e-6)


def test_inputs_that_are_no_float_arrays() -> None:
    assert ops.activation([-1, 2], "relu").tolist() == [0, 2]
    assert ops.activation([-1, 2], "relu").dtype == np.float32
    assert ops.activation(np.float64(0.5), "linear").shape == ()
    swapped = np.array([1.0, -1.0], ">f4")
    assert ops.activation(swapped, "relu").tolist() == [1, 0]
    read_only = np.ones(3)
    read_only.flags.writeable = False
    assert ops.activation(read_only, "tanh").shape == (3,)


ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (
        lambda: ops.distance_loss(np.ones((2, 3)), np.ones((2, 4))),
        ValueError,
        "distance_loss: y_true must be of the shape of y_pred = (2, 4), got (2, 3)",
    ),
    (
        lambda: ops.distance_loss(np.ones(2), np.ones(2), "square"),
        ValueError,
        "distance_loss: distance must be one of squared, absolute, huber, log_cosh, got 'square'",
    ),
    (
        lambda: ops.activation(np.ones(2, np.float16), "tanh"),
        TypeError,
        "activation: x must be float32 or float64, got float16",
    ),
    (
        lambda: ops.activation(np.ones(2), "rleu"),
        ValueError,
        f"activation: name must be one of {', '.join(ops.activation_names())}, got 'rleu'",
    ),
    (
        lambda: ops.activation(np.ones(2), 3),  # type: ignore[arg-type]
        TypeError,
        "activation: name must be a string or a callable, got int",
    ),
    (
        lambda: ops.activation(np.ones(2), "tanh", parameter=1.0),
        ValueError,
        "activation: 'tanh' has no parameter, got parameter=1.0",
    ),
    (
        lambda: ops.activation(np.ones(2), "elu", parameter=-1.0),
        ValueError,
        "activation: the parameter of 'elu' must be at least 0, got -1.0",
    ),
    (
        lambda: ops.activation(np.ones((2, 3)), "glu"),
        ValueError,
        "activation: 'glu' needs a last axis of even length, got (2, 3)",
    ),
    (
        lambda: ops.activation(np.float32(1), "softmax"),
        ValueError,
        "activation: 'softmax' needs at least one axis, got a scalar",
    ),
    (
        lambda: ops.activation_backward(np.ones(2), "gelu", y=np.ones(2)),
        ValueError,
        "activation_backward: the derivative of 'gelu' needs x",
    ),
    (
        lambda: ops.activation_backward(np.ones(2), "tanh"),
        ValueError,
        "activation_backward: the derivative of 'tanh' needs x or y",
    ),
    (
        lambda: ops.activation_backward(np.ones(2), "tanh", y=np.ones(3)),
        ValueError,
        "activation_backward: dy must be of the shape of x and y = (3,), got (2,)",
    ),
    (
        lambda: ops.softmax_cross_entropy(np.ones(3), [0]),
        ValueError,
        "softmax_cross_entropy: logits must be (rows, C) with C >= 1, got (3,)",
    ),
    (
        lambda: ops.softmax_cross_entropy(np.ones((2, 3)), [0, 3]),
        ValueError,
        "softmax_cross_entropy: labels must lie in 0..C-1 = 0..2, got 3",
    ),
    (
        lambda: ops.softmax_cross_entropy(np.ones((2, 3)), [0]),
        ValueError,
        "softmax_cross_entropy: labels must be (rows,) = (2,), got (1,)",
    ),
    (
        lambda: ops.softmax_cross_entropy(np.ones((2, 3)), [0.0, 1.0]),
        TypeError,
        "softmax_cross_entropy: labels of one axis must be integers, got float64",
    ),
    (
        lambda: ops.softmax_cross_entropy(np.ones((2, 3)), np.ones((2, 4))),
        ValueError,
        "softmax_cross_entropy: labels must be (rows,) = (2,) or (rows, C) = (2, 3), got (2, 4)",
    ),
    (
        lambda: ops.sigmoid_cross_entropy(np.ones(3), np.ones(4)),
        ValueError,
        "sigmoid_cross_entropy: targets must be of the shape of logits = (3,), got (4,)",
    ),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS, ids=[e[2][:50] for e in ERRORS])
def test_errors(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
