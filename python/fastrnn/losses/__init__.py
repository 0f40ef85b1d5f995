"""Losses under Keras' names, each with its gradient."""

from __future__ import annotations

from typing import Any

from fastrnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
)
from fastrnn.losses.ctc import CTC, ctc
from fastrnn.losses.distributions import KLDivergence, Poisson, kl_divergence, poisson
from fastrnn.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from fastrnn.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from fastrnn.losses.loss import Loss
from fastrnn.losses.overlap import Dice, Tversky, dice, tversky
from fastrnn.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from fastrnn.losses.similarity import Circle, CosineSimilarity, circle, cosine_similarity
from fastrnn.losses.sparse import (
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from fastrnn.losses.wrapper import LossFunctionWrapper
from fastrnn.utils import custom_object_scope, naming
from fastrnn.utils.custom_objects import custom_object

# Each class, and the function of the same name in snake case.
_PAIRS: dict[type[Loss], Any] = {
    CTC: ctc,
    BinaryCrossentropy: binary_crossentropy,
    BinaryFocalCrossentropy: binary_focal_crossentropy,
    CategoricalCrossentropy: categorical_crossentropy,
    CategoricalFocalCrossentropy: categorical_focal_crossentropy,
    CategoricalGeneralizedCrossEntropy: categorical_generalized_cross_entropy,
    CategoricalHinge: categorical_hinge,
    Circle: circle,
    CosineSimilarity: cosine_similarity,
    Dice: dice,
    Hinge: hinge,
    Huber: huber,
    KLDivergence: kl_divergence,
    LogCosh: log_cosh,
    MeanAbsoluteError: mean_absolute_error,
    MeanAbsolutePercentageError: mean_absolute_percentage_error,
    MeanSquaredError: mean_squared_error,
    MeanSquaredLogarithmicError: mean_squared_logarithmic_error,
    Poisson: poisson,
    SparseCategoricalCrossentropy: sparse_categorical_crossentropy,
    SquaredHinge: squared_hinge,
    Tversky: tversky,
}
_ALIASES: dict[str, type[Loss]] = {
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
}
_TABLE: dict[str, Any] = {
    **{cls.__name__: cls for cls in _PAIRS},
    **{function.__name__: cls for cls, function in _PAIRS.items()},
    **_ALIASES,
    **{name.upper(): cls for name, cls in _ALIASES.items()},
    "kullback_leibler_divergence": KLDivergence,  # Keras 2
    "logcosh": LogCosh,
}
_CLASS_OF = {function: cls for cls, function in _PAIRS.items()}


def get(identifier: Any) -> Loss:
    """The loss for a name, a description, a class, a function or a `Loss`.

    Parameters
    ----------
    identifier : str, dict, type, callable or Loss
        A function of one's own takes (y_true, y_pred) and returns (values, gradient): see
        `LossFunctionWrapper`.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        If no loss has that name.
    TypeError
        If `identifier` is none of these.

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
    if isinstance(identifier, str) and custom_object(identifier) is not None:
        return get(custom_object(identifier))
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if callable(identifier):
        cls = _CLASS_OF.get(identifier)
        return LossFunctionWrapper(identifier) if cls is None else cls()
    raise TypeError(
        "a loss must be a name, a fastrnn.losses.Loss or a function of (y_true, y_pred) that "
        f"returns (values, gradient), got {identifier!r}"
    )


def serialize(loss: Loss) -> dict[str, Any]:
    """Keras' description of a loss."""
    described: dict[str, Any] = naming.description(loss)
    return described


def deserialize(name: str | dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Loss:
    """The loss for a name or what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(naming.from_config("loss", name, _TABLE))


__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]
