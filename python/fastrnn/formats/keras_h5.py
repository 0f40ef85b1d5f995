"""Keras' legacy ``.h5`` files: a model's description in attributes, weights by layers' names."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn import losses
from fastrnn._files import atomic_path
from fastrnn.formats import hdf5, keras_config, keras_json, old_weights, optimizer_state, weights_h5
from fastrnn.formats.keras_config import Version, parse_version
from fastrnn.layers import Layer
from fastrnn.layers.variable import Variable

Array = NDArray[Any]

# What HDF5 takes in one attribute of an object's header.
_LARGEST_ATTRIBUTE = 64512


def save(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool, include_optimizer: bool
) -> None:
    """Write a whole model."""
    import h5py

    description = keras_json.describe_model(model)
    settings = description.pop("compile_config", None)
    with atomic_path(filepath, overwrite) as partial, h5py.File(partial, "w") as file:
        _note_version(file)
        file.attrs["model_config"] = json.dumps(description).encode()
        _write_weights(file.create_group("model_weights"), model)
        if settings is None or not include_optimizer:
            return
        settings["optimizer_config"] = settings.pop("optimizer")
        settings["loss"] = _explicit(settings["loss"])
        file.attrs["training_config"] = json.dumps(settings).encode()
        if model.optimizer.built:
            # Not as optimizer_weights: with them Keras 3 loads a model that cannot be trained.
            weights_h5.write_optimizer(file, model)


def _explicit(loss: Any) -> Any:
    """Losses as objects: of some, Keras 3 does not find the name in legacy files."""
    if isinstance(loss, str):
        return keras_json.describe(losses.get(loss))
    if isinstance(loss, list):
        return [_explicit(entry) for entry in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {name: _explicit(entry) for name, entry in loss.items()}
    return loss


def save_weights(model: Any, filepath: str | os.PathLike[str], overwrite: bool) -> None:
    """Write a model's weights alone."""
    import h5py

    with atomic_path(filepath, overwrite) as partial, h5py.File(partial, "w") as file:
        _write_weights(file, model)


def _write_weights(group: Any, model: Any) -> None:
    _note_version(group)
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    for layer in model.layers:
        named = {f"{layer.name}/{n}_{v.name}": v.value for n, v in enumerate(_in_order(layer))}
        _write_arrays(group.create_group(layer.name), named)
    _write_arrays(group.create_group("top_level_model_weights"), {})


def _note_version(group: Any) -> None:
    group.attrs["keras_version"] = keras_json.KERAS_VERSION
    group.attrs["backend"] = "tensorflow"


def _write_arrays(group: Any, arrays: dict[str, Array]) -> None:
    _write_names(group, "weight_names", list(arrays))
    for name, array in arrays.items():
        group.create_dataset(name, data=array)


