"""Preparation of data, with the names of ``keras.preprocessing``."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["image", "sequence"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"fastrnn.preprocessing.{name}")
    raise AttributeError(f"module 'fastrnn.preprocessing' has no attribute {name!r}")
