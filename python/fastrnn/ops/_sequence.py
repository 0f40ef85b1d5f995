"""Arguments of a recurrent op, checked once and laid out as the core wants them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array

ActivationLike = str | Callable[[Array], Array]

# Names that run inside the recurrent kernels: their derivative follows from their output.
FUSED_ACTIVATIONS = frozenset(
    name for name, number in _core.ACTIVATIONS.items() if number < _core.FIRST_UNFUSED
)
_NAMES = {**_core.ACTIVATIONS, **_core.ROW_ACTIVATIONS}

_BLOCK_LETTER = {1: "H", 3: "3H", 4: "4H"}


@dataclass(slots=True)
class Weights:
    """A cell's parameters and what they fix: dtype, sizes, activations."""

    op: str
    cell: str
    kernel: Array
    recurrent: Array
    bias: Array | None
    peephole: Array | None
    activation: ActivationLike
    recurrent_activation: ActivationLike
    dtype: np.dtype[Any] = field(init=False)
    input: int = field(init=False)
    hidden: int = field(init=False)
    blocks: int = field(init=False)
    saved: int = field(init=False)  # values a sequence and step that training keeps
    fused: bool = field(init=False)  # whether the C++ kernels know both activations
    # Those arrays that are given, by the names of their gradients.
    parameters: dict[str, Array] = field(init=False)
    core: Any = field(init=False)  # the same for the kernels; None unless fused

    def __post_init__(self) -> None:
        self.dtype = self.kernel.dtype
        self.input, self.hidden = int(self.kernel.shape[0]), int(self.recurrent.shape[0])
        number, self.blocks, units = _core.CELLS[self.cell]
        self.saved = units * self.hidden
        self.fused = _is_fused(self.activation) and _is_fused(self.recurrent_activation)
        every = {
            "kernel": self.kernel, "recurrent_kernel": self.recurrent, "bias": self.bias,
            "peephole": self.peephole,
        }  # fmt: skip
        self.parameters = {name: array for name, array in every.items() if array is not None}
        self.core = None
        if self.fused:
            single = self.dtype == np.float32
            core = _core.RecurrentWeightsFloat if single else _core.RecurrentWeightsDouble
            self.core = core(
                number,
                _number(self.activation),
                _number(self.recurrent_activation),
                self.kernel,
                self.recurrent,
                self.bias,
                self.peephole,
            )

    def copy(self) -> Weights:
        """The same with arrays of its own."""
        return replace(
            self,
            kernel=self.kernel.copy(),
            recurrent=self.recurrent.copy(),
            bias=None if self.bias is None else self.bias.copy(),
            peephole=None if self.peephole is None else self.peephole.copy(),
        )


def _is_fused(activation: ActivationLike) -> bool:
    return isinstance(activation, str) and activation in FUSED_ACTIVATIONS


def _number(activation: ActivationLike) -> int:
    assert isinstance(activation, str)
    return int(_NAMES[activation])


def check_weights(
    op: str,
    cell: str,
    kernel: object,
    recurrent_kernel: object,
    bias: object,
    peephole: object,
    activation: ActivationLike | None,
    recurrent_activation: ActivationLike | None,
) -> Weights:
    """Check shapes and dtypes of the parameters; the kernel's dtype is the call's."""
    w = _arrays.floating(op, "kernel", kernel)
    blocks = int(_core.CELLS[cell][1])
    letter = _BLOCK_LETTER[blocks]
    if w.ndim != 2 or w.shape[1] % blocks or 0 in w.shape:
        raise ValueError(f"{op}: kernel must be (I, {letter}) with I, H >= 1, got {w.shape}")
    hidden = w.shape[1] // blocks
    _arrays.check_sizes(op, I=w.shape[0], **{letter: w.shape[1]})
    dtype, square = w.dtype.newbyteorder("="), (hidden, w.shape[1])
    r = _arrays.shaped(op, "recurrent_kernel", recurrent_kernel, dtype, square, f"(H, {letter})")
    w = _arrays.contiguous(w, dtype)
    b = None
    if bias is not None:
        shape: tuple[int, ...] = (blocks * hidden,)
        symbols = f"({letter},)"
        if cell == "gru":
            shape, symbols = (2, 3 * hidden), "(2, 3H)"
        b = _arrays.shaped(op, "bias", bias, dtype, shape, symbols)
    p = None
    if peephole is not None:
        p = _arrays.shaped(op, "peephole", peephole, dtype, (3, hidden), "(3, H)")
    return Weights(
        op, cell, w, r, b, p,
        _activation(op, "activation", activation),
        _activation(op, "recurrent_activation", recurrent_activation),
    )  # fmt: skip


def cell_weights(
    cell: str,
    kernel: object,
    recurrent_kernel: object,
    bias: object = None,
    peephole: object = None,
    reset_after: bool = True,
    activation: ActivationLike | None = "tanh",
    recurrent_activation: ActivationLike | None = "sigmoid",
) -> Weights:
    """Check the parameters of "lstm", "gru" or "rnn"."""
    kind = "gru_reset_before" if cell == "gru" and not reset_after else cell
    return check_weights(
        cell, kind, kernel, recurrent_kernel, bias, peephole, activation,
        recurrent_activation if cell != "rnn" else "linear",
    )  # fmt: skip


