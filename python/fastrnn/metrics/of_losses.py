"""Losses as metrics: their means over the samples."""

from __future__ import annotations

from typing import Any

from fastrnn import losses
from fastrnn.metrics.metric import FunctionMetric


class MeanSquaredError(FunctionMetric):
    """Mean of `losses.mean_squared_error`.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.MeanSquaredError()([[0.0], [1.0]], [[2.0], [1.0]])
    2.0
    """

    function = staticmethod(losses.mean_squared_error)


class MeanAbsoluteError(FunctionMetric):
    """Mean of `losses.mean_absolute_error`.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.MeanAbsoluteError()([[0.0], [1.0]], [[2.0], [1.0]])
    1.0
    """

    function = staticmethod(losses.mean_absolute_error)


class MeanAbsolutePercentageError(FunctionMetric):
    """Mean of `losses.mean_absolute_percentage_error`."""

    function = staticmethod(losses.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(FunctionMetric):
    """Mean of `losses.mean_squared_logarithmic_error`."""

    function = staticmethod(losses.mean_squared_logarithmic_error)


class LogCoshError(FunctionMetric):
    """Mean of `losses.log_cosh`."""

    function = staticmethod(losses.log_cosh)
    default_name = "logcosh"


class Hinge(FunctionMetric):
    """Mean of `losses.hinge`."""

    function = staticmethod(losses.hinge)


class SquaredHinge(FunctionMetric):
    """Mean of `losses.squared_hinge`."""

    function = staticmethod(losses.squared_hinge)


class CategoricalHinge(FunctionMetric):
    """Mean of `losses.categorical_hinge`."""

    function = staticmethod(losses.categorical_hinge)


class KLDivergence(FunctionMetric):
    """Mean of `losses.kl_divergence`."""

    function = staticmethod(losses.kl_divergence)


class Poisson(FunctionMetric):
    """Mean of `losses.poisson`."""

    function = staticmethod(losses.poisson)


class BinaryCrossentropy(FunctionMetric):
    """Mean of `losses.binary_crossentropy`, which has the arguments."""

    function = staticmethod(losses.binary_crossentropy)

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(FunctionMetric):
    """Mean of `losses.categorical_crossentropy`, which has the arguments."""

    function = staticmethod(losses.categorical_crossentropy)

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class SparseCategoricalCrossentropy(FunctionMetric):
    """Mean of `losses.sparse_categorical_crossentropy`, which has the arguments.

    Samples of an `ignore_class` count as 0, as in Keras.
    """

    function = staticmethod(losses.sparse_categorical_crossentropy)

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)
