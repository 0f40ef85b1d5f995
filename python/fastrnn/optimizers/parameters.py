"""All trainable weights of a model in one flat buffer, and their gradients in another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn.layers.variable import Storage, Variable

_ALIGNMENT = 64  # bytes: a cache line, and the widest vector


class FlatParameters:
    """Moves variables into one buffer; the optimizer updates that in one sweep.

    Each variable's value and gradient become views, aligned to cache lines. The gaps between
    them hold zeros, which every optimizer leaves zeros.

    Parameters
    ----------
    variables : sequence of Variable
        All of one dtype.

    Attributes
    ----------
    weights, grads : ndarray, one axis
    """

    def __init__(self, variables: Sequence[Variable]) -> None:
        self.variables = tuple(variables)
        dtypes = {variable.value.dtype for variable in variables}
        if len(dtypes) > 1:
            names = ", ".join(sorted(dtype.name for dtype in dtypes))
            raise ValueError(f"all layers of a model must have one dtype, got {names}")
        dtype = dtypes.pop() if dtypes else np.dtype(np.float32)
        step = _ALIGNMENT // dtype.itemsize
        slices = []
        end = 0
        for variable in self.variables:
            slices.append(slice(end, end + variable.size))
            end += -(-variable.size // step) * step
        self.weights = _aligned_zeros(end, dtype)
        self.grads = _aligned_zeros(end, dtype)
        self.storage = Storage()
        for variable, part in zip(self.variables, slices, strict=True):
            shape = variable.shape
            variable.place(
                self.weights[part].reshape(shape), self.grads[part].reshape(shape), self.storage
            )
        self.constrained: Sequence[Variable] = [
            variable for variable in self.variables if variable.constraint is not None
        ]
        self._spans = tuple(zip(map(id, self.variables), slices, strict=True))

    def __reduce__(self) -> tuple[Any, ...]:
        # Copied or unpickled, arrays are no views of each other: the copies move anew.
        return FlatParameters, (self.variables,)

    @property
    def spans(self) -> Sequence[tuple[int, slice]]:
        """Identity and place of each variable."""
        return self._spans

    def holds(self, variables: Sequence[Variable]) -> bool:
        """Whether the buffer is where just these variables are now."""
        if len(variables) != len(self.variables):
            return False
        storage = self.storage
        pairs = zip(variables, self.variables, strict=True)
        return all(one is other and one.storage is storage for one, other in pairs)

    def constrain(self, left_out: Collection[int] = ()) -> None:
        """Have the weights meet their constraints, but for some identities."""
        for variable in self.constrained:
            if id(variable) in left_out:
                continue
            variable.value[...] = variable.constraint(variable.value)

    def touch(self) -> None:
        """Note that the weights are about to change."""
        self.storage.touch()


def _aligned_zeros(size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    raw = np.zeros(size * dtype.itemsize + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size * dtype.itemsize].view(dtype)
