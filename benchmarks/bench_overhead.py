"""What Python costs beyond the kernels: in a training step, for each layer, and in a stream's step.

python benchmarks/bench_overhead.py [--quick] [--modes training,stream] [--threads 1] [--json FILE]

The calls that a step makes of the core are noted and repeated by themselves, in the same rounds as
the whole step; the difference is Python's share. The layers are small, so that it is most of it.
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import Any

import harness
import machine
import numpy as np
from comparison import Row, check_installed, number, options
from harness import Effort

MODES = ("training", "stream")
BATCH, BATCHES, STEPS, FEATURES = 4, 100, 6, 8
FRAME = (12, 12, 2)
# Microseconds of Python that a layer may cost in a training step, and a step of a stream.
ALLOWED = {"training": 30.0, "stream": 5.0}

# A layer that keeps the shape of what it is given: (steps, features), or pixels of frames.
SHAPES = {"sequence": (STEPS, FEATURES), "frames": (STEPS, *FRAME)}
LAYERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Dense": ("sequence", lambda k: k.Dense(FEATURES, activation="relu")),
    "LSTM": ("sequence", lambda k: k.LSTM(FEATURES, return_sequences=True)),
    "GRU": ("sequence", lambda k: k.GRU(FEATURES, return_sequences=True)),
    "SimpleRNN": ("sequence", lambda k: k.SimpleRNN(FEATURES, return_sequences=True)),
    "Bidirectional": (
        "sequence",
        lambda k: k.Bidirectional(k.LSTM(FEATURES, return_sequences=True), merge_mode="sum"),
    ),
    "Dropout": ("sequence", lambda k: k.Dropout(0.2)),
    "Activation": ("sequence", lambda k: k.Activation("tanh")),
    "LayerNormalization": ("sequence", lambda k: k.LayerNormalization()),
    "BatchNormalization": ("sequence", lambda k: k.BatchNormalization()),
    "Conv2D": ("frames", lambda k: k.Conv2D(2, 3, padding="same", activation="relu")),
    "MaxPooling2D": ("frames", lambda k: k.MaxPooling2D(3, 1, "same")),
}
MORE = 4  # layers that a model has more than the one it is compared with
STREAMS: dict[str, tuple[str, Callable[[Any], list[Any]]]] = {
    "LSTM, Dense": ("sequence", lambda k: [k.LSTM(8), k.Dense(3, activation="softmax")]),
    "GRU, Dense": ("sequence", lambda k: [k.GRU(8), k.Dense(3, activation="softmax")]),
    "3 LSTM, Dense": (
        "sequence",
        lambda k: [
            k.LSTM(8, return_sequences=True),
            k.Dropout(0.2),
            k.LSTM(8, return_sequences=True),
            k.LSTM(8),
            k.Dense(3, activation="softmax"),
        ],
    ),
    "2 Conv2D, LSTM, Dense": (
        "frames",
        lambda k: [
            k.Conv2D(4, 3, activation="relu"),
            k.MaxPooling2D(2),
            k.Conv2D(4, 3, activation="relu"),
            k.Flatten(),
            k.LSTM(8),
            k.Dense(3, activation="softmax"),
        ],
    ),
}


def make(shape: str, stack: Callable[[Any], list[Any]]) -> Any:
    fastrnn: Any = importlib.import_module("fastrnn")
    model = fastrnn.Sequential([fastrnn.layers.Input(SHAPES[shape]), *stack(fastrnn.layers)])
    model.compile(fastrnn.optimizers.Adam(1e-9), "mse")
    return model


def data(shape: str, rows: int) -> Any:
    return np.random.default_rng(0).standard_normal((rows, *SHAPES[shape]), dtype=np.float32)


@contextmanager
def noted() -> Any:
    """A list to which all calls of the core are added meanwhile; memory for results is Python's."""
    core: Any = importlib.import_module("fastrnn._core")
    calls: list[Callable[[], Any]] = []

    def noting(function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(partial(function, *args, **kwargs))
            return function(*args, **kwargs)

        return call

    kept = {
        name: value
        for name, value in vars(core).items()
        if callable(value) and not name.startswith(("_", "empty"))
    }
    try:
        for name, value in kept.items():
            setattr(core, name, noting(value))
        yield calls
    finally:
        for name, value in kept.items():
            setattr(core, name, value)


def repeat(calls: list[Callable[[], Any]]) -> None:
    for call in calls:
        call()


Timed = tuple[Callable[[], Any], list[Callable[[], Any]], int]


def training(shape: str, stack: Callable[[Any], list[Any]]) -> Timed:
    """An epoch of many batches, the core's calls of one step, and the steps of the epoch."""
    x = data(shape, BATCH * BATCHES)
    with noted() as calls:
        model = make(shape, stack)
        y = np.zeros((len(x), *model.output_shape[1:]), np.float32)
        for _ in range(2):
            calls.clear()
            model.train_on_batch(x[:BATCH], y[:BATCH])
    fit = make(shape, stack).fit
    whole = partial(fit, x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
    return whole, calls, BATCHES


def streaming(shape: str, stack: Callable[[Any], list[Any]]) -> Timed:
    """A step of a stream, and the core's calls in it."""
    frame = np.ascontiguousarray(data(shape, 1)[:, 0])
    with noted() as calls:
        stream = make(shape, stack).stream()
        calls.clear()
        stream.step(frame)
    return partial(make(shape, stack).stream().step, frame), calls, 1


def python_share(models: dict[str, Timed], effort: Effort) -> tuple[dict[str, float], Row]:
    """Microseconds that each model's step takes beyond the core's calls, and all figures."""
    calls: dict[str, Callable[[], Any]] = {}
    for name, (step, kernels, _) in models.items():
        calls |= {f"{name} step": step, f"{name} kernels": partial(repeat, kernels)}
    timings = harness.time_interleaved(calls, effort)
    row: Row = {"us": {}, "spread": {key: timing.spread for key, timing in timings.items()}}
    share = {}
    for name, (_, kernels, steps) in models.items():
        row["us"][f"{name} step"] = step_us = timings[f"{name} step"].median * 1e6 / steps
        row["us"][f"{name} kernels"] = inside = timings[f"{name} kernels"].median * 1e6
        row[f"{name} core calls"] = len(kernels)
        share[name] = step_us - inside
    return share, row


def measure(mode: str, name: str, effort: Effort) -> Row:
    if mode == "stream":
        share, row = python_share({"model": streaming(*STREAMS[name])}, effort)
        cost = share["model"]
    else:
        shape, layer = LAYERS[name]
        # The first layer with weights need not return a gradient: it is the same in both models.
        models = {
            kind: training(shape, partial(_stack, layer, count))
            for kind, count in (("few", 0), ("many", MORE))
        }
        share, row = python_share(models, effort)
        cost = (share["many"] - share["few"]) / MORE
        row["fixed_us"] = share["few"]
    allowed = ALLOWED[mode]
    misses = [f"more than {allowed:.0f} us"] * (cost > allowed)
    return {"mode": mode, "kind": name, **row, "cost_us": cost, "misses": misses}


def _stack(layer: Callable[[Any], Any], count: int, k: Any) -> list[Any]:
    return [k.Dense(FEATURES), *(layer(k) for _ in range(count))]


def table(mode: str, rows: list[Row]) -> str:
    """Python's share of each row: for training that of one layer more."""
    per = "us a layer" if mode == "training" else "us a step"
    header = [mode, *(key for key in rows[0]["us"]), per, "spread", "miss"]
    return harness.format_table(
        header,
        [
            [
                row["kind"],
                *(number(value, ".1f") for value in row["us"].values()),
                number(row["cost_us"], ".1f"),
                number(max(row["spread"].values()), ".0%"),
                "; ".join(row["misses"]),
            ]
            for row in rows
        ],
    )


def main() -> None:
    parser = options(__doc__ or "", MODES)
    parser.set_defaults(threads=1)
    args = parser.parse_args()
    harness.use_threads(args.threads)
    check_installed("bench_overhead", args)
    importlib.import_module("fastrnn").set_num_threads(args.threads)
    started, load = time.perf_counter(), machine.OtherLoad()
    description = machine.describe(args.threads)
    print(machine.headline(description))
    effort = Effort(rounds=args.rounds or (7 if args.quick else 21))
    rows: list[Row] = []
    for mode in args.modes:
        names = STREAMS if mode == "stream" else LAYERS
        found = [measure(mode, name, effort) for name in names]
        print(f"\n{table(mode, found)}")
        if mode == "training":
            fixed = statistics.median(row["fixed_us"] for row in found)
            print(f"A step of a model with one Dense layer: {fixed:.0f} us beyond the kernels.")
        rows += found
    others = load.share()
    if others is not None:
        print(f"\nOther processes and guests used {others:.1%} of the machine meanwhile.")
    if args.json:
        document = {
            "machine": description,
            "other_load": others,
            "seconds": time.perf_counter() - started,
            "rows": rows,
        }
        harness.write_json(args.json, document)


if __name__ == "__main__":
    main()
