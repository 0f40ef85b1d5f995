"""Whole networks of fastrnn beside Keras on TensorFlow and PyTorch: training, prediction, memory.

python benchmarks/bench_models.py [--quick] [--models cnn,cnn-lstm] [--runners fastrnn,keras]
                                  [--threads 2] [--peers-only] [--json FILE]

All build the same network from the same weights and are checked to give the same predictions and
losses. Each runs in processes of its own that alternate, so that nobody sees another's threads
and a slow spell of the machine hits all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import harness
import machine
import memory
import model_runners
import numpy as np
from comparison import Row, check_installed, names_of, number
from model_runners import RUNNERS
from models import MODELS
from peers import available

_CHECKED_STEPS = 3
_CHECKED_VALUES = 4096
_EPOCHS = 4  # the first one, which compiles and warms up, is left out
_PREDICT_SECONDS = 0.5
# An optimizer's first steps move each weight by about the learning rate whatever the gradient's
# size, so that rounding errors in tiny gradients reach the loss.
_LOSS_TOLERANCE = 1e-3
_PREDICTION_TOLERANCE = 1e-4  # of the largest value
# Five per cent slower, or larger, counts as equal, for noise.
_EQUAL = 0.95


def measure_here(name: str, runner: str, threads: int) -> Row:
    """Predictions and losses to check; milliseconds of steps and predictions; peak memory."""
    model = MODELS[name]
    net = model_runners.make(runner, model, threads)
    x, y = model.data()
    batch = x[: model.batch]
    before = memory.peak_kib()
    predicted = np.asarray(net.predict(batch), np.float64).ravel()[:_CHECKED_VALUES]
    parts = [slice(k * model.batch, (k + 1) * model.batch) for k in range(_CHECKED_STEPS)]
    losses = [net.train_step(x[part], y[part]) for part in parts]
    epochs = net.fit(x, y, _EPOCHS)
    peak = memory.peak_kib()
    return {
        "predicted": predicted.tolist(),
        "losses": losses,
        "train_ms": [1e3 * seconds / model.batches for seconds in epochs[1:]],
        "predict_ms": _predictions(net, batch),
        "peak_mib": peak / 1024,
        "grown_mib": (peak - before) / 1024,
    }


def _predictions(net: Any, batch: Any) -> list[float]:
    """Milliseconds of predictions of one batch, for a while, after two to warm up."""
    times: list[float] = []
    for _ in range(2):
        net.predict(batch)
    end = time.perf_counter() + _PREDICT_SECONDS
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        net.predict(batch)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def measure(name: str, runner: str, threads: int) -> Row:
    """The same, from a process of its own."""
    command = [sys.executable, __file__, "--run", "--models", name, "--runners", runner]
    done = subprocess.run(
        [*command, "--threads", str(threads)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{runner} on {name}: {done.stderr.strip()}")
    result: Row = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(name: str, runners: Sequence[str], threads: int, rounds: int) -> Row:
    """Alternate the runners' processes; check their results; medians over all rounds."""
    results: dict[str, list[Row]] = {runner: [] for runner in runners}
    for _ in range(rounds):
        for runner in runners:
            results[runner].append(measure(name, runner, threads))
    _check(name, {runner: found[0] for runner, found in results.items()})
    row: Row = {"model": name, "target": MODELS[name].target, "most_mib": MODELS[name].most_mib}
    for key in ("train_ms", "predict_ms"):
        times = {runner: [t for found in results[runner] for t in found[key]] for runner in runners}
        row[key] = {runner: statistics.median(values) for runner, values in times.items()}
    row["epochs_ms"] = {r: [t for found in results[r] for t in found["train_ms"]] for r in runners}
    for key in ("peak_mib", "grown_mib"):
        row[key] = {runner: max(found[key] for found in results[runner]) for runner in runners}
    row["losses"] = {runner: results[runner][0]["losses"] for runner in runners}
    if "fastrnn" in runners:
        for key in ("train_ms", "predict_ms"):
            row[f"ratios_{key}"] = _ratios(row[key])
        row["misses"] = _misses(row)
    return row


def _check(name: str, results: dict[str, Row]) -> None:
    """All predictions alike, and the losses of networks that train without random numbers."""
    (first, expected), *others = results.items()
    predicted = np.array(expected["predicted"])
    for runner, result in others:
        difference = np.abs(np.array(result["predicted"]) - predicted).max()
        if not difference <= _PREDICTION_TOLERANCE * np.abs(predicted).max():
            raise AssertionError(f"{name}: predictions of {first} and {runner} differ")
        if MODELS[name].random:
            continue
        if not np.allclose(result["losses"], expected["losses"], rtol=_LOSS_TOLERANCE, atol=0.0):
            both = f"{expected['losses']} and {result['losses']}"
            raise AssertionError(f"{name}: losses of {first} and {runner} differ: {both}")


