"""Errors and losses as metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn import losses
from fastrnn.metrics.metric import Mean


class _LossMetric(Mean):
    """Mean of a loss over the samples."""

    def __init__(self, loss: losses.Loss, name: str, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self._loss = loss

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        prediction = np.asarray(y_pred)
        if prediction.dtype.kind != "f":
            prediction = prediction.astype(np.float64)
        targets = self._loss.prepare(y_true, prediction)
        values, _ = self._loss.value_and_gradient(targets, prediction)
        self.add(values, None if sample_weight is None else np.asarray(sample_weight))


class MeanSquaredError(_LossMetric):
    """Mean squared error.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.MeanSquaredError()([[0.0], [1.0]], [[2.0], [1.0]])
    2.0
    """

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)


class RootMeanSquaredError(MeanSquaredError):
    """Root of the mean squared error.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.RootMeanSquaredError()([[0.0], [1.0]], [[2.0], [3.0]])
    2.0
    """

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> float:
        return math.sqrt(super().result())


class MeanAbsoluteError(_LossMetric):
    """Mean absolute error.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.MeanAbsoluteError()([[0.0], [1.0]], [[2.0], [1.0]])
    1.0
    """

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanAbsoluteError(), name, dtype)


class BinaryCrossentropy(_LossMetric):
    """`fastrnn.losses.BinaryCrossentropy` as a metric."""

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(losses.BinaryCrossentropy(from_logits, label_smoothing), name, dtype)


class CategoricalCrossentropy(_LossMetric):
    """`fastrnn.losses.CategoricalCrossentropy` as a metric."""

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(losses.CategoricalCrossentropy(from_logits, label_smoothing), name, dtype)


class SparseCategoricalCrossentropy(_LossMetric):
    """`fastrnn.losses.SparseCategoricalCrossentropy` as a metric."""

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(losses.SparseCategoricalCrossentropy(from_logits), name, dtype)
