"""Normalizations bound to a layer's weights, for training; see :mod:`fastrnn.ops.bound`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._run import typed
from fastrnn.ops.bound import ready

__all__ = ["BoundBatchNormalization", "BoundLayerNormalization"]


class _Bound:
    """What both share: arrays that stay, and the gradient."""

    op: str

    def __init__(self, arrays: tuple[Array | None, ...], dtype: np.dtype[Any]) -> None:
        self._arrays = arrays
        self._gamma, self._beta = arrays[:2]
        self._dtype = dtype

    def has(self, arrays: tuple[Array | None, ...]) -> bool:
        """Whether it is bound to these very arrays."""
        return all(map(_same, self._arrays, arrays))

    def _checked(self, x: Array, shape: tuple[int, ...]) -> Array:
        """Return x, whose last axes must have a shape, as the core takes it."""
        if not ready(x, self._dtype) or x.shape[-len(shape) :] != shape:
            x = _arrays.numbers(self.op, "x", x, self._dtype)
            leading = x.shape[: max(x.ndim - len(shape), 0)]
            x = _arrays.shaped(self.op, "x", x, self._dtype, (*leading, *shape), "(..., C)")
        return x

    def _like(self, dy: Array, x: Array) -> Array:
        if not ready(dy, self._dtype) or dy.shape != x.shape:
            dy = _arrays.shaped(self.op, "dy", dy, self._dtype, x.shape, "of the shape of x")
        return dy


def _same(one: object, other: object) -> bool:
    return one is other


class BoundBatchNormalization(_Bound):
    """`batch_normalization_forward` and its gradient, and the running averages beside it.

    The arrays are gamma and beta, or None, and the averages of mean and variance.
    """

    op = "batch_normalization"

    def __init__(self, arrays: tuple[Array | None, ...], epsilon: float, momentum: float) -> None:
        averages = arrays[2]
        assert averages is not None
        super().__init__(arrays, averages.dtype)
        self._shape = averages.shape
        self._numbers = epsilon, momentum
        self._run = typed("batch_normalize_training", self._dtype)
        self._run_back = typed("batch_normalize_backward", self._dtype)

    def forward(self, x: Array) -> tuple[Array, Any]:
        """Return y, and what `backward` needs; the running averages follow the batch's."""
        x = self._checked(x, self._shape)
        statistics: Array = np.zeros((2, *self._shape))
        mean, rstd = statistics
        y = _arrays.empty(self.op, "y", x.shape, self._dtype)
        if x.size:
            self._run(*self._numbers, x, *self._arrays, mean, rstd, y)
        return y, (x, mean, rstd)

    def backward(self, cache: Any, dy: Array, dgamma: Array, dbeta: Array) -> Array:
        """Return dx; the gradients of gamma and beta are written to the arrays given."""
        x, mean, rstd = cache
        dx = _arrays.empty(self.op, "dx", x.shape, self._dtype)
        self._run_back(x, self._like(dy, x), self._gamma, mean, rstd, dx, dgamma, dbeta)
        return dx


class BoundLayerNormalization(_Bound):
    """`layer_normalization_forward` and its gradient; over several axes, too."""

    op = "layer_normalization"

    def __init__(
        self,
        arrays: tuple[Array | None, ...],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        epsilon: float,
    ) -> None:
        super().__init__(arrays, dtype)
        self._shape, self._channels = shape, math.prod(shape)
        self._epsilon = epsilon
        self._run = typed("layer_normalize", dtype)
        self._run_back = typed("layer_normalize_backward", dtype)

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Return y, and in training what `backward` needs."""
        x = self._checked(x, self._shape)
        y = _arrays.empty(self.op, "y", x.shape, self._dtype)
        mean = rstd = None
        if training:
            statistics: Array = np.empty((2, x.size // self._channels), self._dtype)
            mean, rstd = statistics
        self._run(self._channels, self._epsilon, x, *self._arrays, y, mean, rstd)
        return y, (x, mean, rstd)

    def backward(self, cache: Any, dy: Array, dgamma: Array, dbeta: Array) -> Array:
        """Return dx; the gradients of gamma and beta are written to the arrays given."""
        x, mean, rstd = cache
        dx = _arrays.empty(self.op, "dx", x.shape, self._dtype)
        dy = self._like(dy, x)
        self._run_back(self._channels, x, dy, self._gamma, mean, rstd, dx, dgamma, dbeta)
        return dx
