"""Trainings in run folders: their files, Ctrl-C, and going on after the end of the process."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers
from fastrnn.apps.run import Progress, TrainingRun, arguments_of
from fastrnn.apps.settings import from_json, setting, settings_of
from fastrnn.apps.tasks import TASKS
from fastrnn.models import load_model

EPOCHS = 4
FILES = {"args.json", "history.csv", "curves.png", "model.keras", "last.keras", "results.json"}


@dataclass(frozen=True)
class SumOptions:
    units: tuple[int, ...] = setting((5,), "Units.")
    folder: Path | None = None
    seed: int = setting(3, "Seed.")


def train_sums(
    data: Path, options: SumOptions, *, run: TrainingRun, epochs: int = EPOCHS, lr: float = 0.01
) -> fastrnn.Sequential:
    """A small task: has dropout, shuffling, metrics and validation."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 7, 3)).astype(np.float32)
    y = (x.sum(axis=(1, 2)) > 0).astype(np.int64)
    run.start("sums", data, options)
    model = fastrnn.Sequential([layers.Input((7, 3))])
    for size in options.units:
        model.add(layers.LSTM(size))
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(2, activation="softmax"))
    loss = "sparse_categorical_crossentropy"
    model.compile(fastrnn.optimizers.Adam(lr), loss, metrics=["accuracy"])
    held = (x[40:], y[40:])
    fit: dict[str, Any] = {"batch_size": 8, "validation_data": held, "epochs": epochs}
    run.fit(model, x[:40], y[:40], save=model.save, **fit)
    run.finish({"accuracy": model.evaluate(*held, verbose=0)[1]})
    return model


class Interrupting(Progress):
    """Ctrl-C, or the end of the process, after a batch of an epoch."""

    def __init__(self, epoch: int, batch: int, end: int = signal.SIGINT) -> None:
        super().__init__()
        self.place, self.end = (epoch, batch), end

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self.epoch, batch) == self.place:
            os.kill(os.getpid(), self.end)


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The history without the times."""
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert float(row.pop("seconds")) > 0
    return rows


def assert_same(folder: Path, other: Path) -> None:
    assert rows_of(folder) == rows_of(other)
    for name in ("model.keras", "last.keras"):
        ours, theirs = (load_model(place / name, compile=False) for place in (folder, other))
        pairs = zip(ours.get_weights(), theirs.get_weights(), strict=True)
        assert all((a == b).all() for a, b in pairs)
    results = [json.loads((place / "results.json").read_text()) for place in (folder, other)]
    for result in results:
        del result["seconds"]
    assert results[0] == results[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run without interruption."""
    run = TrainingRun(tmp_path_factory.mktemp("runs"))
    model = train_sums(Path("sums"), SumOptions(), run=run)
    best = load_model(run.path / "model.keras").get_weights()
    assert all((a == b).all() for a, b in zip(model.get_weights(), best, strict=True))
    return run.path


def test_the_folder_holds_all_of_the_run(whole: Path) -> None:
    assert whole.name == "train1"
    assert {path.name for path in whole.iterdir()} == FILES
    rows = rows_of(whole)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert set(rows[0]) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy"}
    losses = [float(row["val_loss"]) for row in rows]
    results = json.loads((whole / "results.json").read_text())
    assert results["best_epoch"] == results["model_epoch"] == 1 + int(np.argmin(losses))
    assert results["interrupted"] is False
    arguments = arguments_of(whole)
    assert arguments["task"] == "sums"
    assert from_json(SumOptions, arguments["options"]) == SumOptions()


