"""States in one file: numbers, strings and arrays in lists and dicts, without pickle.

The file is a ZIP of arrays as `numpy.savez` writes it, nothing compressed. The array ``state``
holds JSON, in which ``{"array": "7"}`` stands for the array of that name, and ``{"array": [x]}``
for a dict of that one key.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn._files import atomic_path

_STATE = "state"
_ARRAY = "array"
_FAILURES = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    MemoryError,
    RuntimeError,  # encrypted, or nested too deeply
    zipfile.BadZipFile,
)


def write_state(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a state; the file appears under its name when it is complete.

    Parameters
    ----------
    path : path
    state : dict
        Of None, numbers, strings, arrays, and lists and dicts of these.

    Raises
    ------
    TypeError
        If it holds anything else.
    """
    arrays: dict[str, NDArray[Any]] = {}
    text = json.dumps(_packed(state, arrays, "state"))
    arrays[_STATE] = np.frombuffer(text.encode(), np.uint8)
    with atomic_path(path) as partial, open(partial, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `write_state` wrote; tuples come back as lists.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If it is damaged, or something else.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {info.filename: _array(archive, info) for info in archive.infolist()}
        text = arrays[f"{_STATE}.npy"].tobytes().decode()
        state: dict[str, Any] = _unpacked(json.loads(text), arrays)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except _FAILURES as error:
        raise ValueError(f"{path} is no checkpoint, or is damaged: {error}") from None
    return state


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{info.filename} is compressed")
    with archive.open(info) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        file.read()  # to the end, where the checksum is verified
    return array


def _packed(value: Any, arrays: dict[str, NDArray[Any]], where: str) -> Any:
    """The value for JSON; its arrays go into `arrays`."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        name = str(len(arrays))
        arrays[name] = value
        return {_ARRAY: name}
    if isinstance(value, (list, tuple)):
        return [_packed(part, arrays, f"{where}[{i}]") for i, part in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        entries = {k: _packed(part, arrays, f"{where}[{k!r}]") for k, part in value.items()}
        return {_ARRAY: [entries[_ARRAY]]} if entries.keys() == {_ARRAY} else entries
    raise TypeError(
        f"a checkpoint cannot hold {where}: it is {type(value).__name__}, not a number, a "
        "string, an array, or a list or a dict by names of these"
    )


def _unpacked(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_unpacked(part, arrays) for part in value]
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            place = value[_ARRAY]
            if isinstance(place, list):
                return {_ARRAY: _unpacked(place[0], arrays)}
            return arrays[f"{place}.npy"]
        return {key: _unpacked(part, arrays) for key, part in value.items()}
    return value
