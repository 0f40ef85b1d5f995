"""Class labels and simple normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> NDArray[Any]:
    """One-hot rows from integer class labels.

    Parameters
    ----------
    x : array_like of int, shape (...) or (..., 1)
        Class labels from 0 to ``num_classes - 1``.
    num_classes : int, optional
        Number of classes; the largest label plus one when not given.

    Returns
    -------
    ndarray of float32, shape (..., num_classes)

    Raises
    ------
    ValueError
        If a label is negative or not below `num_classes`.

    Examples
    --------
    >>> from fastrnn.utils import to_categorical
    >>> to_categorical([0, 2, 1], num_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    labels = np.asarray(x)
    if labels.dtype.kind not in "iub":
        if labels.dtype.kind != "f" or not np.array_equal(labels, np.floor(labels)):
            raise ValueError(f"to_categorical: labels must be integers, got {labels.dtype}")
        labels = labels.astype(np.int64)
    shape = labels.shape
    if len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    labels = labels.reshape(-1)
    if not num_classes:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"to_categorical: labels must be from 0 to {num_classes - 1}, "
            f"got {int(labels.min())} to {int(labels.max())}"
        )
    rows = np.zeros((labels.size, num_classes), dtype=np.float32)
    rows[np.arange(labels.size), labels] = 1
    return rows.reshape(*shape, num_classes)


def normalize(x: ArrayLike, axis: int = -1, order: int = 2) -> NDArray[Any]:
    """Divide by the norm along `axis`; vectors of zeros stay zeros.

    Parameters
    ----------
    x : array_like
    axis : int
    order : int
        Order of the norm.

    Returns
    -------
    ndarray, shape of `x`

    Examples
    --------
    >>> from fastrnn.utils import normalize
    >>> normalize([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    values = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(values, order, axis))
    norm[norm == 0] = 1
    result: NDArray[Any] = values / np.expand_dims(norm, axis)
    return result
