"""Metrics under Keras' names."""

from __future__ import annotations

from typing import Any

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
from fastrnn.metrics.errors import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
)
from fastrnn.metrics.metric import Mean, MeanMetricWrapper, Metric, Sum
from fastrnn.utils import naming

_CLASSES: tuple[type[Metric], ...] = (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    Mean,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    Sum,
    TopKCategoricalAccuracy,
)
_TABLE: dict[str, Any] = {
    name: cls for cls in _CLASSES for name in (cls.__name__, naming.to_snake_case(cls.__name__))
} | {
    "MAE": MeanAbsoluteError,
    "MSE": MeanSquaredError,
    "RMSE": RootMeanSquaredError,
    "mae": MeanAbsoluteError,
    "mse": MeanSquaredError,
    "rmse": RootMeanSquaredError,
}
_TABLE |= {
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
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
    if isinstance(identifier, (str, dict)):
        metric: Metric = naming.from_config("metric", identifier, _TABLE)
        if isinstance(identifier, str):
            metric.name = identifier
        return metric
    if callable(identifier):
        name = getattr(identifier, "name", None) or getattr(identifier, "__name__", "metric")
        return MeanMetricWrapper(identifier, name=str(name))
    raise TypeError(f"a metric must be a name, a function or a Metric, got {identifier!r}")


__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "Sum",
    "TopKCategoricalAccuracy",
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "get",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]
