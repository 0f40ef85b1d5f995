"""Recurrent cells step by step in NumPy, for activations that the kernels do not know.

One path for everything: any activation (softmax over the units, a callable), every option.
Equations and names as in docs/equations.md; the fused path is csrc/cpu/sequence_forward.cc.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn.ops._arrays import Array
from fastrnn.ops._sequence import ActivationLike, Sequence
from fastrnn.ops.activations import activation as apply
from fastrnn.ops.activations import activation_backward as apply_backward


def _activate(function: ActivationLike, x: Array) -> Array:
    if isinstance(function, str):
        return apply(np.ascontiguousarray(x), function)
    return np.asarray(function(x), x.dtype)


def _gradient(function: ActivationLike, dy: Array, x: Array, y: Array) -> Array:
    if isinstance(function, str):
        arrays = (np.ascontiguousarray(a) for a in (dy, x, y))
        dy, x, y = arrays
        return apply_backward(dy, function, x=x, y=y)
    backward = getattr(function, "backward", None)
    if backward is None:
        raise TypeError(
            f"training with the activation {function!r} needs its derivative: "
            "give the callable a method backward(dy, x, y), or use one of Keras' names"
        )
    return np.asarray(backward(dy, x, y), x.dtype)


class _Run:
    """One sequence's arrays with the defaults filled in."""

    def __init__(self, sequence: Sequence) -> None:
        self.weights = w = sequence.weights
        self.arrays = a = sequence.arrays
        self.batch, self.steps = sequence.shape
        self.cell = w.cell
        self.hidden = w.hidden
        shape, dtype = (self.batch, self.steps), w.dtype
        self.mask: Array = np.ones(shape, bool) if a["mask"] is None else a["mask"].view(bool)
        self.reset: Array = np.zeros(shape, bool) if a["reset"] is None else a["reset"].view(bool)
        nothing = np.broadcast_to(np.zeros((), dtype), (*shape, self.hidden))
        self.zoneout_h: Array = nothing if a["zoneout_h"] is None else a["zoneout_h"]
        self.zoneout_c: Array = nothing if a["zoneout_c"] is None else a["zoneout_c"]
        one = np.ones((), dtype)
        # Whatever lies in masked steps, NaN included, must not reach a sum.
        self.x: Array = a["x"] if a["mask"] is None else np.where(self.mask[..., None], a["x"], 0)
        rows = (w.blocks, self.batch)
        x_mask, h_mask = a["x_mask"], a["h_mask"]
        self.x_mask: Array = np.broadcast_to(one, (*rows, w.input)) if x_mask is None else x_mask
        self.h_mask: Array = np.broadcast_to(one, (*rows, w.hidden)) if h_mask is None else h_mask
        bias: Array = np.zeros(w.blocks * w.hidden, dtype) if w.bias is None else w.bias
        two_rows = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
        self.input_bias: Array = two_rows[0]
        self.state_bias: Array = two_rows[1]
        self.peephole = np.zeros((3, w.hidden), dtype) if w.peephole is None else w.peephole

    def times(self) -> list[int]:
        order = range(self.steps)
        return list(reversed(order)) if self.arrays["reverse"] else list(order)

    def columns(self, matrix: Array, block: int) -> Array:
        return matrix[..., block * self.hidden : (block + 1) * self.hidden]

    def from_x(self, t: int, block: int) -> Array:
        x = self.x[:, t] * self.x_mask[block]
        product = x @ self.columns(self.weights.kernel, block)
        return np.asarray(product + self.columns(self.input_bias, block))

    def from_h(self, h: Array, block: int) -> Array:
        product = (h * self.h_mask[block]) @ self.columns(self.weights.recurrent, block)
        return np.asarray(product + self.columns(self.state_bias, block))


