"""The layer that runs any cell over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastrnn.layers.cell import (
    AbstractRNNCell,
    StackedRNNCells,
    checked_cell,
    output_of,
    sizes_of,
)
from fastrnn.layers.fused_cells import FusedCell
from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.recurrent_base import RecurrentBase, flat, over_steps
from fastrnn.layers.weighted import all_layers


class RNN(RecurrentBase):
    """Run a cell over time: (N, T, features) to (N, output_size) or (N, T, output_size).

    Parameters
    ----------
    cell : cell or sequence of cells
        `LSTMCell`, `GRUCell` and `SimpleRNNCell` run on the kernels of the layers `LSTM`, `GRU` and
        `SimpleRNN`, those of a sequence or of `StackedRNNCells` one after the other; a cell of
        one's own (`AbstractRNNCell`) is called for each step.
    return_sequences : bool
        Output every step and not the last alone.
    return_state : bool
        Output the final states as well.
    go_backwards : bool
        Run from the last step to the first; the output is in that order, too.
    stateful : bool
        Start each batch from the states in which the one before ended.
    zero_output_for_mask : bool
        Output zeros for masked steps, in place of the output before.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Attributes
    ----------
    cell : cell

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.RNN([layers.LSTMCell(8), layers.LSTMCell(4)])(np.ones((2, 7, 3))).shape
    (2, 4)
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        cell = checked_cell("RNN", cell)
        kwargs.setdefault("dtype", cell.dtype)
        super().__init__(
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            **kwargs,
        )
        self.cell = cell
        self._runners = tuple(map(_runner, _single_cells(cell)))
        last = self._runners[-1]
        if not isinstance(last, CellRunner):
            self.output_state = len(sizes_of(cell)) - last.states

    @property
    def units(self) -> Any:
        """Size of the output."""
        return self.cell.output_size

    @property
    def runners(self) -> Sequence[Any]:
        return self._runners

    def sublayers(self) -> Iterator[tuple[str, Layer]]:
        yield "cell", self.cell

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 3:
            raise ValueError(f"{self.name}: needs inputs (N, T, ...), got {tuple(input_shape)}")
        self.cell.ensure_built((input_shape[0], *input_shape[2:]))

    def state_shapes(self, input_shape: Any) -> list[tuple[int | None, ...]]:
        return [(input_shape[0], *size) for size in sizes_of(self.cell)]

    def step_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], *output_of(self.cell))

    def run_steps(
        self, x: Array, initial: Sequence[Array], training: bool, mask: Array | None, reverse: bool
    ) -> tuple[Array, tuple[Array, ...], Any]:
        states: list[Array] = []
        caches = []
        for runner, start in zip(self._runners, self._parts(initial), strict=True):
            x, final, cache = runner.run_steps(x, start, training, mask, reverse)
            states += final
            caches.append(cache)
        return x, tuple(states), caches if training else None

    def run_steps_back(
        self, cache: Any, dy: Array | None, dstates: Sequence[Array | None]
    ) -> tuple[Array | None, list[Array]]:
        dinitial: list[Array] = []
        parts = self._parts(dstates)
        for index in reversed(range(len(self._runners))):
            runner = self._runners[index]
            runner.need_dx = self.need_dx or index > 0
            dy, before = runner.run_steps_back(cache[index], dy, parts[index])
            dinitial = [*before, *dinitial]
        return dy, dinitial

    def _parts(self, states: Sequence[Any]) -> list[Sequence[Any]]:
        """The states of each cell, where there are any."""
        parts, first = [], 0
        for cell in _single_cells(self.cell):
            count = len(sizes_of(cell))
            parts.append(states[first : first + count])
            first += count
        return parts

    def options_by_object(self) -> dict[str, Any]:
        return super().options_by_object() | {
            "cell": type(self.cell).from_config(self.cell.get_config())
        }

    def get_config(self) -> dict[str, Any]:
        from fastrnn.layers import serialize

        return super().get_config() | {"cell": serialize(self.cell)}


