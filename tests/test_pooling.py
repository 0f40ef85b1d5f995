"""Pooling against the reference, finite differences and by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import ops, reference
from fastrnn.testing import assert_close_to_reference, gradcheck, noncontiguous

DTYPES = [np.float32, np.float64]

# Sizes, window, strides (None: the window's). All sizes differ; windows overlap, leave pixels out,
# or are all of the image. Channels fill registers in part, once, and several times over.
WINDOWS: list[tuple[tuple[int, ...], Any, Any, int]] = [
    ((11,), 3, None, 5),
    ((7,), 2, 5, 1),
    ((6, 9), 2, None, 3),
    ((9, 7), (3, 2), (2, 3), 16),
    ((8, 5), 3, 1, 7),
    ((10, 7), (2, 1), (3, 4), 33),
    ((5, 6), (5, 6), None, 70),
    ((1, 13), (1, 4), 2, 131),
    ((5, 7, 6), 2, None, 4),
    ((4, 6, 5), (3, 1, 2), (1, 2, 1), 19),
]
CASES = [(*w, padding) for w, padding in product(WINDOWS, ("valid", "same"))]


def tied(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Few different values: most windows have more than one maximum."""
    return rng.integers(-3, 3, shape).astype(dtype)


def wide(dtype: Any) -> Any:
    return np.float64 if dtype == np.float32 else np.longdouble


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sizes", "window", "strides", "channels", "padding"), CASES, ids=str)
def test_max_pooling_matches_the_reference(
    sizes: tuple[int, ...],
    window: Any,
    strides: Any,
    channels: int,
    padding: str,
    dtype: type[Any],
    rng: np.random.Generator,
) -> None:
    rank = len(sizes)
    forward, backward = (getattr(ops, f"max_pool{rank}d{s}") for s in ("", "_backward"))
    options = {"strides": strides, "padding": padding}
    x = tied(rng, (2, *sizes, channels), dtype)
    expected = reference.max_pool2d(x, window, **options, dtype=dtype)
    y = forward(noncontiguous(x), window, **options)
    np.testing.assert_array_equal(y, expected, strict=True)

    dy = rng.standard_normal(y.shape).astype(dtype)
    dtruth, dnaive = (
        reference.max_pool2d_backward(dy, x, window, **options, dtype=d)
        for d in (wide(dtype), dtype)
    )
    dx = backward(noncontiguous(dy), noncontiguous(x), window, **options)
    assert_close_to_reference(dx, dtruth, dnaive, depth=9, backward=True)
    np.testing.assert_array_equal(backward(dy, x, window, y=noncontiguous(y), **options), dx)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sizes", "window", "strides", "channels", "padding"), CASES, ids=str)
