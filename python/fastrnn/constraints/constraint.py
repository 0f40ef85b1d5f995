"""Constraints: what a weight becomes after an update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn.config import epsilon

Array = NDArray[Any]


class Constraint:
    """Base of constraints: ``constraint(weight)`` returns the weight that takes its place."""

    def __call__(self, w: Array) -> Array:
        return w

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same constraint again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """Make a constraint from what `get_config` returned."""
        return cls(**config)


class NonNeg(Constraint):
    """Entries below 0 become 0."""

    def __call__(self, w: Array) -> Array:
        return np.maximum(w, 0)


class MinMaxNorm(Constraint):
    """Norms from `min_value` to `max_value`, or nearer to that range by a share of the way.

    Parameters
    ----------
    min_value, max_value : float
    rate : float
        Share of the way to the range that a weight goes at each update.
    axis : int or sequence of int
        What norms are over: 0 for a Dense kernel, ``[0, 1, 2]`` for that of a Conv2D.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import constraints
    >>> constraints.MinMaxNorm(1.0, 2.5)(np.array([[3.0], [4.0]])).round(5)
    array([[1.5],
           [2. ]])
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Array) -> Array:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        norms = np.sqrt(np.square(w).sum(axis=axis, keepdims=True))
        wanted = norms.clip(self.min_value, self.max_value)
        if self.rate != 1:
            wanted = self.rate * wanted + (1 - self.rate) * norms
        scaled: Array = w * (wanted / (norms + epsilon()))
        return scaled

    def get_config(self) -> dict[str, Any]:
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


class MaxNorm(MinMaxNorm):
    """Norms of at most `max_value`.

    Parameters
    ----------
    max_value : float
    axis : int or sequence of int
        As for `MinMaxNorm`.
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        super().__init__(max_value=max_value, axis=axis)

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class UnitNorm(MinMaxNorm):
    """Norms of 1.

    Parameters
    ----------
    axis : int or sequence of int
        As for `MinMaxNorm`.
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        super().__init__(min_value=1.0, axis=axis)

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}