def _ratios(times: dict[str, float]) -> dict[str, float]:
    """Each library's time over fastrnn's, its faster way counted."""
    ratios: dict[str, float] = {}
    for runner, value in times.items():
        library = runner.split()[0]
        if library != "fastrnn":
            ratio = value / times["fastrnn"]
            ratios[library] = min(ratio, ratios.get(library, ratio))
    return ratios


def _misses(row: Row) -> list[str]:
    found = []
    for key, what in (("train_ms", "training"), ("predict_ms", "prediction")):
        slower = [peer for peer, ratio in row[f"ratios_{key}"].items() if ratio < _EQUAL]
        found += [f"{what} slower than {peer}" for peer in slower]
    ratio, target = row["ratios_train_ms"].get("keras"), row["target"]
    if ratio is not None and target is not None and ratio < target:
        found.append(f"training below {target:g}x Keras")
    if row["most_mib"] is not None and row["peak_mib"]["fastrnn"] > row["most_mib"]:
        found.append(f"more than {row['most_mib']:g} MiB")
    return found


def _speed_table(rows: Sequence[Row], key: str, runners: Sequence[str]) -> str:
    libraries = [
        library for library in ("keras", "torch") if library in rows[0].get(f"ratios_{key}", ())
    ]
    header = ["model", *(f"{runner} ms" for runner in runners)]
    header += [*(f"x {library}" for library in libraries), "target"]
    lines = []
    for row in rows:
        ratios = row.get(f"ratios_{key}", {})
        target = row["target"] if key == "train_ms" else None
        lines.append(
            [
                row["model"],
                *(number(row[key][runner]) for runner in runners),
                *(number(ratios.get(library)) for library in libraries),
                number(target),
            ]
        )
    return harness.format_table(header, lines)


def _memory_table(rows: Sequence[Row], runners: Sequence[str]) -> str:
    header = ["model", *(f"{runner} MiB" for runner in runners)]
    header += [*(f"{runner} grown" for runner in runners), "at most"]
    lines = [
        [
            row["model"],
            *(
                number(row[key][runner], ".0f")
                for key in ("peak_mib", "grown_mib")
                for runner in runners
            ),
            number(row["most_mib"], ".0f"),
        ]
        for row in rows
    ]
    return harness.format_table(header, lines)


def _print_tables(rows: Sequence[Row], runners: Sequence[str]) -> None:
    print("\nOne training step")
    print(_speed_table(rows, "train_ms", runners))
    print("\nPrediction of one batch")
    print(_speed_table(rows, "predict_ms", runners))
    print("\nPeak memory of the training process, and what it grew by once the network was built")
    print(_memory_table(rows, runners))
    missing = [f"{row['model']}: {'; '.join(row['misses'])}" for row in rows if row.get("misses")]
    print("\n" + ("\n".join(["Missed:", *missing]) if missing else "Nothing missed."))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of processes, not three")
    parser.add_argument("--models", type=names_of(tuple(MODELS)), default=list(MODELS))
    parser.add_argument("--runners", type=names_of(RUNNERS), default=list(RUNNERS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers-only", action="store_true", help="leave fastrnn out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _installed(runner: str) -> bool:
    if runner.startswith("keras"):
        return available("keras") and available("tensorflow")
    return available(runner)


def main() -> None:
    args = _arguments()
    harness.use_threads(args.threads)
    if args.run:
        print(json.dumps(measure_here(args.models[0], args.runners[0], args.threads)))
        return
    check_installed("bench_models", args)
    runners = [
        runner
        for runner in args.runners
        if _installed(runner) and not (args.peers_only and runner == "fastrnn")
    ]
    if not runners:
        raise SystemExit("bench_models: none of the runners is installed")
    load, description = machine.OtherLoad(), machine.describe(args.threads)
    print(machine.headline(description))
    rounds = 1 if args.quick else 3
    rows = []
    for name in args.models:
        rows.append(compare(name, runners, args.threads, rounds))
        steps = ", ".join(f"{runner} {ms:.4g}" for runner, ms in rows[-1]["train_ms"].items())
        print(f"{name}: ms a step: {steps}", flush=True)
    _print_tables(rows, runners)
    others = load.share()
    if others is not None:
        print(f"Other processes and guests used {others:.1%} of the machine meanwhile.")
    if args.json:
        document = {"machine": description, "other_load": others, "rows": rows}
        harness.write_json(args.json, document)


if __name__ == "__main__":
    main()
