"""Layers as Keras describes them: a class, and the arguments that make the same layer again."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from fastrnn.layers.bidirectional import Bidirectional
from fastrnn.layers.conv_lstm import ConvLSTM2D
from fastrnn.layers.layer import Layer
from fastrnn.layers.recurrent import Recurrent
from fastrnn.layers.shaping import Flatten, Reshape
from fastrnn.layers.spatial import Spatial
from fastrnn.utils import naming
from fastrnn.utils.custom_objects import custom_object, custom_object_scope

# Classes by name, with the module where Keras has them.
_TABLE: dict[str, tuple[type[Layer], str]] = {}
_REFUSED = {
    "Lambda": "holds Python code, which is not run from a file; replace it in Keras by a layer",
    "TFOpLambda": "calls TensorFlow; replace it in Keras by a layer",
    "SlicingOpLambda": "calls TensorFlow; replace it in Keras by a layer",
}


def register(*classes: type[Layer], module: str = "keras.layers") -> None:
    """Let `serialize` and `deserialize` know of classes."""
    for cls in classes:
        _TABLE[cls.__name__] = cls, module


def serialize(layer: Layer) -> dict[str, Any]:
    """Describe a layer as Keras does.

    A layer for images that runs over frames is described as `TimeDistributed`, which is what
    Keras needs there, and becomes itself again in `deserialize`.

    Examples
    --------
    >>> from fastrnn import layers
    >>> layers.serialize(layers.Dense(3))["class_name"]
    'Dense'
    """
    cls = type(layer)
    known, module = _TABLE.get(cls.__name__, (None, None))
    own = known is not cls
    config = layer.get_config()
    description = {
        "module": None if own else module,
        "class_name": cls.__name__,
        "config": config,
        "registered_name": cls.__name__ if own else None,
    }
    if not layer.over_frames:
        return description
    wrapper = {key: config[key] for key in ("name", "trainable", "dtype")}
    return {
        "module": "keras.layers",
        "class_name": "TimeDistributed",
        "config": wrapper | {"layer": description},
        "registered_name": None,
    }


def serialize_stack(stack: Iterable[Layer]) -> list[dict[str, Any]]:
    """Describe layers that follow one another.

    A recurrent layer that makes rows of frames itself is preceded by a `Reshape` that does.
    """
    described = []
    for layer in stack:
        shape = layer.input_shape
        recurrent = isinstance(layer, (Recurrent, Bidirectional))
        if recurrent and not isinstance(layer, ConvLSTM2D) and shape and len(shape) > 3:
            rows = Reshape((-1, math.prod(shape[2:])), name=f"{layer.name}_rows")
            described.append(serialize(rows))
        described.append(serialize(layer))
    return described


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Layer:
    """Make a layer from ``{"class_name": ..., "config": ...}``.

    Raises
    ------
    ValueError
        If no layer has that class name.

    Examples
    --------
    >>> from fastrnn import layers
    >>> layers.deserialize({"class_name": "Dense", "config": {"units": 3}}).units
    3
    """
    name = config.get("class_name")
    with custom_object_scope(custom_objects):
        cls: Any = custom_object(config.get("registered_name"), name)
        if cls is None:
            if name in _REFUSED:
                raise ValueError(f"a layer of class {name} {_REFUSED[name]}")
            if name not in _TABLE:
                raise naming.unknown("layer", name, _TABLE)
            cls = _TABLE[name][0]
        layer: Layer = cls.from_config(dict(config.get("config") or {}))
    return _over_frames(layer)


def _over_frames(layer: Layer) -> Layer:
    """What `serialize` put into a TimeDistributed of its own name."""
    inner: Any = getattr(layer, "layer", None)
    if inner is None or inner.name != layer.name:
        return layer
    if isinstance(inner, Flatten):
        inner.keeps_time = True
        return inner
    return inner if isinstance(inner, Spatial) and inner.rank == 2 else layer
