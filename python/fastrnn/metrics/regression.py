"""How well numbers agree: root mean square, cosine, correlations, share of variance."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn import losses
from fastrnn.config import epsilon
from fastrnn.losses.loss import as_float
from fastrnn.metrics.metric import Array, FunctionMetric, Mean, Metric, same_rank


class RootMeanSquaredError(Mean):
    """Root of the mean squared error.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.RootMeanSquaredError()([[0.0], [1.0]], [[2.0], [3.0]])
    2.0
    """

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        labels, predictions = same_rank(y_true, y_pred)
        super().update_state(np.square(as_float(predictions) - labels), sample_weight)

    def result(self) -> float:
        return math.sqrt(super().result())


def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Cosine between y_true and y_pred, one value per sample; the loss is minus this."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


class CosineSimilarity(FunctionMetric):
    """Mean cosine between y_true and y_pred.

    Parameters
    ----------
    name : str
    dtype : optional
    axis : int
        Axis of the vectors.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> round(metrics.CosineSimilarity()([[3.0, 4.0]], [[6.0, 8.0]]), 4)
    1.0
    """

    function = staticmethod(cosine_similarity)

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1) -> None:
        super().__init__(name, dtype, axis=axis)


def pearson_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Pearson's correlation coefficient along an axis."""
    t, p = same_rank(y_true, y_pred)
    t = t - t.mean(axis=axis, keepdims=True)
    p = p - p.mean(axis=axis, keepdims=True)
    return np.asarray((t * p).mean(axis=axis) / (t.std(axis=axis) * p.std(axis=axis)))


def concordance_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Lin's concordance coefficient along an axis: 1 where predictions equal targets."""
    t, p = same_rank(y_true, y_pred)
    apart = t.mean(axis=axis) - p.mean(axis=axis)
    covariance = (t * (p - p.mean(axis=axis, keepdims=True))).mean(axis=axis)
    norm = t.var(axis=axis) + p.var(axis=axis) + apart**2
    return np.asarray(2 * covariance / (norm + epsilon()))


class PearsonCorrelation(FunctionMetric):
    """Mean of Pearson's correlation coefficients.

    Parameters
    ----------
    name : str
    dtype : optional
    axis : int
        Axis of the series.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> round(metrics.PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]]), 4)
    1.0
    """

    function = staticmethod(pearson_correlation)

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1) -> None:
        super().__init__(name, dtype, axis=axis)


class ConcordanceCorrelation(PearsonCorrelation):
    """Mean of Lin's concordance coefficients; arguments of `PearsonCorrelation`."""

    function = staticmethod(concordance_correlation)


class R2Score(Metric):
    """Share of the targets' variance that predictions explain, of (N, outputs).

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
        How the outputs' scores become one; None keeps them apart.
    num_regressors : int
        Number of inputs, for the adjusted score; 0 for the standard one.
    name : str
    dtype : optional

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.R2Score()([[1.0], [2.0], [3.0]], [[1.0], [2.5], [3.0]])
    0.875
    """

    _sums: Array  # of each output: weights, targets, their squares, squared errors
    _samples: int

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        known = ("uniform_average", "variance_weighted_average", None)
        if class_aggregation not in known:
            raise ValueError(
                f"{self.name}: class_aggregation must be one of {known}, got {class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ValueError(
                f"{self.name}: num_regressors must not be negative, got {num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.reset_state()

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        labels, predictions = same_rank(y_true, y_pred)
        if labels.ndim != 2 or labels.shape != predictions.shape:
            raise ValueError(
                f"{self.name}: targets and predictions must be (N, outputs), "
                f"got {labels.shape} and {predictions.shape}"
            )
        t, p = labels.astype(np.float64), predictions.astype(np.float64)
        w = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)
        w = np.broadcast_to(w[:, None] if w.ndim == 1 else w, t.shape)
        parts = [(part * w).sum(axis=0) for part in (np.ones_like(t), t, t * t, (t - p) ** 2)]
        self._sums = self._sums + np.stack(parts)
        self._samples += t.size

    def result(self) -> Any:
        if not self._samples:
            return 0.0
        weight, total, squares, residual = self._sums
        variance = squares - total * total / weight
        with np.errstate(divide="ignore", invalid="ignore"):
            scores: Any = 1 - residual / variance
        scores = np.where(np.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = (variance * scores).sum() / variance.sum()
        free = self._samples - self.num_regressors - 1
        if self.num_regressors and free <= 0:
            warnings.warn(
                f"{self.name}: {self._samples} values are too few for {self.num_regressors} "
                "regressors; the score is not adjusted",
                stacklevel=2,
            )
        elif self.num_regressors:
            scores = 1 - (1 - scores) * (self._samples - 1) / free
        return scores if np.ndim(scores) else float(scores)

    def reset_state(self) -> None:
        self._sums = np.zeros((4, 1))
        self._samples = 0

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
