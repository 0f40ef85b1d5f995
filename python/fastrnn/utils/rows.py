"""Data sets of rows that are drawn anew for each epoch, in a way that can be repeated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn.utils.dataset import PyDataset
from fastrnn.utils.random import generator

Array = NDArray[Any]


class RowsDataset(PyDataset):
    """Base of data sets whose batches are so many rows each.

    What is random in a batch follows from the seed, the epoch and the batch's number, in
    whatever order, and by however many threads, batches are asked for. A subclass defines
    ``_batch(rows, rng)``.

    Parameters
    ----------
    rows : int
    batch_size : int or None
        Without one, each entry is a single row.
    shuffle : bool
        Draw the order of rows anew for each epoch.
    seed : int, optional
    workers, max_queue_size : int
        As in `PyDataset`.
    """

    def __init__(
        self,
        rows: int,
        *,
        batch_size: int | None = 32,
        shuffle: bool = True,
        seed: int | None = None,
        workers: int = 1,
        max_queue_size: int = 10,
    ) -> None:
        super().__init__(workers=workers, max_queue_size=max_queue_size)
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"{type(self).__name__}: batch_size must be positive")
        self.n = rows
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = int(generator().integers(2**31)) if seed is None else int(seed)
        self._epoch = 0
        self._order = self._draw_order()

    def _draw_order(self) -> Array:
        if not self.shuffle:
            return np.arange(self.n)
        return np.random.default_rng((self.seed, self._epoch)).permutation(self.n)

    def __len__(self) -> int:
        return -(-self.n // (self.batch_size or 1))

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"{type(self).__name__}: batch {index} of {len(self)}")
        rng = np.random.default_rng((self.seed, self._epoch, index))
        if self.batch_size is None:
            batch = self._batch(self._order[index : index + 1], rng)
            return tuple(part[0] for part in batch) if isinstance(batch, tuple) else batch[0]
        return self._batch(self._order[index * self.batch_size :][: self.batch_size], rng)

    def _batch(self, rows: Array, rng: np.random.Generator) -> Any:
        raise TypeError(f"{type(self).__name__} must define _batch()")

    def on_epoch_end(self) -> None:
        """Draw a new order, and new changes."""
        self._epoch += 1
        self._order = self._draw_order()

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint keeps: all that is random follows from it."""
        return {"seed": self.seed, "epoch": self._epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self.seed, self._epoch = state["seed"], state["epoch"]
        self._order = self._draw_order()
