"""Checks between a user's arrays and the core: what passes here, the kernels can take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn import _core

Array = npt.NDArray[Any]

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
LARGEST = 2**30  # what the kernels count in 32 bits
MOST_ELEMENTS = 2**44  # of one array, where they count in 64


def to_array(op: str, name: str, value: object) -> Array:
    """Return anything that holds numbers (buffer protocol, DLPack, nested lists) as an array."""
    if isinstance(value, np.ndarray):
        return value
    if value is None or isinstance(value, (str, bytes, dict, set)):
        raise TypeError(f"{op}: {name} must be an array of numbers, got {type(value).__name__}")
    try:
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return np.asarray(np.from_dlpack(value))
        return np.asarray(value)
    except (ValueError, TypeError, RuntimeError, BufferError) as error:
        raise TypeError(
            f"{op}: {name} must be an array of numbers on the CPU, "
            f"got {type(value).__name__} ({error})"
        ) from None


def floating(op: str, name: str, value: object) -> Array:
    """Return a float32 or float64 array, in whatever layout and byte order it comes."""
    array = to_array(op, name, value)
    if array.dtype not in FLOATS and array.dtype.newbyteorder("=") not in FLOATS:
        raise TypeError(f"{op}: {name} must be float32 or float64, got {array.dtype}")
    return array


def weight(op: str, name: str, value: object) -> Array:
    """Return a float32 or float64 array, contiguous: its dtype is the call's."""
    array = floating(op, name, value)
    return contiguous(array, array.dtype.newbyteorder("="))


def contiguous(array: Array, dtype: np.dtype[Any]) -> Array:
    """Convert to this dtype, C order and alignment; return the array itself where it is so."""
    flags = array.flags
    if array.dtype == dtype and flags.c_contiguous and flags.aligned:
        return array
    return np.require(array, dtype=dtype, requirements=("C", "A"))


def numbers(op: str, name: str, value: object, dtype: np.dtype[Any]) -> Array:
    """Return what may become an array of the call's dtype; nothing is converted yet.

    Integers and lists may, other floats may not. Shapes can be checked on the result before
    :func:`contiguous` makes a copy: a view of a few bytes may claim any size.
    """
    array = to_array(op, name, value)
    if array.dtype == dtype:
        return array
    kind = array.dtype.kind
    if kind == "f" and isinstance(value, np.ndarray) and array.dtype.newbyteorder("=") != dtype:
        raise TypeError(
            f"{op}: {name} must be {dtype} as the weights are, got {array.dtype}; "
            f"convert it with {name}.astype(np.{dtype})"
        )
    if kind not in "fiub":
        raise TypeError(f"{op}: {name} must be an array of numbers, got dtype {array.dtype}")
    return array


def shaped(
    op: str, name: str, value: object, dtype: np.dtype[Any], shape: tuple[int, ...], symbols: str
) -> Array:
    """Return a contiguous array of exactly this shape; ``symbols`` name it in the error."""
    array = numbers(op, name, value, dtype)
    if array.shape != shape:
        raise ValueError(f"{op}: {name} must be {symbols} = {shape}, got {array.shape}")
    return contiguous(array, dtype)


def flags(op: str, name: str, value: object, shape: tuple[int, int]) -> Array:
    """Return a boolean (N, T) array as bytes."""
    array = to_array(op, name, value)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{op}: {name} must be boolean, got dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{op}: {name} must be (N, T) = {shape}, got {array.shape}")
    return contiguous(array.astype(bool, copy=False), np.dtype(bool)).view(np.uint8)


def mask_of_lengths(op: str, value: object, batch: int, steps: int) -> Array:
    """Return the right-padded mask (N, T), as bytes, of lengths (N,)."""
    lengths = to_array(op, "lengths", value)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"{op}: lengths must be integers, got dtype {lengths.dtype}")
    if lengths.shape != (batch,):
        raise ValueError(f"{op}: lengths must be (N,) = ({batch},), got {lengths.shape}")
    values = lengths.tolist()  # for a short sequence NumPy's minimum would be a tenth of the time
    if batch and not 0 <= min(values) <= max(values) <= steps:
        wrong = next(value for value in values if not 0 <= value <= steps)
        raise ValueError(f"{op}: lengths must lie in 0..T = 0..{steps}, got {wrong}")
    return (np.arange(steps) < lengths[:, None]).view(np.uint8)


