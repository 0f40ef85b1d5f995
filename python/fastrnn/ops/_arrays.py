"""Checks between a user's arrays and the core: what passes here, the kernels can take."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_LARGEST = 2**31 - 1


def to_array(op: str, name: str, value: object) -> Array:
    """Anything that holds numbers (buffer protocol, DLPack, nested lists) as an array."""
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


def weight(op: str, name: str, value: object) -> Array:
    """A float32 or float64 array, contiguous: its dtype is the call's."""
    array = to_array(op, name, value)
    if array.dtype.newbyteorder("=") not in FLOATS:
        raise TypeError(f"{op}: {name} must be float32 or float64, got {array.dtype}")
    return contiguous(array, array.dtype.newbyteorder("="))


def contiguous(array: Array, dtype: np.dtype[Any]) -> Array:
    """C order, native byte order, aligned; the array itself where it is so already."""
    return np.require(array, dtype=dtype, requirements=("C", "A"))


def converted(op: str, name: str, value: object, dtype: np.dtype[Any]) -> Array:
    """An array of the call's dtype: integers and lists are converted, other floats refused."""
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
    return array.astype(dtype)


def shaped(
    op: str, name: str, value: object, dtype: np.dtype[Any], shape: tuple[int, ...], symbols: str
) -> Array:
    """A contiguous array of exactly this shape; ``symbols`` name it in the error."""
    array = converted(op, name, value, dtype)
    if array.shape != shape:
        raise ValueError(f"{op}: {name} must be {symbols} = {shape}, got {array.shape}")
    return contiguous(array, dtype)


def flags(op: str, name: str, value: object, shape: tuple[int, int]) -> Array:
    """A boolean (N, T) array as bytes."""
    array = to_array(op, name, value)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{op}: {name} must be boolean, got dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{op}: {name} must be (N, T) = {shape}, got {array.shape}")
    return contiguous(array.astype(bool, copy=False), np.dtype(bool)).view(np.uint8)


def mask_of_lengths(op: str, value: object, batch: int, steps: int) -> Array:
    """The right-padded mask (N, T), as bytes, of lengths (N,)."""
    lengths = to_array(op, "lengths", value)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"{op}: lengths must be integers, got dtype {lengths.dtype}")
    if lengths.shape != (batch,):
        raise ValueError(f"{op}: lengths must be (N,) = ({batch},), got {lengths.shape}")
    if batch and (lengths.min() < 0 or lengths.max() > steps):
        wrong = lengths[(lengths < 0) | (lengths > steps)][0]
        raise ValueError(f"{op}: lengths must lie in 0..T = 0..{steps}, got {wrong}")
    return (np.arange(steps) < lengths[:, None]).view(np.uint8)


def strided(op: str, name: str, value: object, dtype: np.dtype[Any]) -> Array:
    """An array whose last axis is contiguous; other strides may be anything the kernels take."""
    array = converted(op, name, value, dtype)
    item = array.itemsize
    usable = (
        array.flags.aligned
        and (array.ndim == 0 or array.shape[-1] <= 1 or array.strides[-1] == item)
        and all(s >= 0 and s % item == 0 for s in array.strides)
    )
    return array if usable else np.require(array, requirements=("C", "A"))


def check_sizes(op: str, **sizes: int) -> None:
    """Refuses what the kernels' 32-bit counters can't hold."""
    for name, size in sizes.items():
        if size > _LARGEST:
            raise ValueError(f"{op}: {name} must be at most {_LARGEST}, got {size}")


def output(op: str, name: str, value: object, like: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array that the core may write into, given by the caller."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{op}: out[{name!r}] must be a NumPy array, got {type(value).__name__}")
    if value.dtype != dtype:
        raise TypeError(f"{op}: out[{name!r}] must be {dtype}, got {value.dtype}")
    if value.shape != like:
        raise ValueError(f"{op}: out[{name!r}] must be {like}, got {value.shape}")
    if not (value.flags.c_contiguous and value.flags.aligned and value.flags.writeable):
        raise ValueError(f"{op}: out[{name!r}] must be writable, aligned and in C order")
    return value
