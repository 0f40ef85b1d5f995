"""What the convolutions share: checks of their arrays, and the calls of the core."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays
from fastrnn.ops._arrays import LARGEST, MOST_ELEMENTS, Array
from fastrnn.ops._run import Gradients, typed
from fastrnn.ops._sequence import FUSED_ACTIVATIONS
from fastrnn.ops._windows import Windows, as_key, explicit_pairs, per_axis, windows
from fastrnn.ops.activations import activation as apply_activation
from fastrnn.ops.activations import activation_backward

# In the order of the core's numbers.
ALGORITHMS = ("auto", "direct", "im2col", "winograd")
_SYMBOLS = {1: "L", 2: "H, W", 3: "D, H, W"}
_KERNEL_SYMBOLS = {1: "K", 2: "KH, KW", 3: "KD, KH, KW"}


@lru_cache(maxsize=1024)
def core_shape(batch: int, channels: int, filters: int, groups: int, places: Windows) -> Any:
    """Return a convolution's shape as the core takes it."""
    return _core.ConvShape([batch, channels, filters, groups, *places.numbers()])


@dataclass(slots=True)
class Convolution:
    """A checked convolution: x (N, ..., C) and kernel (..., C / groups, F) to (N, ..., F)."""

    x: Array
    kernel: Array
    places: Windows
    groups: int
    algorithm: int = 0  # its place in ALGORITHMS
    shape: Any = None  # as the core takes it
    dtype: np.dtype[Any] = field(init=False)
    filters: int = field(init=False)
    output_shape: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.dtype, self.filters = self.kernel.dtype, self.kernel.shape[-1]
        self.output_shape = (self.x.shape[0], *self.places.outputs, self.filters)
        if self.shape is None:
            batch, channels = self.x.shape[0], self.x.shape[-1]
            self.shape = core_shape(batch, channels, self.filters, self.groups, self.places)

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.groups == self.x.shape[-1]


def kernel_and_input(op: str, rank: int, x: object, kernel: object) -> tuple[Array, Array]:
    """Return both with dtypes that go together; x is not yet contiguous."""
    w = _arrays.floating(op, "kernel", kernel)
    dtype = w.dtype.newbyteorder("=")
    array = _arrays.numbers(op, "x", x, dtype)
    _check_shapes(op, rank, array.shape, w.shape)
    return array, _arrays.contiguous(w, dtype)


