"""MNIST, the handwritten digits."""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_data", "read_idx"]

Array = NDArray[Any]
Pair = tuple[Array, Array]

# Where Keras keeps what it has downloaded.
_CACHE = Path("~", ".keras", "datasets")
_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> tuple[Pair, Pair]:
    """Read the digits from a local file; nothing is downloaded.

    Parameters
    ----------
    path : str or os.PathLike
        Keras' ``mnist.npz``, or the folder that holds ``train-images-idx3-ubyte`` and the three
        other files of the original, each as it is or with ``.gz``. A relative path is looked
        for here, then in ``~/.keras/datasets``.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images (N, 28, 28) and labels (N,), uint8.

    Raises
    ------
    FileNotFoundError
        If it is not there; the message says where to put it.
    ValueError
        If a file is no such data.
    """
    path = Path(path)
    places = [path, _CACHE.expanduser() / path]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise FileNotFoundError(
            f"mnist.load_data: neither {places[0].absolute()} nor {places[1]} is there; put "
            "mnist.npz, or a folder with the four idx files, in one of these places"
        )
    if found.is_dir():
        return _idx_pair(found, "train"), _idx_pair(found, "t10k")
    try:
        with np.load(found, allow_pickle=False) as file:
            return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"mnist.load_data: {found} is no MNIST file ({error})") from error


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Read an array from an idx file, compressed with gzip or not.

    Raises
    ------
    ValueError
        If it is none, or cut short.
    """
    path = Path(path)
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        data: bytes = file.read()
    # Two zeros, the type, the number of axes; each axis in four bytes; the values.
    start = 4 + 4 * data[3] if len(data) > 3 else 4
    if len(data) < start or data[:2] != b"\0\0" or data[2] not in _IDX_TYPES:
        raise ValueError(f"{path}: not an idx file")
    dtype = np.dtype(_IDX_TYPES[data[2]])
    shape = np.frombuffer(data[4:start], ">u4").astype(np.int64)
    if len(data) - start != dtype.itemsize * math.prod(shape.tolist()):
        raise ValueError(f"{path}: an idx file of another size than it says")
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _idx_pair(folder: Path, part: str) -> Pair:
    images, labels = (
        _one_of(folder, f"{part}-{name}") for name in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    return read_idx(images), read_idx(labels)


def _one_of(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz", folder / name.replace("-idx", ".idx")):
        if path.is_file():
            return path
    raise FileNotFoundError(f"mnist.load_data: {folder} holds neither {name} nor {name}.gz")
