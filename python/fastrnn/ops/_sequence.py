"""Arguments of a recurrent op, checked once and laid out as the core wants them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops._arrays import CPU, Array, Place, check_sizes
from fastrnn.ops._device import place_of

ActivationLike = str | Callable[[Array], Array]

# Names that run inside the recurrent kernels: their derivative follows from their output.
FUSED_ACTIVATIONS = frozenset(
    name for name, number in _core.ACTIVATIONS.items() if number < _core.FIRST_UNFUSED
)
_NAMES = {**_core.ACTIVATIONS, **_core.ROW_ACTIVATIONS}
_KNOWN = _NAMES.keys() - {"glu"}  # which halves its input

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
    place: Place = CPU  # where all arrays lie
    dtype: np.dtype[Any] = field(init=False)
    input: int = field(init=False)
    hidden: int = field(init=False)
    number: int = field(init=False)  # the cell's, in the core
    wide: np.dtype[Any] = field(init=False)  # of all but x, y, the matrices and dx, dy
    blocks: int = field(init=False)
    saved: int = field(init=False)  # values a sequence and step that training keeps
    fused: bool = field(init=False)  # whether the C++ kernels know both activations
    # Those arrays that are given, by the names of their gradients.
    parameters: dict[str, Array] = field(init=False)
    core: Any = field(init=False)  # the same for the CPU's kernels; None unless fused

    def __post_init__(self) -> None:
        self.dtype = self.kernel.dtype
        self.input, self.hidden = int(self.kernel.shape[0]), int(self.recurrent.shape[0])
        self.number, self.blocks, units = _core.CELLS[self.cell]
        self.saved = units * self.hidden
        self.fused = _is_fused(self.activation) and _is_fused(self.recurrent_activation)
        every = {
            "kernel": self.kernel, "recurrent_kernel": self.recurrent, "bias": self.bias,
            "peephole": self.peephole,
        }  # fmt: skip
        self.parameters = {name: array for name, array in every.items() if array is not None}
        self.core = None
        self.wide = self.place.wide(self.dtype)
        if self.fused and self.place is CPU:
            single = self.dtype == np.float32
            core = _core.RecurrentWeightsFloat if single else _core.RecurrentWeightsDouble
            self.core = core(
                self.number,
                number_of(self.activation),
                number_of(self.recurrent_activation),
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


def number_of(activation: ActivationLike) -> int:
    """Return an activation's number in the core."""
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
    place: Place | None = None,
) -> Weights:
    """Check shapes and dtypes of the parameters; the kernel's place and dtype are the call's."""
    place = place or place_of(op, "kernel", kernel)
    w = place.floating(op, "kernel", kernel)
    blocks = int(_core.CELLS[cell][1])
    letter = _BLOCK_LETTER[blocks]
    if w.ndim != 2 or w.shape[1] % blocks or 0 in w.shape:
        raise ValueError(f"{op}: kernel must be (I, {letter}) with I, H >= 1, got {w.shape}")
    hidden = w.shape[1] // blocks
    check_sizes(op, I=w.shape[0], **{letter: w.shape[1]})
    dtype, square = w.dtype.newbyteorder("="), (hidden, w.shape[1])
    r = place.shaped(op, "recurrent_kernel", recurrent_kernel, dtype, square, f"(H, {letter})")
    w, wide = place.contiguous(w, dtype), place.wide(dtype)
    b = None
    if bias is not None:
        shape: tuple[int, ...] = (blocks * hidden,)
        symbols = f"({letter},)"
        if cell == "gru":
            shape, symbols = (2, 3 * hidden), "(2, 3H)"
        b = place.shaped(op, "bias", bias, wide, shape, symbols, dtype)
    p = None
    if peephole is not None:
        p = place.shaped(op, "peephole", peephole, wide, (3, hidden), "(3, H)", dtype)
    return Weights(
        op, cell, w, r, b, p,
        _activation(op, "activation", activation, place),
        _activation(op, "recurrent_activation", recurrent_activation, place),
        place,
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
    """Check the parameters of "lstm", "gru" or "rnn", on the CPU."""
    kind = "gru_reset_before" if cell == "gru" and not reset_after else cell
    return check_weights(
        cell, kind, kernel, recurrent_kernel, bias, peephole, activation,
        recurrent_activation if cell != "rnn" else "linear", CPU,
    )  # fmt: skip


def _activation(op: str, name: str, value: object, place: Place) -> ActivationLike:
    if value is None:
        return "linear"
    known = _KNOWN if place is CPU else FUSED_ACTIVATIONS
    if isinstance(value, str) and value in known:
        return value
    names = ", ".join(sorted(known))
    if place is not CPU:
        raise ValueError(f"{op}: {name} must be one of {names} on {place.name}; got {value!r}")
    if isinstance(value, str):
        raise ValueError(f"{op}: {name} must be a callable or one of {names}; got {value!r}")
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
    op, place, dtype, hidden = weights.op, weights.place, weights.dtype, weights.hidden
    frames = place.numbers(op, "x", x, dtype)
    if frames.ndim != 3 or frames.shape[2] != weights.input:
        raise ValueError(f"{op}: x must be (N, T, I) = (N, T, {weights.input}), got {frames.shape}")
    batch, steps, _ = frames.shape
    check_sizes(op, N=batch, T=steps)
    y = place.empty(op, "y", (batch, steps, hidden), dtype)
    state = (batch, hidden)
    has_c = weights.cell == "lstm"
    if c0 is not None and not has_c:
        raise ValueError(f"{op}: c0 belongs to the lstm, got it for the {op}")
    if mask is not None and lengths is not None:
        raise ValueError(f"{op}: give mask or lengths, not both")
    if lengths is not None:
        mask = place.mask_of_lengths(op, lengths, batch, steps)
    elif mask is not None:
        mask = place.flags(op, "mask", mask, (batch, steps))
    if reset is not None:
        reset = place.flags(op, "reset", reset, (batch, steps))
    x_mask = _gate_mask(weights, "dropout_mask", dropout_mask, batch, weights.input, "I")
    h_mask = _gate_mask(
        weights, "recurrent_dropout_mask", recurrent_dropout_mask, batch, hidden, "H"
    )
    arrays = {
        "x": place.strided(frames, dtype),
        "h0": _state(weights, "h0", h0, state),
        "c0": _state(weights, "c0", c0, state) if has_c else None,
        "mask": mask,
        "reset": reset,
        "reverse": bool(reverse),
        "y": y,
        "x_mask": x_mask,
        "h_mask": h_mask,
        "zoneout_h": _zoneout(weights, "zoneout_h", zoneout_h, (batch, steps, hidden)),
        "zoneout_c": _zoneout(weights, "zoneout_c", zoneout_c, (batch, steps, hidden)),
        "saved": None,
        "c_all": None,
        "previous": None,
    }
    per_gate = any(m is not None and m.strides[0] != 0 for m in (x_mask, h_mask))
    return Sequence(weights, arrays, (batch, steps), per_gate)


def _state(weights: Weights, name: str, value: object, shape: tuple[int, int]) -> Array:
    place, wide = weights.place, weights.wide
    if value is None:
        zeros: Array = place.xp.zeros(shape, wide)
        return zeros
    return place.shaped(weights.op, name, value, wide, shape, "(N, H)", weights.dtype)


def _gate_mask(
    weights: Weights, name: str, value: object, batch: int, size: int, letter: str
) -> Array | None:
    """As (G, N, size), the first stride 0 where all gates share one mask."""
    if value is None:
        return None
    op, place, wide, blocks = weights.op, weights.place, weights.wide, weights.blocks
    array = place.numbers(op, name, value, wide, weights.dtype)
    if array.shape not in ((batch, size), (blocks, batch, size)):
        raise ValueError(
            f"{op}: {name} must be (N, {letter}) = {(batch, size)} or "
            f"(G, N, {letter}) = {(blocks, batch, size)}, got {array.shape}"
        )
    array = place.contiguous(array, wide)
    if array.ndim == 3 and blocks == 1:
        array = array[0]
    every: Array = place.xp.broadcast_to(array, (blocks, batch, size))
    return every


def _zoneout(
    weights: Weights, name: str, value: object, shape: tuple[int, int, int]
) -> Array | None:
    if value is None:
        return None
    op, place, wide = weights.op, weights.place, weights.wide
    array = place.numbers(op, name, value, wide, weights.dtype)
    if array.ndim and array.shape != shape:
        raise ValueError(f"{op}: {name} must be a number or (N, T, H) = {shape}, got {array.shape}")
    known = place.known(op, name, value, array)
    if known is not None and known.size and not (known.min() >= 0 and known.max() <= 1):
        raise ValueError(f"{op}: {name} must lie in 0..1, got {known.min()}..{known.max()}")
    array = place.contiguous(array, wide) if array.ndim else place.xp.full(shape[2:], array, wide)
    every: Array = place.xp.broadcast_to(array, shape)
    return every
