"""lstm, gru and rnn with every option of ``fastrnn.ops``, forward and backward.

Weights: kernel (I, G·H), recurrent_kernel (H, G·H), bias (G·H,), GRU with reset_after
(2, 3H). Gates in order: LSTM i, f, g, o; GRU z, r, n. The options are those of
``fastrnn.ops.lstm``; ``dtype`` is the precision of the computation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import ActivationLike, Array, resolve
from .cells import Cell, GRUCell, GRUResetBeforeCell, LSTMCell, Parameters, RNNCell
from .sequence import Cache, Schedule, run, run_backward


def lstm_forward(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    *,
    mask: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    reset: ArrayLike | None = None,
    reverse: bool = False,
    peephole: ArrayLike | None = None,
    activation: ActivationLike = "tanh",
    recurrent_activation: ActivationLike = "sigmoid",
    dropout_mask: ArrayLike | None = None,
    recurrent_dropout_mask: ArrayLike | None = None,
    zoneout_h: ArrayLike | None = None,
    zoneout_c: ArrayLike | None = None,
    recompute: bool = False,
    dtype: DTypeLike = np.float64,
) -> tuple[Array, Array, Array, Cache]:
    """Run an LSTM; return y, h_n, c_n and the cache. ``recompute`` changes nothing here."""
    p = _parameters(
        4, kernel, recurrent_kernel, bias, activation, recurrent_activation,
        dropout_mask, recurrent_dropout_mask, dtype,
    )  # fmt: skip
    if peephole is not None:
        p.peephole = np.asarray(peephole, dtype)[:, None, :]
    y, (h_n, c_n), cache = _run(
        LSTMCell(p), x, (h0, c0), (zoneout_h, zoneout_c), mask, lengths, reset, reverse, dtype
    )
    return y, h_n, c_n, cache


def lstm(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    **options: Any,
) -> tuple[Array, Array, Array]:
    """Run an LSTM; return y, h_n and c_n. Options: see `lstm_forward`.

    Parameters
    ----------
    x : (N, T, I)
    kernel, recurrent_kernel, bias : (I, 4H), (H, 4H), (4H,), gates i, f, g, o
    h0, c0 : (N, H), zeros when missing

    Returns
    -------
    y, h_n, c_n : (N, T, H), (N, H), (N, H)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import reference
    >>> rng = np.random.default_rng(0)
    >>> x, kernel, recurrent = (rng.normal(size=s) for s in [(2, 5, 3), (3, 16), (4, 16)])
    >>> y, h_n, c_n = reference.lstm(x, kernel, recurrent)
    >>> y.shape, bool((y[:, -1] == h_n).all())
    ((2, 5, 4), True)
    """
    return lstm_forward(x, kernel, recurrent_kernel, bias, h0, c0, **options)[:3]


def lstm_backward(
    cache: Cache,
    dy: ArrayLike | None = None,
    dh_n: ArrayLike | None = None,
    dc_n: ArrayLike | None = None,
    *,
    need_dx: bool = True,
    out: dict[str, Array] | None = None,
) -> dict[str, Array]:
    """Return gradients by name: x, kernel, recurrent_kernel, bias, h0, c0, peephole."""
    return _backward(cache, dy, (dh_n, dc_n), need_dx, out)


def gru_forward(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    mask: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    reset: ArrayLike | None = None,
    reverse: bool = False,
    reset_after: bool = True,
    activation: ActivationLike = "tanh",
    recurrent_activation: ActivationLike = "sigmoid",
    dropout_mask: ArrayLike | None = None,
    recurrent_dropout_mask: ArrayLike | None = None,
    zoneout_h: ArrayLike | None = None,
    recompute: bool = False,
    dtype: DTypeLike = np.float64,
) -> tuple[Array, Array, Cache]:
    """Run a GRU; return y, h_n and the cache. ``recompute`` changes nothing here."""
    p = _parameters(
        3, kernel, recurrent_kernel, bias, activation, recurrent_activation,
        dropout_mask, recurrent_dropout_mask, dtype,
    )  # fmt: skip
    cell: Cell = GRUCell(p) if reset_after else GRUResetBeforeCell(p)
    y, (h_n,), cache = _run(cell, x, (h0,), (zoneout_h,), mask, lengths, reset, reverse, dtype)
    return y, h_n, cache


def gru(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    **options: Any,
) -> tuple[Array, Array]:
    """Run a GRU; return y (N, T, H) and h_n (N, H). Options: see `gru_forward`."""
    return gru_forward(x, kernel, recurrent_kernel, bias, h0, **options)[:2]


def gru_backward(
    cache: Cache,
    dy: ArrayLike | None = None,
    dh_n: ArrayLike | None = None,
    *,
    need_dx: bool = True,
    out: dict[str, Array] | None = None,
) -> dict[str, Array]:
    """Return gradients by name: x, kernel, recurrent_kernel, bias, h0."""
    return _backward(cache, dy, (dh_n,), need_dx, out)


def rnn_forward(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    *,
    mask: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    reset: ArrayLike | None = None,
    reverse: bool = False,
    activation: ActivationLike = "tanh",
    dropout_mask: ArrayLike | None = None,
    recurrent_dropout_mask: ArrayLike | None = None,
    zoneout_h: ArrayLike | None = None,
    recompute: bool = False,
    dtype: DTypeLike = np.float64,
) -> tuple[Array, Array, Cache]:
    """Run a vanilla RNN; return y, h_n and the cache. ``recompute`` changes nothing here."""
    p = _parameters(
        1, kernel, recurrent_kernel, bias, activation, None,
        dropout_mask, recurrent_dropout_mask, dtype,
    )  # fmt: skip
    y, (h_n,), cache = _run(
        RNNCell(p), x, (h0,), (zoneout_h,), mask, lengths, reset, reverse, dtype
    )
    return y, h_n, cache


def rnn(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    **options: Any,
) -> tuple[Array, Array]:
    """Run a vanilla RNN; return y (N, T, H) and h_n (N, H). Options: see `rnn_forward`."""
    return rnn_forward(x, kernel, recurrent_kernel, bias, h0, **options)[:2]


def rnn_backward(
    cache: Cache,
    dy: ArrayLike | None = None,
    dh_n: ArrayLike | None = None,
    *,
    need_dx: bool = True,
    out: dict[str, Array] | None = None,
) -> dict[str, Array]:
    """Return gradients by name: x, kernel, recurrent_kernel, bias, h0."""
    return _backward(cache, dy, (dh_n,), need_dx, out)


def _by_gate(weights: ArrayLike, gates: int, dtype: DTypeLike) -> Array:
    """(K, G·H) -> (G, K, H)."""
    w = np.asarray(weights, dtype)
    return w.reshape(w.shape[0], gates, -1).swapaxes(0, 1)


def _parameters(
    gates: int,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None,
    activation: ActivationLike,
    recurrent_activation: ActivationLike,
    dropout_mask: ArrayLike | None,
    recurrent_dropout_mask: ArrayLike | None,
    dtype: DTypeLike,
) -> Parameters:
    def per_gate(mask: ArrayLike | None) -> Array | None:
        if mask is None:
            return None
        m = np.asarray(mask, dtype)
        return m if m.ndim == 3 else m[None]

    if bias is not None:
        b = np.asarray(bias, dtype)
        bias = b.reshape(*b.shape[:-1], gates, 1, -1)
    return Parameters(
        _by_gate(kernel, gates, dtype),
        _by_gate(recurrent_kernel, gates, dtype),
        bias,
        resolve(activation),
        resolve(recurrent_activation),
        dropout_mask=per_gate(dropout_mask),
        recurrent_dropout_mask=per_gate(recurrent_dropout_mask),
    )


def _run(
    cell: Cell,
    x: ArrayLike,
    initial: tuple[ArrayLike | None, ...],
    zoneout: tuple[ArrayLike | None, ...],
    mask: ArrayLike | None,
    lengths: ArrayLike | None,
    reset: ArrayLike | None,
    reverse: bool,
    dtype: DTypeLike,
) -> tuple[Array, tuple[Array, ...], Cache]:
    inputs = np.asarray(x, dtype)
    n, steps, _ = inputs.shape
    h = cell.parameters.kernel.shape[-1]
    valid = np.ones((n, steps), bool) if mask is None else np.asarray(mask, bool)
    if lengths is not None:
        valid = np.arange(steps) < np.asarray(lengths)[:, None]
    schedule = Schedule(
        valid,
        np.zeros((n, steps), bool) if reset is None else np.asarray(reset, bool),
        reverse,
        [
            np.broadcast_to(np.asarray(0 if zo is None else zo, dtype), (n, steps, h))
            for zo in zoneout
        ],
    )
    states = tuple(np.zeros((n, h), dtype) if s is None else np.array(s, dtype) for s in initial)
    return run(cell, inputs, states, schedule)


def _backward(
    cache: Cache,
    dy: ArrayLike | None,
    dfinal: tuple[ArrayLike | None, ...],
    need_dx: bool,
    out: dict[str, Array] | None,
) -> dict[str, Array]:
    h0 = cache.initial[0]
    n, steps, _ = cache.x_shape
    zeros = np.zeros((n, steps, h0.shape[1]), h0.dtype)
    dx, dinitial = run_backward(
        cache,
        zeros if dy is None else np.asarray(dy, h0.dtype),
        tuple(np.zeros_like(h0) if d is None else np.asarray(d, h0.dtype) for d in dfinal),
    )
    grads = cache.cell.parameters.grads
    result = {name: _flat(name, grad) for name, grad in grads.items()}
    for name, array in (out or {}).items():
        array[...] = result[name]
        result[name] = array
    if need_dx:
        result["x"] = dx
    result.update(zip(("h0", "c0"), dinitial, strict=False))
    return result


def _flat(name: str, grad: Array) -> Array:
    """Gate-major gradients back to the shape of the array they belong to."""
    if name == "bias":  # (G, 1, H) -> (G·H,), or (2, G, 1, H) -> (2, 3H)
        return grad.reshape(*grad.shape[:-3], -1)
    if name == "peephole":  # (3, 1, H) -> (3, H)
        return grad[:, 0]
    return np.ascontiguousarray(grad.swapaxes(0, 1)).reshape(grad.shape[1], -1)