def forward(sequence: Sequence, *, train: bool) -> tuple[Array, Array, Array | None]:
    """Run as the fused kernels do; leave the steps in ``sequence.extra`` where ``train``."""
    run = _Run(sequence)
    arrays, y = sequence.arrays, sequence.arrays["y"]
    h, c = arrays["h0"].copy(), None if arrays["c0"] is None else arrays["c0"].copy()
    last = np.zeros_like(h)
    steps: list[dict[str, Any]] = []
    for t in run.times():
        restart, valid = run.reset[:, t, None], run.mask[:, t, None]
        h = np.where(restart, arrays["h0"], h)
        if c is not None:
            c = np.where(restart, arrays["c0"], c)
        step = _STEPS[run.cell](run, t, h, c)
        step.update(t=t, h_prev=h, c_prev=c)
        zone = run.zoneout_h[:, t]
        h = np.where(valid, zone * h + (1 - zone) * step["h"], h)
        if c is not None:
            zone = run.zoneout_c[:, t]
            c = np.where(valid, zone * c + (1 - zone) * step["c"], c)
        last = np.where(valid, h, last)
        y[:, t] = last
        if train:
            steps.append(step)
    sequence.extra["steps"] = steps
    return y, h, c


def _lstm_step(run: _Run, t: int, h: Array, c: Array) -> dict[str, Any]:
    w = run.weights
    a_i, a_f, a_g, a_o = (run.from_x(t, k) + run.from_h(h, k) for k in range(4))
    a_i = a_i + run.peephole[0] * c
    a_f = a_f + run.peephole[1] * c
    i, f = _activate(w.recurrent_activation, a_i), _activate(w.recurrent_activation, a_f)
    g = _activate(w.activation, a_g)
    c_new = f * c + i * g
    a_o = a_o + run.peephole[2] * c_new
    o = _activate(w.recurrent_activation, a_o)
    s = _activate(w.activation, c_new)
    return {"sums": (a_i, a_f, a_g, a_o), "gates": (i, f, g, o), "s": s, "c": c_new, "h": o * s}


def _gru_step(run: _Run, t: int, h: Array, _: Array | None) -> dict[str, Any]:
    w = run.weights
    a_z, a_r = (run.from_x(t, k) + run.from_h(h, k) for k in range(2))
    z, r = _activate(w.recurrent_activation, a_z), _activate(w.recurrent_activation, a_r)
    if run.cell == "gru":
        q = run.from_h(h, 2)
        a_n = run.from_x(t, 2) + r * q
    else:
        q = h * run.h_mask[2]  # what r multiplies; the product comes after
        a_n = run.from_x(t, 2) + (r * q) @ run.columns(w.recurrent, 2)
    n = _activate(w.activation, a_n)
    return {"sums": (a_z, a_r, a_n), "gates": (z, r, n), "q": q, "h": z * h + (1 - z) * n}


def _rnn_step(run: _Run, t: int, h: Array, _: Array | None) -> dict[str, Any]:
    total = run.from_x(t, 0) + run.from_h(h, 0)
    return {"sums": (total,), "h": _activate(run.weights.activation, total)}


def backward(
    sequence: Sequence, given: dict[str, Array | None], results: dict[str, Array | None]
) -> None:
    """Fill ``results`` with the gradients."""
    run = _Run(sequence)
    dtype = run.weights.dtype
    state = (run.batch, run.hidden)

    def start(name: str) -> Array:
        value = given[name]
        return np.zeros(state, dtype) if value is None else value.copy()

    dh, dc, carried = start("dh_n"), start("dc_n"), np.zeros(state, dtype)
    total: dict[str, Array] = {
        name: np.zeros_like(value) for name, value in results.items() if value is not None
    }
    dy = given["dy"]
    for step in reversed(sequence.extra["steps"]):
        t = step["t"]
        valid, restart = run.mask[:, t, None], run.reset[:, t, None]
        here = carried if dy is None else carried + dy[:, t]
        carried = np.where(valid, 0, here)
        zone_h, zone_c = run.zoneout_h[:, t], run.zoneout_c[:, t]
        dh_all = np.where(valid, dh + here, 0)
        dc_all = np.where(valid, dc, 0)
        dh_prev, dc_prev = _BACKWARD[run.cell](
            run, step, dh_all * (1 - zone_h), dc_all * (1 - zone_c), total
        )
        dh = np.where(valid, dh_prev + zone_h * dh_all, dh)
        dc = np.where(valid, dc_prev + zone_c * dc_all, dc)
        total["h0"] += np.where(restart, dh, 0)
        dh = np.where(restart, 0, dh)
        if "c0" in total:
            total["c0"] += np.where(restart, dc, 0)
            dc = np.where(restart, 0, dc)
    total["h0"] += dh
    if "c0" in total:
        total["c0"] += dc
    for name, value in total.items():
        result = results[name]
        assert result is not None
        result[...] = value


