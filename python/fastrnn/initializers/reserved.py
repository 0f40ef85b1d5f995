"""Weights that wait for their values: zeros in place of what an initializer would draw."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

_bytes_left: ContextVar[list[int] | None] = ContextVar("bytes left", default=None)


@contextlib.contextmanager
def values_follow(limit: int) -> Iterator[None]:
    """Have weights made within the block be zeros, of at most `limit` bytes in all.

    A model whose weights come from a file needs no others first, and a description that asks
    for more than its file can hold is refused before memory is.
    """
    token = _bytes_left.set([limit])
    try:
        yield
    finally:
        _bytes_left.reset(token)


def initial_value(initializer: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """A weight's value at build time: an array of its own."""
    left = _bytes_left.get()
    if left is None:
        return np.array(initializer(shape, dtype), dtype=dtype, order="C")
    left[0] -= math.prod(shape) * dtype.itemsize
    if left[0] < 0:
        raise ValueError(f"a weight of shape {shape} is larger than the file's weights can be")
    return np.zeros(shape, dtype)
