"""Up-sampling, embedding and rectifiers with parameters, against the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import ops, reference
from fastrnn.testing import assert_close_to_reference, gradcheck, noncontiguous

DTYPES = [np.float32, np.float64]
IMAGES: list[tuple[tuple[int, ...], Any]] = [
    ((2, 5, 3), 3),
    ((2, 1, 33), 4),
    ((3, 4, 5, 1), 2),
    ((2, 3, 5, 17), (4, 1)),
    ((1, 6, 1, 70), (1, 5)),
    ((2, 3, 4, 5, 6), (2, 3, 1)),
]


def wide(dtype: Any) -> Any:
    return np.float64 if dtype == np.float32 else np.longdouble


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize(("shape", "size"), IMAGES, ids=str)
def test_up_sampling_matches_the_reference(
    shape: tuple[int, ...],
    size: Any,
    interpolation: str,
    dtype: type[Any],
    rng: np.random.Generator,
) -> None:
    x = rng.standard_normal(shape).astype(dtype)
    options = {"interpolation": interpolation}
    y = ops.up_sampling(noncontiguous(x), size, **options)
    truth, naive = (
        reference.up_sampling(x, size, **options, dtype=d) for d in (wide(dtype), dtype)
    )
    assert_close_to_reference(y, truth, naive, depth=8)
    if interpolation == "nearest":
        np.testing.assert_array_equal(y, naive)
    dy = rng.standard_normal(y.shape).astype(dtype)
    dtruth, dnaive = (
        reference.up_sampling_backward(dy, size, **options, dtype=d) for d in (wide(dtype), dtype)
    )
    dx = ops.up_sampling_backward(noncontiguous(dy), size, **options)
    assert_close_to_reference(dx, dtruth, dnaive, depth=24, backward=True)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize(("shape", "size"), IMAGES, ids=str)
def test_up_sampling_gradients_by_finite_differences(
    shape: tuple[int, ...], size: Any, interpolation: str, rng: np.random.Generator
) -> None:
    gradcheck(
        lambda x: ops.up_sampling(x, size, interpolation=interpolation),
        lambda dy, x: {"x": ops.up_sampling_backward(dy, size, interpolation=interpolation)},
        {"x": rng.standard_normal(shape)},
    )


def test_bilinear_by_hand() -> None:
    x = np.array([0.0, 3.0, 9.0]).reshape(1, 3, 1)
    y = ops.up_sampling(x, 3, interpolation="bilinear").ravel()
    np.testing.assert_allclose(y, [0, 0, 1, 2, 3, 5, 7, 9, 9], atol=1e-14)
    y = ops.up_sampling([[[1.0], [np.inf]]], 2, interpolation="bilinear").ravel()
    assert y.tolist() == [1, np.inf, np.inf, np.inf]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0,), (), (7,), (3, 5), (2, 3, 41)], ids=str)
@pytest.mark.parametrize("width", [1, 5, 16, 67])
def test_embedding(
    shape: tuple[int, ...], width: int, dtype: type[Any], rng: np.random.Generator
) -> None:
    rows = 9
    table = rng.standard_normal((rows, width)).astype(dtype)
    ids = rng.integers(0, rows - 2, shape)  # the last rows are never asked for
    expected = reference.embedding(ids, table, dtype=dtype)
    dy = rng.standard_normal((*shape, width)).astype(dtype)
    dtruth, dnaive = (
        reference.embedding_backward(dy, ids, rows, dtype=d) for d in (wide(dtype), dtype)
    )
    for kind in (np.int64, np.int32, np.uint8, np.float32):
        places = np.asarray(ids, kind)
        if shape:
            places = noncontiguous(places)
        got = ops.embedding(places, noncontiguous(table))
        np.testing.assert_array_equal(got, expected, strict=True)
        dtable = ops.embedding_backward(dy, places, rows)
        assert_close_to_reference(dtable, dtruth, dnaive, depth=64, backward=True)


# x and alpha: a slope for each value, shared along none, some or all axes.
SLOPES = [
    ((5, 7), (7,)),
    ((3, 4, 5), (1, 5)),
    ((3, 4, 5), (4, 1)),
    ((2, 4, 3, 5), (1, 1, 1)),
    ((2, 6, 3, 17), (1, 3, 17)),
    ((4, 3, 5, 2), (3, 1, 2)),
    ((700, 3, 3), (1, 3)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "slopes"), SLOPES, ids=str)
def test_prelu(
    shape: tuple[int, ...], slopes: tuple[int, ...], dtype: type[Any], rng: np.random.Generator
) -> None:
    x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    alpha = rng.uniform(0.1, 0.5, slopes).astype(dtype)
    y = ops.prelu(noncontiguous(x), noncontiguous(alpha))
    np.testing.assert_array_equal(y, reference.prelu(x, alpha, dtype=dtype), strict=True)
    grads = ops.prelu_backward(noncontiguous(dy), noncontiguous(x), noncontiguous(alpha))
    dtruth, dnaive = (reference.prelu_backward(dy, x, alpha, dtype=d) for d in (wide(dtype), dtype))
    for name in ("x", "alpha"):
        assert_close_to_reference(
            grads[name], dtruth[name], dnaive[name], depth=x.size, backward=True, name=name
        )
    gradcheck(ops.prelu, ops.prelu_backward, {"x": x, "alpha": alpha})


RECTIFIERS: list[dict[str, Any]] = [
    {},
    {"negative_slope": 0.3},
    {"max_value": 1.5},
    {"threshold": 0.4},
    {"negative_slope": 0.2, "max_value": 1.1, "threshold": -0.3},
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", RECTIFIERS, ids=str)
def test_relu(options: dict[str, Any], dtype: type[Any], rng: np.random.Generator) -> None:
    x, dy = (rng.standard_normal((5, 7, 11)).astype(dtype) for _ in range(2))
    truth, naive = (reference.relu(x, **options, dtype=d) for d in (wide(dtype), dtype))
    assert_close_to_reference(ops.relu(noncontiguous(x), **options), truth, naive, depth=2)
    dx = ops.relu_backward(noncontiguous(dy), noncontiguous(x), **options)
    np.testing.assert_array_equal(dx, reference.relu_backward(dy, x, **options, dtype=dtype))
    gradcheck(
        lambda x: ops.relu(x, **options),
        lambda dy, x: {"x": ops.relu_backward(dy, x, **options)},
        {"x": x},
    )


def test_relu_of_infinity_and_nan() -> None:
    x = np.array([-np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(ops.relu(x), [0, np.inf, np.nan])
    np.testing.assert_array_equal(ops.relu(x, max_value=6), [0, 6, np.nan])


def test_any_number_of_threads_gives_the_same_bits(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 31, 29, 20)).astype(np.float32)
    ids = rng.integers(0, 50, 20_000)
    rows = rng.standard_normal((20_000, 24)).astype(np.float32)
    alpha = rng.uniform(size=(1, 1, 20)).astype(np.float32)
    before = fastrnn.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            fastrnn.set_num_threads(threads)
            arrays = [ops.embedding_backward(rows, ids, 50)]
            arrays += list(ops.prelu_backward(x, x, alpha).values())
            for kind in ("nearest", "bilinear"):
                arrays.append(ops.up_sampling(x, (3, 2), interpolation=kind))
                arrays.append(ops.up_sampling_backward(arrays[-1], (3, 2), interpolation=kind))
            results.append([a.tobytes() for a in arrays])
    finally:
        fastrnn.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_empty_batches() -> None:
    x = np.empty((0, 4, 3, 2), np.float32)
    for kind in ("nearest", "bilinear"):
        y = ops.up_sampling(x, (2, 3), interpolation=kind)
        assert y.shape == (0, 8, 9, 2)
        assert ops.up_sampling_backward(y, (2, 3), interpolation=kind).shape == x.shape
    alpha = np.ones((1, 1, 2), np.float32)
    assert ops.prelu(x, alpha).shape == x.shape
    assert ops.prelu_backward(x, x, alpha)["alpha"].tolist() == [[[0, 0]]]
    assert ops.relu(x).shape == ops.relu_backward(x, x).shape == x.shape


X, TABLE = np.ones((2, 4, 6, 3)), np.ones((5, 2))

ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (
        lambda: ops.up_sampling(np.ones((2, 3))),
        ValueError,
        "up_sampling: x must be (N, [D,] [H,] W, C) with pixels and channels, got (2, 3)",
    ),
    (
        lambda: ops.up_sampling(X, 0),
        ValueError,
        "up_sampling: size must be an integer from 1 or 2 of them, got 0",
    ),
    (
        lambda: ops.up_sampling(X, interpolation="bicubic"),
        ValueError,
        'up_sampling: interpolation must be "nearest" or "bilinear", got \'bicubic\'',
    ),
    (
        lambda: ops.up_sampling_backward(X, (2, 4)),
        ValueError,
        "up_sampling_backward: dy's axes must be multiples of size (2, 4), got (2, 4, 6, 3)",
    ),
    (
        lambda: ops.up_sampling(X, 2**30),
        ValueError,
        "up_sampling: size makes images of (4294967296, 6442450944) pixels, too many",
    ),
    (
        lambda: ops.embedding([0, 5], TABLE),
        ValueError,
        "embedding: ids must lie in 0..V-1 = 0..4, got 5",
    ),
    (
        lambda: ops.embedding([-1], TABLE),
        ValueError,
        "embedding: ids must lie in 0..V-1 = 0..4, got -1",
    ),
    (
        lambda: ops.embedding([0.5], TABLE),
        ValueError,
        "embedding: ids must be integers, got 0.5",
    ),
    (
        lambda: ops.embedding([np.nan], TABLE),
        ValueError,
        "embedding: ids must be integers, got nan",
    ),
    (
        lambda: ops.embedding([0], TABLE[0]),
        ValueError,
        "embedding: table must be (V, E) with V, E >= 1, got (2,)",
    ),
    (
        lambda: ops.embedding_backward(np.ones((2, 2)), [1], 5),
        ValueError,
        "embedding_backward: dy must be (..., E) = (1, E), got (2, 2)",
    ),
    (
        lambda: ops.embedding_backward(np.ones((1, 2)), [1], 0),
        ValueError,
        "embedding_backward: rows must be a positive integer, got 0",
    ),
    (
        lambda: ops.prelu(X, np.ones((4, 3))),
        ValueError,
        "prelu: alpha must have x's axes but the first, each of its size in (4, 6, 3) or 1, "
        "got (4, 3)",
    ),
    (
        lambda: ops.relu(X, max_value=-1),
        ValueError,
        "relu: max_value must be at least 0, got -1",
    ),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS, ids=[e[2][:50] for e in ERRORS])
def test_errors(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
