"""Sums and averages over all parameters of a model: one pass each."""

from __future__ import annotations

import math

from fastrnn.ops import _arrays, _in_place
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core, floats

__all__ = ["average_update", "norm", "penalty"]


def average_update(average: Array, params: Array, *, momentum: float) -> None:
    """Follow the parameters: average = momentum average + (1 - momentum) params.

    Parameters
    ----------
    average : array (P,)
        float32 or float64, C order; changed in place.
    params : array (P,)
    momentum : float

    Raises
    ------
    ValueError, TypeError
        As :func:`sgd_update`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> average = np.array([1.0, 2.0])
    >>> ops.average_update(average, np.array([3.0, 2.0]), momentum=0.5)
    >>> average.tolist()
    [2.0, 2.0]
    """
    new = _in_place.check("average_update", {"average": average}, "params", params)
    core("average_update", average.dtype)(average, new, momentum)


def norm(x: Array) -> float:
    """Euclidean norm of all entries of an array, the same for any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> ops.norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
    5.0
    """
    array = floats("norm", "x", x)
    return math.sqrt(core("square_sum", array.dtype)(array))


def penalty(
    params: Array, grads: Array | None = None, *, l1: float = 0.0, l2: float = 0.0
) -> float:
    """Return ``l1 sum |w| + l2 sum w²``, and add its gradient ``l1 sign(w) + 2 l2 w`` to `grads`.

    Parameters
    ----------
    params : array
        w, float32 or float64.
    grads : array of params' shape and dtype, optional
        Changed in place; C order.
    l1, l2 : float

    Raises
    ------
    ValueError, TypeError
        As :func:`sgd_update`, of `grads`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> g = np.zeros(2)
    >>> ops.penalty(np.array([3.0, -1.0]), g, l1=1.0, l2=0.5), g.tolist()
    (9.0, [4.0, -2.0])
    """
    if grads is None:
        w = _arrays.weight("penalty", "params", params)
    else:
        w = _in_place.check("penalty", {"grads": grads}, "params", params)
    return float(core("penalty", w.dtype)(w, grads, l1, l2))
