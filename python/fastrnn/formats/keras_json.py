"""Descriptions of models and of what they are compiled for, as JSON in Keras' form."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from fastrnn.layers import Layer, serialize
from fastrnn.utils import naming

# The version of Keras whose files these are.
KERAS_VERSION = "3.15.1"
LARGEST_TEXT = 1 << 24


def parse(owner: str, text: str | bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ValueError
        If it is none, or nested too deeply.
    """
    if len(text) > LARGEST_TEXT:
        raise ValueError(f"{owner} is {len(text)} bytes long, more than {LARGEST_TEXT}")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"{owner} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{owner} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{owner} must be a JSON object, got {type(value).__name__}")
    return value


def describe(value: Any) -> Any:
    """A value as JSON can hold it: objects as Keras describes them, functions by name."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): describe(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [describe(entry) for entry in value]
    if isinstance(value, Layer):
        return describe(serialize(value))
    if isinstance(value, type):
        return value.__name__
    described = naming.description(value)
    if described is None:
        raise TypeError(f"a file cannot hold {value!r}; give it a get_config()")
    return describe(described)


def describe_model(model: Any) -> dict[str, Any]:
    """A model's layers and what it is compiled for."""
    description: dict[str, Any] = describe(model)
    if model.compiled:
        arguments = model._compile_arguments | {"optimizer": model.optimizer}
        description["compile_config"] = describe(arguments)
    return description
