"""The tools that judge the kernels must themselves tell right from wrong."""

from __future__ import annotations

import numpy as np
import pytest

from fastrnn.testing import assert_close_to_reference, error_budget, gradcheck, noncontiguous


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a @ b


def product_backward(dy: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    return {"a": dy @ b.T, "b": a.T @ dy}


@pytest.fixture
def factors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=(4, 5))}


def test_gradcheck_accepts_a_right_gradient(factors: dict[str, np.ndarray]) -> None:
    gradcheck(product, product_backward, factors)


def test_gradcheck_finds_one_wrong_element(factors: dict[str, np.ndarray]) -> None:
    def wrong(dy, a, b):  # type: ignore[no-untyped-def]
        grads = product_backward(dy, a, b)
        grads["b"][2, 3] *= 1.001
        return grads

    with pytest.raises(AssertionError, match="the derivative by b is"):
        gradcheck(product, wrong, factors)


def test_gradcheck_names_what_is_missing_or_misshapen(factors: dict[str, np.ndarray]) -> None:
    with pytest.raises(AssertionError, match=r"no gradient for a, got \['b'\]"):
        gradcheck(product, lambda dy, a, b: {"b": a.T @ dy}, factors)
    with pytest.raises(AssertionError, match=r"gradient of a must be \(3, 4\), got \(4, 3\)"):
        gradcheck(product, lambda dy, a, b: {"a": b @ dy.T, "b": a.T @ dy}, factors)


def test_gradcheck_passes_strided_arrays_unless_told_otherwise() -> None:
    seen = []

    def forward(x: np.ndarray) -> np.ndarray:
        seen.append(x.flags.c_contiguous)
        return x

    gradcheck(forward, lambda dy, x: {"x": dy}, {"x": np.ones((2, 3))})
    assert not any(seen)
    seen.clear()
    gradcheck(forward, lambda dy, x: {"x": dy}, {"x": np.ones((2, 3))}, contiguous=True)
    assert all(seen)


def test_noncontiguous_keeps_the_values() -> None:
    for a in (np.arange(6.0).reshape(2, 3), np.ones((2, 1, 4), bool), np.arange(3)):
        b = noncontiguous(a)
        np.testing.assert_array_equal(a, b)
        assert b.dtype == a.dtype
        assert not b.flags.c_contiguous


def test_budget_is_twice_the_plain_error_plus_a_floor() -> None:
    truth, plain = np.array([1.0, -4.0]), np.array([1.0 + 1e-3, -4.0], np.float32)
    eps = 2.0**-23
    budget = error_budget(truth, plain, depth=1000)
    assert budget == pytest.approx(2e-3 + 4 * 10 * eps * 4, rel=1e-3)
    both = error_budget(truth, plain, depth=1000, backward=True)
    assert both - budget == pytest.approx(4 * 10 * eps * 4, rel=1e-3)


def test_a_result_over_the_budget_is_named_with_its_place() -> None:
    truth = np.linspace(-1, 1, 12).reshape(3, 4)
    plain = truth.astype(np.float32)
    assert_close_to_reference(plain, truth, plain, depth=4)
    for value, message in ((9.0, r"y: error .* at \(1, 2\)"), (np.nan, "y: not finite")):
        wrong = plain.copy()
        wrong[1, 2] = value
        with pytest.raises(AssertionError, match=message):
            assert_close_to_reference(wrong, truth, plain, depth=4, name="y")
    with pytest.raises(AssertionError, match="dtype float64, expected float32"):
        assert_close_to_reference(truth, truth, plain, depth=4)
    with pytest.raises(AssertionError, match="shape"):
        assert_close_to_reference(plain[:2], truth, plain, depth=4)
