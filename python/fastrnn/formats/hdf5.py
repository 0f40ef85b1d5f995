"""HDF5 files from anywhere: only what lies in the file itself is read, and only so much."""

from __future__ import annotations

import contextlib
import io
import math
import mmap
import os
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEAP = b"GCOL\x01"
# A declared size beyond this, of which the file stores less than a hundredth, is no weight.
LARGEST_UNCHECKED = 1 << 26
LARGEST_EXPANSION = 100
_DEEPEST = 64


def largest_weights(stored: int) -> int:
    """How many bytes of weights a file of a size may hold."""
    return max(LARGEST_UNCHECKED, LARGEST_EXPANSION * stored)


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

    _check_heaps(source, name)
    try:
        return h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r")
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"{name} is no HDF5 file: {error}") from None


def _check_heaps(source: Path | bytes, name: str) -> None:
    """Refuse heaps of text whose objects have no end, in which the HDF5 library reads forever.

    A heap is "GCOL", a version, its size, and objects: index, size; index 0 is free space, whose
    size counts its header of 16 bytes.
    """
    with contextlib.ExitStack() as stack:
        content: bytes | mmap.mmap
        if isinstance(source, bytes):
            content = source
        else:
            file = stack.enter_context(open(source, "rb"))
            if not os.fstat(file.fileno()).st_size:
                return
            content = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        heap, objects = content.find(_HEAP), 0
        while heap >= 0:
            place = heap + 16
            end = min(heap + int.from_bytes(content[heap + 8 : place], "little"), len(content))
            while place + 16 <= end:
                index = int.from_bytes(content[place : place + 2], "little")
                size = int.from_bytes(content[place + 8 : place + 16], "little")
                objects += 1
                # Heaps that do not overlap have no more objects than would fill the file.
                if (index == 0 and size < 16) or objects > len(content) // 16:
                    raise ValueError(f"{name}: a heap of text is damaged")
                place += size if index == 0 else 16 + -(-size // 8) * 8
            heap = content.find(_HEAP, heap + 1)


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


def walk(
    group: Any, where: str = "", seen: frozenset[int] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """All datasets of a file, with their paths; links out of it are refused, rings not followed."""
    import h5py

    for name in group:
        entry = find(group, name)
        path = f"{where}/{name}" if where else str(name)
        if isinstance(entry, h5py.Dataset):
            yield path, entry
        elif isinstance(entry, h5py.Group):
            address = h5py.h5o.get_info(entry.id).addr
            if address in seen or len(seen) > _DEEPEST:
                raise ValueError(f"{path} lies in itself, or too deep")
            yield from walk(entry, path, seen | {address})


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
    # The HDF5 library takes memory for the whole of a chunk, however small the dataset is.
    chunk = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
    declared, stored = max(dataset.nbytes, chunk), dataset.id.get_storage_size()
    if declared > LARGEST_UNCHECKED and declared > LARGEST_EXPANSION * stored:
        raise ValueError(f"{where} declares {declared} bytes, but {stored} are stored")
    kind = dataset.dtype.kind
    if kind == "V" and dataset.dtype.itemsize == 2 and read_text(dataset, "dtype") == "bfloat16":
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
    """An attribute of text or numbers, after a look at its type and size, or None.

    Of other types, the HDF5 library may follow addresses that a damaged file makes up.
    """
    from h5py import h5t

    if name not in group.attrs:
        return None
    entry = group.attrs.get_id(name)
    if not isinstance(entry.get_type(), (h5t.TypeStringID, h5t.TypeIntegerID, h5t.TypeFloatID)):
        raise ValueError(f"the attribute {name} holds neither text nor numbers")
    size = entry.dtype.itemsize * math.prod(entry.shape)
    if size > LARGEST_UNCHECKED:
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
