"""Optimizers: one fused update over all parameters of a model."""

from __future__ import annotations

from typing import Any

from fastrnn.optimizers.adam import Adam
from fastrnn.optimizers.optimizer import Optimizer, ParameterBuffer
from fastrnn.optimizers.rmsprop import RMSprop
from fastrnn.optimizers.sgd import SGD
from fastrnn.utils import naming

_CLASSES: tuple[type[Optimizer], ...] = (Adam, RMSprop, SGD)
_TABLE: dict[str, Any] = {
    name: cls for cls in _CLASSES for name in (cls.__name__, cls.__name__.lower())
}


def get(identifier: Any) -> Optimizer:
    """The optimizer for a name, a description, a class or an `Optimizer`.

    Parameters
    ----------
    identifier : str, dict, type or Optimizer

    Returns
    -------
    Optimizer

    Raises
    ------
    ValueError
        If no optimizer has that name.

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> optimizers.get("adam").learning_rate
    0.001
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, str):
        identifier = identifier if identifier in _TABLE else identifier.lower()
    if isinstance(identifier, (str, dict)):
        optimizer: Optimizer = naming.from_config("optimizer", identifier, _TABLE)
        return optimizer
    raise TypeError(f"an optimizer must be a name or an Optimizer, got {identifier!r}")


__all__ = ["SGD", "Adam", "Optimizer", "ParameterBuffer", "RMSprop", "get"]
