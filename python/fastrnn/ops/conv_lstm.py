"""Convolutional LSTM over sequences of images: inference, and both ways of training.

The input's part of all steps is one convolution; the core's loop over time adds the recurrent one.
Equations: docs/equations.md#convolutional-lstm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays, _convolve
from fastrnn.ops._arrays import Array
from fastrnn.ops._convolve import Convolution
from fastrnn.ops._run import Gradients, typed
from fastrnn.ops._sequence import FUSED_ACTIVATIONS
from fastrnn.ops._windows import Padding, PerAxis, windows

__all__ = ["conv_lstm2d", "conv_lstm2d_backward", "conv_lstm2d_forward"]


@dataclass(slots=True)
class _Problem:
    """A checked call. A frame is an image of one step; n frames of T steps lie folded."""

    op: str
    inputs: Convolution  # x (N T, H, W, C) and kernel
    steps: Convolution  # states of one step (N, OH, OW, F) and recurrent_kernel
    shape: tuple[int, int]  # N, T
    bias: Array | None
    h0: Array | None
    c0: Array | None
    mask: Array | None
    unseen: Array | None  # (N, T): steps before the first valid one, where there are such
    reverse: bool
    peephole: Array | None
    dropout_mask: Array | None
    activations: tuple[int, int]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.inputs.dtype

    @property
    def state_shape(self) -> tuple[int, ...]:
        """N, OH, OW, F."""
        return self.steps.x.shape

    def frames_shape(self, gates: int = 1) -> tuple[int, ...]:
        """N, T, OH, OW, F, or so many F."""
        batch, *image, filters = self.state_shape
        return (batch, self.shape[1], *image, gates * filters)

    def empty(self) -> bool:
        return 0 in self.shape

    def numbers(self) -> dict[str, int]:
        """Return what the core takes beside the shape."""
        return {
            "steps": self.shape[1],
            "reverse": self.reverse,
            "activation": self.activations[0],
            "gate_activation": self.activations[1],
        }

    def arrays(self) -> dict[str, Array | None]:
        """Return what the core reads in both directions."""
        return {
            "recurrent": self.steps.kernel,
            "peephole": self.peephole,
            "mask": self.mask,
            "c0": self.c0,
        }

    def parameters(self) -> dict[str, Array]:
        """Return the weights that are given, by the names of their gradients."""
        every = {
            "kernel": self.inputs.kernel, "recurrent_kernel": self.steps.kernel,
            "bias": self.bias, "peephole": self.peephole,
        }  # fmt: skip
        return {name: array for name, array in every.items() if array is not None}


@dataclass(slots=True)
class ConvLstmCache:
    """What a forward run leaves for its backward run. Opaque; may be used more than once."""

    problem: _Problem
    y: Array
    c: Array
    gates: Array


def conv_lstm2d(
    x: object,
    kernel: object,
    recurrent_kernel: object,
    bias: object = None,
    h0: object = None,
    c0: object = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    mask: object = None,
    reverse: bool = False,
    peephole: object = None,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    dropout_mask: object = None,
) -> tuple[Array, Array, Array]:
    """Run a convolutional LSTM over a batch of sequences of images.

    The LSTM's equations with convolutions in place of products: the input's has the strides,
    padding and dilation given here, the recurrent one steps by 1 and keeps the size ("same").

    Parameters
    ----------
    x : array (N, T, H, W, C)
        N sequences of T images. float32 or float64, as the weights.
    kernel : array (KH, KW, C, 4F)
        Gates in the order i, f, g, o.
    recurrent_kernel : array (RH, RW, F, 4F)
    bias : array (4F,), optional
    h0, c0 : array (N, OH, OW, F), optional
        Initial states, zeros where not given.
    strides, padding, dilation
        Of the input's convolution, as for :func:`conv2d`.
    mask : bool array (N, T), optional
        True where a step is valid, in any pattern. A masked step carries the state and repeats
        the previous output; zeros before the first valid step.
    reverse : bool
        Run from the last step to the first; ``y[:, t]`` still belongs to ``x[:, t]``.
    peephole : array (3, OH, OW, F), optional
        Weights, one a pixel, from c to the gates i, f (previous c) and o (new c).
    activation, recurrent_activation : str
        Any of ``fastrnn.ops.FUSED_ACTIVATIONS``.
    dropout_mask : array (N, H, W, C), optional
        Multiplies x at every step.

    Returns
    -------
    y : array (N, T, OH, OW, F)
        The output of every step.
    h_n, c_n : array (N, OH, OW, F)
        The final states.

    Raises
    ------
    ValueError, TypeError
        Where a shape, a value or a dtype does not fit; the message names it.

    References
    ----------
    Shi et al. 2015, "Convolutional LSTM Network: A Machine Learning Approach for Precipitation
    Nowcasting".

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((2, 5, 8, 9, 3), dtype=np.float32)
    >>> w = rng.standard_normal((3, 3, 3, 4 * 6), dtype=np.float32)
    >>> r = rng.standard_normal((3, 3, 6, 4 * 6), dtype=np.float32)
    >>> y, h_n, c_n = ops.conv_lstm2d(x, w, r, padding="same")
    >>> y.shape, bool((y[:, -1] == h_n).all())
    ((2, 5, 8, 9, 6), True)
    """
    problem = _check(
        "conv_lstm2d", x, kernel, recurrent_kernel, bias, h0, c0,
        strides=strides, padding=padding, dilation=dilation, mask=mask, reverse=reverse,
        peephole=peephole, activation=activation, recurrent_activation=recurrent_activation,
        dropout_mask=dropout_mask,
    )  # fmt: skip
    y, h_n, c_n, _ = _run(problem, train=False)
    return y, h_n, c_n


def conv_lstm2d_forward(
    x: object,
    kernel: object,
    recurrent_kernel: object,
    bias: object = None,
    h0: object = None,
    c0: object = None,
    **options: Any,
) -> tuple[Array, Array, Array, ConvLstmCache]:
    """Run :func:`conv_lstm2d` for training: also returns a cache for the backward run.

    Parameters
    ----------
    x, kernel, recurrent_kernel, bias, h0, c0, **options
        As for :func:`conv_lstm2d`.

    Returns
    -------
    y, h_n, c_n : arrays
        As from :func:`conv_lstm2d`.
    cache : ConvLstmCache
        For :func:`conv_lstm2d_backward`, any number of times. It refers to the arrays given here
        and to y: do not change them in between.
    """
    problem = _check("conv_lstm2d_forward", x, kernel, recurrent_kernel, bias, h0, c0, **options)
    y, h_n, c_n, cache = _run(problem, train=True)
    assert cache is not None
    return y, h_n, c_n, cache


def conv_lstm2d_backward(
    cache: ConvLstmCache,
    dy: object = None,
    dh_n: object = None,
    dc_n: object = None,
    *,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Return the gradients of a loss with respect to all that the forward run was given.

    Parameters
    ----------
    cache : ConvLstmCache
        From :func:`conv_lstm2d_forward`.
    dy : array (N, T, OH, OW, F), optional
        Gradient of the loss with respect to y; zeros where not given.
    dh_n, dc_n : array (N, OH, OW, F), optional
        Gradients with respect to the final states.
    need_dx : bool
        False saves the gradient of x, which a first layer does not need.
    out : dict of arrays, optional
        Where to write the gradients of the weights, by their names.

    Returns
    -------
    dict of arrays
        ``x`` (if need_dx), ``kernel``, ``recurrent_kernel``, ``bias`` (if given), ``h0``, ``c0``,
        ``peephole`` (if given).
    """
    op = "conv_lstm2d_backward"
    if not isinstance(cache, ConvLstmCache):
        raise TypeError(
            f"{op}: cache must come from conv_lstm2d_forward, got {type(cache).__name__}"
        )
    p = cache.problem
    dtype, state = p.dtype, p.state_shape
    dh, dc = (
        np.zeros(state, dtype)
        if given is None
        else _arrays.shaped(op, name, given, dtype, state, "(N, OH, OW, F)").copy()
        for name, given in (("dh_n", dh_n), ("dc_n", dc_n))
    )
    if dy is not None:
        dy = _arrays.shaped(op, "dy", dy, dtype, p.frames_shape(), "(N, T, OH, OW, F)")
    parameters = p.parameters()
    reads = parameters | {"x": p.inputs.x, "y": cache.y, "dy": dy, "h0": p.h0, "c0": p.c0}
    shapes = {name: array.shape for name, array in parameters.items()}
    gradients = _convolve.gradient_arrays(op, out, shapes, dtype, reads)
    if need_dx:
        gradients["x"] = _arrays.empty(op, "dx", p.inputs.x.shape, dtype)
    if p.empty():
        for gradient in gradients.values():
            gradient[...] = 0
    else:
        _backward(op, cache, dy, dh, dc, gradients)
    if need_dx:
        dx = gradients["x"].reshape(*p.shape, *p.inputs.x.shape[1:])
        if p.dropout_mask is not None:
            dx *= p.dropout_mask[:, None]
        gradients["x"] = dx
    return gradients | {"h0": dh, "c0": dc}


