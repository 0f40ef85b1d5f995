"""What a report of a problem needs: machine, instruction set, threads, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fastrnn import ops
from fastrnn.config import show_config
from fastrnn.video import FrameReader, FrameWriter

# All of these put their files into the same folder, `cv2`: only one may be installed.
OPENCVS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
PACKAGES = ("numpy", *OPENCVS[:2], "h5py", "rich", "typer")


def diagnose() -> dict[str, dict[str, Any]]:
    """Describe the machine and the installation, and try the parts that can be missing.

    Returns
    -------
    dict of dict
        Sections ``machine``, ``fastrnn``, ``cuda``, ``versions`` and ``checks``, of names to
        values. A check's value is ``"ok"`` or says what failed.

    Examples
    --------
    >>> from fastrnn.apps import diagnose
    >>> sorted(diagnose())
    ['checks', 'cuda', 'fastrnn', 'machine', 'versions']
    """
    config = show_config()
    return {
        "machine": {
            "system": platform.platform(),
            "cpu": _cpu_name(),
            "cores": _usable_cores(),
            "gpu": _gpu_name(),
            "python": f"{platform.python_version()} ({sys.executable})",
        },
        "fastrnn": {
            key: value
            for key, value in config.items()
            if key not in {"python", "numpy", "machine", "cuda"}
        },
        "cuda": config["cuda"],
        "versions": {name: _version(name) for name in PACKAGES},
        "checks": {
            "recurrent kernel": _outcome(_run_kernel),
            "one OpenCV": _outcome(_check_opencv),
            "video writing and reading": _outcome(_write_and_read_video),
            "HDF5": _outcome(_import_h5py),
        },
    }


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _gpu_name() -> str:
    command = shutil.which("nvidia-smi")
    if command is None:
        return "none found (no nvidia-smi)"
    try:
        told = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"nvidia-smi fails: {error}"
    return " ".join(told.stdout.split()) or f"none found ({' '.join(told.stderr.split())})"


def _usable_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _outcome(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:  # whatever goes wrong is the report
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return "ok"


def _run_kernel() -> None:
    x = np.ones((1, 3, 2), np.float32)
    kernel = np.full((2, 16), 0.1, np.float32)
    y, _, _ = ops.lstm(x, kernel, np.zeros((4, 16), np.float32))
    if not np.isfinite(y).all() or not (np.diff(y[0, :, 0]) > 0).all():
        raise RuntimeError("the LSTM gives wrong values")


def _check_opencv() -> None:
    found = [name for name in OPENCVS if _version(name) != "not installed"]
    if len(found) > 1:
        raise RuntimeError(
            f"{' and '.join(found)} overwrite each other's files; run: pip uninstall -y "
            f"{' '.join(found)} && pip install {found[-1]}"
        )


def _write_and_read_video() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.mp4"
        with FrameWriter(path) as writer:
            for shade in range(0, 250, 50):
                writer.write(np.full((48, 64), shade, np.uint8))
        with FrameReader(path, gray=True) as frames:
            means = [float(frame.mean()) for frame in frames]
        if len(means) != 5 or not np.allclose(means, range(0, 250, 50), atol=12):
            raise RuntimeError(f"5 frames were written, {len(means)} read, grey {means}")


def _import_h5py() -> None:
    import h5py

    h5py.h5.get_libversion()
