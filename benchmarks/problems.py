"""The problems that are timed: shapes, random weights and data, work and error bound.

Every array is float32 in the layout of ``fastrnn.ops``: x (N, T, I), kernel (I, G*H),
recurrent_kernel (H, G*H), bias (G*H,) or (2, 3H) for a GRU with ``reset_after``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

GATES = {"lstm": 4, "gru": 3, "gru_reset_before": 3, "rnn": 1}
CELLS = tuple(GATES)


@dataclass(frozen=True, order=True)
class Shape:
    """N sequences of T steps, I features in, H units."""

    n: int
    t: int
    i: int
    h: int

    def __str__(self) -> str:
        return f"{self.n},{self.t},{self.i},{self.h}"


def _shapes(*rows: tuple[int, int, int, int]) -> tuple[Shape, ...]:
    return tuple(Shape(*row) for row in rows)


# Round sizes: the shapes that papers and other benchmarks report.
ROUND_SHAPES = _shapes(
    (1, 1, 64, 128),
    (1, 100, 64, 128),
    (1, 32, 128, 256),
    (32, 28, 28, 50),
    (128, 28, 28, 128),
    (32, 32, 128, 128),
    (32, 100, 128, 256),
    (64, 32, 512, 512),
    (16, 500, 64, 128),
)
# Odd sizes: what is left over when the tiles have been taken out.
ODD_SHAPES = _shapes(
    (1, 50, 40, 50),
    (1, 40, 100, 200),
    (1, 20, 200, 1000),
    (3, 50, 40, 50),
    (3, 40, 64, 96),
    (17, 40, 64, 96),
    (17, 30, 100, 200),
    (3, 20, 200, 1000),
    (17, 20, 200, 1000),
    (32, 32, 100, 200),
    (32, 16, 200, 1000),
)
GRID = ROUND_SHAPES + ODD_SHAPES
QUICK_GRID = _shapes(
    (1, 100, 64, 128),
    (3, 40, 64, 96),
    (17, 30, 100, 200),
    (32, 28, 28, 50),
    (32, 32, 128, 128),
    (32, 100, 128, 256),
)
# One streaming step: (I, H).
STEP_SIZES = ((28, 50), (64, 96), (64, 128), (128, 128), (100, 200), (128, 256), (512, 512))


@dataclass(frozen=True)
class Problem:
    """One cell on one shape, with its weights and data made on first use."""

    cell: str
    shape: Shape

    @property
    def gates(self) -> int:
        return GATES[self.cell]

    @property
    def op(self) -> str:
        """Name of the family in ``fastrnn.ops``."""
        return "gru" if self.cell == "gru_reset_before" else self.cell

    @property
    def reset_after(self) -> bool:
        return self.cell == "gru"

    def work(self, *, training: bool = False) -> float:
        """Floating-point operations of the matrix products, thrice for training."""
        n, t, i, h = self.shape.n, self.shape.t, self.shape.i, self.shape.h
        return 2.0 * n * t * self.gates * h * (i + h) * (3 if training else 1)

    @cached_property
    def _rng(self) -> np.random.Generator:
        s = self.shape
        return np.random.default_rng([CELLS.index(self.cell), s.n, s.t, s.i, s.h])

    def _weights(self, *size: int) -> Array:
        # PyTorch's initial range: activations that neither saturate nor vanish.
        limit = 1.0 / math.sqrt(self.shape.h)
        return self._rng.uniform(-limit, limit, size).astype(np.float32)

    @cached_property
    def kernel(self) -> Array:
        return self._weights(self.shape.i, self.gates * self.shape.h)

    @cached_property
    def recurrent_kernel(self) -> Array:
        return self._weights(self.shape.h, self.gates * self.shape.h)

    @cached_property
    def bias(self) -> Array:
        width = self.gates * self.shape.h
        return self._weights(2, width) if self.reset_after else self._weights(width)

    @cached_property
    def x(self) -> Array:
        s = self.shape
        return self._rng.standard_normal((s.n, s.t, s.i), dtype=np.float32)

    @cached_property
    def dy(self) -> Array:
        s = self.shape
        return self._rng.standard_normal((s.n, s.t, s.h), dtype=np.float32)

    def tolerance(self, *, training: bool = False) -> float:
        """Largest difference allowed between two float32 implementations.

        Each may be off by 4 k ceil(log2(depth)) 2**-23 of the result's scale, with k = 1 forward
        and 2 backward and depth the length of the longest chain of sums, so two differ by
        twice that.
        """
        s = self.shape
        depth = max((s.i + s.h) * s.t, s.n * s.t)
        return 2 * 4 * (2 if training else 1) * math.ceil(math.log2(depth)) * 2.0**-23