@lru_cache(maxsize=1024)
def _check_shapes(op: str, rank: int, x: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    if len(kernel) != rank + 2 or 0 in kernel:
        raise ValueError(
            f"{op}: kernel must have {rank + 2} axes ({_KERNEL_SYMBOLS[rank]}, inputs, outputs), "
            f"none of them empty, got {kernel}"
        )
    if len(x) != rank + 2:
        raise ValueError(f"{op}: x must have {rank + 2} axes (N, {_SYMBOLS[rank]}, C), got {x}")
    if 0 in x[1:]:
        raise ValueError(f"{op}: x must have pixels and channels, got {x}")
    if max(x) > LARGEST or math.prod(x[1:]) > MOST_ELEMENTS:
        raise ValueError(f"{op}: x must have at most {LARGEST} entries an axis, got {x}")
    if math.prod(kernel[:-2]) * max(kernel[-2:]) > LARGEST:
        raise ValueError(f"{op}: kernel may have at most {LARGEST} values a filter, got {kernel}")


def check_algorithm(op: str, algorithm: object, places: Windows, groups: int) -> int:
    """Return the core's number of an algorithm."""
    if algorithm not in ALGORITHMS:
        raise ValueError(f"{op}: algorithm must be one of {ALGORITHMS}, got {algorithm!r}")
    if algorithm == "winograd" and (
        places.window != (3, 3)
        or places.strides != (1, 1)
        or places.dilation != (1, 1)
        or groups > 1
    ):
        raise ValueError(
            f"{op}: winograd needs a 3x3 kernel, strides 1, dilation 1 and one group, got a kernel "
            f"{places.window}, strides {places.strides}, dilation {places.dilation} and {groups} "
            'groups; leave algorithm="auto"'
        )
    return ALGORITHMS.index(algorithm)


def check(
    op: str,
    rank: int,
    x: object,
    kernel: object,
    strides: object,
    padding: object,
    dilation: object,
    groups: object,
    algorithm: object,
) -> Convolution:
    """Check everything that decides the shapes."""
    array, w = kernel_and_input(op, rank, x, kernel)
    strides = as_key(op, "strides", strides, rank)
    dilation = as_key(op, "dilation", dilation, rank)
    groups = as_key(op, "groups", groups, 1)
    if type(padding) not in (int, str):
        padding = tuple(explicit_pairs(op, padding, rank))
    places, count, shape = _placed(
        op, rank, array.shape, w.shape, strides, padding, dilation, groups
    )
    number = 0 if algorithm == "auto" else check_algorithm(op, algorithm, places, count)
    return Convolution(_arrays.contiguous(array, w.dtype), w, places, count, number, shape)


@lru_cache(maxsize=1024, typed=True)
def _placed(
    op: str,
    rank: int,
    x: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: object,
    padding: object,
    dilation: object,
    groups: object,
) -> tuple[Windows, int, Any]:
    """Return the windows, the number of groups, and the shape as the core takes it.

    Remembered: for a small image all this would take longer than the convolution.
    """
    (count,) = per_axis(op, "groups", groups, 1)
    inputs, filters = kernel[-2:]
    if x[-1] != inputs * count:
        of_groups = f" in {count} groups" if count > 1 else ""
        raise ValueError(
            f"{op}: x must have {inputs * count} channels for a kernel of {kernel}{of_groups}, "
            f"got x {x}"
        )
    if filters % count:
        raise ValueError(f"{op}: {filters} filters can't be divided into {count} groups")
    steps = per_axis(op, "strides", strides, rank)
    spread = per_axis(op, "dilation", dilation, rank)
    widest = max(inputs * count, filters)
    places = windows(op, x[1:-1], kernel[:-2], steps, spread, padding, widest)
    return places, count, core_shape(x[0], x[-1], filters, count, places)


def chosen_algorithm(op: str, x: tuple[int, ...], kernel: tuple[int, ...], **options: Any) -> str:
    """Return what "auto" stands for with arrays of these shapes."""
    shape = _placed(op, len(x) - 2, x, kernel, **options)[2]
    return ALGORITHMS[_core.conv_algorithm(shape)]


def fused_number(activation: str | None) -> int | None:
    """Return the core's number of an activation that it applies by itself, else None."""
    if activation is None or activation in FUSED_ACTIVATIONS:
        return int(_core.ACTIVATIONS[activation or "linear"])
    return None


def bias_of(op: str, bias: object, dtype: np.dtype[Any], filters: int) -> Array | None:
    """Return the bias (F,), contiguous, or None."""
    if bias is None:
        return None
    return _arrays.shaped(op, "bias", bias, dtype, (filters,), "(F,)")


def forward(op: str, c: Convolution, bias: object, activation: str | None) -> Array:
    """Return activation(convolution + bias)."""
    b = bias_of(op, bias, c.dtype, c.filters)
    number = fused_number(activation)
    y = _arrays.empty(op, "y", c.output_shape, c.dtype)
    if y.size:
        typed("conv_forward", c.dtype)(c.shape, c.algorithm, c.x, c.kernel, b, y, number or 0)
    return y if number is not None else apply_activation(y, activation)


def before_activation(
    op: str,
    dy: object,
    y: object,
    activation: str | None,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Array:
    """Return the gradient of the sums from that of the output."""
    dz = _arrays.shaped(op, "dy", dy, dtype, shape, "as the output")
    if activation in (None, "linear"):
        return dz
    return activation_backward(dz, activation, y=_output_of(op, y, activation, shape, dtype))


def _output_of(
    op: str, y: object, activation: object, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    if y is None:
        raise ValueError(f"{op}: y is needed for the derivative of {activation!r}")
    return _arrays.shaped(op, "y", y, dtype, shape, "as the output")


def gradient_arrays(
    op: str,
    out: Gradients | None,
    shapes: dict[str, tuple[int, ...]],
    dtype: np.dtype[Any],
    reads: Mapping[str, object],
) -> Gradients:
    """Return arrays to write gradients into: the caller's where given, else new ones."""
    gradients = _arrays.targets(op, out, shapes, dtype, lambda: reads)
    for name, size in shapes.items():
        if name not in gradients:
            gradients[name] = np.empty(size, dtype)
    return gradients


def backward(
    op: str,
    c: Convolution,
    dy: object,
    y: object,
    activation: str | None,
    use_bias: bool,
    need_dx: bool,
    out: Gradients | None,
) -> Gradients:
    """Return the gradients of :func:`forward`."""
    # The core takes the activation's part along, one chunk of pixels after the other.
    number = None if c.depthwise else fused_number(activation)
    outputs: Array | None = None
    if number:
        dy = _arrays.shaped(op, "dy", dy, c.dtype, c.output_shape, "as the output")
        outputs = _output_of(op, y, activation, c.output_shape, c.dtype)
    else:
        dy = before_activation(op, dy, y, activation, c.output_shape, c.dtype)
    shapes: dict[str, tuple[int, ...]] = {"kernel": c.kernel.shape}
    if use_bias:
        shapes["bias"] = (c.filters,)
    reads = {"x": c.x, "kernel": c.kernel, "dy": dy, "y": outputs}
    gradients = gradient_arrays(op, out, shapes, c.dtype, reads)
    if need_dx:
        gradients["x"] = _arrays.empty(op, "dx", c.x.shape, c.dtype)
    if not dy.size:
        for gradient in gradients.values():
            gradient[...] = 0
        return gradients
    dz: Array | None = dy
    if outputs is not None:
        dz = _arrays.empty(op, "dz", c.output_shape, c.dtype) if need_dx else None
    typed("conv_weights", c.dtype)(
        c.shape, c.x, dy, gradients["kernel"], gradients.get("bias"), outputs, number or 0, dz,
        c.algorithm,
    )  # fmt: skip
    if need_dx:
        typed("conv_input", c.dtype)(c.shape, c.algorithm, dz, c.kernel, None, gradients["x"], 0)
    return gradients
