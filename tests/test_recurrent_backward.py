"""Recurrent kernels, backward: against the reference, by finite differences, and by contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cases import ALL_CASES, BIG_CASES, CASES, Case, Problem, Squash, case, make
from fastrnn import ops
from fastrnn.testing import assert_close_to_reference, gradcheck

DTYPES = [np.float32, np.float64]
CELLS = ["lstm", "gru", "rnn"]


Gradients = dict[str, np.ndarray]


def expected_gradients(problem: Problem) -> tuple[Gradients, Gradients]:
    """The truth, and the plain computation in the problem's precision."""
    return problem.truth().reference_train()[1], problem.reference_train()[1]


def assert_gradients(grads: Gradients, expected: tuple[Gradients, Gradients], depth: int) -> None:
    truth, plain = expected
    assert set(grads) == set(truth)
    for name, gradient in grads.items():
        assert_close_to_reference(
            gradient, truth[name], plain[name], depth=depth, backward=True, name=f"d{name}"
        )


def assert_same(first: Gradients, second: Gradients) -> None:
    assert set(first) == set(second)
    for name, gradient in first.items():
        np.testing.assert_array_equal(gradient, second[name], err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("case", ALL_CASES, ids=str)
def test_gradients_are_within_the_error_budget(case: Case, dtype: Any) -> None:
    problem = make(case, dtype)
    assert_gradients(problem.train(ops)[1], expected_gradients(problem), case.depth_backward)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_recomputed_gates_give_the_same_gradients(case: Case) -> None:
    problem = make(case, np.float32)
    grads = problem.train(ops, recompute=True)[1]
    assert_gradients(grads, expected_gradients(problem), case.depth_backward)


@pytest.mark.parametrize("case", [c for c in CASES if c.sizes[1] < 100], ids=str)
def test_gradients_equal_finite_differences(case: Case) -> None:
    problem = make(case)
    forward = getattr(ops, f"{case.cell}_forward")
    backward = getattr(ops, f"{case.cell}_backward")
    gradcheck(
        lambda **a: getattr(ops, case.cell)(**a, **problem.options),
        lambda *d, **a: backward(forward(**a, **problem.options)[-1], *d),
        problem.inputs,
    )


@pytest.mark.parametrize("case", BIG_CASES, ids=str)
def test_larger_sizes(case: Case) -> None:
    problem = make(case, np.float32)
    expected = expected_gradients(problem)
    for recompute in (False, True):
        grads = problem.train(ops, recompute=recompute)[1]
        assert_gradients(grads, expected, case.depth_backward)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_a_callable(cell: str) -> None:
    arguments: dict[str, Any] = {"activation": Squash()}
    if cell != "rnn":
        arguments["recurrent_activation"] = Squash()
    callable_case = Case(f"callable-{cell}", cell, (3, 5, 2, 17), {"mask": "holes"}, arguments)
    for dtype in DTYPES:
        problem = make(callable_case, dtype)
        grads = problem.train(ops)[1]
        assert_gradients(grads, expected_gradients(problem), callable_case.depth_backward)


def test_a_callable_without_derivative_is_refused() -> None:
    problem = make(Case("no-derivative", "rnn", (2, 3, 4, 5), {}, {"activation": np.sin}))
    with pytest.raises(TypeError, match=r"needs its derivative: give the callable a method back"):
        problem.train(ops)


@pytest.mark.parametrize("name", ["lstm-all", "peephole-holes", "gru-all", "gru_before-all"])
def test_a_missing_cotangent_is_zeros(name: str) -> None:
    problem = make(case(name), np.float32)
    given = problem.cotangents
    for kept in range(len(given)):
        zeros = [np.zeros_like(d) for d in given]
        missing: list[Any] = [None] * len(given)
        zeros[kept] = missing[kept] = given[kept]
        problem.cotangents = tuple(zeros)
        expected = problem.train(ops)[1]
        problem.cotangents = tuple(missing)
        assert_same(problem.train(ops)[1], expected)
    problem.cotangents = ()
    for gradient in problem.train(ops)[1].values():
        assert not gradient.any()


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("name", ["lstm-all", "peephole-all", "gru-all", "gru_before-all"])
def test_a_cache_serves_several_times_and_inputs_stay(name: str, recompute: bool) -> None:
    problem, untouched = make(case(name), np.float32), make(case(name), np.float32)
    forward = getattr(ops, f"{problem.cell}_forward")
    backward = getattr(ops, f"{problem.cell}_backward")
    cache = forward(**problem.inputs, **problem.options, recompute=recompute)[-1]
    first = backward(cache, *problem.cotangents)
    copies = {k: v.copy() for k, v in first.items()}
    second = backward(cache, *problem.cotangents)
    assert_same(second, copies)
    assert_same(first, copies)  # fresh arrays each time
    for array, before in zip(problem.cotangents, untouched.cotangents, strict=True):
        np.testing.assert_array_equal(array, before)
    for arrays, before in (
        (problem.inputs, untouched.inputs),
        (problem.options, untouched.options),
    ):
        for key, array in arrays.items():
            np.testing.assert_array_equal(array, before[key], err_msg=key)


@pytest.mark.parametrize("name", ["peephole-all", "gru-all", "gru_before-all", "rnn_tanh-all"])
def test_without_dx_the_rest_is_the_same(name: str) -> None:
    problem = make(case(name), np.float32)
    expected = problem.train(ops)[1]
    del expected["x"]
    assert_same(problem.train(ops, backward={"need_dx": False})[1], expected)


@pytest.mark.parametrize("name", ["peephole-all", "gru-all", "gru_before-all", "rnn_tanh-all"])
def test_weight_gradients_go_where_out_says(name: str) -> None:
    problem = make(case(name), np.float32)
    expected = problem.train(ops)[1]
    weights = [k for k in expected if k not in ("x", "h0", "c0")]
    flat = np.full(sum(expected[k].size for k in weights), np.nan, np.float32)
    out, start = {}, 0
    for key in weights:
        size = expected[key].size
        out[key] = flat[start : start + size].reshape(expected[key].shape)
        start += size
    grads = problem.train(ops, backward={"out": out})[1]
    for key in weights:
        assert np.shares_memory(grads[key], flat)
        np.testing.assert_array_equal(out[key], expected[key], err_msg=key)
    for key in ("x", "h0"):
        np.testing.assert_array_equal(grads[key], expected[key], err_msg=key)


@pytest.mark.parametrize("cell", CELLS)
def test_strided_cotangents_are_read(cell: str) -> None:
    problem = make(Case(f"strided-{cell}", cell, (3, 5, 2, 17)), np.float32)
    expected = problem.train(ops)[1]
    problem.cotangents = tuple(np.asfortranarray(d) for d in problem.cotangents)
    assert_same(problem.train(ops)[1], expected)


def test_fully_masked_rows_get_no_gradient_but_their_final_state() -> None:
    problem = make(case("lstm-none_valid"), np.float32)
    grads = problem.train(ops)[1]
    for name in ("x", "kernel", "recurrent_kernel", "bias"):
        assert not grads[name].any(), name
    np.testing.assert_array_equal(grads["h0"], problem.cotangents[1])
    np.testing.assert_array_equal(grads["c0"], problem.cotangents[2])
