"""Fused optimizer updates against the reference, over several steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import ops, reference

SIZES = [1, 7, 16, 33, 1000, 9001]
STEPS = 5

SGD = {"lr": 0.05}
RMSPROP = {"lr": 0.01, "rho": 0.9, "epsilon": 1e-7}
ADAM = {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
# Name: function, number of state arrays (None in the place of those not used), keywords.
CASES: dict[str, tuple[str, tuple[bool, ...], dict[str, Any]]] = {
    "sgd": ("sgd_update", (False,), SGD),
    "sgd_momentum": ("sgd_update", (True,), {**SGD, "momentum": 0.9}),
    "sgd_nesterov": ("sgd_update", (True,), {**SGD, "momentum": 0.9, "nesterov": True}),
    "rmsprop": ("rmsprop_update", (True, False, False), {**RMSPROP, "momentum": 0.0}),
    "rmsprop_momentum": ("rmsprop_update", (True, False, True), {**RMSPROP, "momentum": 0.8}),
    "rmsprop_centered": ("rmsprop_update", (True, True, False), {**RMSPROP, "momentum": 0.0}),
    "rmsprop_all": ("rmsprop_update", (True, True, True), {**RMSPROP, "momentum": 0.8}),
    "adam": ("adam_update", (True, True, False), ADAM),
    "amsgrad": ("adam_update", (True, True, True), ADAM),
    "nadam": ("nadam_update", (True, True), ADAM),
    "adamax": ("adamax_update", (True, True), ADAM),
    "adagrad": ("adagrad_update", (True,), {"lr": 0.1, "epsilon": 1e-3}),
    "adadelta": ("adadelta_update", (True, True), {"lr": 1.0, "rho": 0.9, "epsilon": 1e-3}),
    "ftrl": ("ftrl_update", (True, True), {"lr": 0.1, "l1": 0.1, "l2": 0.3, "shrinkage": 0.2}),
    "ftrl_power": ("ftrl_update", (True, True), {"lr": 0.1, "power": -0.7}),
    "lion": ("lion_update", (True,), {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.97}),
}
BEFORE = {"scale": 0.75, "limit": 0.9, "keep": 0.98}


def at_step(name: str, step: int) -> dict[str, float]:
    """Keywords that tell a rule how many steps there were."""
    more: dict[str, float] = {}
    if name.startswith(("adam_", "nadam", "adamax")):
        more["step"] = step
    if name == "nadam_update":
        more["u_product"] = float(np.prod([0.9 * (1 - 0.5 * 0.96**t) for t in range(1, step + 1)]))
    return more


def run(
    module: Any, case: str, start: np.ndarray, gradients: np.ndarray, **before: float
) -> list[np.ndarray]:
    name, used, keywords = CASES[case]
    params = start.copy()
    # Sums of squares start from a value, as in Keras.
    fill = 0.1 if name in ("adagrad_update", "ftrl_update") else 0.0
    state = [np.full_like(start, fill if i == 0 else 0) if u else None for i, u in enumerate(used)]
    for step, gradient in enumerate(gradients, 1):
        more = at_step(name, step)
        getattr(module, name)(params, gradient, *state, **keywords, **more, **before)
    return [params, *(s for s in state if s is not None)]


@pytest.mark.parametrize("before", [{}, BEFORE], ids=["plain", "clipped"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_the_reference(
    case: str, size: int, dtype: type[Any], before: dict[str, float], rng: np.random.Generator
) -> None:
    start = rng.standard_normal(size).astype(dtype)
    gradients = rng.standard_normal((STEPS, size)).astype(dtype)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    expected = run(reference, case, start.astype(wide), gradients.astype(wide), **before)
    # Centered: v - mean² cancels where the gradients of a weight resemble each other; ftrl: so do
    # the powers of the sums before and after a step.
    factor = 400 if case.startswith(("rmsprop_centered", "rmsprop_all", "ftrl")) else 20
    tolerance = factor * np.finfo(dtype).eps
    for got, truth in zip(run(ops, case, start, gradients, **before), expected, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, truth, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_and_averages_match_the_reference(
    size: int, dtype: type[Any], rng: np.random.Generator
) -> None:
    w, g, average = rng.standard_normal((3, size)).astype(dtype)
    tolerance = 20 * np.finfo(dtype).eps
    results = []
    for module, kind in ((ops, dtype), (reference, np.float64)):
        grads, mean = g.astype(kind), average.astype(kind)
        params = w.astype(kind)
        module.average_update(mean, params, momentum=0.9)
        both = module.penalty(params, grads, l1=0.3, l2=0.2)
        alone = module.penalty(params, l1=0.3)
        results.append([module.norm(params), both, alone, grads, mean])
    for got, truth in zip(*results, strict=True):
        np.testing.assert_allclose(got, truth, rtol=tolerance, atol=tolerance)


def test_clipping_lets_what_is_no_number_through() -> None:
    w = np.zeros(3, np.float32)
    ops.sgd_update(w, np.array([np.nan, np.inf, -5], np.float32), None, lr=1.0, limit=2.0)
    np.testing.assert_array_equal(w, [np.nan, -2, 2])
    ops.lion_update(w, w.copy(), np.zeros_like(w), lr=1.0, beta_1=0.9, beta_2=0.9)
    np.testing.assert_array_equal(w, [np.nan, -1, 1])
    assert np.isnan(ops.norm(np.array([1.0, np.nan])))


@pytest.mark.parametrize("case", CASES)
def test_writes_nothing_beside_its_arrays(case: str, rng: np.random.Generator) -> None:
    name, used, keywords = CASES[case]
    for size in range(1, 36):
        flat = np.full((2 + sum(used), size + 32), 7.0, np.float32)
        views = [row[16 : 16 + size] for row in flat]
        params, gradient, *state = views
        gradient[...] = rng.standard_normal(size)
        slots = iter(state)
        getattr(ops, name)(
            params,
            gradient,
            *(next(slots) if u else None for u in used),
            **keywords,
            **at_step(name, 1),
        )
        assert (flat[:, :16] == 7).all()
        assert (flat[:, 16 + size :] == 7).all()


def test_any_number_of_threads_gives_the_same_bits(rng: np.random.Generator) -> None:
    start = rng.standard_normal(300_001).astype(np.float32)
    gradients = rng.standard_normal((2, start.size)).astype(np.float32)
    before = fastrnn.get_num_threads()
    try:
        for case in CASES:
            results = []
            for threads in (1, 2, 3):
                fastrnn.set_num_threads(threads)
                results.append([*run(ops, case, start, gradients), np.array(ops.norm(start))])
                results[-1].append(np.array(ops.penalty(start, l1=0.1, l2=0.2)))
            for other in results[1:]:
                for a, b in zip(results[0], other, strict=True):
                    assert a.tobytes() == b.tobytes()
    finally:
        fastrnn.set_num_threads(before)


def read_only() -> np.ndarray:
    array = np.zeros(3)
    array.flags.writeable = False
    return array


def overlapping() -> None:
    flat = np.zeros(5)
    ops.sgd_update(flat[:3], flat[2:], None, lr=0.1)


def adam(step: int) -> None:
    arrays = [np.zeros(3) for _ in range(4)]
    ops.adam_update(*arrays, lr=0.1, beta_1=0.9, beta_2=0.99, epsilon=1e-7, step=step)


ERRORS: list[tuple[Callable[[], None], type[Exception], str]] = [
    (
        lambda: ops.sgd_update(np.zeros(3), np.zeros(4), None, lr=0.1),
        ValueError,
        "sgd_update: grads must be (3,) as params, got (4,)",
    ),
    (
        lambda: ops.sgd_update(np.zeros(3), np.zeros(3, np.float32), None, lr=0.1),
        TypeError,
        "sgd_update: grads must be float64 as params, got float32",
    ),
    (
        lambda: ops.sgd_update([1.0], np.zeros(1), None, lr=0.1),  # type: ignore[arg-type]
        TypeError,
        "sgd_update: params must be a NumPy array, got list",
    ),
    (
        lambda: ops.sgd_update(np.zeros(3, int), np.zeros(3, int), None, lr=0.1),
        TypeError,
        "sgd_update: params must be float32 or float64, got int64",
    ),
    (
        lambda: ops.sgd_update(read_only(), np.zeros(3), None, lr=0.1),
        ValueError,
        "sgd_update: params must be writable, aligned and in C order",
    ),
    (
        lambda: ops.sgd_update(np.zeros(6)[::2], np.zeros(3), None, lr=0.1),
        ValueError,
        "sgd_update: params must be writable, aligned and in C order",
    ),
    (
        lambda: ops.sgd_update(np.zeros(3), np.zeros(3), None, lr=0.1, momentum=0.9),
        ValueError,
        "sgd_update: momentum = 0.9 needs velocity, got None",
    ),
    (overlapping, ValueError, "sgd_update: the arrays must not overlap"),
    (lambda: adam(0), ValueError, "adam_update: step must be at least 1, got 0"),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS, ids=[e[2][:50] for e in ERRORS])
def test_errors(call: Callable[[], None], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
