"""Counts of right and wrong decisions at thresholds, and their ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn.losses.loss import as_float, fit_rank
from fastrnn.metrics.metric import Array, Metric, same_rank


class Confusion(Metric):
    """Base of metrics that count decisions "prediction > threshold" for each of some thresholds.

    All four counts follow from those of predictions above each threshold and from the totals.
    """

    # Metrics of labels each of its own keep one column a label.
    columns: int | None = None

    def __init__(self, thresholds: Any, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self._thresholds = np.atleast_1d(np.asarray(thresholds, np.float64))
        self._order = np.argsort(self._thresholds, kind="stable")
        self.reset_state()

    def reset_state(self) -> None:
        columns = () if self.columns is None else (self.columns,)
        shape = (len(self._thresholds), *columns)
        self.true_positives, self.false_positives = np.zeros(shape), np.zeros(shape)
        self._positives, self._negatives = np.zeros(columns), np.zeros(columns)

    @property
    def false_negatives(self) -> Array:
        """Weight of the positive samples that were not predicted so, for each threshold."""
        return np.asarray(self._positives - self.true_positives)

    @property
    def true_negatives(self) -> Array:
        """Weight of the negative samples that were predicted so, for each threshold."""
        return np.asarray(self._negatives - self.false_positives)

    @property
    def precision(self) -> Array:
        """Share of predicted positives that are right."""
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> Array:
        """Share of positives that are found; the sensitivity."""
        return ratio(self.true_positives, self._positives)

    @property
    def specificity(self) -> Array:
        """Share of negatives that are not taken for positives."""
        return ratio(self.true_negatives, self._negatives)

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        labels, predictions = same_rank(y_true, y_pred)
        labels, predictions = self.compared(labels, as_float(predictions))
        if labels.shape != predictions.shape:
            raise ValueError(
                f"{self.name}: labels must be of the predictions' shape {predictions.shape}, "
                f"got {labels.shape}"
            )
        if self.columns not in (None, predictions.shape[-1]):
            raise ValueError(
                f"{self.name}: predictions must have {self.columns} labels on the last axis, "
                f"got {predictions.shape}"
            )
        weights = np.ones(())
        if sample_weight is not None:
            weights = fit_rank(np.asarray(sample_weight, np.float64), predictions)
        self._count(labels != 0, predictions, np.broadcast_to(weights, predictions.shape))

    def compared(self, labels: Array, predictions: Array) -> tuple[Array, Array]:
        """What of the labels and predictions is compared."""
        return labels, predictions

    def _count(self, labels: Array, predictions: Array, weights: Array) -> None:
        thresholds = self._thresholds[self._order].astype(predictions.dtype)
        count, columns = len(thresholds), self.columns or 1
        # A prediction in bin i is above the first i thresholds.
        bins = np.searchsorted(thresholds, predictions.ravel())
        places = bins * columns + np.arange(columns)[np.arange(bins.size) % columns]
        for wanted, above, whole in (
            (labels, self.true_positives, self._positives),
            (~labels, self.false_positives, self._negatives),
        ):
            weight = (weights * wanted).ravel()
            filled = np.bincount(places, weight, minlength=(count + 1) * columns)
            filled = filled.reshape(count + 1, columns)
            sums = filled[::-1].cumsum(axis=0)[::-1]
            above[self._order] += sums[1:].reshape(above.shape)
            whole += sums[0].reshape(whole.shape)


class _AtThresholds(Confusion):
    """Base of metrics with the argument `thresholds`."""

    def __init__(
        self,
        thresholds: float | Sequence[float] | None,
        default: float,
        name: str | None,
        dtype: Any,
    ) -> None:
        chosen = default if thresholds is None else thresholds
        super().__init__(chosen, name, dtype)
        self.thresholds = thresholds
        if thresholds is not None and not np.all((self._thresholds >= 0) & (self._thresholds <= 1)):
            raise ValueError(f"{self.name}: thresholds must be from 0 to 1, got {thresholds}")

    def each(self, values: Array) -> Any:
        """A float of one threshold, an array of several."""
        return float(values[0]) if len(values) == 1 else values

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"thresholds": self.thresholds}


class _Count(_AtThresholds):
    """Base of the counts themselves.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        A prediction above one is positive; 0.5. With several, the result is an array.
    name : str
    dtype : optional
    """

    counted: str

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, 0.5, name, dtype)

    def result(self) -> Any:
        return self.each(getattr(self, self.counted))


class TruePositives(_Count):
    """Weight of the positive samples that were predicted so.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        A prediction above one is positive; 0.5. With several, the result is an array.
    name : str
    dtype : optional

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.TruePositives()([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7])
    2.0
    """

    counted = "true_positives"


class FalsePositives(_Count):
    """Weight of the negative samples that were predicted positive; see `TruePositives`."""

    counted = "false_positives"


class TrueNegatives(_Count):
    """Weight of the negative samples that were predicted so; see `TruePositives`."""

    counted = "true_negatives"


class FalseNegatives(_Count):
    """Weight of the positive samples that were predicted negative; see `TruePositives`."""

    counted = "false_negatives"


class Precision(_AtThresholds):
    """Share of the predicted positives that are right.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        A prediction above one is positive; 0.5. With several, the result is an array.
    top_k : int, optional
        Only the `top_k` largest predictions of a sample can be positive; without `thresholds`
        all of them are.
    class_id : int, optional
        Only this class is looked at.
    name : str
    dtype : optional

    Examples
    --------
    >>> from fastrnn import metrics
    >>> round(metrics.Precision()([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7]), 4)
    0.6667
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, 0.5 if top_k is None else _NEVER, name, dtype)
        self.top_k = top_k
        self.class_id = class_id

    def compared(self, labels: Array, predictions: Array) -> tuple[Array, Array]:
        if self.top_k is not None:
            order = np.argsort(-predictions, axis=-1, kind="stable")[..., self.top_k :]
            predictions = predictions.copy()
            np.put_along_axis(predictions, order, _NEVER, axis=-1)
        return of_class(self.class_id, labels, predictions)

    def result(self) -> Any:
        return self.each(self.precision)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"top_k": self.top_k, "class_id": self.class_id}


class Recall(Precision):
    """Share of the positive samples that were predicted so; arguments of `Precision`.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.Recall()([0, 1, 1, 1, 1], [0.9, 0.8, 0.1, 0.7, 0.6])
    0.75
    """

    def result(self) -> Any:
        return self.each(self.recall)


_NEVER = -1e10  # below every prediction


def of_class(class_id: int | None, labels: Array, predictions: Array) -> tuple[Array, Array]:
    """The columns of one class, or all."""
    if class_id is None:
        return labels, predictions
    if predictions.ndim < 2 or not 0 <= class_id < predictions.shape[-1]:
        raise ValueError(
            f"class_id must be a class on the last axis of predictions {predictions.shape}, "
            f"got {class_id}"
        )
    columns = slice(class_id, class_id + 1)
    return labels[..., columns], predictions[..., columns]


def ratio(part: Array, whole: Array) -> Array:
    """`part` / `whole`, 0 where there is nothing."""
    out = np.zeros(np.broadcast_shapes(part.shape, whole.shape))
    return np.divide(part, whole, out=out, where=whole != 0)
