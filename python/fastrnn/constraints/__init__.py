"""Constraints that weights meet after each update: Keras' names and formulas."""

from __future__ import annotations

from typing import Any

from fastrnn.constraints.constraint import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from fastrnn.utils import naming

_CLASSES: tuple[type[Constraint], ...] = (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
_TABLE: dict[str, Any] = {
    name: cls for cls in _CLASSES for name in (cls.__name__, naming.to_snake_case(cls.__name__))
}
# Keras' other names of the classes.
max_norm, min_max_norm, non_neg, unit_norm = _CLASSES


def get(identifier: Any) -> Any:
    """The constraint for a name, a description, a class or a function; None for None.

    Parameters
    ----------
    identifier : str, dict, type, callable(weight) -> weight, or None

    Returns
    -------
    callable or None

    Raises
    ------
    ValueError
        If no constraint has that name.
    TypeError
        If it is something else.

    Examples
    --------
    >>> from fastrnn import constraints
    >>> constraints.get("max_norm").get_config()
    {'max_value': 2, 'axis': 0}
    """
    if isinstance(identifier, (str, dict)):
        identifier = naming.from_config("constraint", identifier, _TABLE)
    if isinstance(identifier, type):
        identifier = identifier()
    if identifier is None or callable(identifier):
        return identifier
    raise TypeError(f"a constraint must be a name or callable, got {identifier!r}")


def serialize(constraint: Any) -> Any:
    """Keras' description of a constraint; of a function of the user's, its name."""
    return naming.description(constraint)


deserialize = get

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]
