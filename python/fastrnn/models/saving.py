"""Whole models in files: their layers, weights, and how far their training has come."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from fastrnn.formats import hdf5, keras_h5, keras_json, keras_zip, torch_state_dict, weights_h5
from fastrnn.formats.keras_config import Version, parse_version, readable
from fastrnn.initializers.reserved import values_follow
from fastrnn.layers import deserialize
from fastrnn.layers.weighted import all_layers
from fastrnn.models.model import Model
from fastrnn.utils.custom_objects import custom_object_scope

# How whole models are written, by the ends of their names.
FORMATS: dict[str, Any] = {".keras": keras_zip, ".h5": keras_h5, ".hdf5": keras_h5}
_FAILURE = "the weights of {} do not fit"
# What a description that is damaged, or made to do harm, may raise on its way.
_FAILURES = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    OSError,
)


def save_model(
    model: Model,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    include_optimizer: bool = True,
) -> None:
    """Write a model to a file that Keras 3 reads, too; see `Model.save`."""
    path = Path(filepath)
    if path.suffix not in FORMATS:
        raise ValueError(
            f"the name of a model's file must end in {' or '.join(FORMATS)}, got {path.name!r}"
        )
    if not model.built:
        raise ValueError(f"{model.name}: has no weights to save; build() it or train it first")
    FORMATS[path.suffix].save(model, path, overwrite, include_optimizer)


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """Read a model that `Model.save` or Keras wrote.

    Parameters
    ----------
    filepath : path
        A ``.keras`` file, or a legacy ``.h5`` file of a whole model, back to Keras 2.0.
    custom_objects : dict of str to class or function, optional
        What names in the file stand for that are not Keras'.
    compile : bool
        Whether the model is to be compiled as it was, with the state of its optimizer, so that
        training goes on.
    safe_mode : bool
        Accepted for Keras' sake: code in files is never run.

    Returns
    -------
    Model

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, holds what fastrnn does not know, or could do harm.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import Sequential, layers, models
    >>> model = Sequential([layers.Input((5, 3)), layers.LSTM(4), layers.Dense(2)])
    >>> model.save("model.keras")
    >>> x = np.ones((1, 5, 3), np.float32)
    >>> same = models.load_model("model.keras")
    >>> bool((same.predict(x, verbose=0) == model.predict(x, verbose=0)).all())
    True
    """
    path = Path(filepath)
    if not path.is_file():
        raise FileNotFoundError(f"load_model: there is no file {path}")
    with failing_as(path), custom_object_scope(custom_objects):
        return _load_h5(path, compile) if hdf5.is_hdf5(path) else _load_keras(path, compile)


def _load_keras(path: Path, compile: bool) -> Model:
    with keras_zip.open_file(path) as file:
        version = parse_version(file.metadata.get("keras_version"))
        description = readable(file.description, version)
        model = model_of_size(description, file.weights_size)
        settings = description.get("compile_config") if compile else None
        if not model.built:
            _compile_from_config(model, settings)
            return model
        with file.open_weights() as weights:
            unchanged = weights_h5.read(weights, model, _FAILURE, version=version)
            _compile_from_config(model, settings)
            if settings and unchanged:
                _restore_optimizer(model, weights_h5.read_optimizer, weights)
    return model


def _load_h5(path: Path, compile: bool) -> Model:
    with hdf5.open_file(path, str(path)) as file:
        description, settings, version = keras_h5.description(file)
        settings = readable(settings, version) if compile else None
        model = model_of_size(readable(description, version), path.stat().st_size)
        unchanged = model.built and keras_h5.load_weights(file, model, _FAILURE)
        _compile_from_config(model, settings)
        if settings and unchanged:
            _restore_optimizer(model, keras_h5.read_optimizer, file)
    return model


def weights_of_size(stored: int) -> AbstractContextManager[None]:
    """Have weights made within the block be zeros, no more than a file of a size can hold."""
    return values_follow(hdf5.largest_weights(stored))


def model_of_size(description: dict[str, Any], stored: int) -> Model:
    """A model whose weights a file of a size can hold."""
    with weights_of_size(stored):
        return model_from_config(description)


def save_weights(
    model: Model, filepath: str | os.PathLike[str], overwrite: bool, format: str | None
) -> None:
    """Write a model's weights; see `Model.save_weights`."""
    path = Path(filepath)
    if not model.built:
        raise ValueError(f"{model.name}: has no weights to save; build() it or train it first")
    if path.suffix == ".safetensors":
        torch_state_dict.save_file(model, path, overwrite, format)
    elif format is not None:
        raise ValueError(f"save_weights: format={format!r} is for .safetensors files")
    elif path.name.endswith(".weights.h5"):
        weights_h5.save(model, path, overwrite)
    elif path.suffix in (".h5", ".hdf5"):
        keras_h5.save_weights(model, path, overwrite)
    else:
        raise ValueError(
            "the name of a weights file must end in .weights.h5, .h5 or .safetensors, "
            f"got {path.name!r}"
        )


