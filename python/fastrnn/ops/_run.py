"""Running a checked sequence: the fused kernels where they know the cell, else step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays, _general
from fastrnn.ops._arrays import Array
from fastrnn.ops._sequence import Sequence

Gradients = dict[str, Array]

# What backward reads of a sequence's arrays, beside those that forward made for it alone.
_READ = ("x", "h0", "c0", "y", "mask", "reset", "x_mask", "h_mask", "zoneout_h", "zoneout_c")


@dataclass(slots=True)
class Cache:
    """What a forward run leaves for its backward run. Opaque; may be used more than once."""

    sequence: Sequence
    op: str  # the backward function that takes it


def check_cache(cache: object, cell: str) -> None:
    """Refuse what did not come from this cell's forward function."""
    op = f"{cell}_backward"
    if not isinstance(cache, Cache):
        raise TypeError(f"{op}: cache must come from {cell}_forward, got {type(cache).__name__}")
    if cache.op != op:
        raise ValueError(f"{op}: cache must come from {cell}_forward, got one for {cache.op}")


def typed(name: str, dtype: np.dtype[Any]) -> Any:
    """Return the core's function for this dtype."""
    return getattr(_core, f"{name}_float" if dtype == np.float32 else f"{name}_double")


def run(
    sequence: Sequence, packed: Any = None, *, train: bool = False, recompute: bool = False
) -> tuple[Array, Array, Array | None]:
    """Run forward; fill ``sequence.arrays`` with what backward needs when ``train``."""
    weights, arrays = sequence.weights, sequence.arrays
    batch, steps = sequence.shape
    h0, c0 = arrays["h0"], arrays["c0"]
    if not batch or not steps:
        return arrays["y"], h0.copy(), None if c0 is None else c0.copy()
    if not weights.fused:
        return _general.forward(sequence, train=train)
    op, dtype, hidden = weights.op, weights.dtype, weights.hidden
    h_n = np.empty((batch, hidden), dtype)
    c_n = None if c0 is None else np.empty((batch, hidden), dtype)
    if train:
        if arrays["mask"] is not None or arrays["reset"] is not None:
            arrays["previous"] = np.empty((batch, steps), np.int32)
        if c0 is not None:
            arrays["c_all"] = _arrays.empty(op, "cache", (steps, batch, hidden), dtype)
        # The simple RNN needs its output alone, which it has in y, unless zoneout mixed it.
        keep = weights.cell != "rnn" or arrays["zoneout_h"] is not None
        if keep and not (recompute and weights.cell != "rnn"):
            arrays["saved"] = _arrays.empty(op, "cache", (steps, batch, weights.saved), dtype)
    if packed is None:
        packed = weights.core.pack(sequence.mask_per_gate)
    typed("recurrent_forward", dtype)(packed, arrays, h_n, c_n)
    return arrays["y"], h_n, c_n


def backward(
    cache: Cache,
    dy: object,
    dh_n: object,
    dc_n: object,
    *,
    need_dx: bool,
    out: Gradients | None,
) -> Gradients:
    """Return the gradients of every input of the forward run."""
    sequence = cache.sequence
    weights, arrays, op = sequence.weights, sequence.arrays, cache.op
    dtype, hidden = weights.dtype, weights.hidden
    batch, steps = sequence.shape
    state = (batch, hidden)
    given = {
        "dy": _optional(op, "dy", dy, dtype, (batch, steps, hidden), "(N, T, H)"),
        "dh_n": _optional(op, "dh_n", dh_n, dtype, state, "(N, H)"),
        "dc_n": _optional(op, "dc_n", dc_n, dtype, state, "(N, H)"),
    }
    parameters = weights.parameters
    written = _arrays.targets(
        op, out, {name: array.shape for name, array in parameters.items()}, dtype,
        lambda: parameters | {name: arrays[name] for name in _READ} | given,
    )  # fmt: skip

    results: dict[str, Array | None] = {
        "x": _arrays.empty(op, "dx", (batch, steps, weights.input), dtype) if need_dx else None,
        "bias": None,
        "peephole": None,
        "h0": np.empty(state, dtype),
        "c0": np.empty(state, dtype) if arrays["c0"] is not None else None,
    }
    for name, array in parameters.items():
        results[name] = written[name] if name in written else np.empty_like(array)
    if sequence.empty:
        for name, result in results.items():
            if result is not None:
                result[...] = 0
                last = given.get(f"d{name[0]}_n") if name in ("h0", "c0") else None
                if last is not None:
                    result[...] = last
    elif not weights.fused:
        _general.backward(sequence, given, results)
    else:
        typed("recurrent_backward", dtype)(
            weights.core, sequence.mask_per_gate, arrays, *given.values(), results
        )
    return {name: result for name, result in results.items() if result is not None}


def _optional(
    op: str, name: str, value: object, dtype: np.dtype[Any], shape: tuple[int, ...], symbols: str
) -> Array | None:
    return None if value is None else _arrays.shaped(op, name, value, dtype, shape, symbols)
