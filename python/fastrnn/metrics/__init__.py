"""Metrics under Keras' names."""

from __future__ import annotations

from typing import Any

from fastrnn.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from fastrnn.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from fastrnn.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from fastrnn.metrics.curve import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from fastrnn.metrics.edit import LabelErrorRate, edit_distance
from fastrnn.metrics.f_score import F1Score, FBetaScore
from fastrnn.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from fastrnn.metrics.metric import Mean, MeanMetricWrapper, Metric, Sum
from fastrnn.metrics.of_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from fastrnn.metrics.regression import (
    ConcordanceCorrelation,
    CosineSimilarity,
    PearsonCorrelation,
    R2Score,
    RootMeanSquaredError,
    concordance_correlation,
    cosine_similarity,
    pearson_correlation,
)
from fastrnn.metrics.segments import SegmentEditScore, SegmentF1, segments_of
from fastrnn.utils import custom_object_scope, naming
from fastrnn.utils.custom_objects import custom_object

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LabelErrorRate",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SegmentEditScore",
    "SegmentF1",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "accuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "cosine_similarity",
    "deserialize",
    "edit_distance",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "segments_of",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

_CLASSES: dict[str, type[Metric]] = {
    name: value
    for name, value in globals().items()
    if isinstance(value, type) and issubclass(value, Metric) and value is not Metric
}
_ALIASES: dict[str, type[Metric]] = {
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
    "rmse": RootMeanSquaredError,
}
_TABLE: dict[str, Any] = {
    **_CLASSES,
    **{naming.to_snake_case(name): cls for name, cls in _CLASSES.items()},
    **_ALIASES,
    **{name.upper(): cls for name, cls in _ALIASES.items()},
    "huber": huber,
    "log_cosh": LogCoshError,
    "logcosh": LogCoshError,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
}


def get(identifier: Any) -> Metric:
    """The metric for a name, a description, a class, a function or a `Metric`.

    Parameters
    ----------
    identifier : str, dict, type, callable(y_true, y_pred) or Metric
        A function's values are averaged.

    Returns
    -------
    Metric

    Raises
    ------
    ValueError
        If no metric has that name.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metric = metrics.get("mae")
    >>> metric.update_state([[1.0]], [[3.0]])
    >>> metric.result()
    2.0
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, str) and custom_object(identifier) is not None:
        return get(custom_object(identifier))
    if isinstance(identifier, (str, dict)):
        metric = deserialize(identifier)
        if isinstance(identifier, str):
            metric.name = identifier
        return metric
    if callable(identifier):
        name = getattr(identifier, "name", None) or getattr(identifier, "__name__", "metric")
        return MeanMetricWrapper(identifier, name=str(name))
    raise TypeError(f"a metric must be a name, a function or a Metric, got {identifier!r}")


def serialize(metric: Metric) -> dict[str, Any]:
    """Keras' description of a metric."""
    return {
        "module": "keras.metrics",
        "class_name": type(metric).__name__,
        "config": metric.get_config(),
        "registered_name": None,
    }


def deserialize(
    config: str | dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> Metric:
    """The metric for a name or what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(naming.from_config("metric", config, _TABLE))
