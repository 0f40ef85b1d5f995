"""Penalties on weights and outputs, which training adds to the loss: Keras' names and formulas."""

from __future__ import annotations

from typing import Any

from fastrnn.regularizers.regularizer import L1, L1L2, L2, OrthogonalRegularizer, Regularizer
from fastrnn.utils import naming

_CLASSES: tuple[type[Regularizer], ...] = (L1, L2, L1L2, OrthogonalRegularizer)
_TABLE: dict[str, Any] = {
    name: cls for cls in _CLASSES for name in (cls.__name__, naming.to_snake_case(cls.__name__))
}
# Keras' other names of the classes; as a string, "l1_l2" stands for factors of 0.01.
l1, l2, l1_l2, orthogonal_regularizer = _CLASSES
_TABLE["l1_l2"] = L1L2(0.01, 0.01)


def get(identifier: Any) -> Regularizer | None:
    """The regularizer for a name, a description, a class or a `Regularizer`; None for None.

    Parameters
    ----------
    identifier : str, dict, type, Regularizer or None

    Returns
    -------
    Regularizer or None

    Raises
    ------
    ValueError
        If no regularizer has that name.
    TypeError
        If it is something else; a function has no gradient.

    Examples
    --------
    >>> from fastrnn import regularizers
    >>> regularizers.get("l2").get_config()
    {'l2': 0.01}
    """
    if isinstance(identifier, (str, dict)):
        identifier = naming.from_config("regularizer", identifier, _TABLE)
    if isinstance(identifier, type) and issubclass(identifier, Regularizer):
        identifier = identifier()
    if identifier is None or isinstance(identifier, Regularizer):
        return identifier
    raise TypeError(
        f"a regularizer must be a name or a Regularizer, which has a gradient, got {identifier!r}"
    )


def serialize(regularizer: Regularizer | None) -> Any:
    """Keras' description of a regularizer."""
    return naming.description(regularizer)


deserialize = get

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]
