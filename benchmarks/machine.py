"""What the figures were measured on: the machine, the versions, its large-GEMM limit."""

from __future__ import annotations

import contextlib
import datetime
import importlib
import importlib.metadata
import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import Effort, Timing, time_interleaved

PACKAGES = ("fastrnn", "numpy", "torch", "onnxruntime", "onnx", "keras", "tensorflow")
_DISTRIBUTIONS = {"tensorflow": ("tensorflow", "tensorflow-cpu")}
_ISA_FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "sve")
GEMM_SIZE = 2048


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        match = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        if match:
            return match[1].strip()
    return platform.processor() or platform.machine()


def _cpu_flags() -> list[str]:
    with contextlib.suppress(OSError):
        match = re.search(r"(?:flags|Features)\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        if match:
            present = set(match[1].split())
            return [flag for flag in _ISA_FLAGS if flag in present]
    return []


def _caches() -> dict[str, str]:
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        with contextlib.suppress(OSError):
            kind = (index / "type").read_text().strip().lower()
            level = (index / "level").read_text().strip()
            found[f"L{level} {kind}"] = (index / "size").read_text().strip()
    return found


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def version(package: str) -> str | None:
    """The installed version, or None."""
    for name in _DISTRIBUTIONS.get(package, (package,)):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return None


def _fastrnn_config() -> dict[str, Any] | None:
    try:
        fastrnn: Any = importlib.import_module("fastrnn")
    except ImportError:
        return None
    return dict(fastrnn.show_config())


def describe(threads: int) -> dict[str, Any]:
    """CPU, cores, caches, vector instructions, operating system, versions, threads."""
    versions = {name: found for name in PACKAGES if (found := version(name))}
    config = _fastrnn_config()
    if config:  # a development build need not have the metadata of an installed package
        versions["fastrnn"] = config["version"]
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": _cores(),
        "threads": threads,
        "isa": _cpu_flags(),
        "caches": _caches(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
        "fastrnn": config,
    }


def headline(description: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {found}" for name, found in description["versions"].items())
    config = description["fastrnn"]
    kernels = f", fastrnn on {config['isa']}" if config else ""
    return (
        f"{description['cpu']}, {description['cores']} cores, {' '.join(description['isa'])}; "
        f"{description['threads']} threads{kernels}\n"
        f"Python {description['python']}, {versions}"
    )


def _busy_seconds() -> float | None:
    """CPU time that the whole machine has spent so far, or None where it does not tell."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        ticks = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return None
    user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) / ticks


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class OtherLoad:
    """Share of the machine that others, stolen time included, have used since this was made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._busy, self._own = _busy_seconds(), _own_seconds()

    def share(self) -> float | None:
        """From 0 to 1 of all cores; None where the system does not tell."""
        busy = _busy_seconds()
        if busy is None or self._busy is None:
            return None
        others = (busy - self._busy) - (_own_seconds() - self._own)
        wall = (time.perf_counter() - self._wall) * (os.cpu_count() or 1)
        return min(1.0, max(0.0, others / wall))


def gemm_calls(threads: int, *, size: int = GEMM_SIZE) -> dict[str, Callable[[], Any]]:
    """One large float32 product C = A B for every library at hand."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((size, size), dtype=np.float32)
    b = rng.standard_normal((size, size), dtype=np.float32)
    c = np.empty_like(a)
    calls: dict[str, Callable[[], Any]] = {"numpy": lambda: np.matmul(a, b, out=c)}
    with contextlib.suppress(ImportError):
        torch: Any = importlib.import_module("torch")
        torch.set_num_threads(threads)
        ta, tb, tc = (torch.from_numpy(array) for array in (a, b, c))
        calls["torch"] = lambda: torch.mm(ta, tb, out=tc)
    with contextlib.suppress(ImportError):
        ops: Any = importlib.import_module("fastrnn.ops")
        calls["fastrnn"] = lambda: ops.dense(a, b)
    return calls


def gemm_work(size: int = GEMM_SIZE) -> float:
    return 2.0 * size**3


def gemm_limit(threads: int, effort: Effort) -> tuple[str, dict[str, Timing]]:
    """Time the large product in every library; return the fastest one's name and all timings."""
    timings = time_interleaved(gemm_calls(threads), effort)
    return min(timings, key=lambda name: timings[name].median), timings
