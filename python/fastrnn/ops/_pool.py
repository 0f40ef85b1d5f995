"""Batches of images and the windows that pool them, or that an image grows from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core
from fastrnn.ops._windows import Windows, as_key, per_axis, windows

_IMAGES = {1: "(N, W, C)", 2: "(N, H, W, C)", 3: "(N, D, H, W, C)"}


@dataclass(slots=True)
class Geometry:
    """A batch of images and the windows on them."""

    op: str
    batch: int
    channels: int
    windows: Windows
    x_shape: tuple[int, ...] = field(init=False)  # of the images
    y_shape: tuple[int, ...] = field(init=False)  # of what the windows give
    shape: Any = field(init=False)  # as the core takes it

    def __post_init__(self) -> None:
        self.x_shape = (self.batch, *self.windows.sizes, self.channels)
        self.y_shape = (self.batch, *self.windows.outputs, self.channels)
        self.shape = _core.PoolShape([self.batch, self.channels, *self.windows.numbers()])

    def forward(self, kind: str, x: Array) -> Array:
        """Pool images."""
        y = _arrays.empty(self.op, "y", self.y_shape, x.dtype)
        self._run("pool_forward", kind, y, x, y)
        return y

    def backward(
        self, kind: str, dy: Array, x: Array | None = None, y: Array | None = None
    ) -> Array:
        """Return the gradient of the images."""
        dx = _arrays.empty(self.op, "dx", self.x_shape, dy.dtype)
        self._run("pool_backward", kind, dx, dy, x, y, dx)
        return dx

    def _run(self, name: str, kind: str, out: Array, *arrays: Array | None) -> None:
        if out.size:
            core(name, out.dtype)(self.shape, _core.POOL_KINDS[kind], *arrays)


def geometry_of(
    op: str, shape: tuple[int, ...], pool_size: object, strides: object, padding: object
) -> Geometry:
    """Check the shape of images (N, ..., C) and the windows on them."""
    rank = len(shape) - 2
    pool_size = as_key(op, "pool_size", pool_size, rank)
    if strides is not None:
        strides = as_key(op, "strides", strides, rank)
    if not (isinstance(padding, str) and padding.lower() in ("valid", "same")):
        raise ValueError(f'{op}: padding must be "valid" or "same", got {padding!r}')
    return _placed(op, shape, pool_size, strides, padding)


@lru_cache(maxsize=1024, typed=True)
def _placed(
    op: str, shape: tuple[int, ...], pool_size: object, strides: object, padding: str
) -> Geometry:
    rank = len(shape) - 2
    window = per_axis(op, "pool_size", pool_size, rank)
    steps = window if strides is None else per_axis(op, "strides", strides, rank)
    _arrays.check_sizes(op, N=shape[0], C=shape[-1])
    ones = (1,) * rank
    placed = windows(op, shape[1:-1], window, steps, ones, padding, shape[-1])
    return Geometry(op, shape[0], shape[-1], placed)


def shape_of(op: str, x_shape: object) -> tuple[int, ...]:
    """Return the shape of images, given by the caller in place of the images."""
    if not isinstance(x_shape, (tuple, list)) or not all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 0 for n in x_shape
    ):
        raise ValueError(f"{op}: x_shape must be a shape, got {x_shape!r}")
    return tuple(int(n) for n in x_shape)


def check_images(op: str, name: str, shape: tuple[int, ...], rank: int) -> None:
    """Refuse what is no batch of images of this rank."""
    if len(shape) != rank + 2 or 0 in shape[1:]:
        raise ValueError(
            f"{op}: {name} must be {_IMAGES[rank]} with pixels and channels, got {shape}"
        )


def whole_image(op: str, shape: tuple[int, ...]) -> Geometry:
    """Return the windows that are all of an image; of its rows there may be any number."""
    if len(shape) < 3 or 0 in shape[1:]:
        raise ValueError(f"{op}: x must be (N, ..., C) with pixels and channels, got {shape}")
    *rows, width = shape[1:-1]
    sizes = (math.prod(rows), width)
    return geometry_of(op, (shape[0], *sizes, shape[-1]), sizes, 1, "valid")
