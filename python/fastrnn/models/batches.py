"""Arrays cut into batches, for training and prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class ArrayBatches:
    """Iterates over arrays in batches of rows; each iteration is an epoch.

    Shuffled rows are gathered into buffers that the next batch overwrites, so nothing is
    allocated per step.

    Parameters
    ----------
    arrays : sequence of ndarray, None, or tuple of these
        All with as many rows; None stays None in every batch, a tuple a tuple.
    dtypes : sequence of dtype or None
        What each is converted to, batch by batch; None leaves an array as it is.
    batch_size : int
    shuffle : numpy Generator, optional
        Shuffles the rows anew in each epoch.

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
    ) -> None:
        flat: list[Array | None] = []
        self.dtypes: list[Any] = []
        self._sizes = [len(part) if isinstance(part, tuple) else None for part in arrays]
        for part, dtype in zip(arrays, dtypes, strict=True):
            members = part if isinstance(part, tuple) else (part,)
            flat += members
            self.dtypes += [dtype] * len(members)
        self.arrays = [
            None if array is None else _contiguous(array, dtype)
            for array, dtype in zip(flat, self.dtypes, strict=True)
        ]
        self.rows = next(len(array) for array in flat if array is not None)
        self.batch_size = batch_size
        self.steps = -(-self.rows // batch_size)
        self._shuffle = shuffle
        self._buffers: list[Array | None] | None = None

    def __iter__(self) -> Iterator[list[Any]]:
        batches = self._in_order() if self._shuffle is None else self._shuffled(self._shuffle)
        return batches if not any(self._sizes) else map(self._grouped, batches)

    def _grouped(self, batch: list[Any]) -> list[Any]:
        """A batch with its tuples."""
        members = iter(batch)
        return [
            next(members) if size is None else tuple(islice(members, size)) for size in self._sizes
        ]

    def _in_order(self) -> Iterator[list[Any]]:
        for start in range(0, self.rows, self.batch_size):
            part = slice(start, start + self.batch_size)
            yield [
                None if array is None else np.ascontiguousarray(array[part], dtype or array.dtype)
                for array, dtype in zip(self.arrays, self.dtypes, strict=True)
            ]

    def _shuffled(self, rng: np.random.Generator) -> Iterator[list[Any]]:
        if self._buffers is None:
            size = min(self.batch_size, self.rows)
            self._buffers = [
                None if array is None else np.empty((size, *array.shape[1:]), dtype or array.dtype)
                for array, dtype in zip(self.arrays, self.dtypes, strict=True)
            ]
        order = rng.permutation(self.rows)
        for start in range(0, self.rows, self.batch_size):
            chosen = order[start : start + self.batch_size]
            batch: list[Any] = []
            for array, buffer in zip(self.arrays, self._buffers, strict=True):
                if array is None or buffer is None:
                    batch.append(None)
                    continue
                part = buffer if len(chosen) == len(buffer) else buffer[: len(chosen)]
                if array.dtype == buffer.dtype:
                    # mode="clip" lets NumPy write straight into `out`; no index is out of range
                    array.take(chosen, axis=0, out=part, mode="clip")
                else:
                    part[...] = array[chosen]
                batch.append(part)
            yield batch

    def endless(self) -> Iterator[list[Any]]:
        """Batches of one epoch after the other."""
        while True:
            yield from self


def _contiguous(array: Array, dtype: Any) -> Array:
    """Small arrays are converted at once; large ones stay, and each batch is converted."""
    if array.dtype == dtype or array.nbytes <= 1 << 24:
        return np.ascontiguousarray(array, dtype or array.dtype)
    return array


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
    """Number of rows of an array, or of each in a tuple."""
    return len(arrays[0] if isinstance(arrays, tuple) else arrays)


def split_off_validation(
    owner: str, arrays: list[Any], share: float
) -> tuple[list[Any], list[Any]]:
    """The first rows for training, the last `share` of them for validation."""
    rows = rows_of(arrays[0])
    if not 0 < share < 1:
        raise ValueError(f"{owner}: validation_split must be between 0 and 1, got {share}")
    cut = int(np.floor(rows * (1 - share)))
    if cut == 0 or cut == rows:
        raise ValueError(
            f"{owner}: validation_split={share} of {rows} samples leaves one part empty"
        )
    return (
        [_rows(part, slice(None, cut)) for part in arrays],
        [_rows(part, slice(cut, None)) for part in arrays],
    )


def _rows(part: Any, rows: slice) -> Any:
    if isinstance(part, tuple):
        return tuple(_rows(array, rows) for array in part)
    return None if part is None else part[rows]


def class_weights_of(owner: str, labels: Array, class_weight: dict[int, float]) -> Array:
    """Weight of each sample from that of its class; 1 for a class that has none."""
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(axis=-1)
    labels = labels.reshape(len(labels), -1).astype(np.int64)
    if labels.shape[1] != 1:
        raise ValueError(f"{owner}: class_weight needs one label per sample, use sample_weight")
    flat = labels[:, 0]
    if flat.size and flat.min() < 0:
        raise ValueError(f"{owner}: class_weight needs labels from 0, got {int(flat.min())}")
    highest = max(int(flat.max(initial=0)), max(map(int, class_weight), default=0))
    table = np.ones(highest + 1, np.float64)
    for label, weight in class_weight.items():
        table[int(label)] = weight
    result: Array = table[flat]
    return result
