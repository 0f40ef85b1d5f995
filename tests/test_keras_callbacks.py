"""Callbacks act as Keras' do: epochs, rates, rows and file names."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import callbacks

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras", reason="Keras is not installed")

# Keras itself uses what NumPy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class FakeModel:
    """As much of a model as callbacks need; its weights say which epoch it is."""

    def __init__(self) -> None:
        self.stop_training = False
        self.optimizer = SimpleNamespace(learning_rate=1.0)
        self.epoch = 0
        self.saved: list[str] = []

    def get_weights(self) -> list[Any]:
        return [np.array(self.epoch)]

    def set_weights(self, weights: list[Any]) -> None:
        self.epoch = int(weights[0])

    def save(self, path: str, overwrite: bool = True) -> None:
        self.saved.append(os.path.basename(path))

    save_weights = save


def run(
    callback: Any, rows: list[dict[str, float]], batches: int = 0
) -> tuple[Any, FakeModel, Any]:
    """Epochs with these logs; returns the logs as the callback left them."""
    model, left = FakeModel(), []
    callback.set_model(model)
    callback.set_params({"verbose": 0, "epochs": len(rows), "steps": batches})
    callback.on_train_begin()
    for epoch, row in enumerate(rows):
        logs = dict(row)
        model.epoch = epoch
        callback.on_epoch_begin(epoch, {})
        for batch in range(batches):
            callback.on_train_batch_end(batch, dict(row))
        callback.on_epoch_end(epoch, logs)
        left.append(logs)
        if model.stop_training:
            break
    callback.on_train_end(logs)
    return callback, model, left


def walk(rng: np.random.Generator, steps: int = 12) -> list[dict[str, float]]:
    # Multiples of 1/8 are exact in the float32 that Keras compares in.
    values = rng.integers(0, 12, (steps, 2)) / 8
    return [{"loss": float(a), "val_acc": float(b)} for a, b in values]


@pytest.mark.parametrize("seed", range(40))
def test_early_stopping(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = walk(rng)
    mode = ("min", "max")[seed % 2]
    arguments: dict[str, Any] = {
        "monitor": ("loss", "val_acc")[int(rng.integers(2))],
        "mode": mode,
        "min_delta": float(rng.choice([0, 0.125, -0.25])),
        "patience": int(rng.integers(0, 5)),
        "baseline": (None, 0.5)[int(rng.integers(2))],
        "restore_best_weights": bool(rng.integers(2)),
        "start_from_epoch": int(rng.integers(0, 4)),
    }
    if seed % 5 == 0:
        rows[0]["loss"] = rows[3]["loss"] = np.nan
    ours, model, left = run(callbacks.EarlyStopping(**arguments), rows)
    theirs, other, expected = run(keras.callbacks.EarlyStopping(**arguments), rows)
    assert len(left) == len(expected)
    assert model.epoch == other.epoch
    for name in ("stopped_epoch", "wait", "best_epoch"):
        assert getattr(ours, name) == getattr(theirs, name), name
    np.testing.assert_equal(ours.best, theirs.best)


@pytest.mark.parametrize("seed", range(40))
def test_reduce_lr_on_plateau(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = walk(rng, 20)
    arguments: dict[str, Any] = {
        "monitor": "loss",
        "mode": ("min", "max")[seed % 2],
        "factor": float(rng.choice([0.5, 0.25])),
        "patience": int(rng.integers(1, 4)),
        "min_delta": float(rng.choice([0, 0.125, 1e-4])),
        "cooldown": int(rng.integers(0, 3)),
        "min_lr": float(rng.choice([0, 0.125])),
    }
    ours, model, left = run(callbacks.ReduceLROnPlateau(**arguments), rows)
    theirs, other, expected = run(keras.callbacks.ReduceLROnPlateau(**arguments), rows)
    assert left == expected
    assert model.optimizer.learning_rate == other.optimizer.learning_rate
    for name in ("best", "wait", "cooldown_counter"):
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize("schedule", [lambda epoch, rate: rate * 0.5, lambda epoch: 0.5**epoch])
def test_learning_rate_scheduler(schedule: Any) -> None:
    rows = walk(np.random.default_rng(1))
    for verbose in (0, 1):
        found = run(callbacks.LearningRateScheduler(schedule, verbose), rows)
        expected = run(keras.callbacks.LearningRateScheduler(schedule, verbose), rows)
        assert found[2] == expected[2]


@pytest.mark.parametrize("seed", range(12))
def test_names_of_checkpoints(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    weights = bool(seed % 2)
    by_batch = bool(rng.integers(2))
    arguments: dict[str, Any] = {
        "filepath": tmp_path
        / f"{{epoch:02d}}-{{loss:.2f}}{'.weights.h5' if weights else '.keras'}",
        "monitor": "loss",
        "mode": ("min", "max")[int(rng.integers(2))],
        "save_weights_only": weights,
        # Keras fails where the best is sought before the first epoch has ended.
        "save_best_only": not by_batch and bool(rng.integers(2)),
        "save_freq": int(rng.integers(1, 8)) if by_batch else "epoch",
        "initial_value_threshold": (None, 0.75)[int(rng.integers(2))],
    }
    rows = walk(rng)
    ours, model, _ = run(callbacks.ModelCheckpoint(**arguments), rows, batches=5)
    theirs, other, _ = run(keras.callbacks.ModelCheckpoint(**arguments), rows, batches=5)
    assert model.saved == other.saved
    assert model.saved
    assert ours.best == theirs.best


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("validated", [False, True])
def test_rows_of_a_log(separator: str, append: bool, validated: bool, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"loss": 1 / 3, "acc": 0.5, "several": np.arange(3), "zero": np.array(2.0)},
        {"loss": 0.25, "acc": 1e-9, "several": "word, word", "zero": [1.5, 2]},
    ]
    if validated:
        rows[0]["val_loss"] = 1.0
    contents = []
    for number, package in enumerate((callbacks, keras.callbacks)):
        path = tmp_path / f"{number}.csv"
        for _ in range(2):
            run(package.CSVLogger(path, separator=separator, append=append), rows)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_scalars_for_tensorboard(tmp_path: Path) -> None:
    """The same tags at the same steps, in the same folders."""
    pytest.importorskip("tensorboard")
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, 4)).astype(np.float32), rng.normal(size=(30, 2))
    found = []
    for package, name in ((fastrnn, "ours"), (keras, "theirs")):
        model = package.Sequential(
            [package.layers.Input((4,)), package.layers.Dense(2, name="dense")]
        )
        model.compile("sgd", "mse")
        board = package.callbacks.TensorBoard(
            tmp_path / name, histogram_freq=2, update_freq=2, write_graph=False
        )
        model.fit(
            x, y, epochs=3, batch_size=8, validation_data=(x, y), callbacks=[board], verbose=0
        )
        found.append(
            {
                folder.name: sorted(
                    (value.tag.replace("sequential/", ""), event.step)
                    for path in folder.iterdir()
                    for event in tf.compat.v1.train.summary_iterator(str(path))
                    for value in event.summary.value
                )
                for folder in (tmp_path / name).iterdir()
            }
        )
    assert found[0] == found[1]
