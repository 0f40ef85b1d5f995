"""Weights in Keras 3's ``.weights.h5`` layout.

The file holds datasets ``<path>/vars/0``, ``1``, ... for each layer; the path follows the
layer's class and its place in the model, not its name: ``layers/lstm_1/cell``. The optimizer's
state lies under ``optimizer``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from fastrnn._files import atomic_path
from fastrnn.formats import hdf5, old_weights
from fastrnn.formats.keras_config import Version
from fastrnn.layers import Layer, Recurrent
from fastrnn.layers.variable import Variable

# Keras 2.13 had its layers under this name.
_OLD_ROOT = "_layer_checkpoint_dependencies"


def save(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model's weights; see `fastrnn.models.Model.save_weights`."""
    import h5py

    with atomic_path(filepath, overwrite) as partial, h5py.File(partial, "w") as file:
        write(file, model)


def write(file: Any, model: Any, include_optimizer: bool = True) -> None:
    """Write a model's weights, and the state of its optimizer, into an open file."""
    _write_variables(file, "", model.name, [])
    for place, layer in _places(model):
        values = [variable.value for variable in _own_variables(place, layer)]
        _write_variables(file, place, _keras_name(place, layer), values)
    if include_optimizer and model.compiled and model.optimizer.built:
        write_optimizer(file, model)


def write_optimizer(file: Any, model: Any) -> None:
    """Write the state of a model's optimizer into an open file."""
    _write_variables(file, "optimizer", model.optimizer.name, model.optimizer.variables)


def read(
    file: Any, model: Any, failure: str, skip_mismatch: bool = False, version: Version = (3,)
) -> bool:
    """Set a model's weights, all or none, from an open file.

    Parameters
    ----------
    file : h5py.File
    model : Model
    failure : str
        How the error begins, with {} for the layer's name.
    skip_mismatch : bool
        Leave layers alone that do not fit, with a warning.
    version : tuple of int
        Of the Keras that wrote the file.

    Returns
    -------
    bool
        Whether the file's weights are set as they are, not converted from an old form.
    """
    found: list[tuple[Variable, NDArray[Any]]] = []
    root = _OLD_ROOT if _OLD_ROOT in file and "layers" not in file else "layers"
    for place, layer in _places(model):
        variables = _own_variables(place, layer)
        if not variables:
            continue
        where = place.replace("layers/", f"{root}/", 1) + "/vars"
        try:
            found += zip(variables, _read_layer(file, where, variables), strict=True)
        except (ValueError, OSError) as error:
            message = f"{failure.format(layer.name)}: {error}"
            if not skip_mismatch:
                raise ValueError(message) from None
            warnings.warn(message, stacklevel=4)
    unchanged = True
    if version < (3,):
        variables, values = [variable for variable, _ in found], [value for _, value in found]
        values, changed = old_weights.converted(model, variables, values, version)
        found, unchanged = list(zip(variables, values, strict=True)), not changed
    for variable, value in found:
        variable.assign(value)
    return unchanged


def read_optimizer(file: Any, model: Any) -> None:
    """Set the state of a model's optimizer from an open file, if it has one."""
    group = hdf5.find(file, "optimizer/vars")
    if group is None or not len(group):
        return
    values = [hdf5.find(group, str(index)) for index in range(len(group))]
    model.optimizer.set_weights(
        [hdf5.read_array(f"optimizer/vars/{n}", value) for n, value in enumerate(values)]
    )


def _places(model: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Where each layer's weights lie; a recurrent layer's lie in a cell inside it."""
    for name, layer in model.sublayers():
        place = f"{prefix}{name}"
        yield place, layer
        if isinstance(layer, Recurrent):
            yield f"{place}/cell", layer
        else:
            yield from _places(layer, f"{place}/")


def _own_variables(place: str, layer: Layer) -> list[Variable]:
    if isinstance(layer, Recurrent) and not place.endswith("/cell"):
        return []
    return layer._variables


def _keras_name(place: str, layer: Layer) -> str:
    """What Keras notes beside the variables; it serves its error messages."""
    return f"{layer.name}_cell" if place.endswith("/cell") else layer.name


def _write_variables(file: Any, place: str, name: str, values: Sequence[NDArray[Any]]) -> None:
    group = file.create_group(f"{place}/vars" if place else "vars")
    group.attrs["name"] = name
    for index, value in enumerate(values):
        group.create_dataset(str(index), data=value)


def _read_layer(file: Any, where: str, variables: list[Variable]) -> list[NDArray[Any]]:
    import h5py

    group = hdf5.find_group(file, where)
    datasets = [hdf5.find(group, str(index)) for index in range(len(variables))]
    stored = sum(group.get(name, getclass=True) is h5py.Dataset for name in group)
    if stored != len(variables):
        raise ValueError(f"{where} holds {stored} weights, the layer has {len(variables)}")
    return [
        _fitting(f"{where}/{index}", dataset, variable)
        for index, (dataset, variable) in enumerate(zip(datasets, variables, strict=True))
    ]


def _fitting(where: str, dataset: Any, variable: Variable) -> NDArray[Any]:
    """A dataset's value, read only if its shape is the variable's."""
    shape = getattr(dataset, "shape", None)
    if shape is not None and shape != variable.shape:
        raise ValueError(
            f"{where} ({variable.name}) is of shape {shape}, expected {variable.shape}"
        )
    return hdf5.read_array(where, dataset)
