"""Finding the objects of clips in frames that come later, by `train_detector`.

The sequences of `tracking`: the detector learns from every fifth frame of the first three quarters
of each clip, and is judged by the last. It knows the places and the objects, not how these look and
where they are later on.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fastrnn.apps import TrainingRun
from fastrnn.apps.detection import DetectorOptions, scan_pictures, train_detector
from fastrnn.apps.detection.pictures import COLUMNS, SEQUENCE_STEP, TABLE
from fastrnn.apps.detection.train import evaluate_detector, read_samples
from fastrnn.apps.run import Progress
from fastrnn.apps.tracking import TrackingSequence, find_sequences
from real_data.task import Split, Task, Trial

LEARNED = 0.75  # of each clip
MEASURES = {"mAP at 0.5": "map50", "mAP over 0.5 to 0.95": "map50_95"}
Frames = list[tuple[TrackingSequence, range]]


def splits(folder: Path, other: Path | None) -> Iterator[Split]:
    sequences = find_sequences(folder)
    if other:
        yield Split(other.name, _frames(sequences, 0, 1), _frames(find_sequences(other), 0, 1))
    else:
        learned, held_back = _frames(sequences, 0, LEARNED), _frames(sequences, LEARNED, 1)
        yield Split("the last quarters", learned, held_back)


def _frames(sequences: Sequence[TrackingSequence], start: float, stop: float) -> Frames:
    """Every fifth frame of a part of each sequence."""
    parts = []
    for sequence in sequences:
        first, last = (round(share * len(sequence.boxes)) for share in (start, stop))
        parts.append((sequence, range(first, last, SEQUENCE_STEP)))
    return parts


def write_table(folder: Path, frames: Frames) -> None:
    """Link the clips into a folder, beside the table of their boxes that `scan_pictures` reads."""
    folder.mkdir()
    with open(folder / TABLE, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for sequence, numbers in frames:
            name = sequence.name + sequence.source.suffix
            (folder / name).symlink_to(sequence.source.absolute())
            for number in numbers:
                box = sequence.boxes[number]
                seen = [*box, "object"] if np.isfinite(box).all() else [""] * 5
                table.writerow([f"{name}#{number}", *seen])


def train(split: Split, seed: int) -> Trial:
    with tempfile.TemporaryDirectory() as place:
        learned, held_back = Path(place, "learned"), Path(place, "held back")
        write_table(learned, split.train)
        write_table(held_back, split.test)
        options, run = DetectorOptions(validation=0.0, seed=seed), TrainingRun(Path(place, "runs"))
        start = time.perf_counter()
        detector = train_detector(learned, options, run=run)
        seconds = time.perf_counter() - start
        seen, unseen = (
            read_samples(scan_pictures(folder).pictures, detector, Progress())
            for folder in (learned, held_back)
        )
        found = evaluate_detector(detector, unseen, seen)
    mean_box = {"mAP at 0.5": found["baseline"]}
    scores = {measure: found[key] for measure, key in MEASURES.items()}
    return Trial(scores, {"mean box": mean_box}, seconds, len(unseen))


TASKS = [
    Task(
        name="detection",
        title="TLD and OTB sequences, the object in the last quarter of each",
        folder="tracking",
        measures=dict.fromkeys(MEASURES),
        splits=splits,
        train=train,
    )
]
