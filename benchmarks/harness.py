"""Timing in interleaved rounds, comparison of results, tables and JSON."""

from __future__ import annotations

import gc
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Candidate:
    """A call to time, and how to read its result in the layout of ``fastrnn.ops``."""

    name: str
    call: Callable[[], Any]
    arrays: Callable[[Any], Arrays]


@dataclass(frozen=True)
class Timing:
    """Seconds per call, one figure a round."""

    rounds: tuple[float, ...]
    calls_per_round: int = field(default=1)

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Interquartile range over the median."""
        low, high = np.percentile(self.rounds, [25, 75])
        return float(high - low) / self.median

    def speedup_over(self, other: Timing) -> float:
        """How many times as fast as ``other``: the median of the rounds' ratios.

        Where other tenants of the machine take and give back half a core from one second to the
        next, two medians may come from different spells; two neighbours in a round seldom do.
        """
        pairs = zip(other.rounds, self.rounds, strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and seconds a round spends in one candidate."""

    rounds: int = 31
    block: float = 0.01


def use_threads(count: int) -> None:
    """Start the program again with every library's thread count set, unless it is.

    BLAS libraries read the environment when they are loaded, which has happened by now.
    """
    wanted = dict.fromkeys(_THREAD_VARIABLES, str(count))
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def settle(limit: float = 0.5, window: float = 0.012) -> None:
    """Wait until the other threads of this process have stopped spinning.

    Idle workers of OpenMP and of ONNX Runtime spin for up to tens of milliseconds after a
    call; on a machine with few cores they would slow down whoever is timed next. The system
    may account for a running thread only at its timer's ticks, every 4 to 10 milliseconds: a
    shorter window sees a spinning thread as idle.
    """
    deadline = time.perf_counter() + limit
    while True:
        wall, cpu = time.perf_counter(), time.process_time()
        time.sleep(window)
        now = time.perf_counter()
        if time.process_time() - cpu < 0.1 * (now - wall) or now > deadline:
            return


def _block(call: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def _warm(call: Callable[[], Any], seconds: float) -> float:
    """Call until ``seconds`` have passed, at least once; return the last call's time."""
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        call()
        now = time.perf_counter()
        if now >= end:
            return now - start


def time_interleaved(calls: Mapping[str, Callable[[], Any]], effort: Effort) -> dict[str, Timing]:
    """Time all calls in rounds, each round visiting every one of them.

    A slow spell of the machine then hits all alike. Each visit waits for idle threads to
    settle, warms up, and times a block of calls; the order rotates from round to round.
    """
    names = list(calls)
    repeats = {}
    for name in names:
        _warm(calls[name], effort.block)
        once = min(_block(calls[name], 1) for _ in range(3))
        repeats[name] = max(1, math.ceil(effort.block / max(once, 1e-7)))
    samples: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.disable()
    try:
        for turn in range(effort.rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                settle()
                _warm(calls[name], effort.block / 4)
                samples[name].append(_block(calls[name], repeats[name]))
    finally:
        gc.enable()
    return {name: Timing(tuple(samples[name]), repeats[name]) for name in names}


def differences(expected: Arrays, actual: Arrays) -> dict[str, float]:
    """Largest difference of each shared array, relative to the scale of the expected one."""
    result = {}
    for name in expected.keys() & actual.keys():
        a, b = expected[name], actual[name]
        if a.shape != b.shape:
            raise AssertionError(f"{name}: shapes {a.shape} and {b.shape} differ")
        scale = max(float(np.max(np.abs(a))), 1e-6)
        result[name] = float(np.max(np.abs(a - b))) / scale
    return result


def verify(candidates: Sequence[Candidate], tolerance: float, *, calls: int = 1) -> float:
    """Check that all candidates compute the same as the first; return the worst difference.

    ``calls`` greater than one checks candidates that keep a state between calls. NaN fails.
    """
    results = []
    for candidate in candidates:
        for _ in range(calls - 1):
            candidate.call()
        results.append(candidate.arrays(candidate.call()))
    worst = 0.0
    for candidate, result in zip(candidates[1:], results[1:], strict=True):
        found = differences(results[0], result)
        if not found:
            raise AssertionError(f"{candidate.name} and {candidates[0].name} share no result")
        for name, value in found.items():
            if not value <= tolerance:
                raise AssertionError(
                    f"{candidate.name} and {candidates[0].name} differ in {name}: "
                    f"{value:.2e} of its scale, allowed {tolerance:.2e}"
                )
            worst = max(worst, value)
    return worst


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Right-aligned columns; the first and the last are aligned to the left."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
    last = len(header) - 1

    def show(line: Sequence[str]) -> str:
        cells = (
            text.ljust(width) if k in (0, last) else text.rjust(width)
            for k, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([show(lines[0]), "  ".join("-" * w for w in widths), *map(show, lines[1:])])


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, sort_keys=False) + "\n", encoding="utf-8")