def _write_names(group: Any, attribute: str, names: list[str]) -> None:
    """Names as an attribute, or as several where they are too many for one."""
    data = np.array([name.encode() for name in names], dtype="S" if names else "S1")
    parts = -(-data.nbytes // _LARGEST_ATTRIBUTE)
    if parts <= 1:
        group.attrs[attribute] = data
        return
    for number, part in enumerate(np.array_split(data, parts)):
        group.attrs[f"{attribute}{number}"] = part


def is_legacy(file: Any) -> bool:
    """Whether an HDF5 file has weights by layers' names."""
    return "model_weights" in file or "layer_names" in file.attrs or "layer_names0" in file.attrs


def description(file: Any) -> tuple[dict[str, Any], dict[str, Any] | None, Version]:
    """A model's description, what it is compiled for, and the version of Keras."""
    text = hdf5.read_text(file, "model_config")
    if text is None:
        raise ValueError("holds weights alone; make the model and call load_weights()")
    training = hdf5.read_text(file, "training_config")
    settings = None if training is None else keras_json.parse("training_config", training)
    return (
        keras_json.parse("model_config", text),
        None if settings is None else keras_config.compile_settings(settings),
        parse_version(hdf5.read_text(file, "keras_version")),
    )


def load_weights(
    file: Any, model: Any, failure: str, by_name: bool = False, skip_mismatch: bool = False
) -> bool:
    """Set a model's weights, all or none, from an open file.

    Layers with weights are taken in the order in which they are, or by their names.

    Returns
    -------
    bool
        Whether the file's weights are set as they are, not converted from an old form.
    """
    group = hdf5.find_group(file, "model_weights") if "model_weights" in file else file
    version = parse_version(hdf5.read_text(group, "keras_version"))
    names = hdf5.read_names(group, "layer_names")
    if not names:
        raise ValueError("is no file of Keras' weights: there are no layer_names")
    stored = {name: _Stored(group, name) for name in names}
    layers = [layer for layer in model.layers if layer.weights]
    if by_name:
        pairs = [(layer, stored[layer.name]) for layer in layers if layer.name in stored]
    else:
        filled = [entry for entry in stored.values() if entry.weights]
        if len(filled) != len(layers):
            raise ValueError(
                f"holds weights of {len(filled)} layers, the model has {len(layers)} with weights"
            )
        pairs = list(zip(layers, filled, strict=True))
    found: list[tuple[Variable, Array]] = []
    unchanged = True
    for layer, entry in pairs:
        variables = _in_order(layer)
        try:
            values, changed = old_weights.converted(
                layer, variables, entry.read(variables), version
            )
            _check_shapes(variables, values)
        except (ValueError, OSError) as error:
            message = f"{failure.format(layer.name)}: {error}"
            if not skip_mismatch:
                raise ValueError(message) from None
            warnings.warn(message, stacklevel=3)
        else:
            found += zip(variables, values, strict=True)
            unchanged &= not changed
    for variable, value in found:
        variable.assign(value)
    return unchanged


class _Stored:
    """The weights of one layer in a file."""

    def __init__(self, group: Any, name: str) -> None:
        self._group = hdf5.find_group(group, name)
        self.weights = hdf5.read_names(self._group, "weight_names")

    def read(self, variables: Sequence[Variable]) -> list[Array]:
        if len(self.weights) != len(variables):
            raise ValueError(
                f"the file has {len(self.weights)} weights, the layer {len(variables)}"
            )
        datasets = [hdf5.find(self._group, name) for name in self.weights]
        for name, dataset, variable in zip(self.weights, datasets, variables, strict=True):
            # Two biases may be there for one.
            if getattr(dataset, "size", 0) > 2 * variable.size:
                raise ValueError(_misfit(variable, dataset.shape, name))
        return [
            hdf5.read_array(name, dataset)
            for name, dataset in zip(self.weights, datasets, strict=True)
        ]


def _check_shapes(variables: Sequence[Variable], values: Sequence[Array]) -> None:
    for variable, value in zip(variables, values, strict=True):
        if value.shape != variable.shape:
            raise ValueError(_misfit(variable, value.shape, "it"))


def _misfit(variable: Variable, shape: Any, name: str) -> str:
    return f"{variable.name} must be of shape {variable.shape}, {name} is of {shape}"


def _in_order(layer: Layer) -> list[Variable]:
    return layer.trainable_weights + layer.non_trainable_weights


def read_optimizer(file: Any, model: Any) -> None:
    """Set the state of a model's optimizer from an open file, if it has one."""
    group = hdf5.find(file, "optimizer_weights")
    if group is None:
        weights_h5.read_optimizer(file, model)
        return
    names = hdf5.read_names(group, "weight_names")
    values = [hdf5.read_array(name, hdf5.find(group, name)) for name in names]
    if parse_version(hdf5.read_text(file, "keras_version")) < (3,):
        optimizer_state.restore_named(model.optimizer, dict(zip(names, values, strict=True)))
    elif values:
        model.optimizer.set_weights(values)
