"""Batch and layer normalization against the reference and finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import ops, reference
from fastrnn.testing import assert_close_to_reference, gradcheck, noncontiguous

DTYPES = [np.float32, np.float64]
# Rows and channels that fill registers and blocks exactly, in part, and many times over.
SHAPES = [
    (5, 1),
    (2, 3),
    (7, 4, 5, 3),
    (37, 16),
    (3, 11, 24),
    (2, 9, 8, 7, 33),
    (1203, 6),
    (19, 801),
]


def wide(dtype: Any) -> Any:
    return np.float64 if dtype == np.float32 else np.longdouble


def drawn(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> tuple[np.ndarray, ...]:
    """x, gamma, beta, dy: of different means and deviations in each channel."""
    channels = shape[-1]
    x = rng.normal(rng.uniform(-3, 3, channels), rng.uniform(0.5, 2, channels), shape)
    gamma, beta = rng.uniform(0.5, 1.5, channels), rng.standard_normal(channels)
    return tuple(a.astype(dtype) for a in (x, gamma, beta, rng.standard_normal(shape)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_training_matches_the_reference(
    kind: str, shape: tuple[int, ...], dtype: type[Any], rng: np.random.Generator
) -> None:
    forward, backward = f"{kind}_normalization_forward", f"{kind}_normalization_backward"
    x, gamma, beta, dy = drawn(rng, shape, dtype)
    depth = x.size
    y, cache = getattr(ops, forward)(noncontiguous(x), noncontiguous(gamma), beta, epsilon=0.01)
    grads = getattr(ops, backward)(cache, noncontiguous(dy))
    (truth, saved), (naive, plain) = (
        getattr(reference, forward)(x, gamma, beta, epsilon=0.01, dtype=d)
        for d in (wide(dtype), dtype)
    )
    assert_close_to_reference(y, truth, naive, depth=depth)
    dtruth, dnaive = (getattr(reference, backward)(c, dy) for c in (saved, plain))
    assert grads.keys() == dtruth.keys()
    for name, gradient in grads.items():
        assert_close_to_reference(
            gradient, dtruth[name], dnaive[name], depth=depth, backward=True, name=name
        )
    assert_close_to_reference(cache.mean, saved.mean, plain.mean, depth=depth)
    if kind == "batch":
        assert_close_to_reference(cache.variance, saved.variance, plain.variance, depth=depth)
    else:
        inference = ops.layer_normalization(x, gamma, beta, epsilon=0.01)
        np.testing.assert_array_equal(inference, y)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_inference_matches_the_reference(
    shape: tuple[int, ...], dtype: type[Any], rng: np.random.Generator
) -> None:
    x, gamma, beta, _ = drawn(rng, shape, dtype)
    mean = rng.standard_normal(shape[-1]).astype(dtype)
    variance = rng.uniform(0, 2, shape[-1]).astype(dtype)
    for affine in ((gamma, beta), (None, beta), (gamma, None), (None, None)):
        y = ops.batch_normalization(noncontiguous(x), *affine, noncontiguous(mean), variance)
        truth, naive = (
            reference.batch_normalization(x, *affine, mean, variance, dtype=d)
            for d in (wide(dtype), dtype)
        )
        assert_close_to_reference(y, truth, naive, depth=4)


@pytest.mark.parametrize("affine", [("gamma", "beta"), ("gamma",), ("beta",), ()], ids=str)
@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_gradients_by_finite_differences(
    kind: str, affine: tuple[str, ...], rng: np.random.Generator
) -> None:
    forward = getattr(ops, f"{kind}_normalization_forward")
    backward = getattr(ops, f"{kind}_normalization_backward")
    x, gamma, beta, _ = drawn(rng, (5, 4, 7), np.float64)
    inputs = {"x": x} | {n: a for n, a in (("gamma", gamma), ("beta", beta)) if n in affine}

    def run(x: Any, gamma: Any = None, beta: Any = None) -> Any:
        return forward(x, gamma, beta)

    def gradients(dy: Any, **arrays: Any) -> Any:
        found = backward(run(**arrays)[1], dy)
        assert found.keys() == arrays.keys()
        return found

    gradcheck(lambda **arrays: run(**arrays)[0], gradients, inputs)


@pytest.mark.parametrize("channels", [1, 5, 64])
def test_a_large_mean_costs_no_digits(channels: int, rng: np.random.Generator) -> None:
    x = (4096 + rng.standard_normal((5000, channels))).astype(np.float32)
    y, cache = ops.batch_normalization_forward(x, None, None, epsilon=0)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(cache.mean, exact.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(cache.variance, exact.var(axis=0), rtol=1e-6)
    expected = (exact - exact.mean(axis=0)) / exact.std(axis=0)
    np.testing.assert_allclose(y, expected, atol=2e-6)
    rows = np.ascontiguousarray(x.T)
    # What the mean's own rounding to float32 makes of it.
    np.testing.assert_allclose(
        ops.layer_normalization(rows, None, None, epsilon=0), expected.T, atol=5e-4
    )


def test_a_constant_channel_is_zero() -> None:
    x = np.full((40, 3), [7.3, -1e6, 0.1], np.float32)
    y, cache = ops.batch_normalization_forward(x, None, None)
    assert not y.any()
    assert not cache.variance.any()
    assert not ops.layer_normalization(x.T.copy(), None, None).any()


def test_any_number_of_threads_gives_the_same_bits(rng: np.random.Generator) -> None:
    before = fastrnn.get_num_threads()
    results = []
    problems = [drawn(rng, shape, np.float32) for shape in ((3, 41, 37, 48), (30_001, 5))]
    try:
        for threads in (1, 2, 3):
            fastrnn.set_num_threads(threads)
            arrays = []
            for (x, gamma, beta, dy), kind in zip(problems * 2, "bbll", strict=True):
                name = "batch_normalization" if kind == "b" else "layer_normalization"
                y, cache = getattr(ops, f"{name}_forward")(x, gamma, beta)
                arrays += [y, cache.mean, *getattr(ops, f"{name}_backward")(cache, dy).values()]
            results.append([a.tobytes() for a in arrays])
    finally:
        fastrnn.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_empty_batches(kind: str) -> None:
    x = np.empty((0, 4, 3), np.float32)
    y, cache = getattr(ops, f"{kind}_normalization_forward")(x, np.ones(3, "f"), np.ones(3, "f"))
    assert y.shape == x.shape
    grads = getattr(ops, f"{kind}_normalization_backward")(cache, x)
    assert grads["x"].shape == x.shape
    assert grads["gamma"].tolist() == grads["beta"].tolist() == [0, 0, 0]


X, ONE = np.ones((2, 3)), np.ones(3)

ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (
        lambda: ops.batch_normalization_forward(np.ones((2, 0)), None, None),
        ValueError,
        "batch_normalization_forward: x must be (..., C) with C >= 1, got (2, 0)",
    ),
    (
        lambda: ops.batch_normalization(X, np.ones(2), None, ONE, ONE),
        ValueError,
        "batch_normalization: gamma must be (C,) = (3,), got (2,)",
    ),
    (
        lambda: ops.batch_normalization(X, ONE, ONE, ONE, -ONE),
        ValueError,
        "batch_normalization: variance + epsilon must be positive, got -0.999",
    ),
    (
        lambda: ops.layer_normalization(X, ONE.astype(np.float32), None),
        TypeError,
        "layer_normalization: gamma must be float64 as the weights are, got float32; convert it "
        "with gamma.astype(np.float64)",
    ),
    (
        lambda: ops.layer_normalization(X, None, None, epsilon=-1),
        ValueError,
        "layer_normalization: epsilon must be a number from 0, got -1",
    ),
    (
        lambda: ops.batch_normalization_backward({}, X),  # type: ignore[arg-type]
        TypeError,
        "batch_normalization_backward: cache must come from batch_normalization_forward, got dict",
    ),
    (
        lambda: ops.layer_normalization_backward(
            ops.layer_normalization_forward(X, ONE, ONE)[1], np.ones((3, 2))
        ),
        ValueError,
        "layer_normalization_backward: dy must be of the shape of x = (2, 3), got (3, 2)",
    ),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS, ids=[e[2][:50] for e in ERRORS])
def test_errors(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
