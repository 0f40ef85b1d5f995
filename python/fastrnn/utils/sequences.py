"""Sequences of unequal length as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn.utils.naming import unknown

_SIDES = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> NDArray[Any]:
    """Bring sequences to one length.

    Parameters
    ----------
    sequences : sequence of sequences
        Each (T, ...), T its own, what follows the same for all.
    maxlen : int, optional
        Length of the result; that of the longest sequence when not given.
    dtype : dtype
        Of the result.
    padding, truncating : {"pre", "post"}
        At which end values are added, or taken away.
    value : number
        What is added; a layer such as ``Masking(value)`` skips it.

    Returns
    -------
    ndarray, shape (len(sequences), maxlen, ...)

    Raises
    ------
    ValueError
        If sequences differ in more than length, or an option is unknown.

    Examples
    --------
    >>> from fastrnn.utils import pad_sequences
    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in _SIDES:
            raise unknown(name, side, _SIDES)
    parts = [np.asarray(sequence) for sequence in sequences]
    if any(part.ndim == 0 for part in parts):
        raise ValueError("pad_sequences: sequences must be a list of lists, got a single number")
    shape = next((part.shape[1:] for part in parts if len(part)), ())
    if maxlen is None:
        maxlen = max(map(len, parts), default=0)
    padded = np.full((len(parts), maxlen, *shape), value, dtype)
    for row, part in zip(padded, parts, strict=True):
        if not len(part):
            continue
        if part.shape[1:] != shape:
            raise ValueError(
                f"pad_sequences: steps must all have the shape {shape}, got {part.shape[1:]}"
            )
        kept = part[max(len(part) - maxlen, 0) :] if truncating == "pre" else part[:maxlen]
        row[maxlen - len(kept) if padding == "pre" else 0 :][: len(kept)] = kept
    return padded
