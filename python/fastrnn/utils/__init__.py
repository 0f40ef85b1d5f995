"""Helpers with the names they have in ``keras.utils``."""

from fastrnn.utils.custom_objects import custom_object_scope
from fastrnn.utils.dataset import PyDataset, Sequence
from fastrnn.utils.dtypes import floatx, set_floatx
from fastrnn.utils.labels import normalize, to_categorical
from fastrnn.utils.progress import Progbar
from fastrnn.utils.random import set_random_seed

__all__ = [
    "Progbar",
    "PyDataset",
    "Sequence",
    "custom_object_scope",
    "floatx",
    "normalize",
    "set_floatx",
    "set_random_seed",
    "to_categorical",
]
