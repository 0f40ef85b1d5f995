"""Following one object through a clip from its first box, by `train_tracker`.

TLD, github.com/arthurv/OpenTLD, and OTB: a folder for each sequence, its frames and boxes.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from fastrnn.apps import TrainingRun
from fastrnn.apps.tracking import (
    TrackerOptions,
    compare_trackers,
    find_sequences,
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
    found = [compare_trackers(sequence, tracker) for sequence in split.test]
    scores = {
        method: {
            measure: fmean(of_sequence[method][key] for of_sequence in found)
            for measure, key in MEASURES.items()
        }
        for method in found[0]
    }
    return Trial(scores.pop("fastrnn"), scores, seconds, len(split.test))


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
