"""What the ops on whole arrays share: arguments without a weight to take the dtype from."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array


def floats(op: str, name: str, value: object) -> Array:
    """Return a contiguous float32 or float64 array; integers and booleans become float32."""
    array = _arrays.to_array(op, name, value)
    if array.dtype.kind in "iub":
        array = array.astype(np.float32)
    return _arrays.weight(op, name, array)


def core(name: str, dtype: np.dtype[Any]) -> Any:
    """Return the core's function for this dtype."""
    return getattr(_core, f"{name}_float" if dtype == np.float32 else f"{name}_double")