class CellRunner:
    """Runs a cell of the user's over time, forward and back."""

    def __init__(self, cell: AbstractRNNCell) -> None:
        self.cell = cell
        self.dtype = cell.dtype
        self.need_dx = True

    def state_shapes(self, input_shape: Any) -> list[Any]:
        """Shape of each state for inputs of a shape."""
        return [(input_shape[0], *size) for size in sizes_of(self.cell)]

    def step_shape(self, input_shape: Any) -> Any:
        """Shape of a step's output for inputs of a shape."""
        return (input_shape[0], *output_of(self.cell))

    def run_steps(
        self, x: Array, initial: Sequence[Array], training: bool, mask: Array | None, reverse: bool
    ) -> tuple[Array, tuple[Array, ...], Any]:
        """As `RecurrentBase.run_steps`."""
        cell, (rows, count) = self.cell, x.shape[:2]
        if mask is not None:  # whatever lies in masked steps, NaN included, stays out
            x = np.where(over_steps(mask, x), x, x.dtype.type(0))
        states = [*initial] or [np.zeros(shape, self.dtype) for shape in self.state_shapes(x.shape)]
        shape = self.step_shape(x.shape)
        output: Any = np.zeros(shape, self.dtype)
        y = np.empty((rows, count, *shape[1:]), self.dtype)
        kept = []
        for t in reversed(range(count)) if reverse else range(count):
            new_output, given = cell.forward(np.ascontiguousarray(x[:, t]), states, training)
            new = flat(given)
            self._check(new_output, new, shape, x.shape)
            if mask is None:
                output, states = new_output, new
            else:
                output = _choose(mask[:, t], new_output, output)
                states = [_choose(mask[:, t], *p) for p in zip(new, states, strict=True)]
            y[:, t] = output
            if training:
                kept.append((t, [layer.saved for layer in all_layers(cell)]))
        final = tuple(np.array(state, self.dtype, order="C") for state in states)
        return y, final, (kept, x.shape, mask)

    def _check(self, output: Any, states: Any, shape: Any, x_shape: Any) -> None:
        wanted = [shape, *self.state_shapes(x_shape)]
        given = [np.shape(array) for array in (output, *states)]
        if given != wanted:
            raise ValueError(
                f"{self.cell.name}: forward must return an output and states of shapes {wanted}, "
                f"got {given}"
            )

    def run_steps_back(
        self, cache: Any, dy: Array | None, dstates: Sequence[Array | None]
    ) -> tuple[Array | None, list[Array]]:
        """As `RecurrentBase.run_steps_back`."""
        cell, (kept, shape, mask) = self.cell, cache
        cell.need_dx = self.need_dx
        zeros = [np.zeros(size, self.dtype) for size in self.state_shapes(shape)]
        given = [*dstates, *[None] * (len(zeros) - len(dstates))]
        d: list[Any] = [z if g is None else g for z, g in zip(zeros, given, strict=True)]
        carried = np.zeros(self.step_shape(shape), self.dtype)  # from masked steps to the output
        dx = np.zeros(shape, self.dtype) if self.need_dx else None
        with _SummedGradients(cell) as sums:
            for t, saved in reversed(kept):
                for layer, value in zip(all_layers(cell), saved, strict=True):
                    layer.saved = value
                here = carried if dy is None else carried + dy[:, t]
                after = d
                if mask is not None:
                    carried = _choose(mask[:, t], 0, here)
                    here = _choose(mask[:, t], here, 0)
                    after = [_choose(mask[:, t], part, 0) for part in d]
                dx_step, before = cell.backward(here, after)
                sums.add()
                before = flat(before)
                if mask is None:
                    d = before
                else:
                    d = [_choose(mask[:, t], *p) for p in zip(before, d, strict=True)]
                if dx is not None:
                    dx[:, t] = dx_step
        if dx is not None and mask is not None:
            dx *= over_steps(mask, dx)
        return dx, d


class _SummedGradients:
    """Adds up what a cell hands over as gradients of its weights, step by step."""

    def __init__(self, cell: Layer) -> None:
        self._places = [(weight, weight.grad) for weight in cell.weights]

    def __enter__(self) -> _SummedGradients:
        self._sums = [place for _, place in self._places]
        for weight, place in self._places:
            if place is not None:
                place[...] = 0
            weight.grad = None  # so that set_gradient leaves the step's own there
        return self

    def add(self) -> None:
        """Add those of a step."""
        for index, (weight, _) in enumerate(self._places):
            if weight.grad is None:
                continue
            total = self._sums[index]
            if total is None:
                self._sums[index] = np.array(weight.grad)
            else:
                total += weight.grad
            weight.grad = None

    def __exit__(self, *raised: object) -> None:
        for (weight, _), total in zip(self._places, self._sums, strict=True):
            weight.grad = total


def _single_cells(cell: Any) -> list[Any]:
    """The cells of a stack, in order."""
    if not isinstance(cell, StackedRNNCells):
        return [cell]
    return [single for part in cell.cells for single in _single_cells(part)]


def _runner(cell: Any) -> Any:
    return cell.layer if isinstance(cell, FusedCell) else CellRunner(cell)


def _choose(valid: Array, new: Any, old: Any) -> Array:
    """Rows of `new` where a step is valid, else of `old`."""
    axes = max(np.ndim(new), np.ndim(old)) - 1
    return np.asarray(np.where(valid.reshape(-1, *(1,) * axes), new, old))
