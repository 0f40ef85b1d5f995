"""Where the tests of the GPU's kernels run: on a GPU, and on the host that simulates one.

The simulation (CMake's FASTRNN_CUDA_SIMULATION) is the kernels' own code, its memory NumPy's.
"""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from cases import Case, Problem, make
from fastrnn.ops import _sequence
from fastrnn.ops._arrays import CPU
from fastrnn.ops._device import Gpu
from fastrnn.testing import assert_close_to_reference

SIMULATION = "fastrnn._cuda_simulation"
# Those at hand, as parameters of a fixture.
ROOMS = [
    *(["simulated"] if find_spec(SIMULATION) else []),
    *([pytest.param("gpu", marks=pytest.mark.cuda)] if shutil.which("nvidia-smi") else []),
]
# How matrices are multiplied: dtype of the weights, cuda_math, the largest error forward as a share
# of the result's norm, a few roundings; gradients may err twice as much, those of a single unit
# 2.25 times: nothing averages the rounding of its gates, which are kept in 16 bits. In the worst
# case (gru_before-unit, bfloat16: 0.0316, others have 0.0312) rounding nothing but the gates moves
# the bias' gradient by 0.023 of its norm in float64, rounding all that is stored by 0.027. TF32: of
# the factors of its products cuBLAS may cut the low 13 bits off, as the simulation does, which errs
# in one direction; with factors that are rounded 2**-10 would do.
MODES: dict[str, tuple[str, str, float]] = {
    "float32": ("float32", "float32", 0.0),  # held to the CPU's budget
    "3xtf32": ("float32", "3xtf32", 2.0**-20),
    "tf32": ("float32", "tf32", 2.0**-8.5),
    "float16": ("float16", "float32", 2.0**-9),
    "bfloat16": ("bfloat16", "float32", 2.0**-6),
}


class Simulated(Gpu):
    """A GPU that is none: NumPy's memory, kernels on the host."""

    def to_array(self, op: str, name: str, value: object) -> Any:
        return CPU.to_array(op, name, value)

    def pointer(self, array: Any) -> int:
        return int(array.ctypes.data)

    def stream(self) -> int:
        return 0

    def empty(self, op: str, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """As CuPy's pool: aligned; full of NaN, for nothing may be read that was not written."""
        size = math.prod(shape) * dtype.itemsize
        memory = np.full(size + 256, 0xFF, np.uint8)
        start = -memory.ctypes.data % 256
        return memory[start : start + size].view(dtype).reshape(shape)


@dataclass(frozen=True)
class Room:
    """How arrays come and go."""

    xp: Any

    def send(self, value: Any) -> Any:
        """Arrays and what holds arrays, in this room."""
        if isinstance(value, Problem):
            return Problem(
                value.cell,
                self.send(value.inputs),
                self.send(value.options),
                self.send(value.cotangents),
            )
        if isinstance(value, dict):
            return {key: self.send(item) for key, item in value.items()}
        if isinstance(value, tuple):
            return tuple(map(self.send, value))
        return self.xp.asarray(value) if isinstance(value, np.ndarray) else value

    def fetch(self, value: Any) -> Any:
        """The same, back."""
        if isinstance(value, dict):
            return {key: self.fetch(item) for key, item in value.items()}
        if isinstance(value, (tuple, list)):
            return tuple(map(self.fetch, value))
        return value.get() if hasattr(value, "get") else value


def simulated_room(monkeypatch: pytest.MonkeyPatch, gpu: str = "H200") -> Room:
    """Make the ops take NumPy arrays for those of a simulated GPU."""
    kernels = import_module(SIMULATION)
    place = Simulated(list(kernels.known_limits()).index(gpu), np, kernels)
    monkeypatch.setattr(_sequence, "place_of", lambda *_: place)
    return Room(np)


def gpu_room() -> Room:
    """The GPU that tests marked `cuda` have."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    pytest.importorskip("fastrnn._cuda", reason="built without CUDA")
    if os.environ.get("FASTRNN_NO_POOL"):  # a sanitizer sees no ends of arrays within a pool
        cupy.cuda.set_allocator(None)
    return Room(cupy)


def dtype_of(mode: str) -> Any:
    name = MODES[mode][0]
    if name == "bfloat16":
        ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def problem_in(mode: str, case: Case) -> tuple[Problem, Problem]:
    """A case in the mode's dtype; and the same numbers, rounded as they are, in float32."""
    problem = make(case, np.float32)
    dtype = dtype_of(mode)
    if dtype == np.float32:
        return problem, problem

    def rounded(value: Any, back: Any = np.float32) -> Any:
        floating = isinstance(value, np.ndarray) and value.dtype == np.float32
        return value.astype(dtype).astype(back) if floating else value

    def every(back: Any) -> Problem:
        return Problem(
            problem.cell,
            {k: rounded(v, back) for k, v in problem.inputs.items()},
            {k: rounded(v, back) for k, v in problem.options.items()},
            tuple(rounded(v, back) for v in problem.cotangents),
        )

    return every(dtype), every(np.float32)


def assert_within(
    mode: str, name: str, got: Any, truth: Any, plain: Any, depth: int, factor: float = 0.0
) -> None:
    """Hold a result to the mode's budget, a gradient to `factor` times that."""
    got = np.asarray(got)
    if mode == "float32":
        assert_close_to_reference(got, truth, plain, depth=depth, backward=factor > 0, name=name)
        return
    got = got.astype(np.float64)
    assert got.shape == truth.shape, name
    assert np.isfinite(got).all(), f"{name} is not finite"
    error, scale = np.linalg.norm(got - truth), np.linalg.norm(truth)
    allowed = MODES[mode][2] * (factor or 1.0)
    assert error <= allowed * max(scale, 1e-6), (
        f"{name}: error {error / max(scale, 1e-6):.3g} of the scale, {allowed:.3g} allowed"
    )
