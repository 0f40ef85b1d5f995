"""Embedding: rows of a table, picked by integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import Array


def embedding(ids: ArrayLike, table: ArrayLike, *, dtype: DTypeLike = np.float64) -> Array:
    """Return table[ids]: (..., E), given ids (...) and table (V, E)."""
    return np.asarray(table, dtype)[np.asarray(ids, np.int64)]


def embedding_backward(
    dy: ArrayLike, ids: ArrayLike, rows: int, *, dtype: DTypeLike = np.float64
) -> Array:
    """Return the gradient (rows, E) of the table, given dy (..., E)."""
    gradient = np.asarray(dy, dtype)
    table = np.zeros((rows, gradient.shape[-1]), dtype)
    np.add.at(table, np.asarray(ids, np.int64), gradient)
    return table
