"""What one time step of a recurrent layer is: the contract of cells, and stacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.recurrent_base import flat


class AbstractRNNCell(Layer):
    """Base of cells of one's own, which `RNN` runs over time.

    A subclass defines `state_size`, `forward` and, to be trained, `backward`; weights are made in
    `build`, whose shape is that of one step, (None, features). The rules:

    - ``forward(x, states, training)`` gets one step (N, ...) and a list of states, (N, size) each,
      and returns the output (N, output_size) and the list of new states.
    - In training it leaves in ``self.saved`` what `backward` needs of this step. `RNN` takes it
      from there after each step, that of layers inside the cell included, and puts it back before
      that step's `backward`: the cell needs no lists of its own.
    - ``backward(dy, dstates)`` gets the gradients of the output and of the new states, and returns
      that of x (None will do where ``self.need_dx`` is False) and the list of those of the states
      before the step. It hands weights' gradients over by `set_gradient`, this step's alone;
      `RNN` sums over the steps.
    - Masks, directions, initial states and stateful runs are the layer's affair.

    Attributes
    ----------
    state_size : int, or list of int or tuple
        Size of the state, or of each state; a tuple is a state of several axes.
    output_size : int or tuple
        Size of the output; that of the first state unless defined otherwise.

    Examples
    --------
    h = tanh(x W + u h), with a weight u for each unit:

    >>> import numpy as np
    >>> from fastrnn import layers
    >>> class Independent(layers.AbstractRNNCell):
    ...     def __init__(self, units, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.state_size = units
    ...
    ...     def build(self, input_shape):
    ...         self.w = self.add_weight((input_shape[-1], self.state_size), name="kernel")
    ...         self.u = self.add_weight((self.state_size,), "ones", name="recurrent_kernel")
    ...
    ...     def forward(self, x, states, training=False):
    ...         y = np.tanh(x @ self.w.value + states[0] * self.u.value)
    ...         self.saved = (x, states[0], y) if training else None
    ...         return y, [y]
    ...
    ...     def backward(self, dy, dstates):
    ...         x, h, y = self.saved
    ...         dz = (dy + dstates[0]) * (1 - y * y)
    ...         self.set_gradient(self.w, x.T @ dz)
    ...         self.set_gradient(self.u, (dz * h).sum(axis=0))
    ...         return dz @ self.w.value.T, [dz * self.u.value]
    >>> layers.RNN(Independent(4), return_sequences=True)(np.ones((2, 7, 3))).shape
    (2, 7, 4)
    """

    state_size: Any

    @property
    def output_size(self) -> Any:
        """Size of the output."""
        size = sizes_of(self)[0]
        return size[0] if len(size) == 1 else size

    def forward(  # type: ignore[override]
        self, x: Any, states: Sequence[Array], training: bool = False
    ) -> tuple[Array, list[Array]]:
        """Output and new states of one step."""
        raise TypeError(f"{type(self).__name__} must define forward(x, states, training)")

    def backward(  # type: ignore[override]
        self, dy: Array, dstates: Sequence[Array]
    ) -> tuple[Array | None, list[Array]]:
        """Gradients of the step's input and of the states before it."""
        raise TypeError(f"{type(self).__name__} must define backward(dy, dstates)")

    def get_initial_state(self, batch_size: int) -> list[Array]:
        """Zeros for each state."""
        return [np.zeros((batch_size, *size), self.dtype) for size in sizes_of(self)]

    def __call__(  # type: ignore[override]
        self, x: Any, states: Any, training: bool = False
    ) -> tuple[Array, list[Array]]:
        """Build if need be, and run one step on arrays."""
        arrays = [np.ascontiguousarray(array, dtype=self.dtype) for array in (x, *flat(states))]
        self.ensure_built((None, *arrays[0].shape[1:]))
        return self.forward(arrays[0], arrays[1:], training)


class StackedRNNCells(AbstractRNNCell):
    """Cells one upon the other as one cell: each gets the output of the one before.

    Parameters
    ----------
    cells : sequence of cells
    name, dtype, ... :
        As in `Layer`.

    Notes
    -----
    `RNN` runs the stack cell by cell, each over all steps, which is the same. Its states are those
    of all cells in one list.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> stack = layers.StackedRNNCells([layers.LSTMCell(8), layers.GRUCell(4)])
    >>> layers.RNN(stack)(np.ones((2, 7, 3))).shape
    (2, 4)
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        self.cells = [checked_cell(type(self).__name__, cell) for cell in cells]
        if not self.cells:
            raise ValueError("StackedRNNCells: needs at least one cell")
        kwargs.setdefault("dtype", self.cells[0].dtype)
        super().__init__(**kwargs)

    @property
    def state_size(self) -> list[Any]:
        """Sizes of the states of all cells."""
        return [size for cell in self.cells for size in sizes_of(cell)]

    @property
    def output_size(self) -> Any:
        """That of the last cell."""
        size = output_of(self.cells[-1])
        return size[0] if len(size) == 1 else size

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            cell.ensure_built(input_shape)
            input_shape = (input_shape[0], *output_of(cell))

    def _parts(self, states: Sequence[Any]) -> list[Sequence[Any]]:
        """The states of each cell."""
        parts, first = [], 0
        for cell in self.cells:
            count = len(sizes_of(cell))
            parts.append(states[first : first + count])
            first += count
        return parts

    def forward(  # type: ignore[override]
        self, x: Any, states: Sequence[Array], training: bool = False
    ) -> tuple[Array, list[Array]]:
        after: list[Array] = []
        for cell, part in zip(self.cells, self._parts(states), strict=True):
            x, new = cell.forward(x, part, training)
            after += flat(new)
        return x, after

    def backward(  # type: ignore[override]
        self, dy: Array, dstates: Sequence[Array]
    ) -> tuple[Array | None, list[Array]]:
        before: list[Array] = []
        d: Any = dy
        for cell, part in zip(self.cells[::-1], self._parts(dstates)[::-1], strict=True):
            cell.need_dx = self.need_dx or cell is not self.cells[0]
            d, dprevious = cell.backward(d, part)
            before = [*flat(dprevious), *before]
        return d, before

    def get_config(self) -> dict[str, Any]:
        from fastrnn.layers import serialize

        return super().get_config() | {"cells": [serialize(cell) for cell in self.cells]}


def checked_cell(owner: str, cell: Any) -> Any:
    """The cell itself, or the one that a Keras description stands for."""
    if isinstance(cell, dict):
        from fastrnn.layers import deserialize

        cell = deserialize(cell)
    if not isinstance(cell, Layer):
        raise TypeError(
            f"{owner}: a cell must be a layer with state_size, forward(x, states, training) and "
            f"backward(dy, dstates), see AbstractRNNCell; got {type(cell).__name__}"
        )
    if not hasattr(cell, "state_size"):
        raise ValueError(f"{owner}: {type(cell).__name__} has no state_size, see AbstractRNNCell")
    return cell


def sizes_of(cell: Any) -> list[tuple[int, ...]]:
    """Size of each state of a cell, as a tuple."""
    sizes = cell.state_size
    return [_axes(size) for size in (sizes if isinstance(sizes, (list, tuple)) else [sizes])]


def output_of(cell: Any) -> tuple[int, ...]:
    """Size of the output of a cell, as a tuple."""
    size = getattr(cell, "output_size", None)
    if size is None:
        return sizes_of(cell)[0]
    return _axes(size)


def _axes(size: Any) -> tuple[int, ...]:
    return tuple(size) if isinstance(size, (list, tuple)) else (int(size),)
