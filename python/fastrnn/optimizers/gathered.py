"""Variables of no model in one buffer: copies that are written back after each update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Gathered:
    """Copies of variables, wherever they are, in the form in which an optimizer takes them.

    Parameters
    ----------
    variables : sequence of Variable
        All of one dtype.

    Attributes
    ----------
    weights, grads : ndarray, one axis
    """

    # Variables meet their constraints in `scatter`.
    constrained: Sequence[Any] = ()

    def __init__(self, variables: Sequence[Any]) -> None:
        self.variables = list(variables)
        dtypes = {variable.value.dtype for variable in variables}
        if len(dtypes) != 1:
            names = ", ".join(sorted(dtype.name for dtype in dtypes)) or "none"
            raise ValueError(f"all variables must have one dtype, got {names}")
        ends = np.cumsum([0, *(variable.size for variable in variables)]).tolist()
        self.spans = [
            (id(variable), slice(start, end))
            for variable, start, end in zip(variables, ends[:-1], ends[1:], strict=True)
        ]
        self.weights = np.empty(ends[-1], dtypes.pop())
        self.grads = np.zeros_like(self.weights)
        self.gather()

    def holds(self, variables: Sequence[Any]) -> bool:
        """Whether it was made for just these variables."""
        return list(map(id, variables)) == list(map(id, self.variables))

    def gather(self) -> None:
        """Take the variables' values."""
        for variable, (_, span) in zip(self.variables, self.spans, strict=True):
            self.weights[span] = variable.value.ravel()

    def scatter(self) -> None:
        """Set the variables, as their constraints have it."""
        for variable, (_, span) in zip(self.variables, self.spans, strict=True):
            value = self.weights[span].reshape(variable.shape)
            variable.assign(value if variable.constraint is None else variable.constraint(value))

    def constrain(self) -> None:
        """Nothing: `scatter` does."""

    def touch(self) -> None:
        """Nothing: `scatter` notes the change."""
