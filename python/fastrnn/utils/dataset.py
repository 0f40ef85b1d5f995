"""Data sets of one's own: a batch for each number."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np


class PyDataset:
    """Base of data sets that make each batch when it is needed; `Sequence` is the same class.

    A subclass defines ``__getitem__(index)``, which returns the batch of that number as
    ``(x, y)``, ``(x, y, sample_weight)`` or, to predict, ``x``; and ``__len__()``, the number
    of batches, or the property `num_batches`.

    Parameters
    ----------
    workers : int
        Threads that make batches ahead of the training; with 0 the training makes them itself.
    use_multiprocessing : bool
        Accepted for Keras' sake, and served by threads: NumPy, OpenCV and the kernels of this
        package let other threads run meanwhile.
    max_queue_size : int
        How many batches may be made ahead.

    Notes
    -----
    With more than one worker ``__getitem__`` must bear being called by several threads at
    once. Batches come in order, whatever their number. No thread outlives the epoch.

    Examples
    --------
    >>> import numpy as np
    >>> import fastrnn
    >>> from fastrnn import layers
    >>> class Counting(fastrnn.utils.Sequence):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         return np.full((4, 2), index), np.full((4, 1), index)
    >>> model = fastrnn.Sequential([layers.Input((2,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(Counting(), epochs=2, verbose=0)
    >>> len(history.epoch)
    2
    """

    keeps_order = False  # True: `fit` does not shuffle the batches, which are made one by one

    # A subclass may leave out super().__init__().
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise TypeError(f"{type(self).__name__} must define __getitem__(index)")

    @property
    def num_batches(self) -> int | None:
        """Number of batches; None where they never end."""
        if not hasattr(self, "__len__"):
            raise TypeError(f"{type(self).__name__} must define __len__() or num_batches")
        return len(self)

    def __iter__(self) -> Iterator[Any]:
        number = self.num_batches
        for index in count() if number is None else range(number):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Called before each epoch of `fit`."""

    def on_epoch_end(self) -> None:
        """Called after each epoch of `fit`: the place to shuffle."""

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint keeps: here the states of the NumPy generators on the object.

        A subclass adds whatever else `on_epoch_end` changes, the order of its samples say:
        numbers, strings and arrays in lists and dicts.
        """
        return {
            name: value.bit_generator.state
            for name, value in vars(self).items()
            if isinstance(value, np.random.Generator)
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        for name, value in state.items():
            if isinstance(getattr(self, name, None), np.random.Generator):
                getattr(self, name).bit_generator.state = value


Sequence = PyDataset
