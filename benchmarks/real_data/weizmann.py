"""Actions of people on video, by `train_video_classifier` as `fastrnn train` calls it.

Measured are the share of clips whose class is right, and of a clip's windows in the mean.

www.wisdom.weizmann.ac.il/~vision/SpaceTimeActions.html; Blank et al., "Actions as space-time
shapes", ICCV 2005. The folder holds <action>/<person>_<action>.avi.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from fastrnn.apps import TrainingRun, VideoOptions, train_video_classifier
from fastrnn.data import scan_folder
from fastrnn.video import Preprocessing, read_clip
from real_data.classification import Samples, accuracy, baselines, leave_one_out
from real_data.folders import linked
from real_data.task import Split, Task, Trial

PICTURE = Preprocessing(width=45, height=36)  # of the mean frames


def load(folder: Path) -> Samples:
    """The clips' paths, actions and people."""
    clips = scan_folder(folder).clips
    return Samples(
        np.array([clip.path for clip in clips]),
        np.array([clip.label for clip in clips]),
        np.array([clip.path.name.split("_")[0] for clip in clips]),
        np.stack([read_clip(clip.path, PICTURE).mean(axis=0).ravel() for clip in clips]),
    )


def splits(folder: Path, other: Path | None) -> Iterator[Split]:
    if other:
        yield Split(other.name, load(folder), load(other))
    else:
        yield from leave_one_out(load(folder))


def train(split: Split, seed: int, network: str) -> Trial:
    # Nothing is held back from it: the saved model is not chosen by those it is tested on.
    options = VideoOptions(network=network, validation=0.0, seed=seed)
    with linked(split.train.x) as folder, tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        run = TrainingRun(out)
        classifier = train_video_classifier(folder, options, run=run).classifier
        seconds = time.perf_counter() - start
    clips = [classifier.predict(path) for path in split.test.x]
    windows = [
        accuracy(clip.window_probabilities, label)
        for clip, label in zip(clips, split.test.y, strict=True)
    ]
    scores = {
        "accuracy": accuracy(np.stack([c.probabilities for c in clips]), split.test.y),
        "accuracy over windows": float(np.mean(windows)),
    }
    return Trial(scores, baselines(split.train, split.test, seed), seconds, len(split.test))


def task(name: str, title: str, network: str, to_reach: float | None) -> Task:
    return Task(
        name=name,
        title=f"Weizmann actions, one person left out{title}",
        folder="weizmann",
        measures={"accuracy": to_reach, "accuracy over windows": None},
        splits=splits,
        train=partial(train, network=network),
        minutes=5,
    )


TASKS = [
    task("weizmann", "", "cnn-lstm", 0.88),
    task("weizmann-frames", ", without convolutions", "frames-lstm", None),
]
