"""Helpers with the names they have in ``keras.utils``."""

from importlib import import_module
from typing import Any

from fastrnn.utils.custom_objects import custom_object_scope
from fastrnn.utils.dataset import PyDataset, Sequence
from fastrnn.utils.dtypes import floatx, set_floatx
from fastrnn.utils.images import array_to_img, img_to_array, load_img, save_img
from fastrnn.utils.labels import normalize, to_categorical
from fastrnn.utils.naming import clear_session
from fastrnn.utils.progress import Progbar
from fastrnn.utils.random import set_random_seed
from fastrnn.utils.sequences import pad_sequences
from fastrnn.utils.splits import split_dataset
from fastrnn.utils.timeseries import timeseries_dataset_from_array

__all__ = [
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "clear_session",
    "custom_object_scope",
    "floatx",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "normalize",
    "pad_sequences",
    "save_img",
    "set_floatx",
    "set_random_seed",
    "split_dataset",
    "timeseries_dataset_from_array",
    "to_categorical",
    "video_dataset_from_directory",
]

# Data sets of files stand above the helpers, in `fastrnn.data`.
_OF_DATA = (
    "audio_dataset_from_directory",
    "image_dataset_from_directory",
    "video_dataset_from_directory",
)


def __getattr__(name: str) -> Any:
    if name in _OF_DATA:
        return getattr(import_module("fastrnn.data"), name)
    raise AttributeError(f"module 'fastrnn.utils' has no attribute {name!r}")
