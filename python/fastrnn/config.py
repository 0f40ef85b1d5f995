"""Threads, the GPUs' arithmetic, the build, and the constant that keeps divisors from 0."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from pathlib import Path
from typing import Any

import numpy as np

from fastrnn import _core

__all__ = [
    "cuda_math",
    "cuda_state",
    "epsilon",
    "get_num_threads",
    "isa",
    "set_cuda_math",
    "set_epsilon",
    "set_num_threads",
    "show_config",
]

_epsilon = 1e-7
_cuda_math = "float32"
_CUDA_MATH = ("float32", "3xtf32", "tf32")
_CUBLAS = (("cu13", "lib"), ("cublas", "lib"))  # in the package nvidia: for CUDA 13, for 12
_CUPY = ("cupy-cuda13x", "cupy-cuda12x", "cupy")


def epsilon() -> float:
    """The small number that losses, metrics and constraints keep divisors and logarithms from 0 by.

    Examples
    --------
    >>> import fastrnn
    >>> fastrnn.config.epsilon()
    1e-07
    """
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set what `epsilon` returns, for all that is computed from now on.

    Parameters
    ----------
    value : float
        Above 0.
    """
    global _epsilon
    if not value > 0:
        raise ValueError(f"set_epsilon: value must be above 0, got {value!r}")
    _epsilon = float(value)


def isa() -> str:
    """Return the instruction set that the CPU's kernels use: "baseline", "avx2" or "avx512"."""
    return str(_core.ISA)


def get_num_threads() -> int:
    """Return the threads that a call may use: OMP_NUM_THREADS, else the cores at hand."""
    return int(_core.num_threads())


def set_num_threads(threads: int) -> None:
    """Set how many threads a call may use.

    Results are bitwise the same for any number.

    Parameters
    ----------
    threads : int
        At least 1, at most 1024.
    """
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise TypeError(
            f"set_num_threads: threads must be an integer, got {type(threads).__name__}"
        )
    if not 1 <= threads <= 1024:
        raise ValueError(f"set_num_threads: threads must lie in 1..1024, got {threads}")
    _core.set_num_threads(int(threads))


def cuda_math() -> str:
    """Return how float32 matrices are multiplied on a GPU.

    Examples
    --------
    >>> import fastrnn
    >>> fastrnn.config.cuda_math()
    'float32'
    """
    return _cuda_math


def set_cuda_math(value: str) -> None:
    """Set how float32 matrices are multiplied on a GPU, in all runs that begin from now on.

    Parameters
    ----------
    value : {"float32", "3xtf32", "tf32"}
        True float32, by default; on the tensor cores of GPUs from Ampere on three products of
        rounded parts, nearly as exact, or one, with 10 bits of each factor. A run's way back uses
        what its way there used. 16-bit weights do not ask.
    """
    global _cuda_math
    if value not in _CUDA_MATH:
        raise ValueError(f"set_cuda_math: value must be one of {_CUDA_MATH}, got {value!r}")
    _cuda_math = value


def cuda_state() -> dict[str, str]:
    """Say which parts of the way to a GPU are there, and of the others what was looked for.

    Returns
    -------
    dict
        ``module`` (of this build), ``driver``, ``gpus``, ``cublas``, ``cupy``.

    Examples
    --------
    >>> import fastrnn
    >>> list(fastrnn.config.cuda_state())
    ['module', 'driver', 'gpus', 'cublas', 'cupy']
    """
    found = {
        package: importlib.metadata.version(package)
        for package in _CUPY
        if any(importlib.metadata.distributions(name=package))
    }
    cupy = ", ".join(f"{package} {version}" for package, version in found.items())
    state = dict.fromkeys(("module", "driver", "gpus", "cublas"), "not asked without the module")
    state["cupy"] = cupy or f"none installed (looked for {', '.join(_CUPY)})"
    try:
        import fastrnn._cuda as module
    except ModuleNotFoundError:
        state["module"] = (
            "not in this build (no fastrnn._cuda); where nvcc is found, it comes with "
            "pip install . -C cmake.define.FASTRNN_CUDA=ON"
        )
        return state
    version, gpus = module.driver_version(), module.devices()
    state["module"] = f"{module.COMPILER}, for {module.ARCHITECTURES}"
    state["driver"] = (
        f"for CUDA {version // 1000}.{version % 1000 // 10}"
        if version
        else "none found (looked for libcuda.so.1)"
    )
    state["gpus"] = "; ".join(map(_gpu_title, gpus)) or "none found"
    try:
        state["cublas"] = module.cublas(cublas_folders())
    except RuntimeError as error:
        state["cublas"] = str(error)
    return state


def cublas_folders() -> list[str]:
    """Return where packages of NVIDIA's have put cuBLAS; the module knows the system's places."""
    package = importlib.util.find_spec("nvidia")
    roots = package.submodule_search_locations if package else None
    found = [Path(root, *parts) for root in roots or () for parts in _CUBLAS]
    return [str(folder) for folder in found if folder.is_dir()]


def _gpu_title(gpu: dict[str, Any]) -> str:
    return (
        f"{gpu['name']} (sm_{gpu['compute_capability']}, {gpu['multiprocessors']} multiprocessors, "
        f"{gpu['memory'] / 2**30:.0f} GiB)"
    )


def show_config() -> dict[str, Any]:
    """Return what this build is and what it runs on.

    Returns
    -------
    dict
        ``version``, ``isa`` (the instruction set in use), ``available_isas``, ``threads``,
        ``compiler``, ``cuda`` (as from :func:`cuda_state`), ``python``, ``numpy``, ``machine``.

    Examples
    --------
    >>> import fastrnn
    >>> config = fastrnn.show_config()
    >>> config["isa"] in config["available_isas"]
    True
    """
    from fastrnn import __version__

    return {
        "version": __version__,
        "isa": isa(),
        "available_isas": _core.AVAILABLE_ISAS,
        "threads": get_num_threads(),
        "compiler": _core.COMPILER,
        "cuda": cuda_state(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }
