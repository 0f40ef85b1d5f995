"""A weight of a layer: its value, its gradient, and the version that says when it changed."""

from __future__ import annotations

import math
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_next_version = count(1)


class Storage:
    """Counts the changes of the variables that lie in it.

    A layer's variables share one until a model moves them into its flat buffer. No number is
    given twice, so that moving is a change, too.
    """

    __slots__ = ("version",)

    def __init__(self) -> None:
        self.version = next(_next_version)

    def touch(self) -> None:
        """Note a change; whoever keeps something made from the weights compares versions."""
        self.version = next(_next_version)

    def __reduce__(self) -> tuple[Any, ...]:
        return Storage, ()  # another process may give the same number again


class Variable:
    """A weight of a layer.

    Attributes
    ----------
    name : str
        Name within the layer: ``"kernel"``.
    value : ndarray
        The value itself, not a copy; change it by `assign`.
    grad : ndarray or None
        Where backward passes write the gradient: once the model is compiled, a view into the
        model's flat gradient buffer.
    trainable : bool
    regularizer : Regularizer or None
        Its penalty on the value adds to the loss.
    constraint : callable or None
        What the value becomes after an update.
    storage : Storage
        Counts changes.
    """

    __slots__ = ("constraint", "grad", "name", "regularizer", "storage", "trainable", "value")

    def __init__(
        self,
        name: str,
        value: NDArray[Any],
        storage: Storage,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> None:
        self.name = name
        self.value = value
        self.grad: NDArray[Any] | None = None
        self.trainable = trainable
        self.regularizer = regularizer
        self.constraint = constraint
        self.storage = storage

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.value.shape

    @property
    def dtype(self) -> str:
        """Name of the value's type."""
        return str(self.value.dtype.name)

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.value.shape)

    def numpy(self) -> NDArray[Any]:
        """A copy of the value."""
        return self.value.copy()

    def assign(self, value: ArrayLike) -> None:
        """Set the value.

        Raises
        ------
        ValueError
            If the shape differs.
        """
        array = np.asarray(value, dtype=self.value.dtype)
        if array.shape != self.value.shape:
            raise ValueError(
                f"{self.name}: value must be of shape {self.value.shape}, got {array.shape}"
            )
        self.storage.touch()
        self.value[...] = array

    def place(self, value: NDArray[Any], grad: NDArray[Any] | None, storage: Storage) -> None:
        """Move into other memory: copy the value there and use it from now on."""
        value[...] = self.value
        self.storage.touch()
        self.value, self.grad, self.storage = value, grad, storage

    def __getstate__(self) -> Any:
        # Copies have no gradient: `place` gives them their own.
        return None, {name: getattr(self, name) for name in self.__slots__} | {"grad": None}

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.value.astype(dtype or self.value.dtype, copy=copy is not False)

    def __repr__(self) -> str:
        return f"<Variable {self.name}, shape={self.shape}, dtype={self.dtype}>"