def _activation(op: str, name: str, value: object) -> ActivationLike:
    if value is None:
        return "linear"
    if isinstance(value, str):
        if value in _NAMES and value != "glu":  # glu halves its input
            return value
        known = ", ".join(sorted(name for name in _NAMES if name != "glu"))
        raise ValueError(f"{op}: {name} must be a callable or one of {known}; got {value!r}")
    if callable(value):
        return value
    raise TypeError(f"{op}: {name} must be a name or a callable, got {type(value).__name__}")


@dataclass(slots=True)
class Sequence:
    """The arrays of one run over time, in the core's words (csrc/fastrnn.h)."""

    weights: Weights
    arrays: dict[str, Any]
    shape: tuple[int, int]
    mask_per_gate: bool
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return 0 in self.shape


def check_sequence(
    weights: Weights,
    x: object,
    h0: object,
    c0: object,
    *,
    mask: object = None,
    lengths: object = None,
    reset: object = None,
    reverse: bool = False,
    dropout_mask: object = None,
    recurrent_dropout_mask: object = None,
    zoneout_h: object = None,
    zoneout_c: object = None,
) -> Sequence:
    """Check what a run over time reads, and make the array that it writes, y."""
    op, dtype, hidden = weights.op, weights.dtype, weights.hidden
    frames = _arrays.numbers(op, "x", x, dtype)
    if frames.ndim != 3 or frames.shape[2] != weights.input:
        raise ValueError(f"{op}: x must be (N, T, I) = (N, T, {weights.input}), got {frames.shape}")
    batch, steps, _ = frames.shape
    _arrays.check_sizes(op, N=batch, T=steps)
    y = _arrays.empty(op, "y", (batch, steps, hidden), dtype)
    state = (batch, hidden)
    has_c = weights.cell == "lstm"
    if c0 is not None and not has_c:
        raise ValueError(f"{op}: c0 belongs to the lstm, got it for the {op}")
    if mask is not None and lengths is not None:
        raise ValueError(f"{op}: give mask or lengths, not both")
    if lengths is not None:
        mask = _arrays.mask_of_lengths(op, lengths, batch, steps)
    elif mask is not None:
        mask = _arrays.flags(op, "mask", mask, (batch, steps))
    if reset is not None:
        reset = _arrays.flags(op, "reset", reset, (batch, steps))
    x_mask = _gate_mask(weights, "dropout_mask", dropout_mask, batch, weights.input, "I")
    h_mask = _gate_mask(
        weights, "recurrent_dropout_mask", recurrent_dropout_mask, batch, hidden, "H"
    )
    arrays = {
        "x": _arrays.strided(frames, dtype),
        "h0": _state(op, "h0", h0, dtype, state),
        "c0": _state(op, "c0", c0, dtype, state) if has_c else None,
        "mask": mask,
        "reset": reset,
        "reverse": bool(reverse),
        "y": y,
        "x_mask": x_mask,
        "h_mask": h_mask,
        "zoneout_h": _zoneout(op, "zoneout_h", zoneout_h, dtype, (batch, steps, hidden)),
        "zoneout_c": _zoneout(op, "zoneout_c", zoneout_c, dtype, (batch, steps, hidden)),
        "saved": None,
        "c_all": None,
        "previous": None,
    }
    per_gate = any(m is not None and m.strides[0] != 0 for m in (x_mask, h_mask))
    return Sequence(weights, arrays, (batch, steps), per_gate)


def _state(
    op: str, name: str, value: object, dtype: np.dtype[Any], shape: tuple[int, int]
) -> Array:
    if value is None:
        return np.zeros(shape, dtype)
    return _arrays.shaped(op, name, value, dtype, shape, "(N, H)")


def _gate_mask(
    weights: Weights, name: str, value: object, batch: int, size: int, letter: str
) -> Array | None:
    """As (G, N, size), the first stride 0 where all gates share one mask."""
    if value is None:
        return None
    op, dtype, blocks = weights.op, weights.dtype, weights.blocks
    array = _arrays.numbers(op, name, value, dtype)
    if array.shape not in ((batch, size), (blocks, batch, size)):
        raise ValueError(
            f"{op}: {name} must be (N, {letter}) = {(batch, size)} or "
            f"(G, N, {letter}) = {(blocks, batch, size)}, got {array.shape}"
        )
    array = _arrays.contiguous(array, dtype)
    if array.ndim == 3 and blocks == 1:
        array = array[0]
    return np.broadcast_to(array, (blocks, batch, size))


def _zoneout(
    op: str, name: str, value: object, dtype: np.dtype[Any], shape: tuple[int, int, int]
) -> Array | None:
    if value is None:
        return None
    array = _arrays.numbers(op, name, value, dtype)
    if array.ndim == 0:
        array = np.full(shape[2:], array, dtype)
    elif array.shape != shape:
        raise ValueError(f"{op}: {name} must be a number or (N, T, H) = {shape}, got {array.shape}")
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"{op}: {name} must lie in 0..1, got {array.min()}..{array.max()}")
    return np.broadcast_to(_arrays.contiguous(array, dtype), shape)
