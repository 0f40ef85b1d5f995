"""Checks of what a kernel changes in place."""

from __future__ import annotations

import numpy as np

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array


def check(op: str, changed: dict[str, Array | None], name: str, read: Array) -> Array:
    """Refuse arrays that can't be changed in place; return the one that is read, contiguous.

    All must be of the shape and dtype of the first of `changed`.
    """
    written = {key: array for key, array in changed.items() if array is not None}
    first = next(iter(written))
    model = written[first]
    for key, array in {first: model, name: read, **written}.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{op}: {key} must be a NumPy array, got {type(array).__name__}")
        if array.dtype not in _arrays.FLOATS:
            raise TypeError(f"{op}: {key} must be float32 or float64, got {array.dtype}")
        if array.dtype != model.dtype:
            raise TypeError(f"{op}: {key} must be {model.dtype} as {first}, got {array.dtype}")
        if array.shape != model.shape:
            raise ValueError(f"{op}: {key} must be {model.shape} as {first}, got {array.shape}")
    for key, array in written.items():
        flags = array.flags
        if not (flags.c_contiguous and flags.aligned and flags.writeable):
            raise ValueError(f"{op}: {key} must be writable, aligned and in C order")
    arrays = [read, *written.values()]
    for i, array in enumerate(arrays):
        if any(np.may_share_memory(array, other) for other in arrays[:i]):
            raise ValueError(f"{op}: the arrays must not overlap")
    return _arrays.contiguous(read, read.dtype)
