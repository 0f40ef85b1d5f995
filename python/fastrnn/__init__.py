"""fastrnn: recurrent networks for video and images, with kernels of their own.

The names of Keras, where Keras has one: ``fastrnn.Sequential``, ``fastrnn.layers``, and so on.
``fastrnn.ops`` has the kernels as functions over NumPy arrays. Everything is imported when first
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_MODULES = (
    "activations", "apps", "audio", "callbacks", "config", "constraints", "data", "datasets",
    "formats", "initializers", "layers", "losses", "metrics", "models", "ops", "optimizers",
    "preprocessing", "reference", "regularizers", "testing", "utils", "video",
)  # fmt: skip
_NAMES = {
    "Model": "models",
    "Sequential": "models",
    "Input": "layers",
    "get_num_threads": "config",
    "set_num_threads": "config",
    "show_config": "config",
}

__all__ = [*_MODULES, *_NAMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"fastrnn.{name}")
    if name in _NAMES:
        return getattr(import_module(f"fastrnn.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'fastrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
