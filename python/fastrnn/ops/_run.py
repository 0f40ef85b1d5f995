"""Running a checked sequence: the fused kernels where they know the cell, else step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays, _general
from fastrnn.ops._arrays import Array
from fastrnn.ops._sequence import Sequence, Weights

Gradients = dict[str, Array]


@dataclass(slots=True)
class Cache:
    """What a forward run leaves for its backward run. Opaque; may be used more than once."""

    sequence: Sequence
    op: str  # the backward function that takes it


def check_cache(cache: object, cell: str) -> None:
    """Refuses what did not come from this cell's forward function."""
    op = f"{cell}_backward"
    if not isinstance(cache, Cache):
        raise TypeError(f"{op}: cache must come from {cell}_forward, got {type(cache).__name__}")
    if cache.op != op:
        raise ValueError(f"{op}: cache must come from {cell}_forward, got one for {cache.op}")


def typed(name: str, dtype: np.dtype[Any]) -> Any:
    """The core's function for this dtype."""
    return getattr(_core, f"{name}_float" if dtype == np.float32 else f"{name}_double")


def run(
    sequence: Sequence, packed: Any = None, *, train: bool = False, recompute: bool = False
) -> tuple[Array, Array, Array | None]:
    """Runs forward; fills ``sequence.arrays`` with what backward needs when ``train``."""
    weights, arrays = sequence.weights, sequence.arrays
    batch, steps = sequence.shape
    h0, c0 = arrays["h0"], arrays["c0"]
    if sequence.empty:
        return arrays["y"], h0.copy(), None if c0 is None else c0.copy()
    if not weights.fused:
        return _general.forward(sequence)
    make_empty = typed("empty", weights.dtype)
    h_n = np.empty_like(h0)
    c_n = None if c0 is None else np.empty_like(c0)
    if train:
        hidden = weights.hidden
        if arrays["mask"] is not None or arrays["reset"] is not None:
            arrays["previous"] = np.empty((batch, steps), np.int32)
        if c0 is not None:
            arrays["c_all"] = make_empty((steps, batch, hidden))
        # The simple RNN needs its output alone, which it has in y, unless zoneout mixed it.
        keep = weights.cell != "rnn" or arrays["zoneout_h"] is not None
        if keep and not (recompute and weights.cell != "rnn"):
            units = _core.CELLS[weights.cell][2]
            arrays["saved"] = make_empty((steps, batch, units * hidden))
    if packed is None:
        packed = weights.pack(sequence.mask_per_gate)
    typed("recurrent_forward", weights.dtype)(packed, arrays, h_n, c_n)
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
    """Gradients of every input of the forward run."""
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
    results: dict[str, Array | None] = {
        "x": typed("empty", dtype)((batch, steps, weights.input)) if need_dx else None,
        "kernel": _result(op, "kernel", out, weights.kernel),
        "recurrent_kernel": _result(op, "recurrent_kernel", out, weights.recurrent),
        "bias": _result(op, "bias", out, weights.bias),
        "peephole": _result(op, "peephole", out, weights.peephole),
        "h0": np.empty(state, dtype),
        "c0": np.empty(state, dtype) if arrays["c0"] is not None else None,
    }
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
            **weights.numbers(),
            mask_per_gate=sequence.mask_per_gate,
            arrays=arrays,
            kernel=weights.kernel,
            recurrent=weights.recurrent,
            bias=weights.bias,
            peephole=weights.peephole,
            out=results,
            **given,
        )
    return {name: result for name, result in results.items() if result is not None}


def _optional(
    op: str, name: str, value: object, dtype: np.dtype[Any], shape: tuple[int, ...], symbols: str
) -> Array | None:
    return None if value is None else _arrays.shaped(op, name, value, dtype, shape, symbols)


def _result(op: str, name: str, out: Gradients | None, like: Array | None) -> Array | None:
    if like is None:
        return None
    if out is None or name not in out:
        return np.empty_like(like)
    return _arrays.output(op, name, out[name], like.shape, like.dtype)


def pack_for_many(weights: Weights) -> Any:
    """Packed weights to keep, or None where the general path runs and packs nothing."""
    return weights.pack(False) if weights.fused else None
