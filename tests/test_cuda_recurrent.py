"""The recurrent ops on a GPU: every case of the table, in every arithmetic and by every tier.

Each test runs twice: on the host that simulates the kernels, where it was built, and on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cases import BIG_CASES, CASES, FUSED_CASES, VARIANTS, Case, Problem, case, make
from cuda_rooms import MODES, ROOMS, Room, assert_within, gpu_room, problem_in, simulated_room
from fastrnn import config, ops
from fastrnn.testing import noncontiguous

if not ROOMS:
    pytest.skip(
        "no NVIDIA GPU (no nvidia-smi), and not built with FASTRNN_CUDA_SIMULATION",
        allow_module_level=True,
    )

OUTPUTS = ("y", "h_n", "c_n")
CELLS = ["lstm", "gru", "rnn"]
# A case for each cell with everything at once.
ALL = ["lstm-all", "peephole-all", "gru-all", "gru_before-all", "rnn_tanh-all", "rnn_relu-all"]


@pytest.fixture(params=ROOMS)
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Room:
    return gpu_room() if request.param == "gpu" else simulated_room(monkeypatch)


@pytest.fixture(autouse=True)
def _true_float32() -> Iterator[None]:
    yield
    config.set_cuda_math("float32")


def assert_same(first: Any, second: Any) -> None:
    pairs = first.items() if isinstance(first, dict) else enumerate(first)
    for key, array in pairs:
        np.testing.assert_array_equal(array, second[key], err_msg=str(key))


def check(room: Room, mode: str, one: Case) -> None:
    """Forward, forward for training, and backward, held to the mode's budget."""
    given, rounded = problem_in(mode, one)
    config.set_cuda_math(MODES[mode][1])
    sent = room.send(given)
    alone = room.fetch(sent.forward(ops))
    outputs, gradients = room.fetch(sent.train(ops))
    truth, plain = rounded.truth().reference_train(), rounded.reference_train()
    for name, *results in zip(OUTPUTS, alone, outputs, truth[0], plain[0], strict=False):
        inference, training, exact, naive = results
        assert_within(mode, name, inference, exact, naive, one.depth)
        assert_within(mode, f"{name} in training", training, exact, naive, one.depth)
    assert gradients.keys() == truth[1].keys()
    if mode in ("float16", "bfloat16", "tf32") and one.arguments.get("activation") == "relu":
        return  # a sum that rounds to the other side of the kink has the other derivative
    factor = 2.25 if one.sizes[3] == 1 else 2.0
    for name, exact in truth[1].items():
        results = gradients[name], exact, plain[1][name]
        assert_within(mode, f"d{name}", *results, one.depth_backward, factor)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("one", CASES, ids=str)
def test_every_case(room: Room, mode: str, one: Case) -> None:
    check(room, mode, one)


@pytest.mark.parametrize("one", BIG_CASES, ids=str)
@pytest.mark.parametrize("mode", ["float32", "bfloat16"])
def test_larger_sizes(room: Room, mode: str, one: Case) -> None:
    check(room, mode, one)


@pytest.mark.parametrize("one", FUSED_CASES, ids=str)
def test_every_activation(room: Room, one: Case) -> None:
    check(room, "float32", one)


# What all tiers can do, at once. Several blocks of units and of rows, tiles that are not full.
MOST = {
    "mask": "rows", "reset": True, "dropout": "gates", "recurrent_dropout": "single",
    "zoneout": "array", "gain": 0.6,
}  # fmt: skip
TIER_CASES = [
    Case(f"{name}-{'x'.join(map(str, sizes))}", cell, sizes, own | MOST, fixed | {"reverse": True})
    for name, (cell, own, fixed) in VARIANTS.items()
    for sizes in [(7, 10, 5, 17), (37, 5, 3, 130), (1, 12, 9, 70)]
]