def _block_back(
    run: _Run, step: dict[str, Any], block: int, d_input: Array, d_state: Array | None,
    total: dict[str, Array],
) -> Array | None:  # fmt: skip
    """Add one block's share to the weights' gradients; return that of h_prev."""
    w, t = run.weights, step["t"]
    x_mask = run.x_mask[block]
    run.columns(total["kernel"], block)[...] += (run.x[:, t] * x_mask).T @ d_input
    if "x" in total:
        total["x"][:, t] += (d_input @ run.columns(w.kernel, block).T) * x_mask
    if "bias" in total:
        bias = total["bias"]
        run.columns(bias if bias.ndim == 1 else bias[0], block)[...] += d_input.sum(0)
        if bias.ndim == 2 and d_state is not None:
            run.columns(bias[1], block)[...] += d_state.sum(0)
    if d_state is None:
        return None
    h_mask = run.h_mask[block]
    run.columns(total["recurrent_kernel"], block)[...] += (step["h_prev"] * h_mask).T @ d_state
    return np.asarray((d_state @ run.columns(w.recurrent, block).T) * h_mask)


def _lstm_back(
    run: _Run, step: dict[str, Any], dh: Array, dc: Array, total: dict[str, Array]
) -> tuple[Array, Array]:
    w, c_prev = run.weights, step["c_prev"]
    (a_i, a_f, a_g, a_o), (i, f, g, o) = step["sums"], step["gates"]
    d_o = _gradient(w.recurrent_activation, dh * step["s"], a_o, o)
    dc = dc + _gradient(w.activation, dh * o, step["c"], step["s"]) + d_o * run.peephole[2]
    d_i = _gradient(w.recurrent_activation, dc * g, a_i, i)
    d_f = _gradient(w.recurrent_activation, dc * c_prev, a_f, f)
    d_g = _gradient(w.activation, dc * i, a_g, g)
    if "peephole" in total:
        total["peephole"] += [
            (d_i * c_prev).sum(0), (d_f * c_prev).sum(0), (d_o * step["c"]).sum(0)
        ]  # fmt: skip
    dh_prev = np.zeros_like(dh)
    for block, d in enumerate((d_i, d_f, d_g, d_o)):
        dh_prev += _block_back(run, step, block, d, d, total)
    return dh_prev, dc * f + d_i * run.peephole[0] + d_f * run.peephole[1]


def _gru_back(
    run: _Run, step: dict[str, Any], dh: Array, dc: Array, total: dict[str, Array]
) -> tuple[Array, Array]:
    w, h, q = run.weights, step["h_prev"], step["q"]
    (a_z, a_r, a_n), (z, r, n) = step["sums"], step["gates"]
    d_n = _gradient(w.activation, dh * (1 - z), a_n, n)
    d_z = _gradient(w.recurrent_activation, dh * (h - n), a_z, z)
    dh_prev = dh * z
    if run.cell == "gru":
        d_r = _gradient(w.recurrent_activation, d_n * q, a_r, r)
        dh_prev = dh_prev + _block_back(run, step, 2, d_n, d_n * r, total)
    else:
        recurrent = run.columns(w.recurrent, 2)
        d_rq = d_n @ recurrent.T
        d_r = _gradient(w.recurrent_activation, d_rq * q, a_r, r)
        dh_prev = dh_prev + d_rq * r * run.h_mask[2]
        run.columns(total["recurrent_kernel"], 2)[...] += (r * q).T @ d_n
        _block_back(run, step, 2, d_n, None, total)
    for block, d in ((0, d_z), (1, d_r)):
        dh_prev = dh_prev + _block_back(run, step, block, d, d, total)
    return dh_prev, dc


def _rnn_back(
    run: _Run, step: dict[str, Any], dh: Array, dc: Array, total: dict[str, Array]
) -> tuple[Array, Array]:
    d = _gradient(run.weights.activation, dh, step["sums"][0], step["h"])
    return np.asarray(_block_back(run, step, 0, d, d, total)), dc


_STEPS: dict[str, Any] = {
    "lstm": _lstm_step, "gru": _gru_step, "gru_reset_before": _gru_step, "rnn": _rnn_step,
}  # fmt: skip
_BACKWARD: dict[str, Any] = {
    "lstm": _lstm_back, "gru": _gru_back, "gru_reset_before": _gru_back, "rnn": _rnn_back,
}  # fmt: skip
