"""Windows of one long sequence as a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn.utils.dataset import PyDataset
from fastrnn.utils.random import generator


def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> PyDataset:
    """Batches of windows of a sequence; each is gathered when it is needed.

    Parameters
    ----------
    data : array_like, shape (steps, ...)
    targets : array_like, shape (steps, ...), or None
        A window gets the target at its first step; None gives windows alone.
    sequence_length : int
        Steps of a window.
    sequence_stride : int
        Steps from one window to the next.
    sampling_rate : int
        Steps of `data` from one step of a window to the next.
    batch_size : int or None
        Without one, each entry is a single window.
    shuffle : bool
        Draw the order of windows anew for each epoch.
    seed : int, optional
        Of that order.
    start_index, end_index : int, optional
        The part of `data` and `targets` to use, without its end.

    Returns
    -------
    fastrnn.utils.PyDataset

    Raises
    ------
    ValueError
        If there is not one window.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.utils import timeseries_dataset_from_array
    >>> x = np.arange(6)
    >>> timeseries_dataset_from_array(x[:-3], x[3:], sequence_length=2)[0]
    (array([[0, 1],
           [1, 2]]), array([3, 4]))
    """
    part = slice(start_index, end_index)
    chosen = None if targets is None else np.asarray(targets)[part]
    for name, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
        ("batch_size", batch_size),
    ):
        if value is not None and value < 1:
            raise ValueError(f"timeseries_dataset_from_array: {name} must be positive, got {value}")
    values = np.asarray(data)[part]
    steps = np.arange(sequence_length) * sampling_rate
    count = len(values) - steps[-1]
    starts = np.arange(0, count if chosen is None else min(count, len(chosen)), sequence_stride)
    if not len(starts):
        raise ValueError(
            f"timeseries_dataset_from_array: no window of {sequence_length} steps, "
            f"{sampling_rate} apart, fits into {len(values)} steps"
        )
    return _Windows(values, chosen, starts, steps, batch_size, generator(seed) if shuffle else None)


class _Windows(PyDataset):
    def __init__(
        self,
        data: Any,
        targets: Any,
        starts: Any,
        steps: Any,
        batch_size: int | None,
        rng: np.random.Generator | None,
    ) -> None:
        super().__init__()
        self.data, self.targets = data, targets
        self.starts, self.steps = starts, steps
        self.batch_size = batch_size
        self.rng = rng
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.starts) // (self.batch_size or 1))

    def __getitem__(self, index: int) -> Any:
        size = self.batch_size
        starts = self.starts[index] if size is None else self.starts[index * size :][:size]
        windows = self.data[starts[..., None] + self.steps]
        return windows if self.targets is None else (windows, self.targets[starts])

    def on_epoch_end(self) -> None:
        if self.rng is not None:
            self.starts = self.rng.permutation(self.starts)

    def get_state(self) -> dict[str, Any]:
        return super().get_state() | {"starts": self.starts}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self.starts = state["starts"]