def _check(
    op: str,
    x: object,
    kernel: object,
    recurrent_kernel: object,
    bias: object,
    h0: object,
    c0: object,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    mask: object = None,
    reverse: bool = False,
    peephole: object = None,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    dropout_mask: object = None,
) -> _Problem:
    w = _arrays.floating(op, "kernel", kernel)
    if w.ndim != 4 or 0 in w.shape or w.shape[-1] % 4:
        raise ValueError(f"{op}: kernel must be (KH, KW, C, 4F), none of them 0, got {w.shape}")
    dtype, filters = w.dtype.newbyteorder("="), w.shape[-1] // 4
    frames = _arrays.numbers(op, "x", x, dtype)
    if frames.ndim != 5 or frames.shape[-1] != w.shape[2]:
        raise ValueError(
            f"{op}: x must be (N, T, H, W, C) = (N, T, H, W, {w.shape[2]}), got {frames.shape}"
        )
    batch, steps = frames.shape[:2]
    _arrays.check_sizes(op, N=batch, T=steps)
    frames = _arrays.contiguous(frames, dtype)
    if dropout_mask is not None:
        kept = (batch, *frames.shape[2:])
        dropout_mask = _arrays.shaped(op, "dropout_mask", dropout_mask, dtype, kept, "(N, H, W, C)")
        frames = frames * dropout_mask[:, None]
    unseen = None
    if mask is not None:
        mask = _arrays.flags(op, "mask", mask, (batch, steps))
        valid = mask.view(bool)
        frames = np.where(valid[:, :, None, None, None], frames, dtype.type(0))
        ahead = slice(None, None, -1) if reverse else slice(None)
        unseen = ~np.logical_or.accumulate(valid[:, ahead], axis=1)[:, ahead]
    folded = frames.reshape(batch * steps, *frames.shape[2:])
    inputs = _convolve.check(op, 2, folded, w, strides, padding, dilation, 1, "auto")
    sizes = inputs.places.outputs
    r = _recurrent_kernel(op, recurrent_kernel, dtype, filters)
    state = (batch, *sizes, filters)
    places = windows(op, sizes, r.shape[:2], (1, 1), (1, 1), "same", 4 * filters)
    zeros = np.broadcast_to(dtype.type(0), state)  # of it the shape alone is used
    if peephole is not None:
        symbols = "(3, OH, OW, F)"
        peephole = _arrays.shaped(op, "peephole", peephole, dtype, (3, *state[1:]), symbols)
    return _Problem(
        op, inputs, Convolution(zeros, r, places, 1), (batch, steps),
        bias=_convolve.bias_of(op, bias, dtype, 4 * filters),
        h0=_state(op, "h0", h0, dtype, state),
        c0=_state(op, "c0", c0, dtype, state),
        mask=mask,
        unseen=unseen if unseen is not None and unseen.any() else None,
        reverse=bool(reverse),
        peephole=peephole,
        dropout_mask=dropout_mask,
        activations=(
            _activation(op, "activation", activation),
            _activation(op, "recurrent_activation", recurrent_activation),
        ),
    )  # fmt: skip