def test_average_pooling_matches_the_reference(
    sizes: tuple[int, ...],
    window: Any,
    strides: Any,
    channels: int,
    padding: str,
    dtype: type[Any],
    rng: np.random.Generator,
) -> None:
    rank = len(sizes)
    forward, backward = (getattr(ops, f"average_pool{rank}d{s}") for s in ("", "_backward"))
    options = {"strides": strides, "padding": padding}
    x = rng.standard_normal((2, *sizes, channels)).astype(dtype)
    truth, naive = (
        reference.average_pool2d(x, window, **options, dtype=d) for d in (wide(dtype), dtype)
    )
    y = forward(noncontiguous(x), window, **options)
    assert_close_to_reference(y, truth, naive, depth=30)

    dy = rng.standard_normal(y.shape).astype(dtype)
    dtruth, dnaive = (
        reference.average_pool2d_backward(dy, x.shape, window, **options, dtype=d)
        for d in (wide(dtype), dtype)
    )
    dx = backward(noncontiguous(dy), x.shape, window, **options)
    assert_close_to_reference(dx, dtruth, dnaive, depth=30, backward=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(2, 5, 3), (3, 7, 4, 70), (2, 3, 4, 5, 17), (1, 997, 6)], ids=str
)
def test_global_pooling_matches_the_reference(
    shape: tuple[int, ...], dtype: type[Any], rng: np.random.Generator
) -> None:
    x = rng.standard_normal(shape).astype(dtype)
    dy = rng.standard_normal((shape[0], shape[-1])).astype(dtype)
    truth, naive = (reference.global_average_pool(x, dtype=d) for d in (wide(dtype), dtype))
    mean = ops.global_average_pool(noncontiguous(x))
    assert_close_to_reference(mean, truth, naive, depth=x.size // dy.size)
    dtruth, dnaive = (
        reference.global_average_pool_backward(dy, shape, dtype=d) for d in (wide(dtype), dtype)
    )
    dx = ops.global_average_pool_backward(noncontiguous(dy), shape)
    assert_close_to_reference(dx, dtruth, dnaive, depth=2, backward=True)

    x = tied(rng, shape, dtype)
    y = ops.global_max_pool(noncontiguous(x))
    np.testing.assert_array_equal(y, reference.global_max_pool(x, dtype=dtype), strict=True)
    expected = reference.global_max_pool_backward(dy, x, dtype=dtype)
    for dx in (ops.global_max_pool_backward(dy, x), ops.global_max_pool_backward(dy, x, y=y)):
        np.testing.assert_array_equal(dx, expected, strict=True)


@pytest.mark.parametrize(("sizes", "window", "strides", "channels", "padding"), CASES, ids=str)
def test_gradients_by_finite_differences(
    sizes: tuple[int, ...],
    window: Any,
    strides: Any,
    channels: int,
    padding: str,
    rng: np.random.Generator,
) -> None:
    rank = len(sizes)
    options = {"strides": strides, "padding": padding}
    x = rng.permutation(2 * int(np.prod(sizes)) * channels) / 100  # no two alike
    x = x.reshape(2, *sizes, channels)
    name = f"pool{rank}d"
    largest, mean = getattr(ops, f"max_{name}"), getattr(ops, f"average_{name}")
    dlargest, dmean = (getattr(ops, f"{k}_{name}_backward") for k in ("max", "average"))
    gradcheck(
        lambda x: largest(x, window, **options),
        lambda dy, x: {"x": dlargest(dy, x, window, **options)},
        {"x": x},
    )
    gradcheck(
        lambda x: mean(x, window, **options),
        lambda dy, x: {"x": dmean(dy, x.shape, window, **options)},
        {"x": x},
    )


def test_padding_is_no_part_of_a_window() -> None:
    x = -np.arange(1.0, 7).reshape(1, 2, 3, 1)
    assert ops.max_pool2d(x, padding="same")[0, :, :, 0].tolist() == [[-1, -3]]
    assert ops.average_pool2d(x, padding="same")[0, :, :, 0].tolist() == [[-3, -4.5]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_wins_and_gets_the_gradient(dtype: type[Any]) -> None:
    x = np.array([5, np.nan, np.inf, np.nan, 1, -np.inf], dtype).reshape(1, 6, 1)
    y = ops.max_pool1d(x, 3, strides=1)
    np.testing.assert_array_equal(y.ravel(), [np.nan, np.nan, np.nan, np.nan])
    dy = np.array([1, 10, 100, 1000], dtype).reshape(1, 4, 1)
    dx = ops.max_pool1d_backward(dy, x, 3, strides=1)
    assert dx.ravel().tolist() == [0, 11, 0, 1100, 0, 0]
    infinite = np.full((1, 4, 4, 3), -np.inf, dtype)
    assert (ops.max_pool2d(infinite) == -np.inf).all()
    dx = ops.max_pool2d_backward(np.ones((1, 2, 2, 3), dtype), infinite)
    assert dx[0, :, :, 0].tolist() == [[1, 0, 1, 0], [0] * 4, [1, 0, 1, 0], [0] * 4]


def test_long_means_lose_no_digits(rng: np.random.Generator) -> None:
    x = (1000 + rng.standard_normal((1, 40_000, 5))).astype(np.float32)
    np.testing.assert_allclose(
        ops.global_average_pool(x), x.mean(axis=1, dtype=np.float64), rtol=2e-6
    )


def test_any_number_of_threads_gives_the_same_bits(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 60, 50, 67)).astype(np.float32)
    before = fastrnn.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            fastrnn.set_num_threads(threads)
            y = ops.max_pool2d(x, 3, strides=2, padding="same")
            arrays = [y, ops.max_pool2d_backward(y, x, 3, strides=2, padding="same")]
            arrays += [ops.average_pool2d(x, 3, strides=1), ops.global_average_pool(x)]
            arrays += [ops.average_pool2d_backward(arrays[2], x.shape, 3, strides=1)]
            results.append([a.tobytes() for a in arrays])
    finally:
        fastrnn.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_empty_batches_and_integers() -> None:
    x = np.empty((0, 4, 6, 3), np.float32)
    assert ops.max_pool2d(x).shape == (0, 2, 3, 3)
    assert ops.max_pool2d_backward(np.empty((0, 2, 3, 3), np.float32), x).shape == x.shape
    assert ops.average_pool2d_backward(ops.average_pool2d(x), x.shape).shape == x.shape
    assert ops.global_average_pool(x).shape == ops.global_max_pool(x).shape == (0, 3)
    assert ops.max_pool2d(np.arange(4).reshape(1, 2, 2, 1)).dtype == np.float32


X = np.ones((2, 4, 5, 3))

ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (
        lambda: ops.max_pool2d(X[0]),
        ValueError,
        "max_pool2d: x must be (N, H, W, C) with pixels and channels, got (4, 5, 3)",
    ),
    (
        lambda: ops.average_pool1d(np.ones((2, 0, 3))),
        ValueError,
        "average_pool1d: x must be (N, W, C) with pixels and channels, got (2, 0, 3)",
    ),
    (
        lambda: ops.max_pool2d(X, padding=1),  # type: ignore[arg-type]
        ValueError,
        'max_pool2d: padding must be "valid" or "same", got 1',
    ),
    (
        lambda: ops.max_pool2d(X, (2, 3, 4)),
        ValueError,
        "max_pool2d: pool_size must be an integer from 1 or 2 of them, got (2, 3, 4)",
    ),
    (
        lambda: ops.max_pool2d(X, strides=0),
        ValueError,
        "max_pool2d: strides must be an integer from 1 or 2 of them, got 0",
    ),
    (
        lambda: ops.average_pool2d(X, 5),
        ValueError,
        "average_pool2d: a window of 5 does not fit into height 4; make the window smaller, the "
        'input larger, or use padding="same"',
    ),
    (
        lambda: ops.max_pool2d_backward(np.ones((2, 2, 2, 2)), X),
        ValueError,
        "max_pool2d_backward: dy must be of the shape of y = (2, 2, 2, 3), got (2, 2, 2, 2)",
    ),
    (
        lambda: ops.max_pool2d_backward(np.ones((2, 2, 2, 3), np.float32), X),
        TypeError,
        "max_pool2d_backward: dy must be float64 as the weights are, got float32; convert it with "
        "dy.astype(np.float64)",
    ),
    (
        lambda: ops.average_pool2d_backward(np.ones((2, 2, 2, 3)), (2, -4, 5, 3)),
        ValueError,
        "average_pool2d_backward: x_shape must be a shape, got (2, -4, 5, 3)",
    ),
    (
        lambda: ops.global_average_pool(np.ones((2, 3))),
        ValueError,
        "global_average_pool: x must be (N, ..., C) with pixels and channels, got (2, 3)",
    ),
    (
        lambda: ops.max_pool2d("image"),
        TypeError,
        "max_pool2d: x must be an array of numbers, got str",
    ),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS, ids=[e[2][:50] for e in ERRORS])
def test_errors(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
