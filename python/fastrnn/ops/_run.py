"""Running a checked sequence: the fused kernels where they know the cell, else step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _device_run, _general
from fastrnn.ops._arrays import CPU, Array
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
    op, place, xp = weights.op, weights.place, weights.place.xp
    dtype, wide, hidden = weights.dtype, weights.wide, weights.hidden
    h_n = xp.empty((batch, hidden), wide)
    c_n = None if c0 is None else xp.empty((batch, hidden), wide)
    if train:
        if arrays["mask"] is not None or arrays["reset"] is not None:
            arrays["previous"] = xp.empty((batch, steps), np.int32)
        if c0 is not None:
            arrays["c_all"] = place.empty(op, "cache", (steps, batch, hidden), wide)
        # The simple RNN needs its output alone, which it has in y, unless zoneout mixed it.
        keep = weights.cell != "rnn" or arrays["zoneout_h"] is not None
        # On a GPU the gates are always kept.
        if keep and not (recompute and weights.cell != "rnn" and place is CPU):
            arrays["saved"] = place.empty(op, "cache", (steps, batch, weights.saved), dtype)
    if place is not CPU:
        _device_run.forward(sequence, h_n, c_n, train=train)
        return arrays["y"], h_n, c_n
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
    place, dtype, wide, hidden = weights.place, weights.dtype, weights.wide, weights.hidden
    batch, steps = sequence.shape
    state = (batch, hidden)

    def given_or_none(name: str, value: object, shape: tuple[int, ...], symbols: str) -> Any:
        kind = dtype if name == "dy" else wide
        return None if value is None else place.shaped(op, name, value, kind, shape, symbols, dtype)

    given = {
        "dy": given_or_none("dy", dy, (batch, steps, hidden), "(N, T, H)"),
        "dh_n": given_or_none("dh_n", dh_n, state, "(N, H)"),
        "dc_n": given_or_none("dc_n", dc_n, state, "(N, H)"),
    }
    parameters = weights.parameters
    written = place.targets(
        op, out, {name: array.shape for name, array in parameters.items()}, wide,
        lambda: parameters | {name: arrays[name] for name in _READ} | given,
    )  # fmt: skip

    empty = place.xp.empty
    results: dict[str, Array | None] = {
        "x": place.empty(op, "dx", (batch, steps, weights.input), dtype) if need_dx else None,
        "bias": None,
        "peephole": None,
        "h0": empty(state, wide),
        "c0": empty(state, wide) if arrays["c0"] is not None else None,
    }
    for name, array in parameters.items():
        results[name] = written[name] if name in written else empty(array.shape, wide)
    if sequence.empty:
        for name, result in results.items():
            if result is not None:
                result[...] = 0
                last = given.get(f"d{name[0]}_n") if name in ("h0", "c0") else None
                if last is not None:
                    result[...] = last
    elif place is not CPU:
        _device_run.backward(sequence, given, results)
    elif not weights.fused:
        _general.backward(sequence, given, results)
    else:
        typed("recurrent_backward", dtype)(
            weights.core, sequence.mask_per_gate, arrays, *given.values(), results
        )
    return {name: result for name, result in results.items() if result is not None}
