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
_GPU_MEMORY = (2, 13)  # DLPack's kDLCUDA and kDLCUDAManaged


def on_gpu(value: object) -> bool:
    """Whether this is an array (CuPy's, PyTorch's, anybody's) in a GPU's memory."""
    if isinstance(value, np.ndarray):
        return False
    device = getattr(value, "__dlpack_device__", None)
    if device is not None:
        return device()[0] in _GPU_MEMORY
    return hasattr(value, "__cuda_array_interface__")


def title(value: object) -> str:
    """Return the name of a value's class and of its module, as messages have it."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


class Place:
    """Where the arrays of a call lie, and what makes arrays there: this one is the CPU's memory.

    `_device.Gpu` is the other. Both check alike.
    """

    name = "the CPU"
    xp: Any = np  # the module of its arrays
    kind = "a NumPy array"
    array: type[Any] = np.ndarray
    floats: tuple[np.dtype[Any], ...] = FLOATS
    bases = True  # an array's `base` tells whether its memory is its own

    def to_array(self, op: str, name: str, value: object) -> Array:
        """Return anything that holds numbers (buffer protocol, DLPack, lists) as an array."""
        if isinstance(value, np.ndarray):
            return value
        if value is None or isinstance(value, (str, bytes, dict, set)):
            raise TypeError(f"{op}: {name} must be an array of numbers, got {type(value).__name__}")
        if on_gpu(value):
            raise TypeError(
                f"{op}: {name} must be an array of numbers on the CPU, got {title(value)} on a GPU"
            )
        try:
            if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
                return np.asarray(np.from_dlpack(value))
            return np.asarray(value)
        except (ValueError, TypeError, RuntimeError, BufferError) as error:
            raise TypeError(
                f"{op}: {name} must be an array of numbers on the CPU, "
                f"got {type(value).__name__} ({error})"
            ) from None

    def known(self, op: str, name: str, value: object, array: Array) -> Array | None:
        """Return the values of an argument and its array; None where to look at them costs time."""
        return array

    def floating(self, op: str, name: str, value: object) -> Array:
        """Return an array of floats that the kernels know, in any layout and byte order."""
        array = self.to_array(op, name, value)
        if array.dtype not in self.floats and array.dtype.newbyteorder("=") not in self.floats:
            *most, last = map(str, self.floats)
            raise TypeError(f"{op}: {name} must be {', '.join(most)} or {last}, got {array.dtype}")
        return array

    def weight(self, op: str, name: str, value: object) -> Array:
        """Return such an array, contiguous: its dtype is the call's."""
        array = self.floating(op, name, value)
        return self.contiguous(array, array.dtype.newbyteorder("="))

    def contiguous(self, array: Array, dtype: np.dtype[Any]) -> Array:
        """Convert to this dtype, C order and alignment; return the array itself where it is so."""
        flags = array.flags
        if array.dtype == dtype and flags.c_contiguous and flags.aligned:
            return array
        return np.require(array, dtype=dtype, requirements=("C", "A"))

    def numbers(
        self,
        op: str,
        name: str,
        value: object,
        dtype: np.dtype[Any],
        also: np.dtype[Any] | None = None,
    ) -> Array:
        """Return what may become an array of a dtype; nothing is converted yet.

        Integers, lists and floats of the dtype ``also`` may, other floats may not. Shapes can be
        checked on the result before :meth:`contiguous` makes a copy: a view of a few bytes may
        claim any size.
        """
        array = self.to_array(op, name, value)
        if array.dtype == dtype or (also is not None and array.dtype == also):
            return array
        floats = array.dtype.kind == "f" or array.dtype in self.floats  # bfloat16 is of no kind
        typed = isinstance(value, np.ndarray) or on_gpu(value)  # not a list, or a number
        if floats and typed and array.dtype.newbyteorder("=") != dtype:
            known = f"{dtype} as the weights are" if also in (None, dtype) else f"{dtype} or {also}"
            raise TypeError(
                f"{op}: {name} must be {known}, got {array.dtype}; "
                f"convert it with {name}.astype(np.{dtype})"
            )
        if not floats and array.dtype.kind not in "iub":
            raise TypeError(f"{op}: {name} must be an array of numbers, got dtype {array.dtype}")
        return array

    def shaped(
        self,
        op: str,
        name: str,
        value: object,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        symbols: str,
        also: np.dtype[Any] | None = None,
    ) -> Array:
        """Return a contiguous array of exactly this shape; ``symbols`` name it in the error."""
        array = self.numbers(op, name, value, dtype, also)
        if array.shape != shape:
            raise ValueError(f"{op}: {name} must be {symbols} = {shape}, got {array.shape}")
        return self.contiguous(array, dtype)

    def flags(self, op: str, name: str, value: object, shape: tuple[int, int]) -> Array:
        """Return a boolean (N, T) array as bytes."""
        array = self.to_array(op, name, value)
        if array.dtype.kind not in "biu":
            raise TypeError(f"{op}: {name} must be boolean, got dtype {array.dtype}")
        if array.shape != shape:
            raise ValueError(f"{op}: {name} must be (N, T) = {shape}, got {array.shape}")
        return self.contiguous(array.astype(bool, copy=False), np.dtype(bool)).view(np.uint8)

    def mask_of_lengths(self, op: str, value: object, batch: int, steps: int) -> Array:
        """Return the right-padded mask (N, T), as bytes, of lengths (N,)."""
        lengths = self.to_array(op, "lengths", value)
        if lengths.dtype.kind not in "iu":
            raise TypeError(f"{op}: lengths must be integers, got dtype {lengths.dtype}")
        if lengths.shape != (batch,):
            raise ValueError(f"{op}: lengths must be (N,) = ({batch},), got {lengths.shape}")
        known = self.known(op, "lengths", value, lengths)
        # NumPy's minimum takes ten times as long for a few.
        values = [] if known is None else known.tolist()
        if values and not 0 <= min(values) <= max(values) <= steps:
            wrong = next(value for value in values if not 0 <= value <= steps)
            raise ValueError(f"{op}: lengths must lie in 0..T = 0..{steps}, got {wrong}")
        return self._right_padded(lengths, values, steps)

    def _right_padded(self, lengths: Array, values: list[int], steps: int) -> Array:
        """Return the mask of lengths whose values are known."""
        # After a kernel, which has the caches to itself, NumPy's comparison takes 20 us and more.
        rows = b"".join([b"\1" * value + b"\0" * (steps - value) for value in values])
        return np.ndarray((len(values), steps), np.uint8, rows)

    def strided(self, array: Array, dtype: np.dtype[Any]) -> Array:
        """Make the last axis contiguous; other strides may be anything the kernels take."""
        if array.dtype == dtype and self.aligned(array):
            if array.flags.c_contiguous:
                return array
            item, strides = array.itemsize, array.strides
            if (array.shape[-1] <= 1 or strides[-1] == item) and all(
                s >= 0 and s % item == 0 for s in strides
            ):
                return array
        return self.contiguous(array, dtype)

    def empty(self, op: str, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return an array of unspecified content in the core's memory, which is used again."""
        try:
            return _core.empty_float(shape) if dtype == np.float32 else _core.empty_double(shape)
        except MemoryError:
            raise MemoryError(f"{op}: no memory for {name} of shape {shape}") from None

    @staticmethod
    def wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype of c, and of what multiplies x, h and c, beside weights of this one."""
        return dtype

    def aligned(self, array: Array) -> bool:
        """Whether an array's first element lies where elements of its kind may lie."""
        return bool(array.flags.aligned)

    def targets(
        self,
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
        found = {
            name: self.output(op, name, array, shapes[name], dtype) for name, array in out.items()
        }
        self.check_overlap(op, found, reads())
        return found

    def output(
        self, op: str, name: str, value: object, like: tuple[int, ...], dtype: np.dtype[Any]
    ) -> Array:
        """Return an array, given by the caller, that the core may write into."""
        if not isinstance(value, self.array):
            raise TypeError(f"{op}: out[{name!r}] must be {self.kind}, got {type(value).__name__}")
        if value.dtype != dtype:
            raise TypeError(f"{op}: out[{name!r}] must be {dtype}, got {value.dtype}")
        if value.shape != like:
            raise ValueError(f"{op}: out[{name!r}] must be {like}, got {value.shape}")
        writable = getattr(value.flags, "writeable", True)  # CuPy has no such flag
        if not (value.flags.c_contiguous and self.aligned(value) and writable):
            raise ValueError(f"{op}: out[{name!r}] must be writable, aligned and in C order")
        array: Array = value
        return array

    def check_overlap(
        self, op: str, out: Mapping[str, Array], inputs: Mapping[str, object]
    ) -> None:
        """Refuse arrays to write into that share memory with each other or with what is read."""
        arrays, share = list(out.values()), self.xp.may_share_memory
        buffers = {id(buffer): buffer for buffer in map(self._buffer, arrays)}
        # Arrays that own their memory are apart, and so are views of different ones: that settles
        # nearly all pairs without a look at addresses. Memory from elsewhere may be anybody's.
        owned = self.bases and all(buffer.base is None for buffer in buffers.values())
        suspects = [
            (name, other)
            for name, other in inputs.items()
            if isinstance(other, self.array)
            and not (owned and other.base is None and id(other) not in buffers)
        ]
        for name, other in suspects:
            if any(share(buffer, other) for buffer in buffers.values()):
                for mine, array in out.items():
                    if share(array, other):
                        raise ValueError(f"{op}: out[{mine!r}] must not overlap {name}")
        for i in range(1, len(arrays)):
            for j in range(i):
                if share(arrays[i], arrays[j]):
                    names = list(out)
                    raise ValueError(f"{op}: out[{names[i]!r}] must not overlap out[{names[j]!r}]")

    def _buffer(self, array: Array) -> Array:
        """Return the array that this one is a view of, in the end; itself where it is no view."""
        while isinstance(array.base, self.array):
            array = array.base
        return array


CPU = Place()

to_array, floating, weight, numbers = CPU.to_array, CPU.floating, CPU.weight, CPU.numbers
contiguous, shaped, flags, empty = CPU.contiguous, CPU.shaped, CPU.flags, CPU.empty
targets, output = CPU.targets, CPU.output


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
