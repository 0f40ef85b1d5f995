"""Curves over many thresholds: the area under them, and points on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn import ops
from fastrnn.config import epsilon
from fastrnn.metrics.confusion import Confusion, of_class, ratio
from fastrnn.metrics.metric import Array, same_rank


class AUC(Confusion):
    """Area under the ROC curve, or under that of precision over recall.

    Parameters
    ----------
    num_thresholds : int
        Number of points on the curve, evenly over the predictions from 0 to 1.
    curve : {"ROC", "PR", "PRGAIN"}
    summation_method : {"interpolation", "minoring", "majoring"}
        Height between two points: the mean (for "PR" Davis & Goadrich's interpolation), the
        lower, the higher one.
    name : str
    dtype : optional
    thresholds : sequence of float, optional
        Points of one's own, besides the ends.
    multi_label : bool
        Whether each column is a label with an area of its own, averaged in the end.
    num_labels : int, optional
        Number of columns, for Keras' sake.
    label_weights : sequence of float, optional
        Of the columns.
    from_logits : bool
        Whether predictions are what a sigmoid would be applied to.

    References
    ----------
    Davis & Goadrich 2006; Flach & Kull 2015 for "PRGAIN".

    Examples
    --------
    >>> from fastrnn import metrics
    >>> round(metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]), 4)
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: ArrayLike | None = None,
        from_logits: bool = False,
    ) -> None:
        between = spaced(num_thresholds)[1:-1] if thresholds is None else np.sort(thresholds)
        points = np.array([-epsilon(), *between, 1 + epsilon()])
        self.multi_label = multi_label
        self.columns = num_labels
        super().__init__(points, name, dtype)
        self.num_thresholds = len(points)
        self.curve = _one_of(self.name, "curve", curve, ("ROC", "PR", "PRGAIN"))
        self.summation_method = _one_of(
            self.name,
            "summation_method",
            summation_method,
            ("interpolation", "minoring", "majoring"),
        )
        if num_labels is not None and not multi_label:
            raise ValueError(f"{self.name}: num_labels is of use with multi_label=True only")
        if num_thresholds <= 1:
            raise ValueError(
                f"{self.name}: num_thresholds must be greater than 1, got {num_thresholds}"
            )
        self.thresholds = None if thresholds is None else [float(value) for value in between]
        self.label_weights = None if label_weights is None else np.asarray(label_weights, float)
        self.from_logits = from_logits

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        labels, predictions = same_rank(y_true, y_pred)
        if self.multi_label and self.columns is None:
            if predictions.ndim != 2:
                raise ValueError(
                    f"{self.name}: with multi_label=True predictions must be (N, labels), "
                    f"got {predictions.shape}"
                )
            self.columns = predictions.shape[1]
            self.reset_state()
        if self.from_logits:
            predictions = ops.activation(predictions, "sigmoid")
        if self.label_weights is not None and not self.multi_label:
            given = np.ones(()) if sample_weight is None else np.asarray(sample_weight, float)
            if 0 < given.ndim < predictions.ndim:
                given = given.reshape(given.shape + (1,) * (predictions.ndim - given.ndim))
            sample_weight = np.broadcast_to(given * self.label_weights, predictions.shape)
        super().update_state(labels, predictions, sample_weight)

    def compared(self, labels: Array, predictions: Array) -> tuple[Array, Array]:
        return labels, predictions if self.thresholds else np.clip(predictions, 0, 1)

    def result(self) -> float:
        areas = self._pieces().sum(axis=0)
        if not self.multi_label:
            return float(areas)
        weights = np.ones(areas.shape) if self.label_weights is None else self.label_weights
        return float(ratio(np.asarray((areas * weights).sum()), np.asarray(weights.sum())))

    def _pieces(self) -> Array:
        """Areas between neighbouring thresholds."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._interpolated_precision()
        x, y = self.recall, self.precision
        if self.curve == "ROC":
            x, y = ratio(self.false_positives, self._negatives), x
        elif self.curve == "PRGAIN":
            # Gains over always guessing "positive", whose precision is the positives' share.
            odds = ratio(self._positives, self._negatives)
            tp = self.true_positives
            x = np.where(tp > 0, np.maximum(1 - odds * ratio(self.false_negatives, tp), 0), 0)
            y = np.where(tp > 0, 1 - odds * ratio(self.false_positives, tp), 1)
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2
        else:
            pick = np.minimum if self.summation_method == "minoring" else np.maximum
            heights = pick(y[:-1], y[1:])
        return np.asarray((x[:-1] - x[1:]) * heights)

    def _interpolated_precision(self) -> Array:
        """Between two points true positives grow in proportion to predicted positives."""
        tp = self.true_positives
        predicted = tp + self.false_positives
        slope = ratio(tp[:-1] - tp[1:], np.maximum(predicted[:-1] - predicted[1:], 0))
        intercept = tp[1:] - slope * predicted[1:]
        both = (predicted[:-1] > 0) & (predicted[1:] > 0)
        growth = np.where(both, ratio(predicted[:-1], np.where(both, predicted[1:], 1)), 1)
        areas = slope * (tp[:-1] - tp[1:] + intercept * np.log(growth))
        return ratio(areas, self._positives)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "thresholds": self.thresholds,
            "multi_label": self.multi_label,
            "num_labels": self.columns,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }


class _PointOnCurve(Confusion):
    """Base of metrics that are the best of one ratio where another is large enough."""

    held: str  # the ratio that must be at least the wanted value
    best: str
    argument: str

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(spaced(num_thresholds), name, dtype)
        if not 0 <= value <= 1:
            raise ValueError(f"{self.name}: {self.argument} must be from 0 to 1, got {value}")
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id

    def compared(self, labels: Array, predictions: Array) -> tuple[Array, Array]:
        return of_class(self.class_id, labels, np.clip(predictions, 0, 1))

    def result(self) -> float:
        feasible = getattr(self, self.held) >= self.value
        return float(np.where(feasible, getattr(self, self.best), 0).max())

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            self.argument: self.value,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }


class SensitivityAtSpecificity(_PointOnCurve):
    """Best sensitivity (recall) at which the specificity is at least the given one.

    Parameters
    ----------
    specificity : float
        From 0 to 1.
    num_thresholds : int
        Number of thresholds, evenly from 0 to 1, that are tried.
    class_id : int, optional
        Only this class is looked at.
    name : str
    dtype : optional

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metric = metrics.SensitivityAtSpecificity(0.5)
    >>> metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.2, 0.8])
    0.5
    """

    held, best, argument = "specificity", "recall", "specificity"

    def __init__(self, specificity: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(specificity, *args, **kwargs)


class SpecificityAtSensitivity(_PointOnCurve):
    """Best specificity at which the sensitivity is at least the given one.

    Parameters
    ----------
    sensitivity : float
        From 0 to 1; the others as in `SensitivityAtSpecificity`.
    """

    held, best, argument = "recall", "specificity", "sensitivity"

    def __init__(self, sensitivity: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(sensitivity, *args, **kwargs)


class PrecisionAtRecall(_PointOnCurve):
    """Best precision at which the recall is at least the given one.

    Parameters
    ----------
    recall : float
        From 0 to 1; the others as in `SensitivityAtSpecificity`.
    """

    held, best, argument = "recall", "precision", "recall"

    def __init__(self, recall: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(recall, *args, **kwargs)


class RecallAtPrecision(_PointOnCurve):
    """Best recall at which the precision is at least the given one.

    Parameters
    ----------
    precision : float
        From 0 to 1; the others as in `SensitivityAtSpecificity`.
    """

    held, best, argument = "precision", "recall", "precision"

    def __init__(self, precision: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(precision, *args, **kwargs)


def spaced(count: int) -> Array:
    """So many thresholds, evenly from 0 to 1; one alone is 0.5."""
    if count <= 0:
        raise ValueError(f"num_thresholds must be positive, got {count}")
    return np.linspace(0, 1, count) if count > 1 else np.array([0.5])


def _one_of(owner: str, argument: str, value: str, known: tuple[str, ...]) -> str:
    for name in known:
        if str(value).lower() == name.lower():
            return name
    raise ValueError(f"{owner}: {argument} must be one of {', '.join(known)}, got {value!r}")