def _recurrent_kernel(op: str, value: object, dtype: np.dtype[Any], filters: int) -> Array:
    array = _arrays.numbers(op, "recurrent_kernel", value, dtype)
    if array.ndim != 4 or array.shape[2:] != (filters, 4 * filters) or 0 in array.shape:
        raise ValueError(
            f"{op}: recurrent_kernel must be (RH, RW, F, 4F) = (RH, RW, {filters}, {4 * filters}), "
            f"got {array.shape}"
        )
    if array.size > _arrays.LARGEST:
        raise ValueError(f"{op}: recurrent_kernel {array.shape} is too large")
    return _arrays.contiguous(array, dtype)


def _state(
    op: str, name: str, value: object, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Array | None:
    if value is None:
        return None
    return _arrays.shaped(op, name, value, dtype, shape, "(N, OH, OW, F)")


def _activation(op: str, name: str, value: object) -> int:
    if value is None:
        return int(_core.ACTIVATIONS["linear"])
    if not isinstance(value, str) or value not in FUSED_ACTIVATIONS:
        known = ", ".join(sorted(FUSED_ACTIVATIONS))
        raise ValueError(f"{op}: {name} must be one of {known}; got {value!r}")
    return int(_core.ACTIVATIONS[value])


def _run(p: _Problem, *, train: bool) -> tuple[Array, Array, Array, ConvLstmCache | None]:
    op, dtype, state = p.op, p.dtype, p.state_shape
    y = _arrays.empty(op, "y", p.frames_shape(), dtype)
    c = _arrays.empty(op, "cache", p.frames_shape() if train else state, dtype)
    if p.empty():
        h_n, c_n = (
            np.zeros(state, dtype) if given is None else given.copy() for given in (p.h0, p.c0)
        )
        return y, h_n, c_n, ConvLstmCache(p, y, c, y) if train else None
    gates = _convolve.forward(op, p.inputs, p.bias, None).reshape(p.frames_shape(4))
    arrays = p.arrays() | {"h0": p.h0, "gates": gates, "y": y, "c": c}
    typed("conv_lstm_forward", dtype)(p.steps.shape, p.numbers(), arrays, train)
    last = 0 if p.reverse else -1
    h_n = y[:, last].copy()
    c_n = c[:, last].copy() if train else c
    if p.unseen is not None:
        y[p.unseen] = 0  # the core wrote the state there, which is h0
    return y, h_n, c_n, ConvLstmCache(p, y, c, gates) if train else None


def _backward(
    op: str, cache: ConvLstmCache, dy: Array | None, dh: Array, dc: Array, gradients: Gradients
) -> None:
    """Write all gradients; in dh and dc lie those of the final states, then of the first ones."""
    p = cache.problem
    if dy is not None and p.unseen is not None:
        dy = np.where(p.unseen[:, :, None, None, None], p.dtype.type(0), dy)
    dz = _arrays.empty(op, "dz", p.frames_shape(4), p.dtype)
    arrays = p.arrays() | {
        "gates": cache.gates, "c": cache.c, "dy": dy, "dz": dz, "dh": dh, "dc": dc,
        "dpeephole": gradients.get("peephole"),
    }  # fmt: skip
    typed("conv_lstm_backward", p.dtype)(p.steps.shape, p.numbers(), arrays)
    weights = typed("conv_weights", p.dtype)
    frames, filters = p.shape[0] * p.shape[1], p.state_shape[-1]
    recurrent = _convolve.core_shape(frames, filters, 4 * filters, 1, p.steps.places)
    weights(recurrent, _previous_states(op, cache), dz, gradients["recurrent_kernel"], None)
    weights(p.inputs.shape, p.inputs.x, dz, gradients["kernel"], gradients.get("bias"))
    if "x" in gradients:
        typed("conv_input", p.dtype)(
            p.inputs.shape, p.inputs.algorithm, dz, p.inputs.kernel, None, gradients["x"], 0
        )


def _previous_states(op: str, cache: ConvLstmCache) -> Array:
    """Return h of the valid step before each: y of masked steps may have been zeroed since."""
    p = cache.problem
    result = _arrays.empty(op, "h", cache.y.shape, p.dtype)
    ahead = slice(None, None, -1) if p.reverse else slice(None)
    h, y = result[:, ahead], cache.y[:, ahead]  # in running order
    start = np.zeros(p.state_shape, p.dtype) if p.h0 is None else p.h0
    if p.mask is None:
        h[:, 1:] = y[:, :-1]
        h[:, 0] = start
        return result
    valid = p.mask.view(bool)[:, ahead]
    batch, steps = p.shape
    before = np.full((batch, steps), -1)
    done = np.where(valid, np.arange(steps), -1)[:, :-1]
    np.maximum.accumulate(done, axis=1, out=before[:, 1:])
    h[...] = y[np.arange(batch)[:, None], before]
    rows, fresh = np.nonzero(before < 0)
    h[rows, fresh] = start[rows]
    return result
