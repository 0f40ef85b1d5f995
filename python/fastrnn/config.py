"""Threads, the build, and the constant that keeps divisors from 0."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from fastrnn import _core

__all__ = ["epsilon", "get_num_threads", "set_epsilon", "set_num_threads", "show_config"]

_epsilon = 1e-7


def epsilon() -> float:
    """The small number that losses, metrics and constraints keep divisors and logarithms from 0 by.

    Examples
    --------
    >>> import fastrnn
    >>> fastrnn.config.epsilon()
    1e-07
    """
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set what `epsilon` returns, for all that is computed from now on.

    Parameters
    ----------
    value : float
        Above 0.
    """
    global _epsilon
    if not value > 0:
        raise ValueError(f"set_epsilon: value must be above 0, got {value!r}")
    _epsilon = float(value)


def get_num_threads() -> int:
    """Return the threads that a call may use: OMP_NUM_THREADS, else the cores at hand."""
    return int(_core.num_threads())


def set_num_threads(threads: int) -> None:
    """Set how many threads a call may use.

    Results are bitwise the same for any number.

    Parameters
    ----------
    threads : int
        At least 1, at most 1024.
    """
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise TypeError(
            f"set_num_threads: threads must be an integer, got {type(threads).__name__}"
        )
    if not 1 <= threads <= 1024:
        raise ValueError(f"set_num_threads: threads must lie in 1..1024, got {threads}")
    _core.set_num_threads(int(threads))


def show_config() -> dict[str, Any]:
    """Return what this build is and what it runs on.

    Returns
    -------
    dict
        ``version``, ``isa`` (the instruction set in use), ``available_isas``, ``threads``,
        ``compiler``, ``python``, ``numpy``, ``machine``.

    Examples
    --------
    >>> import fastrnn
    >>> config = fastrnn.show_config()
    >>> config["isa"] in config["available_isas"]
    True
    """
    from fastrnn import __version__

    return {
        "version": __version__,
        "isa": _core.ISA,
        "available_isas": _core.AVAILABLE_ISAS,
        "threads": get_num_threads(),
        "compiler": _core.COMPILER,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }
