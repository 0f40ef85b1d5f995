"""`bench_recurrent.py --device cuda`: fastrnn beside PyTorch (cuDNN) on a GPU."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from functools import lru_cache
from pathlib import Path
from typing import Any

import harness
import machine
from comparison import Row, figures, number
from cuda_runners import MODES, CudaTorch, ours, time_on_gpu
from ours import random_lengths
from problems import Problem, Shape

KINDS = ("inference", "training", "mask inference", "mask training")
CELLS = ("lstm", "gru", "rnn")
_H768 = Shape(16, 1024, 768, 768)
# FlashRNN's (arXiv:2412.07752): one batch size, length or width changed at a time.
PUBLISHED = (
    _H768,
    *(Shape(n, 1024, 768, 768) for n in (2, 8, 32, 64, 128, 256)),
    *(Shape(16, t, 768, 768) for t in (256, 512, 2048)),
    *(Shape(16, 1024, h, h) for h in (64, 128, 256)),
)
# No multiple of anything; many inputs and few; the recurrence nearly alone.
ODD = (
    Shape(1, 1000, 80, 320),
    Shape(3, 400, 40, 50),
    Shape(17, 100, 100, 200),
    Shape(20, 500, 161, 800),
    Shape(33, 257, 123, 517),
    Shape(128, 28, 28, 128),
    Shape(16, 1024, 1, 768),
)
QUICK = (_H768, Shape(64, 1024, 768, 768), *ODD[:1], *ODD[4:6])

# Speed-up over cuDNN: on every row, and in geometric mean, by cell; of rows with masks.
EVERY = {"lstm": 1.0}
MEAN = {"lstm": 1.3, "gru": 2.0}
MASKED = 3.0
HELD = ("float32", "bfloat16")
_SECONDS = 0.6  # a row, at most, after its first calls
STEP_MICROSECONDS = {"float32": 4.0, "bfloat16": 2.5}  # forward, of _H768


def compare(cell: str, kind: str, mode: str, shape: Shape, rounds: int) -> Row:
    """Verify one problem, then time it; a row says so where it fails, and the others go on."""
    row: Row = {"mode": kind, "cell": cell, "dtype": mode, "shape": list(astuple(shape))}
    try:
        return row | _measure(cell, kind, mode, shape, rounds)
    except (AssertionError, RuntimeError, ValueError, MemoryError) as error:
        print(f"{kind}, {cell}, {mode}, {shape}: {type(error).__name__}: {error}", flush=True)
        return row | {"error": f"{type(error).__name__}: {error}"}


def _measure(cell: str, kind: str, mode: str, shape: Shape, rounds: int) -> Row:
    problem = _problem(cell, shape)
    lengths = random_lengths(problem) if _masked(kind) else None
    run = kind.split()[-1]
    training = run == "training"
    candidates = [
        ours(problem, run, mode, lengths),
        CudaTorch(problem, mode).candidate(run, lengths),
    ]
    explained = problem.tolerance(training=training)
    difference = harness.verify(candidates, MODES[mode][3] or explained)
    timings = time_on_gpu({c.name: c.call for c in candidates}, rounds, _SECONDS)
    row = figures(timings, problem.work(training=training))
    row["difference"] = difference
    row["us_per_step"] = row["ms"]["fastrnn"] * 1e3 / shape.t
    row["tier"] = tier(cell, kind, mode, shape)
    row["misses"] = misses(cell, kind, mode, shape, row)
    return row


@lru_cache(maxsize=1)
def _problem(cell: str, shape: Shape) -> Problem:
    """The last one is kept: making its random numbers takes longer than measuring."""
    return Problem(cell, shape)


def _masked(kind: str) -> bool:
    return kind.startswith("mask")


def tier(cell: str, kind: str, mode: str, shape: Shape) -> str:
    """Which kernels run: of a training, there and back."""
    ops: Any = importlib.import_module("fastrnn.ops")
    more = {"dtype": MODES[mode][0], "mask": _masked(kind)}
    sizes = cell, shape.n, shape.t, shape.i, shape.h
    if kind.endswith("inference"):
        return str(ops.gpu_plan(*sizes, **more)["tier"])
    there, back = ({"training": True}, {"backward": True})
    return "".join(ops.gpu_plan(*sizes, **more, **way)["tier"] for way in (there, back))


def misses(cell: str, kind: str, mode: str, shape: Shape, row: Row) -> list[str]:
    """What this row should reach and does not."""
    if mode not in HELD:
        return []
    found, limit = [], STEP_MICROSECONDS[mode]
    least = MASKED if _masked(kind) else EVERY.get(cell, 0.0)
    if row["ratio_torch"] < least:
        found.append(f"below {least:.1f}x")
    if (kind, cell, shape) == ("inference", "lstm", _H768) and row["us_per_step"] > limit:
        found.append(f"above {limit} us a step")
    return found


def summarize(rows: Iterable[Row]) -> Iterator[Row]:
    """Geometric means by kind, cell and dtype, beside what they have to reach."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["mode"], row["cell"], row["dtype"]), []).append(row)
    for (kind, cell, mode), group in groups.items():
        target = (MASKED if _masked(kind) else MEAN.get(cell)) if mode in HELD else None
        ratios = [row["ratio_torch"] for row in group]
        mean = harness.geometric_mean(ratios)
        yield {
            "mode": kind, "cell": cell, "dtype": mode, "rows": len(group), "mean": mean,
            "least": min(ratios), "target": target,
            "reached": None if target is None else mean >= target,
            "rows_missing": sum(bool(row["misses"]) for row in group),
        }  # fmt: skip


