"""Peak memory of one training step, measured in a fresh process.

Weights, x and dy exist before the measurement, and a smaller step has been run to start the
library's threads and load its kernels, so the figure is what forward and backward themselves
need: outputs, what backward keeps, workspaces and gradients.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from problems import CELLS, Problem, Shape

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
# glibc then returns what is freed, so that resident memory follows what is in use.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
_RUNNERS = {"fastrnn": ("ours", "FastRnn"), "torch": ("peers", "Torch")}


def _status_kib(field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    if match is None:
        raise OSError(f"{_STATUS} has no {field}")
    return int(match[1])


def peak_kib() -> int:
    """Highest resident size so far, in KiB."""
    if _STATUS.exists():
        return _status_kib("VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def start_kib() -> int:
    """Forget the highest resident size where the system can, and return where it stands."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return peak_kib()
    return _status_kib("VmRSS")


def _training(runner: str, problem: Problem, threads: int) -> Any:
    module, name = _RUNNERS[runner]
    return getattr(importlib.import_module(module), name)(problem, threads).training()


def measure_here(runner: str, problem: Problem, threads: int) -> float:
    """Growth of the peak in this process by one training step, in MiB."""
    s = problem.shape
    smaller = Shape((s.n + 1) // 2, min(s.t, 8), (s.i + 1) // 2, (s.h + 1) // 2)
    _training(runner, Problem(problem.cell, smaller), threads).call()
    candidate = _training(runner, problem, threads)
    start = start_kib()
    result = candidate.call()
    peak = peak_kib()
    del result
    return max(0, peak - start) / 1024


def training_step_mib(runner: str, problem: Problem, threads: int) -> float:
    """Peak memory of one training step of ``runner`` in MiB, from a process of its own."""
    s = problem.shape
    numbers = [str(value) for value in (s.n, s.t, s.i, s.h)]
    command = [sys.executable, __file__, runner, problem.cell, *numbers]
    done = subprocess.run(
        [*command, "--threads", str(threads)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **_ALLOCATOR},
    )
    if done.returncode:
        raise RuntimeError(f"memory of {runner}: {done.stderr.strip()}")
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory of one training step in MiB.")
    parser.add_argument("runner", choices=_RUNNERS)
    parser.add_argument("cell", choices=CELLS)
    parser.add_argument("size", type=int, nargs=4, help="N T I H")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    print(measure_here(args.runner, Problem(args.cell, Shape(*args.size)), args.threads))


if __name__ == "__main__":
    main()
