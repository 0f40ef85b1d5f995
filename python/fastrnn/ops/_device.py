"""Arrays in a GPU's memory, by way of CuPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from fastrnn.config import cublas_folders, cuda_state
from fastrnn.ops._arrays import CPU, Array, Place, on_gpu, title


class Gpu(Place):
    """The memory of a GPU. Nothing here waits for it: values that lie there are not looked at."""

    kind = "a CuPy array"
    bases = False  # what came by DLPack has none either

    def __init__(self, number: int, cupy: Any, kernels: Any) -> None:
        self.name = f"GPU {number}"
        self.number = number
        self.xp = cupy
        self.array = cupy.ndarray
        self.kernels = kernels  # fastrnn._cuda
        self.floats = (np.dtype(np.float32), np.dtype(np.float16), *_bfloat16())

    def _right_padded(self, lengths: Array, values: list[int], steps: int) -> Array:
        mask: Array = self.xp.arange(steps) < lengths[:, None]
        return mask.view(np.uint8)

    def to_array(self, op: str, name: str, value: object) -> Array:
        """Return CuPy's array of this GPU; the stream that writes somebody else's is waited for."""
        array: Any
        if isinstance(value, self.array):
            array = value
        elif on_gpu(value):
            take = self.xp.from_dlpack if hasattr(value, "__dlpack__") else self.xp.asarray
            try:
                array = take(value)
            except (ValueError, TypeError, RuntimeError, BufferError) as error:
                raise TypeError(
                    f"{op}: {name} must be an array of numbers on {self.name}, "
                    f"got {title(value)} ({error})"
                ) from None
        elif isinstance(value, np.ndarray) or hasattr(value, "__dlpack__"):
            raise TypeError(
                f"{op}: {name} must be on {self.name} as kernel is, got {title(value)} on the CPU"
            )
        else:  # a number, a list
            here = CPU.to_array(op, name, value)
            if here.dtype.kind not in "fiub":
                raise TypeError(f"{op}: {name} must be an array of numbers, got dtype {here.dtype}")
            array = self.xp.asarray(here)
        if array.device.id != self.number:
            raise TypeError(
                f"{op}: {name} must be on {self.name}, CuPy's current device, "
                f"got {title(value)} on GPU {array.device.id}"
            )
        return array  # type: ignore[no-any-return]

    def known(self, op: str, name: str, value: object, array: Array) -> Array | None:
        """Return values that came as numbers or lists."""
        return None if on_gpu(value) else CPU.to_array(op, name, value)

    def mask_of_lengths(self, op: str, value: object, batch: int, steps: int) -> Array:
        """As on the CPU, where the lengths may lie as well."""
        if isinstance(value, np.ndarray):
            value = value.tolist()
        return super().mask_of_lengths(op, value, batch, steps)

    def contiguous(self, array: Array, dtype: np.dtype[Any]) -> Array:
        """Convert to this dtype and C order; return the array itself where it is so."""
        if array.dtype == dtype and array.flags.c_contiguous and self.aligned(array):
            return array
        return array.astype(dtype, order="C")

    def pointer(self, array: Any) -> int:
        """Return the address of an array's first element."""
        return int(array.data.ptr)

    def stream(self) -> int:
        """Return the address of the stream that work is queued on: CuPy's current one."""
        return int(self.xp.cuda.get_current_stream().ptr)

    def empty(self, op: str, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return an array of unspecified content from CuPy's pool."""
        try:
            return self.xp.empty(shape, dtype)  # type: ignore[no-any-return]
        except MemoryError as error:
            raise MemoryError(
                f"{op}: no memory on {self.name} for {name} of shape {shape}: {error}"
            ) from None

    @staticmethod
    def wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
        """float32: c, dropout and zoneout keep it beside weights of 16 bits."""
        return np.dtype(np.float32)

    def aligned(self, array: Any) -> bool:
        """Whether an array's first element lies at a multiple of its size."""
        return self.pointer(array) % int(array.itemsize) == 0


def place_of(op: str, name: str, value: object) -> Place:
    """Return where an array lies, and with it all others of the call have to."""
    if not on_gpu(value):
        return CPU
    try:
        import cupy

        import fastrnn._cuda as kernels
    except ImportError:
        state = cuda_state()
        raise RuntimeError(
            f"{op}: {name} is {title(value)} on a GPU; that takes fastrnn's module for it: "
            f"{state['module']}; and CuPy: {state['cupy']}"
        ) from None
    return _gpu(cupy.cuda.runtime.getDevice(), cupy, kernels)


@cache
def _gpu(number: int, cupy: Any, kernels: Any) -> Gpu:
    kernels.cublas(cublas_folders())  # an error that says where it was looked for
    return Gpu(number, cupy, kernels)


def _bfloat16() -> tuple[np.dtype[Any], ...]:
    """NumPy has no such dtype; CuPy takes that of ml_dtypes."""
    try:
        import ml_dtypes
    except ImportError:
        return ()
    return (np.dtype(ml_dtypes.bfloat16),)
