"""HDF5 files from anywhere: only what lies in the file itself is read, and only so much."""

from __future__ import annotations

import io
import math
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# A declared size beyond this, of which the file stores less than a hundredth, is no weight.
_LARGEST_UNCHECKED = 1 << 26
LARGEST_EXPANSION = 100


def largest_weights(stored: int) -> int:
    """How many bytes of weights a file of a size may hold."""
    return max(_LARGEST_UNCHECKED, LARGEST_EXPANSION * stored)


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does."""
    with open(path, "rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE


def open_file(source: Path | bytes, name: str) -> Any:
    """Open a file, or the bytes of one, for reading.

    Raises
    ------
    ValueError
        If it is not HDF5.
    """
    import h5py

    try:
        return h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r")
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"{name} is no HDF5 file: {error}") from None


def find(group: Any, where: str) -> Any:
    """The group or dataset at a path, or None; links out of the file are refused."""
    import h5py

    for name in where.split("/"):
        if not name:
            continue
        link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{where} lies in another file or place")
        group = group[name]
    return group


def find_group(group: Any, where: str) -> Any:
    """The group at a path.

    Raises
    ------
    ValueError
        If there is none.
    """
    import h5py

    found = find(group, where)
    if not isinstance(found, h5py.Group):
        raise ValueError(f"there is no group {where}")
    return found


def read_array(where: str, dataset: Any) -> NDArray[Any]:
    """A dataset's numbers, after a look at what they would need.

    Raises
    ------
    ValueError
        If it is missing, lies elsewhere, holds no numbers, or declares more than it stores.
    """
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{where} is missing")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{where} lies in another file")
    declared, stored = dataset.nbytes, dataset.id.get_storage_size()
    if declared > _LARGEST_UNCHECKED and declared > LARGEST_EXPANSION * stored:
        raise ValueError(f"{where} declares {declared} bytes, but {stored} are stored")
    kind = dataset.dtype.kind
    if kind == "V" and dataset.dtype.itemsize == 2 and dataset.attrs.get("dtype") == "bfloat16":
        return bfloat16_to_float32(dataset[()].view(np.uint16))
    if kind not in "fiu":
        raise ValueError(f"{where} holds {dataset.dtype}, not numbers")
    value: NDArray[Any] = np.asarray(dataset[()])
    return value


def bfloat16_to_float32(bits: NDArray[Any]) -> NDArray[Any]:
    """The numbers that bfloat16's bits, as uint16, stand for."""
    value: NDArray[Any] = (bits.astype(np.uint32) << 16).view(np.float32)
    return value


def read_attribute(group: Any, name: str) -> Any:
    """An attribute, of a size that is looked at first, or None."""
    if name not in group.attrs:
        return None
    entry = group.attrs.get_id(name)
    size = entry.dtype.itemsize * math.prod(entry.shape)
    if size > _LARGEST_UNCHECKED:
        raise ValueError(f"the attribute {name} declares {size} bytes")
    return group.attrs[name]


def read_text(group: Any, name: str) -> str | None:
    """An attribute of text, or None."""
    value = read_attribute(group, name)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is not None and not isinstance(value, str):
        raise ValueError(f"the attribute {name} must be text, got {type(value).__name__}")
    return value


def read_names(group: Any, name: str) -> list[str]:
    """An attribute of several names, which Keras splits into name0, name1, ... where it is long."""
    parts = [name] if name in group.attrs else []
    if not parts:
        numbered = (f"{name}{number}" for number in count())
        parts = list(takewhile(lambda part: part in group.attrs, numbered))
    entries = [entry for part in parts for entry in np.ravel(read_attribute(group, part))]
    return [e.decode("utf-8", "replace") if isinstance(e, bytes) else str(e) for e in entries]
