"""The random numbers of initializers, dropout and shuffling."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

_root = np.random.Generator(np.random.SFC64())


def set_random_seed(seed: int) -> None:
    """Make everything random from here on repeatable.

    Seeds Python's ``random``, NumPy's global generator and the generator that layers,
    initializers and `fit` draw from.

    Parameters
    ----------
    seed : int
        Between 0 and 2**32 - 1.

    Raises
    ------
    TypeError
        If `seed` is no integer.

    Examples
    --------
    >>> import fastrnn
    >>> fastrnn.utils.set_random_seed(7)
    """
    global _root
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"set_random_seed: seed must be an integer, got {type(seed).__name__}")
    random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 - the user's own code may draw from it
    _root = np.random.Generator(np.random.SFC64(int(seed)))


def generator(seed: int | None = None) -> np.random.Generator:
    """A generator of its own: from `seed`, or where that is None from the global one."""
    if seed is None:
        seed = int(_root.integers(2**63))
    return np.random.Generator(np.random.SFC64(seed))


def get_state() -> dict[str, Any]:
    """States of the three generators that `set_random_seed` seeds."""
    return {
        "fastrnn": _root.bit_generator.state,
        "numpy": np.random.get_state(legacy=False),  # noqa: NPY002
        "python": random.getstate(),
    }


def set_state(state: dict[str, Any]) -> None:
    """Go on from what `get_state` returned."""
    _root.bit_generator.state = state["fastrnn"]
    np.random.set_state(state["numpy"])  # noqa: NPY002
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
