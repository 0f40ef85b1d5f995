"""Models: layers that are trained together."""

from fastrnn.models.functional import Functional
from fastrnn.models.model import Model
from fastrnn.models.saving import clone_model, load_model, model_from_json, save_model
from fastrnn.models.sequential import Sequential

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
