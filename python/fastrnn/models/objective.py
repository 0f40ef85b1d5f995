"""What a model is compiled for: a loss to make small, metrics to watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn import losses, metrics
from fastrnn.metrics import Mean, Metric

Array = NDArray[Any]


class Objective:
    """A loss and metrics, and their running values.

    Parameters
    ----------
    loss : str, dict, type or Loss
        ``"crossentropy"`` is resolved by shapes, as ``"accuracy"`` is.
    metric_list, weighted_metrics : sequence, optional
        Of the second, samples count by their weights.
    """

    def __init__(
        self,
        loss: Any,
        metric_list: Sequence[Any] | None = None,
        weighted_metrics: Sequence[Any] | None = None,
    ) -> None:
        self._by_shape = loss in ("crossentropy", "ce") if isinstance(loss, str) else False
        self.loss: losses.Loss | None = (
            None if loss is None or self._by_shape else losses.get(_only(loss))
        )
        self._wanted = [_known(m) for m in _flat(metric_list)]
        self._wanted_weighted = [_known(m) for m in _flat(weighted_metrics)]
        self.metrics: list[Metric] = []
        self.weighted_metrics: list[Metric] = []
        self.tracker = Mean("loss")
        self._resolved = False

    def prepare(self, y: Any, output_shape: Any, dtype: Any) -> Array:
        """Targets in the loss' form; resolves what depends on shapes at the first call."""
        targets = np.asarray(y)
        sizes = [
            size if size is not None else targets.shape[axis] if axis < targets.ndim else 1
            for axis, size in enumerate(output_shape)
        ]
        prediction = np.empty((0, *sizes[1:]), dtype)
        if not self._resolved:
            kind = _kind(targets, prediction)
            if self._by_shape:
                self.loss = losses.get(f"{kind}_crossentropy")
            self.metrics = [_make(m, kind) for m in self._wanted]
            self.weighted_metrics = [_make(m, kind) for m in self._wanted_weighted]
            self._resolved = True
        if self.loss is None:
            raise ValueError("compile the model with a loss to train or evaluate it")
        return self.loss.prepare(targets, prediction)

    def record(
        self,
        loss: float,
        y_true: Array,
        y_pred: Array,
        sample_weight: Array | None,
        mask: Array | None,
    ) -> None:
        """Add a batch to the running values."""
        tracker = self.tracker
        tracker.total += loss * len(y_true)
        tracker.count += len(y_true)
        for metric in self.metrics:
            metric.update_state(y_true, y_pred, mask)
        if self.weighted_metrics:
            weight = _product(sample_weight, mask)
            for metric in self.weighted_metrics:
                metric.update_state(y_true, y_pred, weight)

    @property
    def watches(self) -> bool:
        """Whether there are metrics, which need predictions."""
        return bool(self.metrics or self.weighted_metrics)

    def reset(self) -> None:
        """Start the running values afresh."""
        self.tracker.reset_state()
        for metric in (*self.metrics, *self.weighted_metrics):
            metric.reset_state()

    def results(self) -> dict[str, float]:
        """Running values: the loss, then the metrics in the order of `compile`."""
        values = {"loss": self.tracker.result()}
        for metric in (*self.metrics, *self.weighted_metrics):
            name, number = metric.name, 0
            while name in values:
                number += 1
                name = f"{metric.name}_{number}"
            values[name] = float(metric.result())
        return values


def _kind(targets: Array, prediction: Array) -> str:
    """Whether targets are binary, integer or one-hot labels of predictions, as Keras decides."""
    if prediction.shape[-1] == 1:
        return "binary"
    if targets.ndim < prediction.ndim or targets.shape[-1] == 1:
        return "sparse_categorical"
    return "categorical"


def _flat(identifiers: Any) -> list[Any]:
    """Metrics of the one output; Keras also takes them in a list or dict by output."""
    if identifiers is None:
        return []
    if isinstance(identifiers, dict):
        identifiers = list(identifiers.values())
    if not isinstance(identifiers, (list, tuple)):
        identifiers = [identifiers]
    flat: list[Any] = []
    for entry in identifiers:
        flat.extend(entry if isinstance(entry, (list, tuple)) else [entry])
    return flat


def _only(loss: Any) -> Any:
    """The loss of the one output."""
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        return loss[0]
    if isinstance(loss, dict) and "class_name" not in loss and len(loss) == 1:
        return next(iter(loss.values()))
    return loss


def _known(identifier: Any) -> Any:
    """Checks a metric's name when the model is compiled, not when it is first trained."""
    if identifier in ("accuracy", "acc", "crossentropy", "ce"):
        return identifier
    return metrics.get(identifier)


def _make(identifier: Any, kind: str) -> Metric:
    if identifier in ("accuracy", "acc", "crossentropy", "ce"):
        what = "accuracy" if identifier in ("accuracy", "acc") else "crossentropy"
        metric = metrics.get(f"{kind}_{what}")
        metric.name = identifier
        return metric
    made: Metric = identifier
    return made


def _product(weights: Array | None, mask: Array | None) -> Array | None:
    if weights is None or mask is None:
        return mask if weights is None else weights
    if weights.ndim < mask.ndim:
        weights = weights.reshape(weights.shape + (1,) * (mask.ndim - weights.ndim))
    return weights * mask
