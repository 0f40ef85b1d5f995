"""Keras 3's ``.keras`` files: a ZIP of a description, metadata, weights and assets."""

from __future__ import annotations

import io
import json
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from fastrnn._files import atomic_path
from fastrnn.formats import hdf5, keras_json, weights_h5

_METADATA, _CONFIG, _WEIGHTS, _ASSETS = (
    "metadata.json",
    "config.json",
    "model.weights.h5",
    "assets/",
)


def save(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    include_optimizer: bool = True,
    assets: Mapping[str, bytes] | None = None,
) -> None:
    """Write a model; see `fastrnn.models.save_model`. Assets are files beside it, by name."""
    import h5py

    description = keras_json.describe_model(model)
    metadata = {
        "keras_version": keras_json.KERAS_VERSION,
        "date_saved": datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        weights_h5.write(file, model, include_optimizer)
    with atomic_path(filepath, overwrite) as partial, zipfile.ZipFile(partial, "w") as archive:
        archive.writestr(_METADATA, json.dumps(metadata))
        archive.writestr(_CONFIG, json.dumps(description))
        archive.writestr(_WEIGHTS, weights.getbuffer())
        for name, content in (assets or {}).items():
            archive.writestr(_ASSETS + name, content)


class KerasFile:
    """An open ``.keras`` file.

    Attributes
    ----------
    metadata, description : dict
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self.path = path
        self._archive = archive
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in archive.infolist():
            self._check(entry)
            self._entries[entry.filename] = entry
        self.metadata = keras_json.parse(f"{path}: {_METADATA}", self._read(_METADATA))
        self.description = keras_json.parse(f"{path}: {_CONFIG}", self._read(_CONFIG))

    def _check(self, entry: zipfile.ZipInfo) -> None:
        name = entry.filename
        if name in self._entries:
            raise ValueError(f"{self.path}: has two members named {name!r}")
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise ValueError(f"{self.path}: the member {name!r} leads out of the archive")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ValueError(f"{self.path}: the member {name!r} is a symbolic link")
        if entry.flag_bits & 1:
            raise ValueError(f"{self.path}: the member {name!r} is encrypted")
        expansion = hdf5.LARGEST_EXPANSION * entry.compress_size
        if entry.file_size > hdf5.LARGEST_UNCHECKED and entry.file_size > expansion:
            raise ValueError(
                f"{self.path}: {name!r} declares {entry.file_size} bytes, "
                f"but {entry.compress_size} are stored"
            )

    def _read(self, name: str) -> bytes:
        if name not in self._entries:
            raise ValueError(f"{self.path}: holds no {name}, so it is no Keras 3 model")
        entry = self._entries[name]
        if entry.filename.endswith(".json") and entry.file_size > keras_json.LARGEST_TEXT:
            raise ValueError(f"{self.path}: {name} declares {entry.file_size} bytes")
        return self._archive.read(entry)

    def asset(self, name: str) -> bytes | None:
        """A file that lies beside the model."""
        return self._read(_ASSETS + name) if _ASSETS + name in self._entries else None

    @property
    def weights_size(self) -> int:
        """Bytes that the weights take in the file."""
        return self._entries[_WEIGHTS].compress_size if _WEIGHTS in self._entries else 0

    def open_weights(self) -> Any:
        """The HDF5 file of the weights."""
        return hdf5.open_file(self._read(_WEIGHTS), f"{self.path}: {_WEIGHTS}")


@contextmanager
def open_file(filepath: str | os.PathLike[str]) -> Iterator[KerasFile]:
    """Open a ``.keras`` file.

    Raises
    ------
    ValueError
        If it is none, is damaged, or could do harm.
    """
    path = Path(filepath)
    try:
        with zipfile.ZipFile(path) as archive:
            yield KerasFile(archive, path)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error) as error:
        raise ValueError(f"{path}: is damaged or no ZIP file: {error}") from None
