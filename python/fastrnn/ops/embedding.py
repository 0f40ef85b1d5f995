"""Embedding: rows of a table, picked by integers."""

from __future__ import annotations

import numpy as np

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core, floats

__all__ = ["embedding", "embedding_backward"]


def embedding(ids: object, table: object) -> Array:
    """Return the rows of a table that integers name: ``table[ids]``.

    Parameters
    ----------
    ids : array of integers, any shape
        From 0 up to V - 1; floats that hold integers are taken as well.
    table : array (V, E)
        float32 or float64.

    Returns
    -------
    array (..., E)

    Raises
    ------
    ValueError, TypeError
        Where an id lies outside of the table, or a shape or a dtype does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> ops.embedding([2, 0], np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    array([[5., 6.],
           [1., 2.]])
    """
    op = "embedding"
    rows = _arrays.floating(op, "table", table)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"{op}: table must be (V, E) with V, E >= 1, got {rows.shape}")
    rows = _arrays.weight(op, "table", rows)
    places, shape = _ids(op, ids, rows.shape[0])
    out = _arrays.empty(op, "the rows", (*shape, rows.shape[1]), rows.dtype)
    if out.size:
        core("embedding", rows.dtype)(places, rows, out)
    return out


def embedding_backward(dy: object, ids: object, rows: int) -> Array:
    """Gradient of :func:`embedding` with respect to its table.

    Parameters
    ----------
    dy : array (..., E)
        Gradient of the loss with respect to the output.
    ids : array (...)
        As given to :func:`embedding`.
    rows : int
        V, the rows of the table.

    Returns
    -------
    array (V, E)
        Gradients of an id that occurs more than once are added in the order of the ids, whatever
        the number of threads.

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.embedding_backward([[1.0], [2.0], [4.0]], [1, 0, 1], 3).ravel().tolist()
    [2.0, 5.0, 0.0]
    """
    op = "embedding_backward"
    if not isinstance(rows, (int, np.integer)) or isinstance(rows, bool) or rows < 1:
        raise ValueError(f"{op}: rows must be a positive integer, got {rows!r}")
    places, shape = _ids(op, ids, int(rows))
    gradient = floats(op, "dy", dy)
    if gradient.shape[:-1] != shape or gradient.ndim != len(shape) + 1 or not gradient.shape[-1]:
        wanted = "".join(f"{n}, " for n in shape) + "E" + ("" if shape else ",")
        raise ValueError(f"{op}: dy must be (..., E) = ({wanted}), got {gradient.shape}")
    out = _arrays.empty(op, "the table's gradient", (int(rows), gradient.shape[-1]), gradient.dtype)
    core("embedding_backward", gradient.dtype)(places, gradient, out)
    return out


def _ids(op: str, value: object, rows: int) -> tuple[Array, tuple[int, ...]]:
    """Return ids as one axis of int64, all within the table, and their shape."""
    ids = _arrays.to_array(op, "ids", value)
    kind = ids.dtype.kind
    if kind == "f":
        # Models hand on whole numbers in their own float32, as Keras' do.
        whole = np.isfinite(ids) & (ids == np.floor(ids))
        if not whole.all():
            raise ValueError(f"{op}: ids must be integers, got {ids[~whole].flat[0]}")
    elif kind not in "iub":
        raise TypeError(f"{op}: ids must be integers, got dtype {ids.dtype}")
    if ids.size and (ids.min() < 0 or ids.max() >= rows):
        wrong = ids[(ids < 0) | (ids >= rows)].flat[0]
        raise ValueError(f"{op}: ids must lie in 0..V-1 = 0..{rows - 1}, got {wrong}")
    return _arrays.contiguous(ids, np.dtype(np.int64)).reshape(-1), ids.shape
