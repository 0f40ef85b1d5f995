"""How a recurrence is cut up on a GPU: the plan, and the cuts that only small GPUs bring about.

`test_cuda_recurrent` runs every case; here each way of the kernels is forced and seen to be taken.
"""

from __future__ import annotations

import random
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from cases import Case
from cuda_rooms import SIMULATION, Room, Simulated
from fastrnn import _core
from fastrnn.ops import _sequence
from test_cuda_recurrent import check

if not find_spec(SIMULATION):
    pytest.skip("not built with FASTRNN_CUDA_SIMULATION", allow_module_level=True)
kernels = import_module(SIMULATION)
KNOWN = kernels.known_limits()
GATES = {"lstm": 4, "gru": 3, "rnn": 1, "gru_reset_before": 3}


def problem(cell: str = "lstm", **changes: Any) -> dict[str, Any]:
    return {
        "cell": _core.CELLS[cell][0],
        "activation": _core.ACTIVATIONS["tanh"],
        "gate_activation": _core.ACTIVATIONS["sigmoid"],
        "batch": 16, "steps": 1024, "input": 64, "hidden": 768,
        "storage": "float32", "math": "float32", "tier": "", "share": 1, "device": 0,
        "backward": False, "training": True, "reverse": False, "x_mask": 0, "h_mask": 0,
        "bias": True, "peephole": False, "mask": False, "reset": False, "need_dx": True,
    } | changes  # fmt: skip


@pytest.mark.parametrize("storage", ["float32", "float16"])
@pytest.mark.parametrize("name", KNOWN)
def test_a_plan_fits_its_gpu(name: str, storage: str) -> None:
    limits, draw = KNOWN[name], random.Random(name)
    tiers = set()
    for _ in range(300):
        cell = draw.choice(list(GATES))
        batch, hidden = int(2 ** draw.uniform(0, 9)), int(2 ** draw.uniform(0, 12))
        share = draw.choice([1, 2])
        p = problem(
            cell, batch=batch, hidden=hidden, storage=storage, share=share,
            backward=draw.random() < 0.5,
        )  # fmt: skip
        plan = kernels.plan(p, limits)
        tiers.add(plan["tier"])
        assert 1 <= plan["chunk_steps"] <= p["steps"]
        if plan["tier"] == "C":
            continue
        units, groups = plan["units"], plan["unit_groups"]
        assert (groups - 1) * units < hidden <= groups * units  # every block has units
        assert plan["shared_bytes"] <= limits["shared_bytes"]
        gates = 1 if p["backward"] else GATES[cell]
        assert plan["tiles"] * plan["column_warps"] * 16 >= units * gates
        depth = (GATES[cell] if p["backward"] else 1) * hidden
        size = 4 if storage == "float32" else 2
        assert plan["weight_bytes"] >= units * gates * depth * size
        assert 0 <= plan["register_bytes"] <= plan["weight_bytes"]
        assert plan["register_bytes"] <= 256 * 4 * 128
        if plan["tier"] == "B":
            assert plan["blocks"] <= limits["multiprocessors"] // share
        else:
            assert groups == 1 or groups <= limits["cluster"]
    assert tiers == {"A", "B", "C"}


@pytest.mark.parametrize(
    ("name", "changes", "tier"),
    [
        ("H200", {}, "B"),
        ("H200", {"storage": "bfloat16", "hidden": 1024}, "B"),
        ("H200", {"backward": True}, "B"),
        ("H200", {"hidden": 128}, "A"),
        ("A100", {"hidden": 32}, "A"),  # a block alone
        ("A100", {"hidden": 256}, "B"),
        ("T4", {"hidden": 4096}, "C"),
        ("H200", {"hidden": 8192}, "C"),
        ("H200", {"h_mask": 2}, "C"),
        ("H200", {"cell": "gru_reset_before"}, "C"),
        ("H200", {"activation": _core.ACTIVATIONS["relu"]}, "C"),
    ],
)
def test_which_tier(name: str, changes: dict[str, Any], tier: str) -> None:
    plan = kernels.plan(problem(**changes), KNOWN[name])
    assert plan["tier"] == tier, plan["reason"]
    for other in {"A", "B", "C"} - {tier}:
        try:
            forced = kernels.plan(problem(**changes, tier=other), KNOWN[name])
        except ValueError:
            continue
        assert forced["tier"] == other
        assert forced["microseconds"] >= plan["microseconds"] * (1 - 1e-9)


