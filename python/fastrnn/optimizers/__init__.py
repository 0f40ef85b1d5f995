"""Optimizers: one fused update over all parameters of a model."""

from __future__ import annotations

from typing import Any

from fastrnn.optimizers import schedules
from fastrnn.optimizers.adagrad import Adadelta, Adagrad
from fastrnn.optimizers.adam import Adam, Adamax, AdamW, Nadam
from fastrnn.optimizers.ftrl import Ftrl
from fastrnn.optimizers.lion import Lion
from fastrnn.optimizers.optimizer import Optimizer
from fastrnn.optimizers.rmsprop import RMSprop
from fastrnn.optimizers.sgd import SGD
from fastrnn.utils import custom_object_scope, naming

_CLASSES: tuple[type[Optimizer], ...] = (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    Ftrl,
    Lion,
    Nadam,
    RMSprop,
)
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


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Keras' description of an optimizer."""
    described: dict[str, Any] = naming.description(optimizer)
    return described


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """The optimizer for what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)


__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]
