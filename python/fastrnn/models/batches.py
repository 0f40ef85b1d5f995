"""Batches by number, and arrays cut into such, for training and prediction."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from functools import partial
from operator import methodcaller
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn.utils.structures import leaves, mapped

Array = NDArray[Any]


class Batches:
    """Batches of a data set by their numbers, pass after pass.

    A subclass defines `_batches_of`.

    Parameters
    ----------
    steps : int or None
        Batches in a pass; None where they never end.
    items : int
        How many items are put into a new order for each pass: batches, or rows.
    shuffle : numpy Generator, optional
        Draws that order; without it, items stay as they are.

    Attributes
    ----------
    position : int
        How many batches of the pass have been handed out.
    exhausted : bool
        Whether there will never be another batch.
    """

    exhausted = False

    def __init__(
        self, steps: int | None, items: int = 0, shuffle: np.random.Generator | None = None
    ) -> None:
        self.steps = steps
        self.position = 0
        self._items = items
        self._shuffle = shuffle
        self._order: Array | None = None
        self._before: Any = None  # the generator's state when the order was drawn

    def epoch(self, steps: int | None = None) -> Generator[list[Any], None, None]:
        """So many batches on from the last one; without a number, the rest of the pass."""
        if self.steps is None and steps is None:
            raise ValueError(
                "the batches never end: say how many by steps_per_epoch, validation_steps or steps"
            )
        length = sys.maxsize if self.steps is None else self.steps
        left = length - self.position if steps is None else steps
        while left > 0 and length:
            if self.position == 0:
                self._begin_pass()
            numbers = range(self.position, min(length, self.position + left))
            with contextlib.closing(self._batches_of(numbers)) as batches:
                for batch in batches:
                    self.position = (self.position + 1) % length
                    left -= 1
                    yield batch

    __iter__ = epoch

    def restart(self) -> None:
        """Have the next epoch begin with the first batch."""
        self.position = 0

    def get_state(self) -> dict[str, Any]:
        """What `set_state` needs to hand out the same batches as from here on."""
        shuffle = self._shuffle
        if shuffle is None:
            return {"position": self.position}
        before = self._before if self.position else shuffle.bit_generator.state
        return {"position": self.position, "shuffle": before}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned.

        Raises
        ------
        ValueError
            If there are not as many batches.
        """
        if self.steps is not None and state["position"] >= max(1, self.steps):
            raise ValueError(
                f"the checkpoint is from batch {state['position']} of other data; "
                f"these have {self.steps} batches"
            )
        if self._shuffle is not None and "shuffle" in state:
            self._shuffle.bit_generator.state = state["shuffle"]
        self.position = state["position"]
        if self.position:
            self._begin_pass()

    def _begin_pass(self) -> None:
        if self._shuffle is not None:
            self._before = self._shuffle.bit_generator.state
            self._order = self._shuffle.permutation(self._items)

    def _place(self, number: int) -> int:
        """Which batch comes at a place of the pass, where whole batches are shuffled."""
        return number if self._order is None else int(self._order[number])

    def _batches_of(self, numbers: range) -> Generator[list[Any], None, None]:
        raise TypeError(f"{type(self).__name__} must define _batches_of(numbers)")


