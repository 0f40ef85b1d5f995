"""The default floating type of layers, as ``keras.config.floatx``."""

from __future__ import annotations

from typing import Any

import numpy as np

_FLOAT_TYPES = ("float32", "float64")
_default = "float32"


def floatx() -> str:
    """Name of the floating type that layers use when they are given no ``dtype``.

    Returns
    -------
    str
        ``"float32"`` unless `set_floatx` has changed it.

    Examples
    --------
    >>> from fastrnn.utils import floatx
    >>> floatx()
    'float32'
    """
    return _default


def set_floatx(value: str) -> None:
    """Set the floating type of layers made from now on.

    Parameters
    ----------
    value : {"float32", "float64"}
        The type's name.

    Raises
    ------
    ValueError
        If `value` is another type.
    """
    global _default
    _default = float_dtype(value).name


def float_dtype(value: Any = None) -> np.dtype[Any]:
    """The NumPy dtype for a layer's `dtype` argument; None stands for `floatx()`.

    A Keras dtype policy, or its saved form, counts as the type it computes in.

    Raises
    ------
    ValueError
        If the type is neither float32 nor float64.
    """
    if value is None:
        return np.dtype(_default)
    if isinstance(value, dict):
        value = value.get("config", {}).get("name", value)
    value = getattr(value, "compute_dtype", value)
    try:
        dtype: np.dtype[Any] = np.dtype(value)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.name not in _FLOAT_TYPES:
        raise ValueError(f"dtype must be one of {', '.join(_FLOAT_TYPES)}, got {value!r}")
    return dtype
