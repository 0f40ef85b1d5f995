"""Recurrent runs on a GPU, in the words of csrc/cuda/problem.h."""

from __future__ import annotations

import os
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import numpy as np

from fastrnn.config import cuda_math
from fastrnn.ops._arrays import Array
from fastrnn.ops._device import Gpu
from fastrnn.ops._sequence import Sequence, number_of

SHARE: ContextVar[int] = ContextVar("share", default=1)  # how many runs go side by side
# What a run is, as csrc/cuda asks for it: these, and its cell, activations, sizes, storage, math.
PLAIN: dict[str, Any] = {
    "backward": False, "reverse": False, "training": False, "x_mask": 0, "h_mask": 0, "bias": True,
    "peephole": False, "mask": False, "reset": False, "need_dx": False, "share": 1, "device": 0,
    "tier": "",
}  # fmt: skip
# The gradients' names in Python, and in csrc/cuda.
_GRADIENTS = {
    "x": "dx", "kernel": "dkernel", "recurrent_kernel": "drecurrent", "bias": "dbias",
    "peephole": "dpeephole", "h0": "dh0", "c0": "dc0",
}  # fmt: skip
_STRIDED = ("x", "x_mask", "h_mask", "zoneout_h", "zoneout_c")


def forward(sequence: Sequence, h_n: Array, c_n: Array | None, *, train: bool) -> None:
    """Queue a checked run on the current stream."""
    sequence.extra["math"] = cuda_math()
    _queue("forward", sequence, {"h_n": h_n, "c_n": c_n}, training=train)


def backward(
    sequence: Sequence, given: dict[str, Array | None], results: dict[str, Array | None]
) -> None:
    """Queue the way back, in the arithmetic of the way there."""
    outputs = {theirs: results.get(ours) for ours, theirs in _GRADIENTS.items()}
    _queue("backward", sequence, given | outputs, training=True, need_dx=outputs["dx"] is not None)


def _queue(
    direction: str, sequence: Sequence, more: dict[str, Array | None], **flags: bool
) -> None:
    weights, place = sequence.weights, sequence.weights.place
    assert isinstance(place, Gpu)
    problem = _problem(sequence, place, backward=direction == "backward", **flags)
    plan = _plan(place, tuple(problem.items()))
    workspace = place.empty(weights.op, "workspace", (plan["workspace"],), np.dtype(np.uint8))
    arrays = sequence.arrays | weights.parameters | more
    pointers = {
        name: _address(place, name, array)
        for name, array in arrays.items()
        if array is not None and name != "reverse"
    }
    queue = getattr(place.kernels, direction)
    queue(problem, plan, pointers, place.pointer(workspace), place.stream())


def _address(place: Gpu, name: str, array: Array) -> Any:
    """A pointer, with two strides in elements where an array may have them."""
    if name not in _STRIDED:
        return place.pointer(array)
    size = array.itemsize
    return place.pointer(array), array.strides[0] // size, array.strides[1] // size


@lru_cache(maxsize=256)
def _plan(place: Gpu, problem: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return place.kernels.plan_on_device(dict(problem), place.number)  # type: ignore[no-any-return]


def _problem(sequence: Sequence, place: Gpu, **flags: bool) -> dict[str, Any]:
    weights, arrays = sequence.weights, sequence.arrays
    batch, steps = sequence.shape
    return PLAIN | {
        "cell": weights.number,
        "activation": number_of(weights.activation),
        "gate_activation": number_of(weights.recurrent_activation),
        "batch": batch,
        "steps": steps,
        "input": weights.input,
        "hidden": weights.hidden,
        "storage": weights.dtype.name,
        "math": sequence.extra["math"],
        "reverse": arrays["reverse"],
        "x_mask": _sets(arrays["x_mask"]),
        "h_mask": _sets(arrays["h_mask"]),
        "bias": weights.bias is not None,
        "peephole": weights.peephole is not None,
        "mask": arrays["mask"] is not None,
        "reset": arrays["reset"] is not None,
        "share": SHARE.get(),
        "device": place.number,
        "tier": os.environ.get("FASTRNN_CUDA_TIER", ""),
        **flags,
    }


def _sets(mask: Array | None) -> int:
    """0: no dropout, 1: a mask for all gates, 2: one for each."""
    return 0 if mask is None else 1 if mask.strides[0] == 0 else 2
