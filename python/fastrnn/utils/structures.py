"""Arrays in lists, tuples and dicts, as models with several inputs or outputs take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def mapped(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same lists, tuples and dicts around each leaf's result; None stays None.

    Examples
    --------
    >>> from fastrnn.utils.structures import mapped
    >>> mapped(len, {"a": "xyz", "b": ["x", None]})
    {'a': 3, 'b': [1, None]}
    """
    if structure is None:
        return None
    if isinstance(structure, dict):
        return {key: mapped(function, part) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)([mapped(function, part) for part in structure])
    return function(structure)


def leaves(structure: Any) -> list[Any]:
    """What `mapped` would call its function with, in order."""
    found: list[Any] = []
    mapped(found.append, structure)
    return found


def joined(parts: Sequence[Any]) -> Any:
    """Structures of arrays, all alike, joined along the first axis; tuples become lists."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: joined([part[key] for part in parts]) for key in first}
    if isinstance(first, (list, tuple)):
        return [joined(column) for column in zip(*parts, strict=True)]
    return np.concatenate(parts)
