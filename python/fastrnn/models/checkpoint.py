"""Everything that decides how a training goes on, in one file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastrnn.callbacks import CallbackList
from fastrnn.formats.state_file import read_state, write_state
from fastrnn.layers.layer import Layer
from fastrnn.layers.weighted import assign_all
from fastrnn.models.batches import Batches
from fastrnn.utils import random

_FORMAT = "fastrnn-checkpoint-1"


@dataclass
class Progress:
    """How far a `fit` has come: `step` batches of epoch `epoch` are done, both from 0."""

    hooks: CallbackList
    sources: Sequence[Batches]
    epoch: int = 0
    step: int = 0
    # States of loss and metrics, which exist once the first batch has been seen; their values.
    metrics: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, float] = field(default_factory=dict)

    def state_of(self, model: Any) -> dict[str, Any]:
        """What `resume` needs; between the steps of `fit`."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "stop_training": model.stop_training,
            "callbacks": self.hooks.get_state(),
            "sources": [source.get_state() for source in self.sources],
            "metrics": [_numbers(m) for m in model.objective.trackers()] if self.step else [],
            "logs": model._sorted_results(),
            "random": random.get_state(),
        }

    def resume(self, model: Any, state: dict[str, Any], epochs: int) -> None:
        """Go on from what `state_of` returned."""
        self.epoch, self.step = state["epoch"], state["step"]
        self.metrics, self.logs = state["metrics"], state["logs"]
        if self.epoch > epochs:
            warnings.warn(
                f"{model.name}.fit: {self.epoch} epochs were done when the checkpoint was saved, "
                f"so epochs={epochs} asks for no more",
                stacklevel=4,
            )
        model.stop_training = state["stop_training"]
        self.hooks.set_state(state["callbacks"])
        for source, its_state in zip(self.sources, state["sources"], strict=False):
            source.set_state(its_state)
        random.set_state(state["random"])

    def restore_metrics(self, model: Any) -> None:
        """Put the running values back, once."""
        for metric, values in zip(model.objective.trackers(), self.metrics, strict=False):
            vars(metric).update(values)
        self.metrics = []


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a checkpoint; see `fastrnn.models.Model.save_checkpoint`."""
    if not model.built:
        raise ValueError(f"{model.name}: has no weights to save; build() it or train it first")
    optimizer, progress = model.optimizer, model._progress
    state = {
        "format": _FORMAT,
        "weights": [weight.value for weight in model.weights],
        "layers": [_layer_state(layer) for layer in _layers(model)],
        "optimizer": optimizer.get_state() if optimizer is not None and optimizer.built else None,
        "random": random.get_state(),
        "training": None if progress is None else progress.state_of(model),
    }
    write_state(path, state)


def load(model: Any, path: str | os.PathLike[str]) -> None:
    """Read a checkpoint; see `fastrnn.models.Model.load_checkpoint`."""
    if not model.built:
        raise ValueError(f"{model.name}: has no weights to load into; build() it first")
    state = read_state(path)
    layers = _layers(model)
    if state.get("format") != _FORMAT:
        raise ValueError(f"{os.fspath(path)} is no checkpoint of a training")
    if len(state["layers"]) != len(layers):
        raise ValueError(
            f"{os.fspath(path)} has the states of {len(state['layers'])} layers, "
            f"{model.name} has {len(layers)}"
        )
    weights = model.weights
    fits = [np.shape(value) for value in state["weights"]] == [w.shape for w in weights]
    if fits and state["optimizer"] is not None:
        if model.optimizer is None:
            raise ValueError(f"{model.name}: compile the model as it was before loading it")
        model._collect_parameters()
        model.optimizer.set_state(state["optimizer"])
    assign_all(model.name, weights, state["weights"])
    for layer, its_state in zip(layers, state["layers"], strict=True):
        for name, generator in its_state.get("generators", {}).items():
            getattr(layer, name).bit_generator.state = generator
        if "state" in its_state:
            layer.state = its_state["state"]  # type: ignore[attr-defined]
    random.set_state(state["random"])
    model._resumes_from = state["training"]


def _layers(model: Layer) -> list[Layer]:
    """A model and all layers in it, each once; a cell's fused layer is an attribute alone."""
    found = [model]
    for inner in (_sublayers, _attributes):
        for layer in found:  # which grows meanwhile
            found += [one for one in inner(layer) if all(one is not other for other in found)]
    return found


def _sublayers(layer: Layer) -> list[Layer]:
    return [inner for _, inner in layer.sublayers()]


def _attributes(layer: Layer) -> list[Layer]:
    return [value for value in vars(layer).values() if isinstance(value, Layer)]


def _layer_state(layer: Layer) -> dict[str, Any]:
    """What a layer keeps from batch to batch beside its weights."""
    state: dict[str, Any] = {}
    generators = {
        name: value.bit_generator.state
        for name, value in vars(layer).items()
        if isinstance(value, np.random.Generator)
    }
    if generators:
        state["generators"] = generators
    if getattr(layer, "stateful", False) and hasattr(layer, "state"):
        state["state"] = layer.state
    return state


def _numbers(metric: Any) -> dict[str, Any]:
    return {
        name: np.copy(value) if isinstance(value, np.ndarray) else value
        for name, value in vars(metric).items()
        if isinstance(value, (int, float, np.generic, np.ndarray))
    }
