"""Weight files: written whole, read exactly, refused where they do not fit or mean harm."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from fastrnn import layers
from small_models import C, model_of, problem


def test_weight_files(tmp_path: Path) -> None:
    x, y = problem()
    stack = lambda: (  # noqa: E731
        layers.Masking(),
        layers.Bidirectional(layers.GRU(4, return_sequences=True)),
        layers.TimeDistributed(layers.Dense(3, "relu")),
        layers.LSTM(4),
        layers.Dropout(0.1),
        layers.Dense(C, activation="softmax"),
    )
    model, other = model_of(*stack()), model_of(*stack())
    model.fit(x, y, verbose=0)
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    other.load_weights(path)
    np.testing.assert_equal(other.get_weights(), model.get_weights())
    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.weights.h5"]
    with pytest.raises(FileExistsError):
        model.save_weights(path, overwrite=False)


def test_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of()
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk is full"):
        model_of(layers.GRU(9)).save_weights(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.weights.h5"]


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    model_of(layers.LSTM(5), layers.Dense(C)).save_weights(path)
    other = model_of(layers.LSTM(6), layers.Dense(C))
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"lstm/cell/vars/0 \(kernel\) is of shape \(4, 20\)"):
        other.load_weights(path)
    np.testing.assert_equal(other.get_weights(), before)
    with pytest.warns(UserWarning, match="does not fit"):
        other.load_weights(path, skip_mismatch=True)
    with pytest.raises(ValueError, match="there is no group layers/gru/cell/vars"):
        model_of(layers.GRU(5), layers.Dense(C)).load_weights(path)
    with pytest.raises(ValueError, match=r"must end in \.weights\.h5, \.h5 or"):
        other.save_weights(tmp_path / "model.txt")
    with pytest.raises(FileNotFoundError):
        other.load_weights(tmp_path / "none.weights.h5")
    junk = tmp_path / "junk.weights.h5"
    junk.write_bytes(b"no HDF5" * 100)
    with pytest.raises(ValueError, match="is no HDF5 file"):
        other.load_weights(junk)


def test_hostile_weight_files_are_refused(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "model.weights.h5"
    model = model_of(layers.Flatten(), layers.Dense(C))
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        group = file["layers/dense/vars"]
        del group["0"]
        group.create_dataset("0", shape=(1 << 20, 1 << 14), dtype="f4", chunks=True)
    with pytest.raises(ValueError, match=r"is of shape \(1048576, 16384\)"):
        model.load_weights(path)
    with h5py.File(path, "r+") as file:
        group = file["layers/dense/vars"]
        del group["0"]
        group.create_dataset("0", shape=(24, C), dtype="f4", external=[("secret", 0, 288)])
    with pytest.raises(ValueError, match="lies in another file"):
        model.load_weights(path)
    with h5py.File(path, "r+") as file:
        group = file["layers/dense/vars"]
        del group["0"]
        group["0"] = np.full((24, C), b"text")
    with pytest.raises(ValueError, match="not numbers"):
        model.load_weights(path)