@pytest.mark.parametrize("one", TIER_CASES, ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tier", "ABC")
def test_every_tier(
    room: Room, tier: str, mode: str, one: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTRNN_CUDA_TIER", tier)
    if tier != "C" and one.name.startswith("gru_before"):
        with pytest.raises(ValueError, match=f"^tier {tier}: the reset before the product"):
            room.send(problem_in(mode, one)[0]).forward(ops)
    else:
        check(room, mode, one)


@pytest.mark.parametrize("name", ALL)
def test_the_same_again(room: Room, name: str) -> None:
    """Runs repeat to the bit, and a cache serves twice."""
    problem = room.send(make(case(name), np.float32))
    first, second = (room.fetch(problem.train(ops)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert_same(one, other)
    *_, cache = getattr(ops, f"{problem.cell}_forward")(**problem.inputs, **problem.options)
    backward = getattr(ops, f"{problem.cell}_backward")
    gradients = [room.fetch(backward(cache, *problem.cotangents)) for _ in range(2)]
    assert_same(gradients[0], first[1])
    assert_same(*gradients)


@pytest.mark.parametrize("cell", CELLS)
def test_any_layout_is_read_and_nothing_is_written(room: Room, cell: str) -> None:
    features = {"mask": "holes", "reset": True, "dropout": "gates", "recurrent_dropout": "gates"}
    problem = make(Case(f"layout-{cell}", cell, (3, 6, 5, 17), features), np.float32)
    expected = room.fetch(room.send(problem).train(ops))
    spread: Problem = room.send(problem)
    for arrays in (spread.inputs, spread.options):
        for name, array in arrays.items():
            wide = room.xp.asarray(noncontiguous(room.fetch(array)).base)
            arrays[name] = wide[(slice(None, None, 2),) * array.ndim]
            assert not arrays[name].flags.c_contiguous, name
    spread.cotangents = tuple(room.xp.asfortranarray(d) for d in spread.cotangents)
    for one, other in zip(room.fetch(spread.train(ops)), expected, strict=True):
        assert_same(one, other)
    for mine, theirs in ((spread.inputs, problem.inputs), (spread.options, problem.options)):
        assert_same(room.fetch(mine), theirs)


def test_a_view_that_starts_anywhere(room: Room) -> None:
    """Odd widths and offsets: nothing is aligned to more than its own size."""
    problem = make(Case("offset", "lstm", (3, 5, 7, 9)), np.float32)
    expected = room.fetch(room.send(problem).train(ops))
    moved = room.send(problem)
    for name, array in moved.inputs.items():
        flat = room.xp.zeros(array.size + 1, np.float32)
        flat[1:] = array.ravel()
        moved.inputs[name] = flat[1:].reshape(array.shape)
    for one, other in zip(room.fetch(moved.train(ops)), expected, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("name", ALL)
def test_what_is_missing_is_zeros(room: Room, name: str) -> None:
    problem = room.send(make(case(name), np.float32))
    given = problem.cotangents
    for kept in range(len(given)):
        missing: list[Any] = [None] * len(given)
        zeros = [room.xp.zeros_like(d) for d in given]
        zeros[kept] = missing[kept] = given[kept]
        problem.cotangents = tuple(zeros)
        expected = room.fetch(problem.train(ops)[1])
        problem.cotangents = tuple(missing)
        assert_same(room.fetch(problem.train(ops)[1]), expected)
    del expected["x"]
    assert_same(room.fetch(problem.train(ops, backward={"need_dx": False})[1]), expected)


def test_gradients_go_where_out_says(room: Room) -> None:
    problem = room.send(make(case("peephole-all"), np.float32))
    expected = room.fetch(problem.train(ops)[1])
    out = {
        name: room.xp.full(problem.inputs[name].shape, np.nan, np.float32)
        for name in ("kernel", "bias")
    }
    gradients = problem.train(ops, backward={"out": out})[1]
    assert all(gradients[name] is out[name] for name in out)
    assert_same(room.fetch(gradients), expected)


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2)])
def test_nothing_to_do(room: Room, shape: tuple[int, int, int]) -> None:
    x, h0 = np.zeros(shape, np.float32), np.full((shape[0], 5), 2, np.float32)
    kernel, recurrent = np.ones((2, 20), np.float32), np.ones((5, 20), np.float32)
    x, h0, kernel, recurrent = room.send((x, h0, kernel, recurrent))
    y, h_n, _, cache = ops.lstm_forward(x, kernel, recurrent, h0=h0)
    assert room.fetch(y).shape == (*shape[:2], 5)
    assert_same([room.fetch(h_n)], [room.fetch(h0)])
    gradients = room.fetch(ops.lstm_backward(cache, dh_n=h0))
    assert not gradients["kernel"].any()
    assert_same([gradients["h0"]], [room.fetch(h0)])


@pytest.mark.parametrize("mode", ["float16", "bfloat16"])
def test_what_beside_16_bits_is_float32(room: Room, mode: str) -> None:
    given, _ = problem_in(mode, case("lstm-all"))
    (y, h_n, c_n), gradients = room.fetch(room.send(given).train(ops))
    assert y.dtype == gradients["x"].dtype == given.inputs["x"].dtype
    rest = [h_n, c_n, *(gradients[name] for name in gradients if name != "x")]
    assert {array.dtype for array in rest} == {np.dtype(np.float32)}
