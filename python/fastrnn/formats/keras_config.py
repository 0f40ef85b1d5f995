"""Keras' descriptions, those of old versions too, in the words that fastrnn's classes take."""

from __future__ import annotations

from typing import Any

_HALF = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
# Options that stand for what fastrnn does anyway where they are None.
_OPTIMIZER_OPTIONS = ("loss_scale_factor", "gradient_accumulation_steps")


def readable(value: Any) -> Any:
    """A description without what only Keras needs to know."""
    if isinstance(value, list):
        return [readable(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "DTypePolicy":
        name = value["config"]["name"]
        return "float32" if name in _HALF else name
    return {
        key: readable(entry)
        for key, entry in value.items()
        if not (key in _OPTIMIZER_OPTIONS and entry is None)
    }