def _table(rows: Iterable[Row]) -> str:
    header = ["N,T,I,H", "fastrnn ms", "torch ms", "x torch", "us/step", "tier", "spread", "miss"]
    return harness.format_table(
        header,
        [
            [
                ",".join(map(str, row["shape"])),
                *(number(row["ms"][name], ".4g") for name in ("fastrnn", "torch")),
                number(row["ratio_torch"]),
                number(row["us_per_step"]),
                row["tier"],
                number(row["spread"]["fastrnn"], ".0%"),
                "; ".join(row["misses"]),
            ]
            for row in rows
            if "error" not in row
        ],
    )


def _summary_table(summary: Iterable[Row]) -> str:
    header = ["kind", "cell", "dtype", "rows", "least", "geo. mean", "target", "miss"]
    return harness.format_table(
        header,
        [
            [
                *(row[key] for key in ("mode", "cell", "dtype")),
                str(row["rows"]),
                *(number(row[key]) for key in ("least", "mean", "target")),
                "; ".join(
                    (["mean"] if row["reached"] is False else [])
                    + ([f"{row['rows_missing']} rows"] if row["rows_missing"] else [])
                ),
            ]
            for row in summary
        ],
    )


def describe() -> Row:
    """The machine, with the GPU and what drives it."""
    torch: Any = importlib.import_module("torch")
    found = machine.describe(2)
    found["gpu"] = torch.cuda.get_device_name()
    found["versions"] |= {
        "cupy": importlib.import_module("cupy").__version__,
        "cudnn": str(torch.backends.cudnn.version()),
        "cuda of torch": torch.version.cuda,
    }
    return found


def _summary(rows: Iterable[Row]) -> list[Row]:
    return list(summarize(row for row in rows if "error" not in row))


def _write(path: Path | None, described: Row, rows: list[Row]) -> None:
    if path:
        document = {"machine": described, "rows": rows, "summary": _summary(rows)}
        harness.write_json(path, document)


def main(args: argparse.Namespace) -> None:
    """Measure and print; write everything where `--json` says."""
    described = describe()
    print(f"{described['gpu']}\n{machine.headline(described)}")
    rounds = args.rounds or (7 if args.quick else 15)
    kinds = [kind for kind in KINDS if kind.split()[0] in args.modes]
    rows: list[Row] = []
    # Small ones first, so that most is there should time run out.
    shapes = sorted(QUICK if args.quick else PUBLISHED + ODD, key=lambda s: s.n * s.t * (s.i + s.h))
    for cell in [cell for cell in CELLS if cell in args.cells]:
        of_cell: list[Row] = []
        for shape in shapes:
            new = [
                compare(cell, kind, mode, shape, rounds) for kind in kinds for mode in args.dtypes
            ]
            of_cell += new
            rows += new
            _write(args.json, described, rows)
        for kind in kinds:
            for mode in args.dtypes:
                table = _table(
                    row for row in of_cell if (row["mode"], row["dtype"]) == (kind, mode)
                )
                print(f"\n{kind}, {cell}, {mode}\n{table}", flush=True)
    failed = [row for row in rows if "error" in row]
    print(f"\nSpeed-up over cuDNN\n{_summary_table(_summary(rows))}")
    if failed:
        raise SystemExit(f"{len(failed)} of {len(rows)} failed")