@pytest.mark.parametrize(("epoch", "batch"), [(0, 1), (0, 4), (2, 0), (3, 4)])
def test_ctrl_c_saves_and_resume_ends_alike(
    whole: Path, tmp_path: Path, epoch: int, batch: int
) -> None:
    run = TrainingRun(tmp_path, progress=Interrupting(epoch, batch))
    train_sums(Path("sums"), SumOptions(), run=run)
    assert run.interrupted
    assert len(run.history) == epoch
    assert {path.name for path in run.path.iterdir()} >= {"model.keras", "checkpoint"}
    assert json.loads((run.path / "results.json").read_text())["interrupted"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    train_sums(Path("sums"), SumOptions(), run=TrainingRun.resume(run.path))
    assert {path.name for path in run.path.iterdir()} == FILES
    assert_same(run.path, whole)


def test_ctrl_c_that_is_ignored_stays_ignored(whole: Path, tmp_path: Path) -> None:
    """As of a training in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run = TrainingRun(tmp_path, progress=Interrupting(1, 2))
        train_sums(Path("sums"), SumOptions(), run=run)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert_same(run.path, whole)


KILLED = textwrap.dedent(
    """
    import os, pathlib, signal, sys
    from test_runs import Interrupting, SumOptions, TrainingRun, train_sums
    out, epoch, batch, save_steps = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
    options = {"save_steps": save_steps or None}
    if epoch >= 0:
        options["progress"] = Interrupting(epoch, batch, signal.SIGKILL)
    again = (out / "train1").exists()
    run = TrainingRun.resume(out / "train1", **options) if again else TrainingRun(out, **options)
    train_sums(pathlib.Path("sums"), SumOptions(), run=run)
    print(len(run.history))
    """
)


@pytest.mark.parametrize("save_steps", [0, 2])
def test_a_killed_run_ends_alike(whole: Path, tmp_path: Path, save_steps: int) -> None:
    def go(epoch: int, batch: int) -> subprocess.CompletedProcess[str]:
        arguments = [str(tmp_path), str(epoch), str(batch), str(save_steps)]
        paths = [str(Path(__file__).parent), str(Path(fastrnn.__file__).parents[1])]
        return subprocess.run(
            [sys.executable, "-c", KILLED, *arguments],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )

    for epoch, batch in ((0, 2), (2, 3)):
        assert go(epoch, batch).returncode == -signal.SIGKILL
    done = go(-1, -1)
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "train1", whole)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "args.json is no JSON"),
        ("[]", "args.json must be a JSON object"),
        ('{"task": "sums"}', "args.json does not say data, options"),
    ],
)
def test_damaged_arguments_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "args.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        TrainingRun.resume(tmp_path)


def test_data_that_changed_are_refused(tmp_path: Path) -> None:
    data, notes = tmp_path / "data", tmp_path / "data" / "notes.md"
    (data / "a").mkdir(parents=True)
    (data / "a" / "1.wav").write_bytes(b"one")
    run = TrainingRun(data / "runs")  # among the data, as with `fastrnn train .`
    run.start("sums", data, SumOptions())
    (run.path / "history.csv").write_text("of the run")
    notes.write_text("no data")
    moved = data.rename(tmp_path / "moved")
    again = TrainingRun.resume(moved / "runs" / "train1")
    again.start("sums", moved, SumOptions())
    (moved / "a" / "1.wav").write_bytes(b"three")
    with pytest.raises(ValueError, match="began with .names or sizes of files differ"):
        again.start("sums", moved, SumOptions())
    (moved / "a" / "2.wav").write_bytes(b"")
    with pytest.raises(ValueError, match="began with .1 files then, 2 now"):
        again.start("sums", moved, SumOptions())
    arguments = json.loads((again.path / "args.json").read_text())
    del arguments["files"]  # of a run made before files were noted
    (again.path / "args.json").write_text(json.dumps(arguments))
    again.start("sums", moved, SumOptions())


def test_what_cannot_be_resumed(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is complete, there is nothing to resume"):
        TrainingRun.resume(whole)
    with pytest.raises(FileNotFoundError, match="no folder of a training"):
        TrainingRun.resume(tmp_path)
    with pytest.raises(ValueError, match="save_steps must be at least 1, got 0"):
        TrainingRun(save_steps=0)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_every_task_checks_what_all_have_in_common(task: Any) -> None:
    for name, value in (("epochs", 0), ("batch_size", 0), ("learning_rate", 0.0), ("seed", -1)):
        with pytest.raises(ValueError, match=f"train: {name} must .* got {value}"):
            task.options(**{name: value})


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path)
    with np.errstate(all="ignore"), pytest.raises(RuntimeError, match="smaller learning rate"):
        train_sums(Path("sums"), SumOptions(), run=run, lr=1e38)
    assert len(run.history) == 1


def test_what_is_no_number_is_named(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path)
    run.start("sums", "sums", SumOptions())
    model = fastrnn.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    held_back = np.full((4, 3), np.inf), np.ones((4, 2))
    data: Any = np.ones((8, 3)), np.ones((8, 2))
    with np.errstate(all="ignore"), pytest.raises(RuntimeError, match="val_loss is .* in epoch 2"):
        run.fit(model, *data, epochs=2, save=model.save, validation_data=held_back)


def test_profile_tells_computing_from_waiting(tmp_path: Path) -> None:
    import time

    class Slow(fastrnn.utils.Sequence):
        workers = 0

        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            time.sleep(0.02)
            return np.ones((2, 3)), np.ones((2, 1))

    run = TrainingRun(tmp_path, profile=True)
    run.start("sums", "none", SumOptions())
    model = fastrnn.Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    run.fit(model, Slow(), epochs=2, save=model.save, monitor=None)
    assert (run.model_epoch, run.best_epoch) == (2, None)
    assert all(0 < row["busy"] < 0.5 for row in run.history)


def test_settings_come_back_from_json() -> None:
    options = SumOptions(units=(4, 2), folder=Path("a"))
    text = json.dumps(asdict(options), default=str)
    assert from_json(SumOptions, json.loads(text)) == options
    with pytest.raises(ValueError, match="SumOptions has no colour"):
        from_json(SumOptions, {"colour": 1})
    assert [(each.name, hint) for each, hint in settings_of(SumOptions)] == [
        ("units", tuple[int, ...]),
        ("seed", int),
    ]
