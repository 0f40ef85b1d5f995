"""The convolutional LSTM (Shi et al. 2015), step by step on `conv2d`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import Activation, ActivationLike, Array, resolve
from .convolution import conv2d, conv2d_backward
from .windows import Padding, PerAxis


@dataclass
class ConvLstmCache:
    """What a forward run leaves for the backward one."""

    x: Array
    weights: dict[str, Array]  # those that are given, by name
    places: dict[str, Any]  # strides, padding, dilation
    valid: Array  # (N, T)
    reverse: bool
    activation: Activation
    recurrent_activation: Activation
    dropout_mask: Array  # (N, H, W, C) or 1
    saved: dict[int, Any]  # time step -> what it saved

    def order(self) -> range:
        """Return the time steps in running order."""
        steps = range(self.x.shape[1])
        return steps[::-1] if self.reverse else steps


def conv_lstm2d_forward(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    mask: ArrayLike | None = None,
    reverse: bool = False,
    peephole: ArrayLike | None = None,
    activation: ActivationLike = "tanh",
    recurrent_activation: ActivationLike = "sigmoid",
    dropout_mask: ArrayLike | None = None,
    dtype: DTypeLike = np.float64,
) -> tuple[Array, Array, Array, ConvLstmCache]:
    """Run a convolutional LSTM; return y, h_n, c_n and the cache."""
    frames = np.asarray(x, dtype)
    given = {
        "kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias, "peephole": peephole,
    }  # fmt: skip
    weights = {name: np.asarray(w, dtype) for name, w in given.items() if w is not None}
    cache = ConvLstmCache(
        frames,
        weights,
        {"strides": strides, "padding": padding, "dilation": dilation, "dtype": dtype},
        np.ones(frames.shape[:2], bool) if mask is None else np.asarray(mask, bool),
        reverse,
        resolve(activation),
        resolve(recurrent_activation),
        np.ones(1, dtype) if dropout_mask is None else np.asarray(dropout_mask, dtype),
        {},
    )
    z = conv2d(frames[:, 0], kernel, **cache.places)  # for its shape
    shape = (*z.shape[:-1], z.shape[-1] // 4)
    h, c = (np.zeros(shape, dtype) if s is None else np.asarray(s, dtype) for s in (h0, c0))
    output = np.zeros(shape, dtype)
    y = np.zeros((shape[0], frames.shape[1], *shape[1:]), dtype)
    for t in cache.order():
        valid = cache.valid[:, t, None, None, None]
        x_t = np.where(valid, frames[:, t], 0) * cache.dropout_mask
        (h_new, c_new), cache.saved[t] = _step(cache, x_t, h, c)
        h, c = np.where(valid, h_new, h), np.where(valid, c_new, c)
        output = np.where(valid, h_new, output)
        y[:, t] = output
    return y, h, c, cache


def conv_lstm2d(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    **options: Any,
) -> tuple[Array, Array, Array]:
    """Run a convolutional LSTM; return y, h_n and c_n. Options: see `conv_lstm2d_forward`.

    Parameters
    ----------
    x : (N, T, H, W, C)
    kernel, recurrent_kernel, bias : (KH, KW, C, 4F), (RH, RW, F, 4F), (4F,), gates i, f, g, o
    h0, c0 : (N, OH, OW, F), zeros when missing

    Returns
    -------
    y, h_n, c_n : (N, T, OH, OW, F), (N, OH, OW, F), (N, OH, OW, F)
    """
    return conv_lstm2d_forward(x, kernel, recurrent_kernel, bias, h0, c0, **options)[:3]


def conv_lstm2d_backward(
    cache: ConvLstmCache,
    dy: ArrayLike | None = None,
    dh_n: ArrayLike | None = None,
    dc_n: ArrayLike | None = None,
    *,
    need_dx: bool = True,
) -> dict[str, Array]:
    """Return gradients by name: x, kernel, recurrent_kernel, bias, h0, c0, peephole."""
    dtype = cache.x.dtype
    shape = cache.saved[0]["h_prev"].shape
    dh, dc = (np.zeros(shape, dtype) if d is None else np.asarray(d, dtype) for d in (dh_n, dc_n))
    doutput = np.zeros(shape, dtype)
    grads = {name: np.zeros_like(w) for name, w in cache.weights.items()}
    grads["x"] = np.zeros_like(cache.x)
    for t in reversed(cache.order()):
        valid = cache.valid[:, t, None, None, None]
        # Masked steps repeat an output: their dy waits for the step that made it.
        doutput = doutput + (0 if dy is None else np.asarray(dy, dtype)[:, t])
        through = np.where(valid, dh + doutput, 0)
        dx, dh_prev, dc_prev = _step_backward(cache, t, through, np.where(valid, dc, 0), grads)
        grads["x"][:, t] = dx * cache.dropout_mask
        dh, dc = dh_prev + np.where(valid, 0, dh), dc_prev + np.where(valid, 0, dc)
        doutput = np.where(valid, 0, doutput)
    if not need_dx:
        del grads["x"]
    return grads | {"h0": dh, "c0": dc}


def _step(cache: ConvLstmCache, x: Array, h_prev: Array, c_prev: Array) -> tuple[Any, Any]:
    """Return the next (h, c), and what the way back needs."""
    w, act, ra = cache.weights, cache.activation.forward, cache.recurrent_activation.forward
    z = conv2d(x, w["kernel"], w.get("bias"), **cache.places)
    z = z + conv2d(h_prev, w["recurrent_kernel"], padding="same", dtype=z.dtype)
    z_i, z_f, z_g, z_o = np.split(z, 4, axis=-1)
    peephole = w.get("peephole", np.zeros(3, z.dtype))
    z_i, z_f = z_i + peephole[0] * c_prev, z_f + peephole[1] * c_prev
    i, f, g = ra(z_i), ra(z_f), act(z_g)
    c = f * c_prev + i * g
    z_o = z_o + peephole[2] * c
    o, c_out = ra(z_o), act(c)
    saved = {
        "x": x, "h_prev": h_prev, "c_prev": c_prev, "c": c, "c_out": c_out,
        "sums": (z_i, z_f, z_g, z_o), "gates": (i, f, g, o),
    }  # fmt: skip
    return (o * c_out, c), saved


def _step_backward(
    cache: ConvLstmCache, t: int, dh: Array, dc: Array, grads: dict[str, Array]
) -> tuple[Array, Array, Array]:
    """Return dx, dh_prev and dc_prev; add to the weights' gradients."""
    w, saved, dtype = cache.weights, cache.saved[t], dh.dtype
    act, ra = cache.activation, cache.recurrent_activation
    z_i, z_f, z_g, z_o = saved["sums"]
    i, f, g, o = saved["gates"]
    c_prev, c, c_out = saved["c_prev"], saved["c"], saved["c_out"]
    peephole = w.get("peephole", np.zeros(3, dtype))
    dz_o = _before(ra, dh * c_out, z_o, o)
    dc = dc + _before(act, dh * o, c, c_out) + dz_o * peephole[2]
    dz_i, dz_f = _before(ra, dc * g, z_i, i), _before(ra, dc * c_prev, z_f, f)
    dz_g = _before(act, dc * i, z_g, g)
    dc_prev = dc * f + dz_i * peephole[0] + dz_f * peephole[1]
    if "peephole" in w:
        parts = (dz_i * c_prev, dz_f * c_prev, dz_o * c)
        grads["peephole"] += np.stack([part.sum(axis=0) for part in parts])
    dz = np.concatenate((dz_i, dz_f, dz_g, dz_o), axis=-1)
    of_input = conv2d_backward(dz, saved["x"], w["kernel"], **cache.places)
    of_state = conv2d_backward(
        dz, saved["h_prev"], w["recurrent_kernel"], padding="same", dtype=dtype
    )
    grads["kernel"] += of_input["kernel"]
    grads["recurrent_kernel"] += of_state["kernel"]
    if "bias" in w:
        grads["bias"] += of_input["bias"]
    return of_input["x"], of_state["x"], dc_prev


def _before(activation: Activation, dy: Array, a: Array, y: Array) -> Array:
    """Return the gradient before an activation, in the precision of what it is given."""
    return np.asarray(activation.backward(dy, a, y), dy.dtype)
