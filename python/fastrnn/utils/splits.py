"""Data divided in two."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np

from fastrnn.utils.random import generator
from fastrnn.utils.structures import leaves, mapped


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Divide the rows of arrays in two.

    Parameters
    ----------
    dataset : ndarray, or list, tuple or dict of arrays with as many rows
    left_size, right_size : int or float, optional
        Number of rows, or their share between 0 and 1; what is not given is the rest. With
        both, rows may be left over.
    shuffle : bool
        Draw the rows at random.
    seed : int, optional
        Of that.

    Returns
    -------
    left, right : as `dataset`

    Raises
    ------
    ValueError
        If neither size is given, or a part would be empty or both more than there is.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.utils import split_dataset
    >>> (x, y), (x_test, y_test) = split_dataset((np.ones((10, 3)), np.arange(10)), 0.7)
    >>> y, y_test
    (array([0, 1, 2, 3, 4, 5, 6]), array([7, 8, 9]))
    """
    data = mapped(np.asarray, dataset)
    if any(array.ndim == 0 for array in leaves(data)):
        raise ValueError(
            "split_dataset: dataset must be an array, or a list or dict of arrays, "
            "got a single number"
        )
    counts = {len(array) for array in leaves(data)}
    if len(counts) != 1:
        raise ValueError(f"split_dataset: arrays must have as many rows, got {sorted(counts)}")
    (rows,) = counts
    if left_size is None and right_size is None:
        raise ValueError("split_dataset: give left_size or right_size")
    left, right = (
        round(size * rows) if isinstance(size, float) else size for size in (left_size, right_size)
    )
    left = rows - (right or 0) if left is None else left
    right = rows - left if right is None else right
    if min(left, right) < 1 or left + right > rows:
        raise ValueError(
            f"split_dataset: {rows} rows cannot be divided by left_size={left_size}, "
            f"right_size={right_size}"
        )
    parts: Any = slice(0, left), slice(left, left + right)
    if shuffle:
        order = generator(seed).permutation(rows)
        parts = [order[part] for part in parts]
    one, other = (mapped(itemgetter(part), data) for part in parts)
    return one, other
