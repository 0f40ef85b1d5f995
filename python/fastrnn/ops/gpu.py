"""Recurrent ops on a GPU: how one will run, and two side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from fastrnn import _core
from fastrnn.config import cuda_math, cuda_state
from fastrnn.ops._device_run import PLAIN, SHARE

__all__ = ["GpuPlan", "gpu_plan", "side_by_side"]

_TIERS = {
    "A": "thread block clusters that hand h on through their shared memory",
    "B": "one grid that stays for all steps, weights in registers and shared memory",
    "C": "a cuBLAS product and one kernel a step",
}


class GpuPlan(dict[str, Any]):
    """What a GPU will do; by `str` in sentences."""

    def __str__(self) -> str:
        lines = [f"{self['gpu']}: tier {self['tier']}, {_TIERS[self['tier']]}", self["reason"]]
        if self["tier"] != "C":
            lines.append(
                f"{self['blocks']} blocks of {self['threads']} threads and {self['units']} units; "
                f"of a block's {self['weight_bytes'] / 1024:.0f} KiB of weights "
                f"{self['register_bytes'] / 1024:.0f} lie in registers; "
                f"it takes {self['shared_bytes'] / 1024:.0f} KiB of shared memory"
            )
        lines.append(
            f"workspace of {self['workspace'] / 2**20:.1f} MiB; the rule counts on "
            f"{self['microseconds']:.1f} us a step, an estimate"
        )
        return "\n".join(lines)


def gpu_plan(
    cell: str,
    batch: int,
    steps: int,
    input: int,
    hidden: int,
    *,
    dtype: str = "float32",
    backward: bool = False,
    training: bool = False,
    reset_after: bool = True,
    mask: bool = False,
    gpu: int | str = 0,
) -> GpuPlan:
    """Explain how a GPU will run a recurrent op.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}
    batch, steps, input, hidden : int
        N, T, I and H.
    dtype : {"float32", "bfloat16", "float16"}
        For float32, `fastrnn.config.cuda_math` says how matrices are multiplied.
    backward : bool
        Explain the way back.
    training : bool
        Whether the way there leaves what the way back needs.
    reset_after : bool
        For the GRU.
    mask : bool
        Whether there is a mask.
    gpu : int or str
        A number of CUDA's; or a name, for which none need be there: "T4", "A100", "A10", "L4",
        "4090", "H100", "H200".

    Returns
    -------
    GpuPlan
        A dictionary; by `str` the tier that was chosen, and why.

    Raises
    ------
    ValueError
        Where a value does not fit, or the GPU cannot do it.
    RuntimeError
        Where this build has no kernels for GPUs, or there is no such GPU.
    """
    try:
        import fastrnn._cuda as kernels
    except ImportError:
        raise RuntimeError(f"gpu_plan: fastrnn's module is {cuda_state()['module']}") from None
    kind = "gru_reset_before" if cell == "gru" and not reset_after else cell
    if kind not in _core.CELLS:
        raise ValueError(f"gpu_plan: cell must be one of lstm, gru, rnn, got {cell!r}")
    for name, size in {"batch": batch, "steps": steps, "input": input, "hidden": hidden}.items():
        if size < 1:
            raise ValueError(f"gpu_plan: {name} must be at least 1, got {size}")
    problem = PLAIN | {
        "cell": _core.CELLS[kind][0],
        "activation": _core.ACTIVATIONS["tanh"],
        "gate_activation": _core.ACTIVATIONS["linear" if cell == "rnn" else "sigmoid"],
        "batch": batch,
        "steps": steps,
        "input": input,
        "hidden": hidden,
        "storage": dtype,
        "math": cuda_math(),
        "backward": backward,
        "training": training or backward,
        "need_dx": backward,
        "mask": mask,
    }
    if isinstance(gpu, str):
        known = kernels.known_limits()
        if gpu not in known:
            raise ValueError(f"gpu_plan: gpu must be a number or one of {', '.join(known)}")
        return GpuPlan(kernels.plan(problem, known[gpu]), gpu=known[gpu]["name"])
    there = kernels.devices()
    if not 0 <= gpu < len(there):
        state = cuda_state()
        raise RuntimeError(
            f"gpu_plan: there is no GPU {gpu}; driver: {state['driver']}; gpus: {state['gpus']}"
        )
    plan = kernels.plan_on_device(problem | {"device": gpu}, gpu)
    return GpuPlan(plan, gpu=there[gpu]["name"])


@contextmanager
def side_by_side() -> Iterator[tuple[Any, Any]]:
    """Give two streams of CuPy, for two runs at one time: the directions of a layer.

    Each run then takes half of the GPU. Both streams wait for what was queued on the current one
    before, and the current one waits for both at the end.

    Examples
    --------
    .. code-block:: python

        with ops.side_by_side() as (one, other):
            with one:
                there, *_ = ops.lstm(x, *weights[0])
            with other:
                back, *_ = ops.lstm(x, *weights[1], reverse=True)
    """
    from cupy import cuda

    here = cuda.get_current_stream()
    streams = _streams(cuda.runtime.getDevice())
    before = here.record()
    for stream in streams:
        stream.wait_event(before)
    token = SHARE.set(2)
    try:
        yield streams
    finally:
        SHARE.reset(token)
        for stream in streams:
            here.wait_event(stream.record())


@cache
def _streams(gpu: int) -> tuple[Any, Any]:
    """Two streams of a GPU, always the same: CuPy keeps memory for each."""
    from cupy.cuda import Stream

    return Stream(non_blocking=True), Stream(non_blocking=True)
