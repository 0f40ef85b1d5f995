"""Recurrent layers of fastrnn beside PyTorch and ONNX Runtime: speed, masks, memory.

python benchmarks/bench_recurrent.py [--quick] [--cells lstm,gru] [--modes inference,step]
                                     [--threads 2] [--peers-only] [--json FILE]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import harness
import machine
import memory
import targets
from harness import Candidate, Effort, Timing
from ours import FastRnn, random_lengths, random_mask
from peers import OnnxRuntime, Torch, available
from problems import CELLS, GRID, QUICK_GRID, STEP_SIZES, Problem, Shape

MODES = ("inference", "training", "step", "mask", "memory")
_VERIFIED_STEPS = 5
_MEMORY_MIN_T = 16
Row = dict[str, Any]


class Bench:
    """One run: which libraries take part, how long to measure, the limit, the rows so far."""

    def __init__(self, threads: int, effort: Effort, *, ours: bool) -> None:
        self.threads = threads
        self.effort = effort
        self.ours = ours
        self.torch = available("torch")
        self.ort = available("onnxruntime") and available("onnx")
        self.rows: list[Row] = []
        self.gemm = machine.gemm_calls(threads)
        self.fastest_gemm, self.limit_timings = machine.gemm_limit(threads, effort)
        self.limit = machine.gemm_work() / self.limit_timings[self.fastest_gemm].median / 1e9

    def limit_rates(self) -> dict[str, float]:
        """GFLOP/s of the large product by library."""
        work = machine.gemm_work() / 1e9
        return {name: work / timing.median for name, timing in self.limit_timings.items()}

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
        training = mode == "training"
        candidates = self._candidates(mode, problem)
        if not candidates:
            return None
        error = harness.verify(
            candidates,
            problem.tolerance(training=training),
            calls=_VERIFIED_STEPS if mode == "step" else 1,
        )
        calls = {candidate.name: candidate.call for candidate in candidates}
        held_to_limit = mode != "step" and targets.large(problem.shape)
        if held_to_limit:
            # The limit drifts with the machine: measure it in the same rounds.
            calls["gemm"] = self.gemm[self.fastest_gemm]
        timings = harness.time_interleaved(calls, self.effort)
        gemm = timings.pop("gemm", None)
        row = self._row(mode, problem, timings)
        row["difference"] = error
        if mode != "step" and self.ours:
            if gemm is None:
                row["share"] = row["gflops"]["fastrnn"] / self.limit
            else:
                work = problem.work(training=training) / machine.gemm_work()
                row["share"] = work * timings["fastrnn"].speedup_over(gemm)
        return self._add(row, problem.shape)

    def _row(self, mode: str, problem: Problem, timings: dict[str, Timing]) -> Row:
        work = problem.work(training=mode == "training") / 1e9
        s = problem.shape
        row: Row = {"mode": mode, "cell": problem.cell, "shape": [s.n, s.t, s.i, s.h]}
        row["ms"] = {name: timing.median * 1e3 for name, timing in timings.items()}
        row["best_ms"] = {name: min(timing.rounds) * 1e3 for name, timing in timings.items()}
        row["spread"] = {name: timing.spread for name, timing in timings.items()}
        row["gflops"] = {name: work / timing.median for name, timing in timings.items()}
        for peer in ("torch", "ort"):
            ways = [timing for name, timing in timings.items() if name.split()[0] == peer]
            if ways and "fastrnn" in timings:
                row[f"ratio_{peer}"] = min(map(timings["fastrnn"].speedup_over, ways))
        ratios = [row[key] for key in ("ratio_torch", "ratio_ort") if key in row]
        if ratios:
            row["ratio_best"] = min(ratios)
        return row

    def masks(self, problem: Problem) -> list[Row]:
        """Cost of a mask with holes and of lengths beside the run without either."""
        runner = FastRnn(problem, self.threads)
        options: dict[str, dict[str, Any]] = {
            "plain": {},
            "mask": {"mask": random_mask(problem)},
            "lengths": {"lengths": random_lengths(problem)},
        }
        rows = []
        for kind, make in (("inference", runner.inference), ("training", runner.training)):
            calls = {name: make(**given).call for name, given in options.items()}
            timings = harness.time_interleaved(calls, self.effort)
            row = self._row("mask", problem, timings)
            row["run"] = kind
            plain = timings["plain"]
            row["costs"] = {name: plain.speedup_over(timings[name]) for name in ("mask", "lengths")}
            row["cost"] = max(row["costs"].values())
            rows.append(self._add(row, problem.shape))
        return rows

    def memory(self, problem: Problem) -> Row:
        s = problem.shape
        runners = ["fastrnn"] if self.ours else []
        if self.torch and problem.cell != "gru_reset_before":
            runners.append("torch")
        used = {name: memory.training_step_mib(name, problem, self.threads) for name in runners}
        row: Row = {"mode": "memory", "cell": problem.cell, "shape": [s.n, s.t, s.i, s.h]}
        row["mib"] = used
        if len(used) == 2:
            row["memory_ratio"] = used["fastrnn"] / max(used["torch"], 1e-3)
        return self._add(row, s)

    def _add(self, row: Row, shape: Shape) -> Row:
        row["misses"] = targets.misses(row["mode"], shape, row)
        self.rows.append(row)
        return row


def _number(value: float | None, style: str = ".2f") -> str:
    return "" if value is None else format(value, style)


def _speed_table(mode: str, rows: Iterable[Row], names: Sequence[str]) -> str:
    ratios = ("ratio_torch", "ratio_ort", "ratio_best")
    # One step is over in microseconds: its rate says nothing.
    rated = [] if mode == "step" else names
    header = ["N,T,I,H", *(f"{name} ms" for name in names), *(f"{name} GF/s" for name in rated)]
    header += ["x torch", "x ort", "x best", "limit", "spread", "miss"]
    lines = []
    for row in rows:
        main = "fastrnn" if "fastrnn" in row["spread"] else next(iter(row["spread"]))
        lines.append(
            [
                ",".join(map(str, row["shape"])),
                *(_number(row["ms"].get(name), ".4g") for name in names),
                *(_number(row["gflops"].get(name), ".1f") for name in rated),
                *(_number(row.get(key)) for key in ratios),
                _number(row.get("share"), ".0%"),
                _number(row["spread"][main], ".0%"),
                "; ".join(row["misses"]),
            ]
        )
    return harness.format_table(header, lines)


def _mask_table(rows: Iterable[Row]) -> str:
    header = ["N,T,I,H", "run", "plain ms", "x mask", "x lengths", "miss"]
    return harness.format_table(
        header,
        [
            [
                ",".join(map(str, row["shape"])),
                row["run"],
                _number(row["ms"]["plain"], ".4g"),
                _number(row["costs"]["mask"]),
                _number(row["costs"]["lengths"]),
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
                ",".join(map(str, row["shape"])),
                _number(row["mib"].get("fastrnn"), ".1f"),
                _number(row["mib"].get("torch"), ".1f"),
                _number(row.get("memory_ratio")),
                "; ".join(row["misses"]),
            ]
            for row in rows
        ],
    )


def _summary_table(summary: Iterable[Row]) -> str:
    header = ["mode", "cell", "rows", "geo. mean", "target", "x torch", "x ort", "limit", "miss"]
    lines = []
    for row in summary:
        verdict = f"{row['rows_missing']} rows" if row["rows_missing"] else ""
        if row["reached"] is False:
            verdict = f"mean; {verdict}" if verdict else "mean"
        lines.append(
            [
                row["mode"],
                row["cell"],
                str(row["rows"]),
                _number(row["mean"]),
                _number(row["target"]),
                _number(row["mean_torch"]),
                _number(row["mean_ort"]),
                _number(row["median_share"], ".0%"),
                verdict,
            ]
        )
    return harness.format_table(header, lines)


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
        print(_speed_table(mode, rows, list(rows[0]["ms"])))


def _names(known: Sequence[str]) -> Any:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return chosen

    return parse


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer shapes and rounds")
    parser.add_argument("--cells", type=_names(CELLS), default=list(CELLS))
    parser.add_argument("--modes", type=_names(MODES), default=list(MODES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, help="default: 31, with --quick 15")
    parser.add_argument("--peers-only", action="store_true", help="leave fastrnn out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    return parser.parse_args()


def main() -> None:
    args = _arguments()
    harness.use_threads(args.threads)
    if not args.peers_only and not available("fastrnn"):
        raise SystemExit("bench_recurrent: fastrnn is not installed (or give --peers-only)")
    started, load = time.perf_counter(), machine.OtherLoad()
    description = machine.describe(args.threads)
    print(machine.headline(description))
    effort = Effort(rounds=15) if args.quick else Effort()
    if args.rounds:
        effort = replace(effort, rounds=args.rounds)
    bench = Bench(args.threads, effort, ours=not args.peers_only)
    rates = ", ".join(f"{name} {rate:.0f}" for name, rate in bench.limit_rates().items())
    print(f"float32 GEMM {machine.GEMM_SIZE}^3, GFLOP/s: {rates}; the limit is the highest")
    for mode in args.modes:
        if args.peers_only and mode == "mask":
            continue
        for cell in args.cells:
            run_mode(bench, mode, cell, QUICK_GRID if args.quick else GRID)
    summary = targets.summarize(bench.rows)
    print("\nGeometric means: speed-up over the better peer (step: over ONNX Runtime);")
    print("mask: cost over the unmasked run; memory: share of what PyTorch needs")
    print(_summary_table(summary))
    others = load.share()
    if others is not None:
        print(f"\nOther processes and guests used {others:.1%} of the machine meanwhile.")
    if args.json:
        document = {
            "machine": description,
            "gemm_gflops": bench.limit_rates(),
            "other_load": others,
            "seconds": time.perf_counter() - started,
            "rows": bench.rows,
            "summary": summary,
        }
        harness.write_json(args.json, document)


if __name__ == "__main__":
    main()
