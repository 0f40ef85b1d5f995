"""What a model with several outputs is compiled for: an objective for each, and their sum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastrnn.metrics import Metric
from fastrnn.models.batches import numeric_array
from fastrnn.models.objective import Objective


class JointObjective(Objective):
    """The objectives of several outputs; the loss is the sum of theirs.

    Parameters
    ----------
    owner : str
        The model's name, for errors.
    names : sequence of str
        Of the outputs.
    loss : one loss for all outputs, or a list or dict of them
        Of an output without one, the targets may be left out.
    loss_weights, metric_list, weighted_metrics : list or dict by output, optional
    """

    def __init__(
        self,
        owner: str,
        names: Sequence[str],
        loss: Any,
        loss_weights: Any = None,
        metric_list: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        super().__init__(None)
        self.names = tuple(names)
        if isinstance(loss, (list, tuple)) or (isinstance(loss, dict) and "class_name" not in loss):
            loss = for_each(owner, "loss", loss, names)
        else:
            loss = (loss,) * len(names)
        factors = for_each(owner, "loss_weights", loss_weights, names)
        self.parts = [
            Objective(one, watched, weighted, 1.0 if factor is None else float(factor))
            for one, watched, weighted, factor in zip(
                loss,
                for_each(owner, "metrics", metric_list, names),
                for_each(owner, "weighted_metrics", weighted_metrics, names),
                factors,
                strict=True,
            )
        ]
        for name, part in zip(names, self.parts, strict=True):
            part.tracker.name = f"{name}_loss"
        self._trained = [one is not None for one in loss]
        self._values = [0.0] * len(names)

    def prepare(
        self, owner: str, y: Any, output_shape: Any, dtype: Any, argument: str = "y"
    ) -> Any:
        if not any(self._trained):
            raise ValueError("compile the model with a loss to train or evaluate it")
        names = self.names
        if isinstance(y, (list, tuple)) and len(y) == sum(self._trained) < len(names):
            given = iter(y)
            y = [next(given) if trained else None for trained in self._trained]
        parts = for_each(owner, argument, y, names)
        return tuple(
            part.prepare(owner, target, shape, dtype, f"{argument}[{name!r}]")
            if trained
            else part.prepare_watched(owner, target, shape, dtype, f"{argument}[{name!r}]")
            for part, target, shape, name, trained in zip(
                self.parts, parts, output_shape, names, self._trained, strict=True
            )
        )

    def prepare_weights(
        self, owner: str, sample_weight: Any, argument: str = "sample_weight"
    ) -> Any:
        if sample_weight is None:
            return None
        if not isinstance(sample_weight, (list, tuple, dict)):
            sample_weight = [sample_weight] * len(self.names)
        weights = for_each(owner, argument, sample_weight, self.names)
        return tuple(
            None if weight is None else numeric_array(owner, f"{argument}[{name!r}]", weight)
            for weight, name in zip(weights, self.names, strict=True)
        )

    def fuses(self, activation: Any) -> Any:
        if activation is None:
            return (False,) * len(self.parts)
        pairs = zip(self.parts, activation, strict=True)
        return tuple(part.fuses(one) for part, one in pairs)

    def value_and_gradient(
        self,
        y: Any,
        out: Any,
        weight: Any = None,
        mask: Any = None,
        fused: Any = False,
        differentiate: bool = True,
    ) -> tuple[float, Any]:
        total = 0.0
        gradients: list[Any] = []
        for index, part in enumerate(self.parts):
            if not self._trained[index]:
                gradients.append(None)
                continue
            value, gradient = part.unweighted(
                y[index],
                out[index],
                None if weight is None else weight[index],
                None if mask is None else mask[index],
                fused[index],
                differentiate,
            )
            if part.factor != 1.0:
                gradient *= part.factor
            total += part.factor * value
            self._values[index] = value
            gradients.append(gradient)
        return total, gradients

    def record(
        self,
        value: float,
        y: Any,
        out: Any,
        weight: Any = None,
        mask: Any = None,
        fused: Any = False,
    ) -> None:
        rows = len(out[0])
        self.tracker.total += value * rows
        self.tracker.count += rows
        for index, part in enumerate(self.parts):
            if y[index] is not None:
                part.record(
                    self._values[index],
                    y[index],
                    out[index],
                    None if weight is None else weight[index],
                    None if mask is None else mask[index],
                    fused[index],
                )

    def trackers(self) -> Iterator[Metric]:
        yield from super().trackers()
        for part in self.parts:
            yield from part.trackers()

    def results(self) -> dict[str, float]:
        """Running values: the loss, that of each output, and the metrics by output."""
        values = {"loss": self.tracker.result()}
        pairs = list(zip(self.names, self.parts, strict=True))
        if sum(self._trained) > 1:
            for (name, part), trained in zip(pairs, self._trained, strict=True):
                if trained:
                    values[f"{name}_loss"] = part.tracker.result()
        for name, part in pairs:
            part.add_metrics(values, f"{name}_")
        return values


def for_each(owner: str, argument: str, value: Any, names: Sequence[str]) -> tuple[Any, ...]:
    """One entry for each name, from a list or tuple in order or from a dict; None where none is.

    Raises
    ------
    ValueError
        If their number is another, or a key is no name.
    """
    listed = ", ".join(names)
    if value is None:
        return (None,) * len(names)
    if isinstance(value, dict):
        unknown = [key for key in value if key not in names]
        if unknown:
            raise ValueError(f"{owner}: {argument} has the key {unknown[0]!r}, known are {listed}")
        return tuple(value.get(name) for name in names)
    if isinstance(value, np.ndarray) or not isinstance(value, (list, tuple)):
        kind = type(value).__name__
        raise ValueError(f"{owner}: {argument} must be a list or dict for {listed}, got one {kind}")
    if len(value) != len(names):
        raise ValueError(
            f"{owner}: {argument} must have {len(names)} entries, for {listed}, got {len(value)}"
        )
    return tuple(value)
