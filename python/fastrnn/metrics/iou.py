"""Intersection over union of the pixels that are, and that are predicted, of a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn.losses.loss import fit_rank
from fastrnn.metrics.metric import Metric


class IoU(Metric):
    """Intersection over union, true positives / (true and false positives + false negatives).

    The mean over the target classes that occur, in labels or predictions.

    Parameters
    ----------
    num_classes : int
    target_class_ids : sequence of int
    name : str
    dtype : optional
    ignore_class : int, optional
        Label whose pixels do not count.
    sparse_y_true, sparse_y_pred : bool
        Whether labels, or predictions, are class numbers; else the largest along `axis` is.
    axis : int

    Examples
    --------
    >>> from fastrnn import metrics
    >>> round(metrics.IoU(2, [0])([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        wrong = [i for i in self.target_class_ids if not 0 <= i < num_classes]
        if wrong:
            raise ValueError(
                f"{self.name}: target_class_ids must be from 0 to {num_classes - 1}, got {wrong[0]}"
            )
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.reset_state()

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        labels, predictions = np.asarray(y_true), np.asarray(y_pred)
        if not self.sparse_y_true:
            labels = labels.argmax(axis=self.axis)
        if not self.sparse_y_pred:
            predictions = predictions.argmax(axis=self.axis)
        if labels.size != predictions.size:
            raise ValueError(
                f"{self.name}: labels and predictions must be as many, "
                f"got {labels.shape} and {predictions.shape}"
            )
        weights = None
        if sample_weight is not None:
            given = fit_rank(np.asarray(sample_weight, np.float64), labels)
            weights = np.broadcast_to(given, labels.shape).ravel()
        labels = labels.ravel().astype(np.int64)
        predictions = predictions.ravel().astype(np.int64)
        count = self.num_classes
        known = (labels >= 0) & (labels < count) & (predictions >= 0) & (predictions < count)
        if self.ignore_class is not None:
            known &= labels != self.ignore_class
        if weights is not None:
            weights = weights[known]
        pairs = labels[known] * count + predictions[known]
        self._counts += np.bincount(pairs, weights, count * count).reshape(count, count)

    def result(self) -> float:
        right = np.diagonal(self._counts)
        union = self._counts.sum(axis=0) + self._counts.sum(axis=1) - right
        chosen, among = right[self.target_class_ids], union[self.target_class_ids]
        occurring = among > 0
        return float((chosen[occurring] / among[occurring]).mean()) if occurring.any() else 0.0

    def reset_state(self) -> None:
        self._counts = np.zeros((self.num_classes, self.num_classes))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


class BinaryIoU(IoU):
    """`IoU` of labels 0 and 1 and of predictions that a threshold decides.

    Parameters
    ----------
    target_class_ids : sequence of int
        0, 1 or both.
    threshold : float
        Predictions from it on are of class 1.
    name : str
    dtype : optional

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.BinaryIoU([1])([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
    0.5
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        super().update_state(y_true, np.asarray(y_pred) >= self.threshold, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return Metric.get_config(self) | {
            "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
        }


class MeanIoU(IoU):
    """Mean of the `IoU` of all classes that occur; its other arguments.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> round(metrics.MeanIoU(2)([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes,
            range(num_classes),
            name,
            dtype,
            ignore_class,
            sparse_y_true,
            sparse_y_pred,
            axis,
        )

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "target_class_ids")


class OneHotIoU(IoU):
    """`IoU` of one-hot labels and of scores of the classes; its other arguments."""

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot labels and of scores of the classes; its other arguments."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "sparse_y_true")


def _without(config: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != name}