class ArrayBatches(Batches):
    """Arrays cut into batches of rows.

    Shuffled rows are gathered into buffers that the next batch overwrites, so nothing is
    allocated per step.

    Parameters
    ----------
    arrays : sequence of ndarray or None, or of lists, tuples and dicts of these
        All with as many rows; None stays None in every batch.
    dtypes : sequence of dtype or None
        What each is converted to, batch by batch; None leaves arrays as they are.
    batch_size : int
    shuffle : numpy Generator, optional
        Shuffles the rows anew in each pass.
    whole : bool
        Shuffle the batches, and leave each one's rows together.

    Attributes
    ----------
    rows, steps : int
    """

    def __init__(
        self,
        arrays: Sequence[Any],
        dtypes: Sequence[Any],
        batch_size: int,
        shuffle: np.random.Generator | None = None,
        whole: bool = False,
    ) -> None:
        self.rows = rows_of(list(arrays))
        self.batch_size = batch_size
        self._gathers = shuffle is not None and not whole
        steps = -(-self.rows // batch_size)
        super().__init__(steps, self.rows if self._gathers else steps, shuffle)
        size = min(batch_size, self.rows) if self._gathers else 0
        self._columns = [
            mapped(partial(_Column, dtype=dtype, size=size), part)
            for part, dtype in zip(arrays, dtypes, strict=True)
        ]

    def _batches_of(self, numbers: range) -> Generator[list[Any], None, None]:
        size = self.batch_size
        for number in numbers:
            start = size * (number if self._gathers else self._place(number))
            rows: Any = slice(start, start + size)
            if self._gathers:
                assert self._order is not None
                rows = self._order[rows]
            yield mapped(methodcaller("taken", rows), self._columns)


class _Column:
    """One of the arrays, and the buffer that its shuffled rows are gathered in."""

    def __init__(self, array: Array, dtype: Any, size: int) -> None:
        # Small arrays are converted at once; of large ones, each batch is.
        if array.dtype == dtype or array.nbytes <= 1 << 24:
            array = np.ascontiguousarray(array, dtype or array.dtype)
        self.array = array
        self.dtype = dtype or array.dtype
        self.buffer = np.empty((size, *array.shape[1:]), self.dtype) if size else None

    def taken(self, rows: Any) -> Array:
        """A slice of the rows, or with a buffer those of an array of numbers."""
        if self.buffer is None:
            return np.ascontiguousarray(self.array[rows], self.dtype)
        out = self.buffer[: len(rows)]
        if self.array.dtype == self.dtype:
            # mode="clip" lets NumPy write straight into `out`; no index is out of range
            self.array.take(rows, axis=0, out=out, mode="clip")
        else:
            out[...] = self.array[rows]
        return out


def numeric_array(owner: str, argument: str, value: Any) -> Array:
    """`value` as an array of numbers.

    Raises
    ------
    TypeError
        If it holds anything else.
    ValueError
        If it has no axis for the samples.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{owner}: {argument} must be an array of one shape: {error}") from None
    if array.dtype.kind not in "fiub":
        kind = type(value).__name__ if array.dtype == object else array.dtype
        raise TypeError(f"{owner}: {argument} must be an array of numbers, got {kind}")
    if array.ndim == 0:
        raise ValueError(f"{owner}: {argument} must have an axis of samples, got a single number")
    return array


def rows_of(arrays: Any) -> int:
    """Number of rows of an array, or of each of several."""
    return len(leaves(arrays)[0])


def split_off_validation(
    owner: str, arrays: Sequence[Any], share: float
) -> tuple[list[Any], list[Any]]:
    """The first rows for training, the last `share` of them for validation."""
    rows = rows_of(arrays)
    if not 0 < share < 1:
        raise ValueError(f"{owner}: validation_split must be between 0 and 1, got {share}")
    cut = int(np.floor(rows * (1 - share)))
    if cut == 0 or cut == rows:
        raise ValueError(
            f"{owner}: validation_split={share} of {rows} samples leaves one part empty"
        )
    return (
        mapped(lambda array: array[:cut], list(arrays)),
        mapped(lambda array: array[cut:], list(arrays)),
    )


def class_weights_of(owner: str, labels: Array, class_weight: dict[int, float]) -> Array:
    """Weight of each sample from that of its class; 1 for a class that has none."""
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(axis=-1)
    labels = labels.reshape(len(labels), -1).astype(np.int64)
    if labels.shape[1] != 1:
        raise ValueError(f"{owner}: class_weight needs one label per sample, use sample_weight")
    flat = labels[:, 0]
    known = [int(flat.min(initial=0)), int(flat.max(initial=0)), *map(int, class_weight)]
    if min(known) < 0:
        raise ValueError(f"{owner}: class_weight needs labels from 0, got {min(known)}")
    table = np.ones(max(known) + 1, np.float64)
    for label, weight in class_weight.items():
        table[int(label)] = weight
    result: Array = table[flat]
    return result