def load_weights(
    model: Model,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool,
    by_name: bool,
    format: str | None,
) -> None:
    """Read a model's weights; see `Model.load_weights`."""
    path = Path(filepath)
    if not model.built:
        raise ValueError(
            f"{model.name}: has no weights to load into; give it an Input or build() it"
        )
    if not path.is_file():
        raise FileNotFoundError(f"load_weights: there is no file {path}")
    if path.suffix == ".safetensors":
        if skip_mismatch or by_name:
            raise ValueError("load_weights: skip_mismatch and by_name are for Keras' files")
    elif format is not None:
        raise ValueError(f"load_weights: format={format!r} is for .safetensors files")
    failure = f"load_weights: {{}} does not fit {path.name}"
    with failing_as("load_weights"):
        if path.suffix == ".safetensors":
            torch_state_dict.load_file(model, path, format)
        elif path.suffix in (".pt", ".pth"):
            raise ValueError(torch_state_dict.pickle_refusal(path))
        elif path.suffix == ".keras":
            with keras_zip.open_file(path) as file, file.open_weights() as weights:
                version = parse_version(file.metadata.get("keras_version"))
                _read_weights(weights, model, failure, skip_mismatch, version)
        else:
            with hdf5.open_file(path, str(path)) as weights:
                if keras_h5.is_legacy(weights):
                    keras_h5.load_weights(weights, model, failure, by_name, skip_mismatch)
                elif by_name:
                    raise ValueError(f"{path.name} has no names of layers; leave by_name off")
                else:
                    _read_weights(weights, model, failure, skip_mismatch)


def _read_weights(
    file: Any, model: Model, failure: str, skip_mismatch: bool, version: Version = (3,)
) -> None:
    """Keras 3's weights; as there, the state of an optimizer only where ours has made steps."""
    unchanged = weights_h5.read(file, model, failure, skip_mismatch, version)
    if unchanged and model.optimizer is not None and model.optimizer.iterations:
        _restore_optimizer(model, weights_h5.read_optimizer, file)


def model_from_config(description: dict[str, Any]) -> Model:
    """Make a model, with new weights, from Keras' description of one."""
    model = deserialize(description)
    if not isinstance(model, Model):
        raise ValueError(f"the file describes a {type(model).__name__}, not a model")
    if not model.built:
        config = description.get("config") or {}
        shape = (description.get("build_config") or {}).get("input_shape")
        shape = config.get("build_input_shape") or shape
        if shape and model.layers:
            model.build(shape)
    return model


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """Make a model, with new weights, from what `Model.to_json` returned.

    Parameters
    ----------
    json_string : str
    custom_objects : dict of str to class or function, optional

    Returns
    -------
    Model
        Compiled if the model was.

    Raises
    ------
    ValueError
        If the text describes no model.

    Examples
    --------
    >>> from fastrnn import Sequential, layers, models
    >>> model = Sequential([layers.Input((5, 3)), layers.GRU(4)])
    >>> models.model_from_json(model.to_json()).output_shape
    (None, 4)
    """
    with failing_as("model_from_json"), custom_object_scope(custom_objects):
        description = readable(keras_json.parse("the text", json_string))
        model = model_from_config(description)
        _compile_from_config(model, description.get("compile_config"))
    return model


def clone_model(model: Model) -> Model:
    """Make a model of the same layers with new weights, not compiled.

    Examples
    --------
    >>> from fastrnn import Sequential, layers, models
    >>> model = Sequential([layers.Input((5, 3)), layers.GRU(4)])
    >>> copy = models.clone_model(model)
    >>> copy.count_params() == model.count_params()
    True
    """
    classes = {type(layer).__name__: type(layer) for layer in all_layers(model)}
    with custom_object_scope(classes):
        return model_from_config(keras_json.describe(model))


def _compile_from_config(model: Model, settings: dict[str, Any] | None) -> None:
    """Compile a model as a file says, if it does."""
    if not settings:
        return
    known = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
    try:
        model.compile(**{name: settings[name] for name in known if name in settings})
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{error}; what the model is compiled for can be left out: compile=False, or "
            "--no-training of `fastrnn convert`"
        ) from error


def _restore_optimizer(model: Model, read: Callable[[Any, Model], None], file: Any) -> None:
    """Let training go on where it was; where the state does not fit, say so and start afresh."""
    try:
        read(file, model)
    except _FAILURES as error:
        warnings.warn(
            f"{model.name}: the optimizer's state does not fit, so it starts afresh: {error}",
            stacklevel=4,
        )


@contextmanager
def failing_as(owner: object) -> Iterator[None]:
    """Turn whatever a damaged or hostile file may lead to into one ValueError."""
    try:
        yield
    except _FAILURES as error:
        text = " ".join(str(error).split())
        if (isinstance(error, OSError) and error.errno) or text.startswith(str(owner)):
            raise
        if not isinstance(error, (ValueError, OSError)):
            text = f"{type(error).__name__}: {text}"
        raise ValueError(f"{owner}: {text}") from error
