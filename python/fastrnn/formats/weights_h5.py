"""Weights in Keras 3's ``.weights.h5`` layout.

The file holds datasets ``<path>/vars/0``, ``1``, ... for each layer; the path follows the
layer's class and its place in the model, not its name: ``layers/lstm_1/cell``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn._files import atomic_path
from fastrnn.layers import Layer, Recurrent
from fastrnn.layers.variable import Variable

# Keras 2.13 had its layers under this name.
_OLD_ROOT = "_layer_checkpoint_dependencies"
# A declared size beyond this, of which the file stores less than a hundredth, is no weight.
_LARGEST_DECLARED = 1 << 32
_LARGEST_EXPANSION = 100


def save(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model's weights; see `fastrnn.models.Model.save_weights`."""
    path = _checked_path(filepath)
    if not model.built:
        raise ValueError(f"{model.name}: has no weights to save; build() it or train it first")
    if not overwrite and path.exists():
        raise FileExistsError(f"save_weights: {path} exists, and overwrite is False")
    import h5py

    with atomic_path(path) as partial:
        with h5py.File(partial, "w") as file:
            _named_group(file, "", model.name)
            for place, layer in _places(model):
                group = _named_group(file, place, _keras_name(place, layer))
                for index, variable in enumerate(_own_variables(place, layer)):
                    group.create_dataset(str(index), data=variable.value)
        with open(partial, "rb+") as written:
            os.fsync(written.fileno())


def load(model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
    """Read a model's weights; see `fastrnn.models.Model.load_weights`."""
    path = _checked_path(filepath)
    if not model.built:
        raise ValueError(
            f"{model.name}: has no weights to load into; give it an Input or build() it"
        )
    if not path.is_file():
        raise FileNotFoundError(f"load_weights: there is no file {path}")
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"load_weights: {path} is no HDF5 file: {error}") from None
    found: list[tuple[Variable, NDArray[Any]]] = []
    with file:
        root = _OLD_ROOT if _OLD_ROOT in file and "layers" not in file else "layers"
        for place, layer in _places(model):
            variables = _own_variables(place, layer)
            if not variables:
                continue
            where = place.replace("layers/", f"{root}/", 1) + "/vars"
            try:
                found += zip(variables, _read(file, where, variables), strict=True)
            except ValueError as error:
                message = f"load_weights: {layer.name} does not fit {path.name}: {error}"
                if not skip_mismatch:
                    raise ValueError(message) from None
                warnings.warn(message, stacklevel=3)
    for variable, value in found:
        variable.assign(value)


def _checked_path(filepath: str | os.PathLike[str]) -> Path:
    path = Path(filepath)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"the name of a weights file must end in .weights.h5, got {path.name!r}")
    return path


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


def _named_group(file: Any, place: str, name: str) -> Any:
    group = file.create_group(f"{place}/vars" if place else "vars")
    group.attrs["name"] = name
    return group


def _read(file: Any, where: str, variables: list[Variable]) -> list[NDArray[Any]]:
    import h5py

    group = file.get(where)
    if not isinstance(group, h5py.Group):
        raise ValueError(f"there is no group {where}")
    datasets = [group.get(str(index)) for index in range(len(variables))]
    stored = sum(isinstance(entry, h5py.Dataset) for entry in group.values())
    if stored != len(variables):
        raise ValueError(f"{where} holds {stored} weights, the layer has {len(variables)}")
    return [
        _value(f"{where}/{index}", dataset, variable)
        for index, (dataset, variable) in enumerate(zip(datasets, variables, strict=True))
    ]


def _value(where: str, dataset: Any, variable: Variable) -> NDArray[Any]:
    """A dataset's value, after a look at its shape and type, which cost nothing to read."""
    if dataset is None or dataset.external:
        raise ValueError(f"{where} is missing or lies in another file")
    declared, stored = dataset.nbytes, dataset.id.get_storage_size()
    if declared > _LARGEST_DECLARED and declared > _LARGEST_EXPANSION * stored:
        raise ValueError(f"{where} declares {declared} bytes, but {stored} are stored")
    if dataset.dtype.kind == "V" and dataset.attrs.get("dtype") == "bfloat16":
        bits = np.asarray(dataset).view(np.uint16).astype(np.uint32) << 16
        value: NDArray[Any] = bits.view(np.float32)
    elif dataset.dtype.kind not in "fiu":
        raise ValueError(f"{where} holds {dataset.dtype}, not numbers")
    elif dataset.shape != variable.shape:
        raise ValueError(
            f"{where} ({variable.name}) is of shape {dataset.shape}, expected {variable.shape}"
        )
    else:
        value = dataset[()]
    if value.shape != variable.shape:
        raise ValueError(
            f"{where} ({variable.name}) is of shape {value.shape}, expected {variable.shape}"
        )
    return value