def test_what_a_gpu_cannot_do() -> None:
    with pytest.raises(ValueError, match="tier B: the reset before the product takes two products"):
        kernels.plan(problem("gru_reset_before", tier="B"), KNOWN["H200"])
    message = "bfloat16 needs compute capability 8.0, T4 has 7.5"
    with pytest.raises(ValueError, match=message):
        kernels.plan(problem(storage="bfloat16"), KNOWN["T4"])
    with pytest.raises(ValueError, match=r"TF32 needs compute capability 8\.0"):
        kernels.plan(problem(math="3xtf32"), KNOWN["T4"])


class SmallGpu:
    """The simulation, with the limits of a GPU that there is not, and less memory for scratch."""

    def __init__(self, limits: dict[str, Any], chunk: int | None) -> None:
        self.limits, self.chunk, self.plans = limits, chunk, []
        self.forward, self.backward = kernels.forward, kernels.backward

    def plan_on_device(self, given: dict[str, Any], _: int) -> dict[str, Any]:
        plan: dict[str, Any] = kernels.plan(given, self.limits)
        if self.chunk:
            plan = kernels.with_chunk(plan, given, self.chunk)
        self.plans.append(plan)
        return plan


def run(
    monkeypatch: pytest.MonkeyPatch, case: Case, mode: str, tier: str, chunk: int | None = None,
    **limits: Any,
) -> list[dict[str, Any]]:  # fmt: skip
    """Check a case on a small GPU; return the plans."""
    gpu = SmallGpu(KNOWN["H100"] | {"multiprocessors": 6, "cluster": 4} | limits, chunk)
    place = Simulated(0, np, gpu)
    monkeypatch.setattr(_sequence, "place_of", lambda *_: place)
    monkeypatch.setenv("FASTRNN_CUDA_TIER", tier)
    check(Room(np), mode, case)
    assert gpu.plans
    assert {plan["tier"] for plan in gpu.plans} == {tier}
    return gpu.plans


MUCH = {"mask": "rows", "reset": True, "dropout": "gates", "zoneout": "array"}
# Name, cell, sizes (N, T, I, H), tier, limits, and what the plans must show.
CUTS: list[tuple[str, str, tuple[int, int, int, int], str, dict[str, Any], str]] = [
    ("one block", "gru", (3, 5, 4, 19), "A", {"cluster": 1}, "unit_groups == 1"),
    ("clusters", "lstm", (19, 4, 5, 45), "A", {"multiprocessors": 9},
     "unit_groups > 1 < row_groups"),
    ("tiles of rows", "lstm", (35, 3, 4, 21), "A", {"multiprocessors": 1},
     "row_groups == 1"),
    ("a row group each", "rnn", (41, 4, 3, 37), "B", {"multiprocessors": 12}, "row_groups > 1"),
    ("warps share columns", "lstm", (2, 3, 5, 70), "B", {"multiprocessors": 1},
     "column_warps > 1"),
    ("three tiles", "gru", (5, 3, 2, 93), "B", {"multiprocessors": 1},
     "tiles == 3"),
    ("few tiles", "rnn", (5, 3, 2, 93), "B", {}, "tiles == 1"),
    ("fetched in parts", "rnn", (11, 3, 4, 270), "B", {"shared_bytes": 24000},
     "chunks > 1"),
    ("weights in shared memory", "rnn", (3, 3, 4, 330), "B", {"multiprocessors": 2},
     "register_bytes < weight_bytes"),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["float32", "3xtf32", "float16"])
@pytest.mark.parametrize(
    ("name", "cell", "sizes", "tier", "limits", "shows"), CUTS, ids=[cut[0] for cut in CUTS]
)
def test_every_way_of_cutting(
    monkeypatch: pytest.MonkeyPatch, mode: str, name: str, cell: str,
    sizes: tuple[int, int, int, int], tier: str, limits: dict[str, Any], shows: str,
) -> None:  # fmt: skip
    plans = run(monkeypatch, Case(name, cell, sizes, MUCH | {"gain": 0.6}), mode, tier, **limits)
    if mode == "float32":
        assert any(eval(shows, {}, plan) for plan in plans), plans  # words of this file


@pytest.mark.parametrize("tier", "ABC")
@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_sequence_in_chunks(
    monkeypatch: pytest.MonkeyPatch, tier: str, chunk: int, reverse: bool
) -> None:
    features = {"mask": "rows", "reset": True, "dropout": "single", "zoneout": "array"}
    for cell in ("lstm", "gru"):
        case = Case(f"chunks-{cell}", cell, (5, 8, 3, 21), features, {"reverse": reverse})
        plans = run(monkeypatch, case, "float32", tier, chunk)
        assert {plan["chunk_steps"] for plan in plans} == {chunk}
