"""Initial values of weights: Keras' names, defaults and distributions."""

from __future__ import annotations

from typing import Any

from fastrnn.initializers.constant import Constant, Identity, Initializer, Ones, Zeros
from fastrnn.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from fastrnn.utils import custom_object_scope, naming

_CLASSES: tuple[type[Initializer], ...] = (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
_TABLE: dict[str, Any] = {
    name: cls for cls in _CLASSES for name in (cls.__name__, naming.to_snake_case(cls.__name__))
} | {
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
    "normal": RandomNormal,
    "one": Ones,
    "uniform": RandomUniform,
    "zero": Zeros,
}


def get(identifier: Any) -> Any:
    """The initializer for a name, a description, a class, a number or a callable.

    Parameters
    ----------
    identifier : str, dict, type, float or callable(shape, dtype)
        A callable that is no class is returned as it is.

    Returns
    -------
    callable
        ``initializer(shape, dtype) -> ndarray``.

    Raises
    ------
    ValueError
        If no initializer has that name.

    Examples
    --------
    >>> from fastrnn import initializers
    >>> initializers.get("zeros")((2,))
    array([0., 0.], dtype=float32)
    """
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    if isinstance(identifier, (int, float)):
        return Constant(identifier)
    return naming.from_config("initializer", identifier, _TABLE)


def serialize(initializer: Any) -> Any:
    """Keras' description of an initializer; of a function of the user's, its name."""
    return naming.description(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer for what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)


def __getattr__(name: str) -> Any:
    """Keras' other names of the classes: ``initializers.glorot_uniform``."""
    if name in _TABLE:
        return _TABLE[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "deserialize",
    "get",
    "serialize",
]
