"""``.safetensors`` files: a header in JSON that says where each array lies, then the arrays."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn._files import atomic_path
from fastrnn.formats.hdf5 import bfloat16_to_float32
from fastrnn.layers import Layer
from fastrnn.layers.variable import Variable
from fastrnn.layers.weighted import assign_all

__all__ = ["load_file", "save_file"]

Array = NDArray[Any]

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items() if name != "BF16"}
_LARGEST_HEADER = 100_000_000  # as the format has it
_METADATA = "__metadata__"


@dataclass(frozen=True)
class Entry:
    """Where an array lies in a file.

    Attributes
    ----------
    dtype : str
        The format's name of it: ``"F32"``.
    shape : tuple of int
    start : int
        Bytes from the beginning of the file.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int


def read_header(path: str | os.PathLike[str]) -> tuple[dict[str, Entry], dict[str, str]]:
    """What a file holds: its arrays by name, in the order in which they lie, and its metadata.

    Raises
    ------
    ValueError
        If the file is damaged, or its header does not describe just what follows.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _LARGEST_HEADER):
            raise ValueError(f"{path}: is no safetensors file: its header would be {length} bytes")
        text = file.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise ValueError(f"{path}: the header is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{path}: the header is no JSON: {error}") from None
    if not isinstance(header, dict):
        raise ValueError(f"{path}: the header must be a JSON object")
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict):
        raise ValueError(f"{path}: the metadata must be a JSON object")
    end, entries = 0, {}
    for name, (dtype, shape, start, stop) in sorted(
        ((name, _fields(path, name, value)) for name, value in header.items()),
        key=lambda item: item[1][2:],
    ):
        wanted = math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
        if start != end or stop - start != wanted:
            raise ValueError(
                f"{path}: {name!r} must take {wanted} bytes from {end}, but lies at {start}..{stop}"
            )
        entries[name] = Entry(dtype, shape, 8 + length + start)
        end = stop
    if 8 + length + end != size:
        raise ValueError(f"{path}: must be {8 + length + end} bytes long, is {size}")
    return entries, {str(key): str(value) for key, value in metadata.items()}


def read_array(path: str | os.PathLike[str], entry: Entry) -> Array:
    """One array of a file; half precision becomes float32."""
    code = np.dtype(_DTYPES[entry.dtype])
    flat = np.fromfile(path, code, math.prod(entry.shape), offset=entry.start)
    if entry.dtype == "BF16":
        flat = bfloat16_to_float32(flat)
    elif entry.dtype == "F16":
        flat = flat.astype(np.float32)
    return flat.reshape(entry.shape)


def load_file(path: str | os.PathLike[str]) -> dict[str, Array]:
    """All arrays of a file.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of str to ndarray
        float16 and bfloat16 as float32, other types as they are.

    Raises
    ------
    ValueError
        If the file is damaged.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.formats import safetensors
    >>> safetensors.save_file({"weight": np.eye(2)}, "eye.safetensors")
    >>> safetensors.load_file("eye.safetensors")["weight"].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    entries, _ = read_header(path)
    return {name: read_array(path, entry) for name, entry in entries.items()}


def save_file(
    arrays: Mapping[str, Any],
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = True,
) -> None:
    """Write arrays to a file, which appears when it is complete.

    Parameters
    ----------
    arrays : dict of str to array_like
    path : path
    metadata : dict of str to str, optional
    overwrite : bool
        Whether a file may be replaced.
    """
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    # Large numbers first, as the format wants it, so that all lie at multiples of their size.
    ready = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    ready = dict(sorted(ready.items(), key=lambda item: -item[1].dtype.itemsize))
    end = 0
    for name, array in ready.items():
        dtype = _NAMES.get(array.dtype.newbyteorder("<"))
        if dtype is None:
            raise TypeError(f"safetensors: {name!r} is of type {array.dtype}, which it cannot hold")
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [end, end + array.nbytes],
        }
        end += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with atomic_path(path, overwrite) as partial, open(partial, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in ready.values():
            file.write(array.astype(array.dtype.newbyteorder("<"), copy=False).data)


def save_weights(model: Layer, path: Path, overwrite: bool) -> None:
    """Write a model's weights under the names of its layers."""
    arrays = {name: variable.value for name, variable in named_variables(model)}
    save_file(arrays, path, {"format": "fastrnn"}, overwrite)


def load_weights(model: Layer, path: Path) -> None:
    """Set a model's weights, all or none, from a file that `save_weights` wrote."""
    entries, _ = read_header(path)
    variables = dict(named_variables(model))
    missing, unknown = variables.keys() - entries.keys(), entries.keys() - variables.keys()
    if missing or unknown:
        raise ValueError(
            f"{path.name} does not fit {model.name}: missing are {sorted(missing)[:5]}, "
            f"unknown are {sorted(unknown)[:5]}; a PyTorch state_dict needs format='torch'"
        )
    for name, variable in variables.items():
        if entries[name].shape != variable.shape:
            raise ValueError(
                f"{path.name}: {name} is of shape {entries[name].shape}, expected {variable.shape}"
            )
    values = [read_array(path, entries[name]) for name in variables]
    assign_all(model.name, list(variables.values()), values)


def named_variables(model: Layer, prefix: str = "") -> Iterator[tuple[str, Variable]]:
    """A model's weights under the names of their layers: ``lstm.kernel``."""
    for variable in model._variables:
        yield prefix + variable.name, variable
    inner = getattr(model, "layers", None)
    parts = model.sublayers() if inner is None else ((layer.name, layer) for layer in inner)
    for name, layer in parts:
        yield from named_variables(layer, f"{prefix}{name}.")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _fields(path: Any, name: str, value: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Type, shape and place of an array, each of the right form."""
    try:
        dtype, shape, (start, stop) = value["dtype"], value["shape"], value["data_offsets"]
        if not all(type(n) is int and 0 <= n < 1 << 60 for n in (*shape, start, stop)):
            raise ValueError("numbers must be integers from 0")
    except (TypeError, ValueError, LookupError) as error:
        raise ValueError(f"{path}: the header's entry {name!r} is damaged: {error}") from None
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"{path}: {name!r} is of type {dtype!r}, which fastrnn does not read")
    return dtype, tuple(shape), start, stop
