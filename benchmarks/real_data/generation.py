"""Frames that follow, and pictures like those seen: `train_next_frame` and `train_pictures`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fastrnn.apps import (
    NextFrameOptions,
    PictureOptions,
    TrainingRun,
    train_next_frame,
    train_pictures,
)
from fastrnn.apps.generation import read_pictures
from fastrnn.apps.generation.train_next_frame import evaluate_next_frame
from fastrnn.apps.generation.train_pictures import evaluate_pictures
from fastrnn.data import VideoDataset
from real_data import weizmann
from real_data.folders import linked
from real_data.task import Split, Task, Trial

STEPS_AHEAD = (1, 5)


def train_forecast(split: Split, seed: int) -> Trial:
    options = NextFrameOptions(validation=0.0, seed=seed)
    with linked(split.train.x) as folder, tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        predictor = train_next_frame(folder, options, run=TrainingRun(out))
        seconds = time.perf_counter() - start
    windows = VideoDataset(split.test.x, options.preprocessing, shuffle=False)
    errors = evaluate_next_frame(predictor, windows)
    by_method: dict[str, dict[str, float]] = {}
    for error in errors:
        measure = f"PSNR in dB, {error['steps']} ahead"
        by_method.setdefault(error["method"], {})[measure] = error["psnr"]
    return Trial(by_method.pop("model"), by_method, seconds, len(windows.paths))


def pictures(folder: Path, other: Path | None) -> Iterator[Split]:
    yield Split(other.name if other else "a tenth", folder, other)


def train_generator(split: Split, seed: int) -> Trial:
    options = PictureOptions(validation=0.0 if split.test else 0.1, seed=seed)
    with tempfile.TemporaryDirectory() as out:
        run, start = TrainingRun(out), time.perf_counter()
        generator = train_pictures(split.train, options, run=run)
        seconds = time.perf_counter() - start
    found = run.results["validation"]
    if split.test:
        seen, unseen = read_pictures(split.train), read_pictures(split.test)
        found = evaluate_pictures(generator, seen, unseen)
    distances = {
        name: {"Fréchet distance": found[name]["distance"]} for name in ("made", "noise", "real")
    }
    return Trial(distances.pop("made"), distances, seconds, 1)


TASKS = [
    Task(
        name="next-frame",
        title="Weizmann actions, the next frames of one person left out",
        folder="weizmann",
        measures={f"PSNR in dB, {steps} ahead": None for steps in STEPS_AHEAD},
        splits=weizmann.splits,
        train=train_forecast,
    ),
    Task(
        name="pictures",
        title="MNIST, digits made by a DCGAN",
        folder="mnist",
        measures={"Fréchet distance": None},
        splits=pictures,
        train=train_generator,
    ),
]
