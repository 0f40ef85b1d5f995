"""Keras' descriptions, those of old versions too, in the words that fastrnn's classes take."""

from __future__ import annotations

import re
from typing import Any

Version = tuple[int, ...]

_HALF = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
_CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Model": "Functional",
}
# Options that change nothing here, and are dropped where they have the value that says so.
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "gradient_accumulation_steps": (None,),
    "is_legacy_optimizer": (True, False, None),
    "jit_compile": (True, False, None, "auto"),
    "loss_scale_factor": (None,),
    "schedule_decay": (0.004,),
}
_OPTIMIZERS = frozenset(
    [
        "Adadelta",
        "Adafactor",
        "Adagrad",
        "Adam",
        "AdamW",
        "Adamax",
        "Ftrl",
        "Lamb",
        "Lion",
        "Nadam",
        "RMSprop",
        "SGD",
    ]
)
# Before this version, layers that say nothing of it have other defaults.
_NEW_DEFAULTS = (2, 3)
_KERAS_3 = (3,)


def parse_version(text: Any) -> Version:
    """``"2.2.4-tf"`` as (2, 2, 4)."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return tuple(int(number) for number in re.findall(r"\d{1,9}", str(text or "1"))[:3])


def readable(value: Any, version: Version = _KERAS_3) -> Any:
    """A description without what only Keras, or only its version, needs to know."""
    if isinstance(value, list):
        return [readable(entry, version) for entry in value]
    if not isinstance(value, dict):
        return value
    name = value.get("class_name")
    if name == "DTypePolicy" or name == "Policy":
        policy = value["config"]["name"]
        return "float32" if policy in _HALF else policy
    if name == "__numpy__":
        return value["config"]["value"]
    value = {
        key: _initializer(entry) if key.endswith("_initializer") else readable(entry, version)
        for key, entry in value.items()
        if not _is_without_effect(key, entry)
    }
    return _described(value, name, version) if isinstance(name, str) else value


def _is_without_effect(key: str, entry: Any) -> bool:
    return key in _WITHOUT_EFFECT and entry in _WITHOUT_EFFECT[key]


def _initializer(value: Any) -> Any:
    """An initializer, whose own type Keras 2 wrote beside the layer's."""
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        return value
    config = {key: entry for key, entry in value["config"].items() if key != "dtype"}
    return value | {"config": config}


def _described(value: dict[str, Any], name: str, version: Version) -> dict[str, Any]:
    """An object's description in today's form."""
    config = value.get("config")
    if name == "Sequential" and isinstance(config, list):
        return value | {"config": {"layers": config}}
    if not isinstance(config, dict):
        return value
    short = name.removeprefix("Custom>")
    if short in _OPTIMIZERS:
        return value | {"class_name": short, "config": _optimizer(config)}
    if "reduction" in config or "fn" in config:
        return _loss_or_metric(value, config)
    if version < _NEW_DEFAULTS:
        kind = name.removesuffix("Cell")
        if kind in ("LSTM", "GRU", "ConvLSTM2D"):
            config = {"recurrent_activation": "hard_sigmoid"} | config
        if kind == "GRU":
            config = {"reset_after": False} | config
    if name in _CLASSES:
        value = value | {"class_name": _CLASSES[name]}
    return value | {"config": config}


def _optimizer(config: dict[str, Any]) -> dict[str, Any]:
    config = {key: entry for key, entry in config.items() if key != "epsilon" or entry is not None}
    rate = config.pop("lr", None)
    if rate is not None:
        config["learning_rate"] = rate
    decay = config.pop("decay", 0.0)
    if decay:
        schedule = {
            "initial_learning_rate": config.get("learning_rate", 0.001),
            "decay_steps": 1,
            "decay_rate": decay,
        }
        config["learning_rate"] = {"class_name": "InverseTimeDecay", "config": schedule}
    return config


def _loss_or_metric(value: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """A loss or metric, which Keras 2 may have described as a function and its wrapper."""
    config = dict(config)
    function = config.pop("fn", None)
    if config.get("reduction") == "auto":
        config["reduction"] = "sum_over_batch_size"
    if value["class_name"] in ("MeanMetricWrapper", "LossFunctionWrapper") and function:
        value = value | {"class_name": function, "registered_name": None}
    return value | {"config": config}


def compile_settings(training: dict[str, Any]) -> dict[str, Any]:
    """The ``training_config`` of a legacy file in the form of ``.keras`` files."""
    settings = {key: entry for key, entry in training.items() if key != "optimizer_config"}
    return settings | {"optimizer": training.get("optimizer_config")}
