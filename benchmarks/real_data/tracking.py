"""Following one object through a clip from its first box, by `train_tracker`.

TLD, github.com/arthurv/OpenTLD, and OTB: a folder for each sequence, its frames and boxes.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean

from fastrnn.apps import TrainingRun
from fastrnn.apps.tracking import (
    BASELINES,
    Tracker,
    TrackerOptions,
    find_sequences,
    track_scores,
    tracker_scores,
    train_tracker,
)
from real_data.task import Split, Task, Trial

MEASURES = {"mean IoU": "iou", "IoU above 0.5": "success"}


def splits(folder: Path, other: Path | None) -> Iterator[Split]:
    """Hold back each sequence once."""
    if other:
        yield Split(other.name, (folder, None), find_sequences(other))
        return
    for sequence in find_sequences(folder):
        yield Split(sequence.name, (folder, f"^{re.escape(sequence.name)}$"), [sequence])


def train(split: Split, seed: int) -> Trial:
    folder, held_back = split.train
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        options = TrackerOptions(validation_match=held_back, seed=seed)
        tracker = train_tracker(folder, options, run=TrainingRun(out))
        seconds = time.perf_counter() - start
    simple: dict[str, dict[str, dict[str, float]]] = {name: {} for name in BASELINES}
    for sequence in split.test:
        frames = [frame for frame, _ in zip(sequence.frames(), sequence.boxes, strict=False)]
        boxes = sequence.boxes[: len(frames)]
        for name, method in BASELINES.items():
            simple[name][sequence.name] = track_scores(method(frames, boxes), boxes)
    simple["the same without its network"] = tracker_scores(Tracker(), split.test)
    baselines = {name: _means(scores) for name, scores in simple.items()}
    scores = _means(tracker_scores(tracker, split.test))
    return Trial(scores, baselines, seconds, len(split.test))


def _means(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Over sequences."""
    return {
        measure: fmean(of_sequence[key] for of_sequence in scores.values())
        for measure, key in MEASURES.items()
    }


TASKS = [
    Task(
        name="tracking",
        title="TLD and OTB sequences, one left out",
        folder="tracking",
        measures=dict.fromkeys(MEASURES),
        splits=splits,
        train=train,
    )
]
