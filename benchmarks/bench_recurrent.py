"""Recurrent layers of fastrnn beside PyTorch and ONNX Runtime: speed, masks, memory.

python benchmarks/bench_recurrent.py [--quick] [--cells lstm,gru] [--modes inference,step]
                                     [--threads 2] [--peers-only] [--json FILE]
                                     [--device cuda [--dtypes float32,bfloat16]]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

import cuda_bench
import cuda_runners
import harness
import memory
import targets
from comparison import (
    Comparison,
    Report,
    Row,
    figures,
    names_of,
    number,
    options,
    speed_table,
    summary_table,
)
from harness import Candidate
from ours import FastRnn, random_lengths, random_mask
from peers import OnnxRuntime, Torch
from problems import CELLS, GRID, QUICK_GRID, STEP_SIZES, Problem, Shape

MODES = ("inference", "training", "step", "mask", "memory")
_VERIFIED_STEPS = 5
_MEMORY_MIN_T = 16


class Bench(Comparison):
    """The comparison of recurrent layers."""

    def _candidates(self, mode: str, problem: Problem) -> list[Candidate]:
        found: list[Candidate] = []
        if self.ours:
            runner = FastRnn(problem, self.threads)
            if mode == "inference":
                found += [runner.inference(), runner.inference_unpacked()]
            else:
                found += [runner.training()] if mode == "training" else runner.steps()
        if self.torch and problem.cell != "gru_reset_before":
            torch = Torch(problem, self.threads)
            if mode == "step":
                found += torch.steps()
            else:
                found.append(torch.inference() if mode == "inference" else torch.training())
        if self.ort and mode != "training":
            ort = OnnxRuntime(problem, self.threads)
            found += [ort.inference()] if mode == "inference" else ort.steps()
        return found

    def compare(self, mode: str, problem: Problem) -> Row | None:
        """Verify, then time everybody on one problem; None where nobody can run it."""
        training, step = mode == "training", mode == "step"
        candidates = self._candidates(mode, problem)
        if not candidates:
            return None
        measured = self.measure(
            candidates,
            work=problem.work(training=training),
            tolerance=problem.tolerance(training=training),
            calls=_VERIFIED_STEPS if step else 1,
            held_to_limit=not step and targets.large(problem.shape),
            rated=not step,
        )
        return self._add(mode, problem, measured)

    def masks(self, problem: Problem) -> list[Row]:
        """Cost of a mask with holes and of lengths beside the run without either."""
        runner = FastRnn(problem, self.threads)
        given: dict[str, dict[str, Any]] = {
            "plain": {},
            "mask": {"mask": random_mask(problem)},
            "lengths": {"lengths": random_lengths(problem)},
        }
        rows = []
        for kind, make in (("inference", runner.inference), ("training", runner.training)):
            calls = {name: make(**arguments).call for name, arguments in given.items()}
            timings = harness.time_interleaved(calls, self.effort)
            row = figures(timings, problem.work())
            row["run"] = kind
            plain = timings["plain"]
            row["costs"] = {name: plain.speedup_over(timings[name]) for name in ("mask", "lengths")}
            row["cost"] = max(row["costs"].values())
            rows.append(self._add("mask", problem, row))
        return rows

    def memory(self, problem: Problem) -> Row:
        runners = ["fastrnn"] if self.ours else []
        if self.torch and problem.cell != "gru_reset_before":
            runners.append("torch")
        used = {name: memory.training_step_mib(name, problem, self.threads) for name in runners}
        row: Row = {"mib": used}
        if len(used) == 2:
            row["memory_ratio"] = used["fastrnn"] / max(used["torch"], 1e-3)
        return self._add("memory", problem, row)

    def _add(self, mode: str, problem: Problem, measured: Row) -> Row:
        s = problem.shape
        row = {"mode": mode, "cell": problem.cell, "shape": [s.n, s.t, s.i, s.h], **measured}
        row["misses"] = targets.misses(mode, s, row)
        self.rows.append(row)
        return row


def _label(row: Row) -> str:
    return ",".join(map(str, row["shape"]))


def _mask_table(rows: Iterable[Row]) -> str:
    header = ["N,T,I,H", "run", "plain ms", "x mask", "x lengths", "miss"]
    return harness.format_table(
        header,
        [
            [
                _label(row),
                row["run"],
                number(row["ms"]["plain"], ".4g"),
                number(row["costs"]["mask"]),
                number(row["costs"]["lengths"]),
                "; ".join(row["misses"]),
            ]
            for row in rows
        ],
    )


def _memory_table(rows: Iterable[Row]) -> str:
    header = ["N,T,I,H", "fastrnn MiB", "torch MiB", "ratio", "miss"]
    return harness.format_table(
        header,
        [
            [
                _label(row),
                number(row["mib"].get("fastrnn"), ".1f"),
                number(row["mib"].get("torch"), ".1f"),
                number(row.get("memory_ratio")),
                "; ".join(row["misses"]),
            ]
            for row in rows
        ],
    )


def run_mode(bench: Bench, mode: str, cell: str, shapes: Sequence[Shape]) -> None:
    """Measure one mode of one cell on every shape and print its table."""
    first = len(bench.rows)
    if mode == "step":
        shapes = [Shape(1, 1, i, h) for i, h in STEP_SIZES]
    elif mode in ("mask", "memory"):
        # One step or a few have no holes, and less memory than the noise of the measurement.
        shapes = [shape for shape in shapes if shape.t >= _MEMORY_MIN_T]
    for shape in shapes:
        problem = Problem(cell, shape)
        if mode == "mask":
            bench.masks(problem)
        elif mode == "memory":
            bench.memory(problem)
        else:
            bench.compare(mode, problem)
    rows = bench.rows[first:]
    if not rows:
        return
    print(f"\n{mode}, {cell}")
    if mode == "mask":
        print(_mask_table(rows))
    elif mode == "memory":
        print(_memory_table(rows))
    else:
        # One step is over in microseconds: its rate says nothing.
        print(speed_table("N,T,I,H", rows, list(rows[0]["ms"]), _label, rated=mode != "step"))


def _arguments() -> argparse.Namespace:
    parser = options(__doc__ or "", MODES)
    parser.add_argument("--cells", type=names_of(CELLS), default=list(CELLS))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--dtypes",
        type=names_of(tuple(cuda_runners.MODES)),
        default=["float32", "bfloat16"],
        help="with --device cuda",
    )
    return parser.parse_args()


def main() -> None:
    args = _arguments()
    if args.device == "cuda":
        cuda_bench.main(args)
        return
    report = Report("bench_recurrent", args)
    bench = Bench(args.threads, report.effort, ours=not args.peers_only)
    report.limit(bench)
    for mode in args.modes:
        if args.peers_only and mode == "mask":
            continue
        for cell in args.cells:
            run_mode(bench, mode, cell, QUICK_GRID if args.quick else GRID)
    summary = targets.summarize(bench.rows)
    print("\nGeometric means: speed-up over the better peer (step: over ONNX Runtime);")
    print("mask: cost over the unmasked run; memory: share of what PyTorch needs")
    print(summary_table(summary, "cell"))
    report.finish(bench, summary)


if __name__ == "__main__":
    main()