def strided(array: Array, dtype: np.dtype[Any]) -> Array:
    """Make the last axis contiguous; other strides may be anything the kernels take."""
    flags = array.flags
    if array.dtype == dtype and flags.aligned:
        if flags.c_contiguous:
            return array
        item, strides = array.itemsize, array.strides
        if (array.shape[-1] <= 1 or strides[-1] == item) and all(
            s >= 0 and s % item == 0 for s in strides
        ):
            return array
    return contiguous(array, dtype)


def empty(op: str, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array of unspecified content in the core's memory, which is used again."""
    try:
        return _core.empty_float(shape) if dtype == np.float32 else _core.empty_double(shape)
    except MemoryError:
        raise MemoryError(f"{op}: no memory for {name} of shape {shape}") from None


LARGE = 1 << 18  # bytes; NumPy keeps smaller blocks itself


def room(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
    """``out`` for a result of NumPy's: where it is large, the core's memory, else None.

    The fresh pages of a large array cost more than what is computed into them.
    """
    if dtype not in FLOATS or math.prod(shape) * dtype.itemsize < LARGE:
        return None
    return empty("fastrnn", "a result", shape, dtype)


def check_sizes(op: str, **sizes: int) -> None:
    """Refuse what the kernels' 32-bit counters can't hold."""
    for name, size in sizes.items():
        if size > LARGEST:
            raise ValueError(f"{op}: {name} must be at most {LARGEST}, got {size}")


class OwnGradients(dict[str, Array]):
    """Arrays for gradients that a layer made for its weights: they need no check.

    They are of the weights' dtype and shapes, contiguous, and apart from all that is read.
    """


def targets(
    op: str,
    out: object,
    shapes: Mapping[str, tuple[int, ...]],
    dtype: np.dtype[Any],
    reads: Callable[[], Mapping[str, object]],
) -> dict[str, Array]:
    """Return the arrays that the caller gives to write gradients into, by name."""
    if out is None:
        return {}
    if type(out) is OwnGradients:
        return dict(out)
    check_out(op, out, shapes)
    assert isinstance(out, dict)
    found = {name: output(op, name, array, shapes[name], dtype) for name, array in out.items()}
    check_overlap(op, found, reads())
    return found


def check_out(op: str, out: object, known: Iterable[str]) -> None:
    """Refuse what is no dictionary, and names that no gradient has."""
    if out is None:
        return
    if not isinstance(out, dict):
        raise TypeError(f"{op}: out must be a dictionary of arrays, got {type(out).__name__}")
    names = list(known)
    for name in out:
        if name not in names:
            raise ValueError(f"{op}: out may hold {', '.join(names)}; got {name!r}")


def output(op: str, name: str, value: object, like: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array, given by the caller, that the core may write into."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{op}: out[{name!r}] must be a NumPy array, got {type(value).__name__}")
    if value.dtype != dtype:
        raise TypeError(f"{op}: out[{name!r}] must be {dtype}, got {value.dtype}")
    if value.shape != like:
        raise ValueError(f"{op}: out[{name!r}] must be {like}, got {value.shape}")
    if not (value.flags.c_contiguous and value.flags.aligned and value.flags.writeable):
        raise ValueError(f"{op}: out[{name!r}] must be writable, aligned and in C order")
    return value


def check_overlap(op: str, out: Mapping[str, Array], inputs: Mapping[str, object]) -> None:
    """Refuse arrays to write into that share memory with each other or with what is read."""
    arrays = list(out.values())
    buffers = {id(buffer): buffer for buffer in map(_buffer, arrays)}
    # Arrays that own their memory are apart, and so are views of different ones: that settles
    # nearly all pairs without a look at addresses. Memory from elsewhere may be anybody's.
    owned = all(buffer.base is None for buffer in buffers.values())
    suspects = [
        (name, other)
        for name, other in inputs.items()
        if isinstance(other, np.ndarray)
        and not (owned and other.base is None and id(other) not in buffers)
    ]
    for name, other in suspects:
        if any(np.may_share_memory(buffer, other) for buffer in buffers.values()):
            for mine, array in out.items():
                if np.may_share_memory(array, other):
                    raise ValueError(f"{op}: out[{mine!r}] must not overlap {name}")
    for i in range(1, len(arrays)):
        for j in range(i):
            if np.may_share_memory(arrays[i], arrays[j]):
                names = list(out)
                raise ValueError(f"{op}: out[{names[i]!r}] must not overlap out[{names[j]!r}]")


def _buffer(array: Array) -> Array:
    """Return the array that this one is a view of, in the end; itself where it is no view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
