"""``fit`` of fastrnn beside Keras on TensorFlow: milliseconds per training step.

python benchmarks/bench_fit.py [--quick] [--models lstm50,three64] [--threads 2] [--json FILE]

Both build the same model from the same weights, are checked to reach the same losses, and then
train in processes of their own that alternate, so that neither sees the other's threads and a
slow spell of the machine hits both.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
import machine
import numpy as np
from peers import available

CLASSES = 10
_CHECKED_STEPS = 5
_EPOCHS = 4  # the first one, which compiles and warms up, is left out
# Adam's first steps move each weight by about the learning rate whatever the gradient's size,
# so that rounding errors in tiny gradients reach the loss; what is seen is about 1e-6.
_LOSS_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Model:
    """A stack of LSTM layers and a softmax, with the shape of its batches."""

    units: tuple[int, ...]
    steps: int
    features: int
    batch: int
    batches: int  # per epoch
    target: float  # speed-up over Keras to reach


MODELS = {
    "lstm50": Model((50,), 28, 28, 32, 100, 5.5),
    "three64": Model((64, 64, 64), 100, 64, 32, 20, 3.8),
    "lstm128_64": Model((128, 64), 32, 512, 64, 20, 1.45),
}
# Keras has two ways on a CPU: operations one by one, or compiled by XLA. The faster counts.
RUNNERS = ("fastrnn", "keras", "keras xla")


def _library(runner: str, threads: int) -> Any:
    """The package that has Sequential, Input, layers and callbacks."""
    if runner == "fastrnn":
        library: Any = importlib.import_module("fastrnn")
        library.set_num_threads(threads)
        return library
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    tensorflow: Any = importlib.import_module("tensorflow")
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    return importlib.import_module("keras")


def _build(library: Any, runner: str, model: Model) -> Any:
    layers = library.layers
    stack = [layers.Input(shape=(model.steps, model.features))]
    for k, units in enumerate(model.units):
        stack.append(layers.LSTM(units, return_sequences=k + 1 < len(model.units)))
    stack.append(layers.Dense(CLASSES, activation="softmax"))
    net = library.Sequential(stack)
    options = {} if runner == "fastrnn" else {"jit_compile": runner == "keras xla"}
    net.compile(optimizer="adam", loss="sparse_categorical_crossentropy", **options)
    return net


def _set_weights(net: Any) -> None:
    rng = np.random.default_rng(0)
    weights = []
    for weight in net.get_weights():
        shape = np.shape(weight)
        limit = 1.0 / math.sqrt(shape[-1])
        weights.append(rng.uniform(-limit, limit, shape).astype(np.float32))
    net.set_weights(weights)


def measure_here(runner: str, model: Model, threads: int) -> dict[str, Any]:
    """Losses of a few checked steps, then milliseconds per step of each epoch of ``fit``."""
    library = _library(runner, threads)
    net = _build(library, runner, model)
    _set_weights(net)
    rng = np.random.default_rng(1)
    rows = model.batch * model.batches
    x = rng.standard_normal((rows, model.steps, model.features), dtype=np.float32)
    labels = rng.integers(0, CLASSES, rows)
    losses = []
    for k in range(_CHECKED_STEPS):
        part = slice(k * model.batch, (k + 1) * model.batch)
        losses.append(float(np.ravel(net.train_on_batch(x[part], labels[part]))[0]))

    base: Any = library.callbacks.Callback

    class Clock(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.epochs: list[float] = []
            self.start = 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs.append(time.perf_counter() - self.start)

    clock = Clock()
    net.fit(x, labels, batch_size=model.batch, epochs=_EPOCHS, verbose=0, callbacks=[clock])
    return {"losses": losses, "ms": [1e3 * t / model.batches for t in clock.epochs[1:]]}


def measure(runner: str, name: str, threads: int) -> dict[str, Any]:
    """The same, from a process of its own."""
    command = [sys.executable, __file__, "--run", runner, "--models", name]
    done = subprocess.run(
        [*command, "--threads", str(threads)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{runner} on {name}: {done.stderr.strip()}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(name: str, runners: list[str], threads: int, rounds: int) -> dict[str, Any]:
    """Alternate the runners' processes; check the losses; medians over all epochs."""
    times: dict[str, list[float]] = {runner: [] for runner in runners}
    losses: dict[str, list[float]] = {}
    for _ in range(rounds):
        for runner in runners:
            result = measure(runner, name, threads)
            times[runner] += result["ms"]
            losses[runner] = result["losses"]
    first = losses[runners[0]]
    for runner in runners[1:]:
        if not np.allclose(losses[runner], first, rtol=_LOSS_TOLERANCE, atol=0.0):
            raise AssertionError(f"{name}: losses of {runners[0]} and {runner} differ: {losses}")
    row: dict[str, Any] = {"model": name, "target": MODELS[name].target, "losses": losses}
    row["ms"] = {runner: statistics.median(values) for runner, values in times.items()}
    row["epochs_ms"] = times
    peers = [value for runner, value in row["ms"].items() if runner != "fastrnn"]
    if peers and "fastrnn" in row["ms"]:
        row["ratio"] = min(peers) / row["ms"]["fastrnn"]
    return row


def _table(rows: list[dict[str, Any]], runners: list[str]) -> str:
    header = ["model", *(f"{runner} ms/step" for runner in runners), "ratio", "target", "miss"]
    lines = []
    for row in rows:
        ratio = row.get("ratio")
        lines.append(
            [
                row["model"],
                *(f"{row['ms'][runner]:.2f}" for runner in runners),
                "" if ratio is None else f"{ratio:.2f}",
                f"{row['target']:.2f}",
                "mean" if ratio is not None and ratio < row["target"] else "",
            ]
        )
    return harness.format_table(header, lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of processes, not three")
    parser.add_argument("--models", default=",".join(MODELS), help="comma-separated names")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers-only", action="store_true", help="leave fastrnn out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--run", choices=RUNNERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.models = args.models.split(",")
    for name in args.models:
        if name not in MODELS:
            parser.error(f"{name!r} is none of {', '.join(MODELS)}")
    return args


def main() -> None:
    args = _arguments()
    harness.use_threads(args.threads)
    if args.run:
        print(json.dumps(measure_here(args.run, MODELS[args.models[0]], args.threads)))
        return
    runners = [] if args.peers_only else ["fastrnn"]
    if available("keras") and available("tensorflow"):
        runners += RUNNERS[1:]
    if not runners or (runners[0] == "fastrnn" and not available("fastrnn")):
        raise SystemExit("bench_fit: fastrnn is not installed (or give --peers-only)")
    description = machine.describe(args.threads)
    print(machine.headline(description), end="\n\n")
    rows = [compare(name, runners, args.threads, 1 if args.quick else 3) for name in args.models]
    print(_table(rows, runners))
    if args.json:
        harness.write_json(args.json, {"machine": description, "rows": rows})


if __name__ == "__main__":
    main()
