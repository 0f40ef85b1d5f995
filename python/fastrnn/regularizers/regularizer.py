"""Regularizers: a penalty and its gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn import ops

Array = NDArray[Any]


class Regularizer:
    """Base of regularizers: a penalty on a weight or on a layer's output.

    Examples
    --------
    One of one's own says how its penalty changes with each entry:

    >>> import numpy as np
    >>> from fastrnn import layers, regularizers
    >>> class Center(regularizers.Regularizer):
    ...     def __call__(self, x):
    ...         return 0.1 * float(np.square(x.sum()))
    ...
    ...     def gradient(self, x):
    ...         return np.full_like(x, 0.2 * x.sum())
    >>> layer = layers.Dense(2, kernel_initializer="ones", kernel_regularizer=Center())
    >>> layer(np.ones((1, 3))).shape, layer.losses
    ((1, 2), [3.6])
    """

    def __call__(self, x: Array) -> float:
        """The penalty."""
        raise TypeError(f"{type(self).__name__} must define __call__(x)")

    def gradient(self, x: Array) -> Array:
        """The penalty's gradient, of x's shape."""
        raise TypeError(f"{type(self).__name__} must define gradient(x)")

    def penalize(self, x: Array, grad: Array | None = None, factor: float = 1.0) -> float:
        """The penalty times a factor; its gradient is added to `grad`."""
        if grad is not None:
            grad += factor * self.gradient(x)
        return factor * float(self(x))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same regularizer again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """Make a regularizer from what `get_config` returned."""
        return cls(**config)


class L1L2(Regularizer):
    """``l1 sum |x| + l2 sum x²``.

    Parameters
    ----------
    l1, l2 : float

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import regularizers
    >>> regularizers.L1L2(l1=0.5, l2=0.25)(np.array([2.0, -2.0]))
    4.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor(type(self), "l1", l1)
        self.l2 = _factor(type(self), "l2", l2)

    def __call__(self, x: Array) -> float:
        return self.penalize(np.asarray(x))

    def gradient(self, x: Array) -> Array:
        grad = np.zeros_like(x)
        self.penalize(x, grad)
        return grad

    def penalize(self, x: Array, grad: Array | None = None, factor: float = 1.0) -> float:
        return ops.penalty(x, grad, l1=factor * self.l1, l2=factor * self.l2)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """``l1 sum |x|``.

    Parameters
    ----------
    l1 : float
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """l2 sum x².

    Parameters
    ----------
    l2 : float
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor times the mean of absolute cosines over all pairs of rows, or columns, of a matrix.

    Parameters
    ----------
    factor : float
    mode : {"rows", "columns"}

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import regularizers
    >>> round(regularizers.OrthogonalRegularizer(1.0)(np.array([[1.0, 0.0], [3.0, 4.0]])), 6)
    0.6
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor(type(self), "factor", factor)
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'OrthogonalRegularizer: mode must be "rows" or "columns", got {mode!r}'
            )
        self.mode = mode

    def __call__(self, x: Array) -> float:
        _, _, cosines, share = self._cosines(x)
        return share * float(np.abs(cosines).sum())

    def gradient(self, x: Array) -> Array:
        units, lengths, cosines, share = self._cosines(x)
        slope = 2 * share * (np.sign(cosines) @ units)
        slope -= units * (units * slope).sum(axis=1, keepdims=True)
        slope /= lengths
        return slope if self.mode == "rows" else slope.T

    def _cosines(self, x: Array) -> tuple[Array, Array, Array, float]:
        """Rows of length 1, their lengths before, cosines between them, and each one's share."""
        if x.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer: needs a matrix, got shape {x.shape}")
        rows = x if self.mode == "rows" else x.T
        lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
        lengths[lengths == 0] = 1
        units = rows / lengths
        cosines = units @ units.T
        np.fill_diagonal(cosines, 0)
        return units, lengths, cosines, self.factor / max(len(rows) * (len(rows) - 1), 1)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


def _factor(owner: type, name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{owner.__name__}: {name} must be a finite number from 0, got {value!r}")
    return float(value)
