"""What every metric has: a state that batches add to, and a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn.losses.loss import fit_rank
from fastrnn.utils.naming import to_snake_case

Array = NDArray[Any]


class Metric:
    """Base of metrics.

    Parameters
    ----------
    name : str, optional
        What it is called in logs and `History`.
    dtype : optional
        Accepted as Keras does; states are kept in double precision.
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or to_snake_case(type(self).__name__)

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Take a batch into account."""
        raise TypeError(f"{type(self).__name__} must define update_state(y_true, y_pred)")

    def result(self) -> Any:
        """The value over everything since the last `reset_state`, a float or an array of them."""
        raise TypeError(f"{type(self).__name__} must define result()")

    def reset_state(self) -> None:
        """Start afresh."""
        raise TypeError(f"{type(self).__name__} must define reset_state()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Update the state and return the result."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same metric again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Make a metric from what `get_config` returned."""
        return cls(**config)


class Mean(Metric):
    """Weighted mean of all values so far.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> mean = metrics.Mean()
    >>> mean.update_state([1.0, 3.0])
    >>> mean.result()
    2.0
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total = 0.0
        self.count = 0.0

    def update_state(  # type: ignore[override]
        self, values: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        self.add(np.asarray(values), None if sample_weight is None else np.asarray(sample_weight))

    def add(self, values: Array, weights: Array | None = None) -> None:
        """Take values into account; weights are one per sample, or one per value.

        Samples count alike, of whatever length: a sample's values count by their share of it.
        """
        if weights is None:
            parts = values.size // max(1, len(values)) if values.ndim > 1 else 1
            if values.dtype == np.bool_:
                self.total += int(np.count_nonzero(values)) / parts
            else:
                self.total += float(values.sum(dtype=np.float64)) / parts
            self.count += values.size / parts
            return
        if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
            weights = weights[..., 0]
        if values.ndim > weights.ndim:
            values = values.mean(axis=tuple(range(weights.ndim, values.ndim)))
        weights = np.broadcast_to(weights, values.shape)
        parts = weights.size // max(1, len(weights)) if weights.ndim else 1
        self.total += float((values * weights).sum(dtype=np.float64)) / parts
        self.count += float(weights.sum(dtype=np.float64)) / parts

    def result(self) -> float:
        return self.total / self.count if self.count else 0.0

    def reset_state(self) -> None:
        self.total = 0.0
        self.count = 0.0


class Sum(Mean):
    """Weighted sum of all values so far.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.Sum()([1.0, 3.0])
    4.0
    """

    def add(self, values: Array, weights: Array | None = None) -> None:
        if weights is not None:
            values = values * fit_rank(weights, values)
        self.total += float(values.sum(dtype=np.float64))

    def result(self) -> float:
        return self.total


class MeanMetricWrapper(Mean):
    """Mean of a function's values.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **kwargs)`` gives one value per sample, or several.
    name : str, optional
        The function's name when not given.
    **kwargs
        Passed on to `fn`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import metrics
    >>> worst = metrics.MeanMetricWrapper(lambda t, p: np.abs(t - p).max(axis=-1), name="worst")
    >>> worst([[0.0, 1.0]], [[0.5, 4.0]])
    3.0
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), dtype)
        self._fn = fn
        self._kwargs = kwargs

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        values = np.asarray(self._fn(np.asarray(y_true), np.asarray(y_pred), **self._kwargs))
        self.add(values, None if sample_weight is None else np.asarray(sample_weight))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"fn": self._fn} | self._kwargs


class FunctionMetric(MeanMetricWrapper):
    """Base of metrics that are the mean of one function."""

    function: Callable[..., Any]
    default_name: str | None = None  # the class' in snake case where None

    def __init__(self, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        cls = type(self)
        name = name or cls.default_name or to_snake_case(cls.__name__)
        super().__init__(cls.function, name, dtype, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return Metric.get_config(self) | self._kwargs


def same_rank(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    """Labels and predictions as arrays of one rank, the last axis of length 1 added or not."""
    labels, predictions = np.asarray(y_true), np.asarray(y_pred)
    if labels.ndim == predictions.ndim - 1 and predictions.shape[-1] == 1:
        labels = labels[..., None]
    elif predictions.ndim == labels.ndim - 1 and labels.shape[-1] == 1:
        predictions = predictions[..., None]
    return labels, predictions
