"""Recurrent kernels, forward: every case of the table against the reference, and what follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cases import ALL_CASES, BIG_CASES, CASES, Case, Problem, Squash, make
from fastrnn import ops, reference
from fastrnn.testing import assert_close_to_reference, noncontiguous

DTYPES = [np.float32, np.float64]
CELLS = ["lstm", "gru", "rnn"]
OUTPUTS = ("y", "h_n", "c_n")


def assert_outputs(outputs: Any, problem: Problem, depth: int) -> None:
    truth, plain = problem.truth().reference_forward(), problem.reference_forward()
    assert len(outputs) == len(truth)
    for name, *arrays in zip(OUTPUTS, outputs, truth, plain, strict=False):
        assert_close_to_reference(*arrays, depth=depth, name=name)


def assert_same(first: Any, second: Any) -> None:
    for name, a, b in zip(OUTPUTS, first, second, strict=False):
        np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("case", ALL_CASES, ids=str)
def test_result_is_within_the_error_budget(case: Case, dtype: Any) -> None:
    problem = make(case, dtype)
    assert_outputs(problem.forward(ops), problem, case.depth)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_training_forward_gives_the_same_result(case: Case) -> None:
    problem = make(case, np.float32)
    for recompute in (False, True):
        outputs, _ = problem.train(ops, recompute=recompute)
        assert_outputs(outputs, problem, case.depth)


@pytest.mark.parametrize("case", BIG_CASES, ids=str)
def test_larger_sizes(case: Case) -> None:
    problem = make(case, np.float32)
    assert_outputs(problem.forward(ops), problem, case.depth)


@pytest.mark.parametrize("cell", CELLS)
def test_a_callable_takes_the_general_path(cell: str) -> None:
    arguments: dict[str, Any] = {"activation": Squash()}
    if cell != "rnn":
        arguments["recurrent_activation"] = Squash()
    case = Case(f"callable-{cell}", cell, (3, 5, 2, 17), {"mask": "holes"}, arguments)
    for dtype in DTYPES:
        problem = make(case, dtype)
        assert_outputs(problem.forward(ops), problem, case.depth)


@pytest.mark.parametrize("cell", CELLS)
def test_inputs_are_not_written_and_any_layout_is_read(cell: str) -> None:
    features = {"mask": "holes", "reset": True, "dropout": "gates", "recurrent_dropout": "gates"}
    problem = make(Case(f"layout-{cell}", cell, (3, 6, 5, 17), features), np.float32)
    expected = problem.forward(ops)
    before = make(Case(f"layout-{cell}", cell, (3, 6, 5, 17), features), np.float32)
    for arrays, untouched in (
        (problem.inputs, before.inputs),
        (problem.options, before.options),
    ):
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, untouched[name], err_msg=name)
            arrays[name] = noncontiguous(array)
    assert_same(problem.forward(ops), expected)
    for arrays in (problem.inputs, problem.options):
        for name, array in arrays.items():
            arrays[name] = np.asfortranarray(array)
            arrays[name].flags.writeable = False
    assert_same(problem.forward(ops), expected)


@pytest.mark.parametrize("pattern", ["right", "left", "holes", "rows", "none_valid"])
@pytest.mark.parametrize("cell", CELLS)
def test_masked_steps_carry_the_state_exactly(cell: str, pattern: str) -> None:
    case = Case(f"carry-{cell}-{pattern}", cell, (7, 9, 3, 17), {"mask": pattern})
    problem = make(case, np.float32)
    y, h_n, *_ = problem.forward(ops)
    valid = problem.options["mask"]
    for n in range(7):
        previous = np.zeros(17, np.float32)
        for t in range(9):
            if not valid[n, t]:
                np.testing.assert_array_equal(y[n, t], previous)
            previous = y[n, t]
        last = y[n, -1] if valid[n].any() else problem.inputs["h0"][n]
        np.testing.assert_array_equal(h_n[n], last)


@pytest.mark.parametrize("activation", ["tanh", "gelu"])  # the fused path, the general one
@pytest.mark.parametrize("garbage", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("cell", CELLS)
def test_what_lies_in_masked_steps_is_never_used(
    cell: str, garbage: float, activation: str
) -> None:
    arguments = {"activation": activation}
    case = Case(f"garbage-{cell}", cell, (7, 9, 3, 17), {"mask": "rows"}, arguments)
    problem = make(case, np.float32)
    outputs, grads = problem.train(ops)
    problem.inputs["x"][~problem.options["mask"]] = garbage
    polluted, polluted_grads = problem.train(ops)
    assert_same(polluted, outputs)
    assert_same(problem.forward(ops), outputs)
    for name, grad in grads.items():
        np.testing.assert_array_equal(polluted_grads[name], grad, err_msg=name)


@pytest.mark.parametrize("cell", CELLS)
def test_one_row_does_not_touch_another(cell: str) -> None:
    """A NaN stays in its row, and a row's result depends on no other row."""
    problem = make(Case(f"rows-{cell}", cell, (17, 5, 3, 16)), np.float32)
    whole = problem.forward(ops)
    problem.inputs["x"][4, 2, 1] = np.nan
    others = np.arange(17) != 4
    with_nan = problem.forward(ops)
    assert_same([a[others] for a in with_nan], [a[others] for a in whole])
    assert np.isnan(with_nan[0][4, 2:]).any()
    np.testing.assert_array_equal(with_nan[0][4, :2], whole[0][4, :2])


