"""Convolution of fastrnn beside PyTorch in both of its layouts and ONNX Runtime.

python benchmarks/bench_conv.py [--quick] [--modes forward,training] [--threads 2]
                                [--peers-only] [--json FILE]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import conv_targets
from comparison import Comparison, Report, Row, options, speed_table, summary_table
from conv_problems import GRID, QUICK_GRID, Layer, Problem
from conv_runners import FastRnn, OnnxRuntime, Torch
from harness import Candidate

MODES = ("forward", "training")


class Bench(Comparison):
    """The comparison of convolutions."""

    def _candidates(self, mode: str, problem: Problem) -> list[Candidate]:
        runners: list[FastRnn | Torch] = []
        if self.ours:
            runners.append(FastRnn(problem, self.threads))
        if self.torch:
            runners += [Torch(problem, self.threads, layout) for layout in Torch.LAYOUTS]
        if mode == "training":
            return [runner.training() for runner in runners]
        found = [runner.forward() for runner in runners]
        return found + ([OnnxRuntime(problem, self.threads).forward()] if self.ort else [])

    def compare(self, mode: str, layer: Layer) -> None:
        """Verify, then time everybody on one layer."""
        training, problem = mode == "training", Problem(layer)
        candidates = self._candidates(mode, problem)
        if not candidates:
            return
        measured = self.measure(
            candidates,
            work=problem.work(training=training),
            tolerance=problem.tolerance(training=training),
            held_to_limit=conv_targets.large(layer),
        )
        row = {"mode": mode, "layer": str(layer), "first": layer.first, **asdict(layer), **measured}
        row["misses"] = conv_targets.misses(mode, layer, row)
        self.rows.append(row)


def _label(row: Row) -> str:
    return f"{row['layer']}  ({row['where']})"


def run_mode(bench: Bench, mode: str, layers: Sequence[Layer]) -> None:
    """Measure one mode on every layer and print its table."""
    first = len(bench.rows)
    for layer in layers:
        bench.compare(mode, layer)
    rows = bench.rows[first:]
    if rows:
        print(f"\n{mode}")
        title = "N x HxWxC -> F, kernel"
        print(speed_table(title, rows, list(rows[0]["ms"]), _label))


def main() -> None:
    args = options(__doc__ or "", MODES).parse_args()
    report = Report("bench_conv", args)
    bench = Bench(args.threads, report.effort, ours=not args.peers_only)
    report.limit(bench)
    for mode in args.modes:
        run_mode(bench, mode, QUICK_GRID if args.quick else GRID)
    summary = conv_targets.summarize(bench.rows)
    print("\nGeometric means: speed-up over the better peer, PyTorch in its faster layout;")
    print("training: forward and all gradients, in first layers all but the images'")
    print(summary_table(summary, "layers"))
    report.finish(bench, summary)


if __name__ == "__main__":
    main()
