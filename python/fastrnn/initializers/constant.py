"""Initializers without random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn.utils.dtypes import floatx


class Initializer:
    """Makes the initial value of a weight: ``initializer(shape, dtype=None) -> ndarray``."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> NDArray[Any]:
        raise TypeError(f"{type(self).__name__} must define __call__(shape, dtype=None)")

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same initializer again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Make an initializer from what `get_config` returned."""
        return cls(**config)


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> NDArray[Any]:
        return np.zeros(shape, dtype or floatx())


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> NDArray[Any]:
        return np.ones(shape, dtype or floatx())


class Constant(Initializer):
    """One value, or an array that has the weight's shape or broadcasts to it.

    Parameters
    ----------
    value : float or array_like
    """

    def __init__(self, value: ArrayLike = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> NDArray[Any]:
        return np.broadcast_to(np.asarray(self.value, dtype or floatx()), tuple(shape)).copy()

    def get_config(self) -> dict[str, Any]:
        value = self.value
        return {"value": value.tolist() if isinstance(value, np.ndarray) else value}


class Identity(Initializer):
    """The identity matrix times `gain`.

    Parameters
    ----------
    gain : float
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> NDArray[Any]:
        if len(shape) != 2:
            raise ValueError(f"Identity: needs the shape of a matrix, got {tuple(shape)}")
        return self.gain * np.eye(shape[0], shape[1], dtype=dtype or floatx())

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}