@pytest.mark.parametrize("cell", CELLS)
def test_lengths_are_a_right_padded_mask(cell: str) -> None:
    problem = make(Case(f"lengths-{cell}", cell, (4, 7, 3, 17)), np.float32)
    for lengths in (np.array([7, 0, 2, 5]), np.array([1, 3, 3, 2], np.int32), [7, 7, 7, 7]):
        mask = np.arange(7) < np.asarray(lengths)[:, None]
        for reverse in (False, True):
            by_lengths = problem.forward(ops, lengths=lengths, reverse=reverse)
            by_mask = problem.forward(ops, mask=mask, reverse=reverse)
            assert_same(by_lengths, by_mask)


@pytest.mark.parametrize("cell", CELLS)
def test_missing_states_are_zeros(cell: str) -> None:
    problem = make(Case(f"states-{cell}", cell, (3, 4, 2, 5)), np.float32)
    for name in ("h0", "c0")[: 2 if cell == "lstm" else 1]:
        del problem.inputs[name]
        missing = problem.forward(ops)
        problem.inputs[name] = np.zeros((3, 5), np.float32)
        assert_same(problem.forward(ops), missing)


@pytest.mark.parametrize("features", [{}, {"mask": "holes", "reset": True}], ids=str)
@pytest.mark.parametrize("variant", ["lstm", "peephole", "gru", "gru_before", "rnn"])
def test_packed_weights_give_the_same_bits(variant: str, features: dict[str, Any]) -> None:
    packed, problem = _packed(variant, (5, 6, 3, 17), features)
    run = {k: problem.inputs[k] for k in ("x", "h0", "c0") if k in problem.inputs}
    options = {k: v for k, v in problem.options.items() if k in ("mask", "reset")}
    for reverse in (False, True):
        expected = problem.forward(ops, reverse=reverse)
        assert_same(packed.run(**run, **options, reverse=reverse), expected)
        assert_same(packed.run(**run, **options, reverse=reverse), expected)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("variant", ["lstm", "peephole", "gru", "gru_before", "rnn"])
def test_streaming_step_by_step_equals_the_sequence(variant: str, rows: int) -> None:
    packed, problem = _packed(variant, (rows, 6, 5, 17), {"states": False})
    stream = packed.stream(batch_size=rows)
    x = problem.inputs["x"]
    depth = 6 * (5 + 17)
    for _ in range(2):  # the second time after a reset
        y = np.stack([np.array(stream.step(x[:, t])) for t in range(6)], axis=1)
        assert_close_to_reference(
            y, problem.truth().reference_forward()[0], problem.reference_forward()[0], depth=depth
        )
        stream.reset()
    for t in range(6):
        stream.step(x[:, t])
    stream.reset(rows=[rows - 1])
    after = np.array(stream.step(x[:, 0]))
    np.testing.assert_array_equal(after[rows - 1], y[rows - 1, 0])
    if rows > 1:
        assert (after[0] != y[0, 0]).any()


def test_a_stream_does_not_allocate_and_returns_its_state() -> None:
    packed, problem = _packed("lstm", (1, 6, 5, 17), {"states": False})
    stream = packed.stream()
    first = stream.step(problem.inputs["x"][:, 0])
    second = stream.step(problem.inputs["x"][:, 1])
    assert first.shape == (1, 17)
    assert np.shares_memory(first, second)


def _packed(
    variant: str, sizes: tuple[int, int, int, int], features: dict[str, Any]
) -> tuple[Any, Problem]:
    cell = {"peephole": "lstm", "gru_before": "gru"}.get(variant, variant)
    arguments = {"reset_after": False} if variant == "gru_before" else {}
    if variant == "peephole":
        features = features | {"peephole": True}
    name = f"packed-{variant}-{sizes}-{sorted(features)}"
    problem = make(Case(name, cell, sizes, features, arguments), np.float32)
    weights = {k: v for k, v in problem.inputs.items() if k not in ("x", "h0", "c0")}
    return ops.PackedRecurrent(cell, **weights, **arguments), problem


def test_denormal_states_stay_exact_enough_and_leave_the_caller_alone() -> None:
    """Kernels may flush denormals to zero; the caller's own arithmetic must not."""
    x = np.full((2, 50, 3), 1e-39, np.float32)
    kernel, recurrent = np.full((3, 20), 1e-2, np.float32), np.full((5, 20), 1e-2, np.float32)
    y, _, _ = ops.lstm(x, kernel, recurrent)
    expected, _, _ = reference.lstm(x, kernel, recurrent)
    np.testing.assert_allclose(y, expected, atol=1e-37)
    tiny = np.array([1e-39], np.float32)
    assert (tiny * np.float32(0.5))[0] != 0
