"""fastrnn and PyTorch (cuDNN) on one GPU: the same problem, timed by the GPU's own clock."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from harness import Arrays, Candidate, Timing
from numpy.typing import NDArray
from ours import FastRnn
from peers import Torch
from problems import Problem

# Dtype, fastrnn's arithmetic for it, whether cuDNN may use TF32, and by how much of the result's
# scale two may differ (None: by what float32 sums explain).
MODES: dict[str, tuple[str, str, bool, float | None]] = {
    "float32": ("float32", "float32", False, None),
    "tf32": ("float32", "tf32", True, 2e-2),
    "bfloat16": ("bfloat16", "float32", False, 6e-2),
    "float16": ("float16", "float32", False, 1e-2),
}
_Lengths = NDArray[np.int64] | None


def valid_steps(problem: Problem, lengths: NDArray[np.int64]) -> NDArray[np.float32]:
    """(N, T, 1): 1 before a sequence's end, 0 behind it, where the libraries differ."""
    steps = np.arange(problem.shape.t) < lengths[:, None]
    return steps[..., None].astype(np.float32)


class _OnGpu:
    """A problem whose arrays lie on the GPU, in a mode's dtype."""

    def __init__(self, problem: Problem, dtype: str, dy: NDArray[Any]) -> None:
        self.cupy: Any = importlib.import_module("cupy")
        kind = np.dtype(getattr(importlib.import_module("ml_dtypes"), dtype, dtype))
        self.op, self.reset_after, self.shape = problem.op, problem.reset_after, problem.shape
        arrays = {"x": problem.x, "dy": dy}
        arrays |= {name: getattr(problem, name) for name in ("kernel", "recurrent_kernel", "bias")}
        for name, array in arrays.items():
            setattr(self, name, self.cupy.asarray(array.astype(kind)))


def ours(problem: Problem, kind: str, mode: str, lengths: _Lengths) -> Candidate:
    """fastrnn's ops, as a user calls them."""
    dtype, arithmetic, _, _ = MODES[mode]
    importlib.import_module("fastrnn").config.set_cuda_math(arithmetic)
    valid = None if lengths is None else valid_steps(problem, lengths)
    there: Any = _OnGpu(problem, dtype, problem.dy if valid is None else problem.dy * valid)
    runner = FastRnn(there, threads=2)
    options = {} if lengths is None else {"lengths": there.cupy.asarray(lengths)}
    make = runner.training if kind == "training" else runner.inference_unpacked
    made = make(name="fastrnn", **options)

    def arrays(result: Any) -> Arrays:
        found = made.arrays(result)
        if valid is not None:
            found["y"] = found["y"] * there.cupy.asarray(valid)
        return {name: array.astype(np.float32) for name, array in found.items()}

    return Candidate("fastrnn", made.call, arrays)


class CudaTorch(Torch):
    """`torch.nn.LSTM` and its like on the GPU, where they are cuDNN's."""

    device = "cuda"

    def __init__(self, problem: Problem, mode: str) -> None:
        super().__init__(problem, threads=2)
        dtype, _, tf32, _ = MODES[mode]
        self.dtype = getattr(self.torch, dtype)
        self.torch.backends.cudnn.allow_tf32 = tf32
        self.torch.backends.cuda.matmul.allow_tf32 = tf32
        self.layer = self.layer.to(self.device, self.dtype)

    def tensor(self, array: NDArray[Any]) -> Any:
        return super().tensor(array).to(self.device, self.dtype)

    def array(self, tensor: Any) -> NDArray[Any]:
        """As CuPy's: results are compared on the GPU, where NumPy's functions find them."""
        cupy: Any = importlib.import_module("cupy")
        return cupy.from_dlpack(tensor.detach().float())  # type: ignore[no-any-return]

    def candidate(self, kind: str, lengths: _Lengths) -> Candidate:
        if lengths is not None:
            return self._packed(kind, lengths)
        return self.training() if kind == "training" else self.inference()

    def _packed(self, kind: str, lengths: NDArray[np.int64]) -> Candidate:
        """Sequences of several lengths: packed beforehand, and left packed."""
        torch, layer = self.torch, self.layer.train(kind == "training")
        rnn, steps = torch.nn.utils.rnn, torch.from_numpy(lengths)
        x, dy = (
            rnn.pack_padded_sequence(self.time_major(array), steps, enforce_sorted=False)
            for array in (self.problem.x, self.problem.dy)
        )
        x.data.requires_grad_(kind == "training")
        wanted = (x.data, *layer.parameters())

        def call() -> Any:
            if kind == "training":
                y, _ = layer(x)
                return y, torch.autograd.grad(y.data, wanted, dy.data)
            with torch.inference_mode():
                return layer(x)

        def padded(packed: Any) -> Any:
            return rnn.pad_packed_sequence(packed, total_length=self.problem.shape.t)[0]

        def arrays(result: Any) -> Arrays:
            if kind == "inference":
                return self._states((padded(result[0]), result[1]))
            y, (dx, *rest) = result
            return self._gradients(padded(y), (padded(x._replace(data=dx)), *rest))

        return Candidate(self.name, call, arrays)


def time_on_gpu(
    calls: Mapping[str, Callable[[], Any]], rounds: int, seconds: float
) -> dict[str, Timing]:
    """Time all calls in rounds, each round visiting every one of them, between CUDA events.

    A visit queues calls for some 20 ms one behind the other, as a training does: where Python
    takes longer than the GPU, it counts. Both libraries work on the default stream. At least three
    rounds, and no more than take so many seconds.
    """
    cuda: Any = importlib.import_module("cupy").cuda

    def block(call: Callable[[], Any], repeats: int) -> float:
        start, end = cuda.Event(), cuda.Event()
        start.record()
        for _ in range(repeats):
            call()
        end.record()
        end.synchronize()
        return float(cuda.get_elapsed_time(start, end)) / 1e3 / repeats

    names, repeats, round_seconds = list(calls), {}, 0.0
    samples: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        block(calls[name], 2)
        once = block(calls[name], 1)
        repeats[name] = max(1, min(200, math.ceil(0.02 / once)))
        round_seconds += once * (1 + repeats[name])
    for turn in range(max(3, min(rounds, int(seconds / round_seconds)))):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            block(calls[name], 1)
            samples[name].append(block(calls[name], repeats[name]))
    return {name: Timing(tuple(samples[name]), repeats[name]) for name in names}
