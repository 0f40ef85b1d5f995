"""Sequences for training, with the names of ``keras.preprocessing.sequence``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn.utils.dataset import PyDataset
from fastrnn.utils.random import generator
from fastrnn.utils.sequences import pad_sequences

__all__ = ["TimeseriesGenerator", "pad_sequences"]

Array = NDArray[Any]


class TimeseriesGenerator(PyDataset):
    """Batches of windows of one long sequence, each with the value that comes next.

    Parameters
    ----------
    data : array_like, shape (steps, ...)
    targets : array_like, shape (steps, ...)
        A window gets the target at the step after its end.
    length : int
        Steps from a window's first to its end.
    sampling_rate : int
        Every so many-th step of the window is used.
    stride : int
        Steps from one window to the next.
    start_index, end_index : int, optional
        The part of `data` to use, the end counted in.
    shuffle : bool
        Draw the windows at random.
    reverse : bool
        Turn each window round.
    batch_size : int

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.preprocessing.sequence import TimeseriesGenerator
    >>> batches = TimeseriesGenerator(np.arange(6), np.arange(6) * 10, length=3, batch_size=2)
    >>> batches[0]
    (array([[0, 1, 2],
           [1, 2, 3]]), array([30, 40]))
    """

    def __init__(
        self,
        data: ArrayLike,
        targets: ArrayLike,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        super().__init__()
        self.data, self.targets = np.asarray(data), np.asarray(targets)
        if len(self.data) != len(self.targets):
            raise ValueError(
                f"TimeseriesGenerator: data has {len(self.data)} steps, "
                f"but targets has {len(self.targets)}"
            )
        for name, value in (
            ("length", length),
            ("sampling_rate", sampling_rate),
            ("stride", stride),
            ("batch_size", batch_size),
        ):
            if value < 1:
                raise ValueError(f"TimeseriesGenerator: {name} must be positive, got {value}")
        last = len(self.data) - 1 if end_index is None else end_index
        self._ends = np.arange(start_index + length, last + 1, stride)
        if not len(self._ends):
            raise ValueError(
                f"TimeseriesGenerator: no window of {length} steps and its target fits into "
                f"steps {start_index} to {last}"
            )
        offsets = np.arange(-length, 0, sampling_rate)
        self._offsets = offsets[::-1] if reverse else offsets
        self.batch_size = batch_size
        self._random = generator() if shuffle else None

    def __len__(self) -> int:
        return -(-len(self._ends) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        if not 0 <= index < len(self):
            raise IndexError(f"TimeseriesGenerator: batch {index} of {len(self)}")
        if self._random is None:
            ends = self._ends[index * self.batch_size : (index + 1) * self.batch_size]
        else:
            ends = self._random.choice(self._ends, self.batch_size)
        return self.data[ends[:, None] + self._offsets], self.targets[ends]
