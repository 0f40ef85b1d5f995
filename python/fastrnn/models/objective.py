"""What a model is compiled for: a loss to make small, metrics to watch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn import losses, metrics, ops
from fastrnn.metrics import Mean, Metric
from fastrnn.models.batches import numeric_array

Array = NDArray[Any]


class Objective:
    """A loss and metrics of one output, and their running values.

    Parameters
    ----------
    loss : str, dict, type or Loss
        ``"crossentropy"`` is resolved by shapes, as ``"accuracy"`` is.
    metric_list, weighted_metrics : sequence, optional
        Of the second, samples count by their weights.
    factor : float
        Weight of the loss.
    """

    def __init__(
        self,
        loss: Any,
        metric_list: Sequence[Any] | None = None,
        weighted_metrics: Sequence[Any] | None = None,
        factor: float = 1.0,
    ) -> None:
        self._by_shape = loss in ("crossentropy", "ce") if isinstance(loss, str) else False
        self.loss: losses.Loss | None = (
            None if loss is None or self._by_shape else losses.get(_only(loss))
        )
        self.factor = factor
        self._wanted = [_known(m) for m in _flat(metric_list)]
        self._wanted_weighted = [_known(m) for m in _flat(weighted_metrics)]
        self.metrics: list[Metric] = []
        self.weighted_metrics: list[Metric] = []
        self.tracker = Mean("loss")
        self._resolved = False

    def prepare(
        self, owner: str, y: Any, output_shape: Any, dtype: Any, argument: str = "y"
    ) -> Any:
        """Targets in the loss' form; resolves what depends on shapes at the first call."""
        if isinstance(output_shape, list):
            raise ValueError(
                f"{owner}: the model has {len(output_shape)} outputs; compile it with a list of "
                "losses, or leave return_state and merge_mode=None off in the last layer"
            )
        targets = numeric_array(owner, argument, y)
        prediction = self._resolve(targets, output_shape, dtype)
        if self.loss is None:
            raise ValueError("compile the model with a loss to train or evaluate it")
        return self.loss.prepare(targets, prediction)

    def prepare_watched(
        self, owner: str, y: Any, output_shape: Any, dtype: Any, argument: str
    ) -> Array | None:
        """Targets, if any, of an output that has no loss but may have metrics."""
        if y is None:
            return None
        targets = numeric_array(owner, argument, y)
        self._resolve(targets, output_shape, dtype)
        return np.ascontiguousarray(targets, dtype)

    def prepare_weights(
        self, owner: str, sample_weight: Any, argument: str = "sample_weight"
    ) -> Any:
        """Sample weights as an array, or None."""
        return None if sample_weight is None else numeric_array(owner, argument, sample_weight)

    def _resolve(self, targets: Array, output_shape: Any, dtype: Any) -> Array:
        """Settle loss and metrics by shapes; returns an empty prediction of the right rank."""
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
        return prediction

    def fuses(self, activation: Any) -> bool:
        """Whether the loss computes the output's activation together with itself."""
        loss = self.loss
        return (
            loss is not None
            and loss.fused_activation is not None
            and (loss.fused_activation == activation)
        )

    def value_and_gradient(
        self,
        y: Any,
        out: Any,
        weight: Any = None,
        mask: Any = None,
        fused: Any = False,
        differentiate: bool = True,
    ) -> tuple[float, Any]:
        """The loss of a batch, and its gradient for the output.

        Parameters
        ----------
        y : from `prepare`
        out : output, or what enters its activation where `fused`
        weight, mask : of the samples
        fused : from `fuses`
        differentiate : bool
            Without it, the gradient is of no use.
        """
        value, gradient = self.unweighted(y, out, weight, mask, fused, differentiate)
        if self.factor != 1.0:
            value *= self.factor
            gradient *= self.factor
        return value, gradient

    def unweighted(
        self, y: Array, out: Array, weight: Any, mask: Any, fused: bool, differentiate: bool
    ) -> tuple[float, Array]:
        """The same without the factor."""
        loss = self.loss
        assert loss is not None
        if fused:
            values, gradient = loss.value_and_gradient_from_logits(y, out)
        elif loss.takes_mask:
            values, gradient = loss.value_and_gradient(y, out, mask)  # type: ignore[call-arg]
            mask = None
        else:
            values, gradient = loss.value_and_gradient(y, out)
        scaled = gradient if differentiate else None
        return loss.reduce(values, scaled, weight, _both(mask, loss.valid(y))), gradient

    def record(
        self,
        value: float,
        y: Any,
        out: Any,
        weight: Any = None,
        mask: Any = None,
        fused: Any = False,
    ) -> None:
        """Add a batch to the running values; arguments as of `value_and_gradient`."""
        tracker = self.tracker
        tracker.total += value * len(y)
        tracker.count += len(y)
        if not (self.metrics or self.weighted_metrics):
            return
        if fused:
            assert self.loss is not None
            out = ops.activation(out, self.loss.fused_activation)
        for metric in self.metrics:
            metric.update_state(y, out, mask)
        if self.weighted_metrics:
            weight = _product(weight, mask)
            for metric in self.weighted_metrics:
                metric.update_state(y, out, weight)

    def trackers(self) -> Iterator[Metric]:
        """Everything that keeps running values."""
        yield from (self.tracker, *self.metrics, *self.weighted_metrics)

    def reset(self) -> None:
        """Start the running values afresh."""
        for metric in self.trackers():
            metric.reset_state()

    def results(self) -> dict[str, float]:
        """Running values: the loss, then the metrics in the order of `compile`."""
        values = {"loss": self.tracker.result()}
        self.add_metrics(values)
        return values

    def add_metrics(self, values: dict[str, float], prefix: str = "") -> None:
        """Put the metrics' running values under their names."""
        for metric in (*self.metrics, *self.weighted_metrics):
            name, number = f"{prefix}{metric.name}", 0
            while name in values:
                number += 1
                name = f"{prefix}{metric.name}_{number}"
            result = metric.result()
            values[name] = result if np.ndim(result) else float(result)


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


def _both(mask: Array | None, valid: Array | None) -> Array | None:
    if mask is None or valid is None:
        return valid if mask is None else mask
    return np.asarray(mask & valid)


def _product(weights: Array | None, mask: Array | None) -> Array | None:
    if weights is None or mask is None:
        return mask if weights is None else weights
    if weights.ndim < mask.ndim:
        weights = weights.reshape(weights.shape + (1,) * (mask.ndim - weights.ndim))
    return weights * mask
