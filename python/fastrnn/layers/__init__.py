"""Layers under Keras' names, each with an explicit forward and backward pass."""

from __future__ import annotations

from typing import Any

from fastrnn.layers.activation import Activation
from fastrnn.layers.bidirectional import Bidirectional
from fastrnn.layers.dense import Dense
from fastrnn.layers.dropout import Dropout
from fastrnn.layers.gru import GRU
from fastrnn.layers.input_layer import Input, InputLayer
from fastrnn.layers.layer import Layer
from fastrnn.layers.lstm import LSTM
from fastrnn.layers.masking import Masking
from fastrnn.layers.recurrent import Recurrent
from fastrnn.layers.shaping import Flatten, Reshape
from fastrnn.layers.simple_rnn import SimpleRNN
from fastrnn.layers.time_distributed import TimeDistributed
from fastrnn.layers.variable import Variable
from fastrnn.utils import naming

_CLASSES: tuple[type[Layer], ...] = (
    GRU,
    LSTM,
    Activation,
    Bidirectional,
    Dense,
    Dropout,
    Flatten,
    InputLayer,
    Masking,
    Reshape,
    SimpleRNN,
    TimeDistributed,
)
_TABLE: dict[str, Any] = {cls.__name__: cls for cls in _CLASSES}


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
    table = _TABLE | (custom_objects or {})
    if name not in table:
        raise naming.unknown("layer", name, table)
    layer: Layer = table[name].from_config(dict(config.get("config") or {}))
    return layer


__all__ = [
    "GRU",
    "LSTM",
    "Activation",
    "Bidirectional",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "Masking",
    "Recurrent",
    "Reshape",
    "SimpleRNN",
    "TimeDistributed",
    "Variable",
    "deserialize",
]
