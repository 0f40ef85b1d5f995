"""What the benchmarks of single layers share: rows of figures, tables, options, the report."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import harness
import machine
from harness import Candidate, Effort, Timing
from peers import available

PEERS = ("torch", "ort")
Row = dict[str, Any]


class Comparison:
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

    def measure(
        self,
        candidates: Sequence[Candidate],
        *,
        work: float,
        tolerance: float,
        calls: int = 1,
        held_to_limit: bool = False,
        rated: bool = True,
    ) -> Row:
        """Verify, then time everybody; the first word of a candidate's name is its library.

        Parameters
        ----------
        work
            Floating-point operations of a call.
        tolerance, calls
            As `harness.verify` takes them.
        held_to_limit
            Measure the limit in the same rounds, since it drifts with the machine.
        rated
            Whether a share of the limit says anything.
        """
        error = harness.verify(candidates, tolerance, calls=calls)
        timed = {candidate.name: candidate.call for candidate in candidates}
        if held_to_limit:
            timed["gemm"] = self.gemm[self.fastest_gemm]
        timings = harness.time_interleaved(timed, self.effort)
        gemm = timings.pop("gemm", None)
        row = figures(timings, work)
        row["difference"] = error
        if rated and self.ours:
            if gemm is None:
                row["share"] = row["gflops"]["fastrnn"] / self.limit
            else:
                share = work / machine.gemm_work()
                row["share"] = share * timings["fastrnn"].speedup_over(gemm)
        return row


def figures(timings: dict[str, Timing], work: float) -> Row:
    """Times, rates, and how many times as fast as each peer's fastest way fastrnn is."""
    row: Row = {
        "ms": {name: timing.median * 1e3 for name, timing in timings.items()},
        "best_ms": {name: min(timing.rounds) * 1e3 for name, timing in timings.items()},
        "spread": {name: timing.spread for name, timing in timings.items()},
        "gflops": {name: work / timing.median / 1e9 for name, timing in timings.items()},
    }
    for peer in PEERS:
        ways = [timing for name, timing in timings.items() if name.split()[0] == peer]
        if ways and "fastrnn" in timings:
            row[f"ratio_{peer}"] = min(map(timings["fastrnn"].speedup_over, ways))
    ratios = [row[f"ratio_{peer}"] for peer in PEERS if f"ratio_{peer}" in row]
    if ratios:
        row["ratio_best"] = min(ratios)
    return row


def number(value: float | None, style: str = ".2f") -> str:
    return "" if value is None else format(value, style)


def speed_table(
    title: str,
    rows: Iterable[Row],
    names: Sequence[str],
    label: Callable[[Row], str],
    *,
    rated: bool = True,
) -> str:
    """Milliseconds and rates of every candidate, the ratios, the share of the limit."""
    with_rate = names if rated else ()
    header = [title, *(f"{name} ms" for name in names), *(f"{name} GF/s" for name in with_rate)]
    header += ["x torch", "x ort", "x best", "limit", "spread", "miss"]
    lines = []
    for row in rows:
        main = "fastrnn" if "fastrnn" in row["spread"] else next(iter(row["spread"]))
        lines.append(
            [
                label(row),
                *(number(row["ms"].get(name), ".4g") for name in names),
                *(number(row["gflops"].get(name), ".1f") for name in with_rate),
                *(number(row.get(f"ratio_{peer}")) for peer in (*PEERS, "best")),
                number(row.get("share"), ".0%"),
                number(row["spread"][main], ".0%"),
                "; ".join(row["misses"]),
            ]
        )
    return harness.format_table(header, lines)


def mean_of(rows: Iterable[Row], key: str) -> float | None:
    values = [row[key] for row in rows if row.get(key) is not None]
    return harness.geometric_mean(values) if values else None


def summary_row(
    mode: str, kind: str, group: Sequence[Row], target: float | None, *, key: str = "ratio_best"
) -> Row:
    """Geometric means of a group's ratios, beside the target; how many rows miss theirs."""
    mean = mean_of(group, key)
    shares = [row["share"] for row in group if row.get("share") is not None]
    return {
        "mode": mode,
        "kind": kind,
        "rows": len(group),
        "mean": mean,
        "mean_torch": mean_of(group, "ratio_torch"),
        "mean_ort": mean_of(group, "ratio_ort"),
        "target": target,
        "reached": None if mean is None or target is None else mean >= target,
        "median_share": statistics.median(shares) if shares else None,
        "rows_missing": sum(bool(row["misses"]) for row in group),
    }


def summary_table(summary: Iterable[Row], kind: str) -> str:
    header = ["mode", kind, "rows", "geo. mean", "target", "x torch", "x ort", "limit", "miss"]
    lines = []
    for row in summary:
        verdict = f"{row['rows_missing']} rows" if row["rows_missing"] else ""
        if row["reached"] is False:
            verdict = f"mean; {verdict}" if verdict else "mean"
        lines.append(
            [
                row["mode"],
                row["kind"],
                str(row["rows"]),
                *(number(row[key]) for key in ("mean", "target", "mean_torch", "mean_ort")),
                number(row["median_share"], ".0%"),
                verdict,
            ]
        )
    return harness.format_table(header, lines)


def names_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """An argument's type: names of these, separated by commas."""

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return chosen

    return parse


def options(description: str, modes: Sequence[str]) -> argparse.ArgumentParser:
    """The options of every benchmark of layers."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer shapes and rounds")
    parser.add_argument("--modes", type=names_of(modes), default=list(modes))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, help="default: 31, with --quick 15")
    parser.add_argument("--peers-only", action="store_true", help="leave fastrnn out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    return parser


def check_installed(program: str, args: argparse.Namespace) -> None:
    if not args.peers_only and not available("fastrnn"):
        raise SystemExit(f"{program}: fastrnn is not installed (or give --peers-only)")


class Report:
    """What is printed before and after the tables, and written at the end."""

    def __init__(self, program: str, args: argparse.Namespace) -> None:
        harness.use_threads(args.threads)
        check_installed(program, args)
        self.args = args
        self.started, self.load = time.perf_counter(), machine.OtherLoad()
        self.machine = machine.describe(args.threads)
        self.effort = Effort(rounds=15) if args.quick else Effort()
        if args.rounds:
            self.effort = replace(self.effort, rounds=args.rounds)
        print(machine.headline(self.machine))

    def limit(self, bench: Comparison) -> None:
        rates = ", ".join(f"{name} {rate:.0f}" for name, rate in bench.limit_rates().items())
        print(f"float32 GEMM {machine.GEMM_SIZE}^3, GFLOP/s: {rates}; the limit is the highest")

    def finish(self, bench: Comparison, summary: list[Row]) -> None:
        others = self.load.share()
        if others is not None:
            print(f"\nOther processes and guests used {others:.1%} of the machine meanwhile.")
        if self.args.json:
            document = {
                "machine": self.machine,
                "gemm_gflops": bench.limit_rates(),
                "other_load": others,
                "seconds": time.perf_counter() - self.started,
                "rows": bench.rows,
                "summary": summary,
            }
            harness.write_json(self.args.json, document)
