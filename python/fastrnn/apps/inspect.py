"""What is in a file of a model or of weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastrnn.apps.model_file import ASSET
from fastrnn.formats import hdf5, keras_h5, keras_json, keras_zip, safetensors
from fastrnn.formats.keras_config import parse_version, readable
from fastrnn.formats.torch_state_dict import pickle_refusal
from fastrnn.models.saving import failing_as, model_of_size

Description = dict[str, Any]


def inspect_file(path: str | os.PathLike[str]) -> Description:
    """Describe a ``.keras``, ``.h5``, ``.weights.h5`` or ``.safetensors`` file.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        ``file``, ``kind``, ``bytes``, ``versions``; of a model ``layers``, each with its name,
        class, output shape and number of parameters, and ``compiled``, its settings or None;
        ``unreadable``, why fastrnn cannot make the model, or None; ``weights``, each with its
        name, type, shape, lowest, highest and mean value.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, of another kind, or could do harm.

    Examples
    --------
    >>> from fastrnn import Sequential, layers
    >>> from fastrnn.apps import inspect_file
    >>> Sequential([layers.Input((3,)), layers.Dense(2)]).save("model.keras")
    >>> [layer["parameters"] for layer in inspect_file("model.keras")["layers"]]
    [8]
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    found: Description = {"file": str(path), "kind": "", "bytes": path.stat().st_size}
    with failing_as(path):
        if path.suffix in (".pt", ".pth"):
            raise ValueError(pickle_refusal(path))
        if path.suffix == ".safetensors":
            return found | _safetensors(path)
        return found | (_hdf5(path) if hdf5.is_hdf5(path) else _keras(path))


def _keras(path: Path) -> Description:
    with keras_zip.open_file(path) as file, file.open_weights() as weights:
        version = parse_version(file.metadata.get("keras_version"))
        description = readable(file.description, version)
        found: Description = {"kind": "Keras 3 model", "versions": file.metadata}
        found |= _model(description, file.weights_size)
        about = file.asset(ASSET)
        if about is not None:
            described = keras_json.parse(ASSET, about)
            found["kind"] = described.get("format", found["kind"])
            found["classes"] = described.get("classes")
        compiled = description.get("compile_config")
        return found | {"compiled": compiled, "weights": _arrays(weights)}


def _hdf5(path: Path) -> Description:
    with hdf5.open_file(path, str(path)) as file:
        attributes = ("keras_version", "backend", "format", "format_version", "fastrnn_version")
        versions = {name: _text(hdf5.read_attribute(file, name)) for name in attributes}
        found: Description = {
            "kind": "Keras 3 weights",
            "versions": {name: value for name, value in versions.items() if value is not None},
        }
        if "model_config" in file.attrs:
            description, settings, version = keras_h5.description(file)
            found["kind"] = "Keras legacy model"
            found |= _model(readable(description, version), path.stat().st_size)
            found["compiled"] = readable(settings, version)
        elif keras_h5.is_legacy(file):
            found["kind"] = "Keras legacy weights"
        return found | {"weights": _arrays(file)}


def _safetensors(path: Path) -> Description:
    entries, metadata = safetensors.read_header(path)
    weights = [
        _array(name, entry.dtype, safetensors.read_array(path, entry))
        for name, entry in entries.items()
    ]
    return {"kind": "safetensors", "versions": metadata, "weights": weights}


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else _plain(value)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def _model(description: Description, stored: int) -> Description:
    """The layers as fastrnn makes them, or else as the file names them."""
    try:
        model = model_of_size(description, stored)
    except Exception as error:  # whatever it is, the file can be looked at
        reason = " ".join(str(error).split())
        config = description.get("config") or {}
        entries = config.get("layers", []) if isinstance(config, dict) else config
        return {"layers": list(map(_named, entries)), "unreadable": reason}
    layers = [
        {
            "name": layer.name,
            "class": type(layer).__name__,
            "output_shape": layer.compute_output_shape(layer.input_shape) if layer.built else None,
            "parameters": layer.count_params(),
        }
        for layer in model.layers
    ]
    return {"layers": layers, "unreadable": None}


def _named(entry: Any) -> Description:
    config = entry.get("config") or {}
    return {
        "name": config.get("name"),
        "class": entry.get("class_name"),
        "output_shape": None,
        "parameters": None,
    }


def _arrays(file: Any) -> list[Description]:
    return list(_described(file))


def _described(file: Any) -> Iterator[Description]:
    for name, dataset in hdf5.walk(file):
        yield _array(name, str(dataset.dtype), hdf5.read_array(name, dataset))


def _array(name: str, dtype: str, value: Any) -> Description:
    return {
        "name": name,
        "dtype": dtype,
        "shape": list(value.shape),
        "min": float(value.min()) if value.size else None,
        "max": float(value.max()) if value.size else None,
        "mean": float(value.mean(dtype=np.float64)) if value.size else None,
    }
