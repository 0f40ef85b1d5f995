"""Losses under Keras' names, each with its gradient."""

from __future__ import annotations

from typing import Any

from fastrnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from fastrnn.losses.loss import Loss
from fastrnn.losses.regression import (
    MeanAbsoluteError,
    MeanSquaredError,
    mean_absolute_error,
    mean_squared_error,
)
from fastrnn.utils import naming

_CLASSES: tuple[type[Loss], ...] = (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
_TABLE: dict[str, Any] = {
    name: cls for cls in _CLASSES for name in (cls.__name__, naming.to_snake_case(cls.__name__))
} | {"MAE": MeanAbsoluteError, "MSE": MeanSquaredError}
_TABLE |= {"mae": MeanAbsoluteError, "mse": MeanSquaredError}
_FUNCTIONS: dict[Any, type[Loss]] = {
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    mean_absolute_error: MeanAbsoluteError,
    mean_squared_error: MeanSquaredError,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
}


def get(identifier: Any) -> Loss:
    """The loss for a name, a description, a class, one of our loss functions or a `Loss`.

    Parameters
    ----------
    identifier : str, dict, type, callable or Loss

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        If no loss has that name.
    TypeError
        If `identifier` is a function whose gradient is unknown.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.get("mse")([[0.0, 2.0]], [[0.0, 0.0]])
    2.0
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if isinstance(identifier, (str, dict)):
        loss: Loss = naming.from_config("loss", identifier, _TABLE)
        return loss
    if callable(identifier) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier]()
    raise TypeError(
        "a loss must be a name or a fastrnn.losses.Loss, whose value_and_gradient() gives the "
        f"gradient that training needs, got {identifier!r}"
    )


__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
]
