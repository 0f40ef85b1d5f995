"""Training of the tracker's recurrent network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from fastrnn.apps.options import VALIDATION, FileOptions
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.settings import setting
from fastrnn.apps.tracking.clip import compare_trackers
from fastrnn.apps.tracking.lessons import (
    TrackingLoss,
    real_lessons,
    rendered_lessons,
    stack_lessons,
)
from fastrnn.apps.tracking.sequences import TrackingSequence, find_sequences
from fastrnn.apps.tracking.tracker import Tracker, build_network
from fastrnn.apps.wording import counted, parts_line
from fastrnn.optimizers import Adam


@dataclass(frozen=True)
class TrackerOptions(FileOptions):
    """How to train a tracker; the fields are the options of ``fastrnn train --task track``."""

    rendered: int = setting(60, "Rendered sequences to learn from.", panel="Data")
    lessons: int = setting(16, "Parts of each real sequence to learn from.", panel="Data")
    units: int = setting(32, "Units of the GRU.", panel="Network")
    epochs: int = setting(60, "Passes over the lessons.")
    batch_size: int = setting(16, "Lessons per step.", flag="--batch")
    learning_rate: float = setting(5e-3, "Adam's learning rate.", flag="--lr")
    validation: float = setting(
        0.0, "Part of the sequences held back, to measure on.", flag="--val", panel=VALIDATION
    )


def train_tracker(
    data: str | os.PathLike[str] | None = None,
    options: TrackerOptions | None = None,
    *,
    run: TrainingRun | None = None,
) -> Tracker:
    """Train the recurrent network of a tracker.

    A tracker that judges by its rule follows objects in rendered and real sequences; the
    network learns from what it observed whether it was right, and where the object went next.

    Parameters
    ----------
    data : path, optional
        A folder of sequences, see `read_sequence`; without it rendered sequences alone.
    options : TrackerOptions, optional
    run : TrainingRun, optional
        Where the results go and who is told; by default ``runs/trackN``.

    Returns
    -------
    Tracker
        With the network of the last epoch. ``results.json`` in the run's folder has the overlap
        with the truth on the sequences held back, see `evaluate_tracker`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds no sequence, or none to hold back, or nothing is left to learn.

    Examples
    --------
    >>> from fastrnn.apps.tracking import TrackerOptions, train_tracker
    >>> train_tracker("sequences", TrackerOptions(validation_match="^car$"))    # doctest: +SKIP
    """
    options = options or TrackerOptions()
    run = run or TrainingRun(name="track")
    sequences = [] if data is None else find_sequences(data)
    rest, held = options.split(sequences, lambda each: Path(each.name)) if sequences else ([], [])
    if not options.rendered and not (rest and options.lessons):
        raise ValueError("track: nothing to learn from; give sequences or rendered=60")
    parts = parts_line("sequence", len(rest), len(held))
    run.progress.note(f"{parts}; and on {counted(options.rendered, 'rendered sequence')}")
    run.start("track", data, options)
    random = np.random.default_rng(options.seed)
    total = options.rendered + options.lessons * len(rest)
    lessons = [
        *_counted(rendered_lessons(options.rendered, random), 0, total, run),
        *_counted(real_lessons(rest, options.lessons, random), options.rendered, total, run),
    ]
    network = build_network(options.units)
    tracker = Tracker(network)
    network.compile(Adam(options.learning_rate, clipnorm=1.0), TrackingLoss())
    run.fit(
        network,
        *stack_lessons(lessons),
        epochs=options.epochs,
        batch_size=options.batch_size,
        save=tracker.save,
        monitor=None,
    )
    figures = evaluate_tracker(tracker, held, run.progress) if held else None
    run.finish({"lessons": len(lessons), "validation": figures})
    return tracker


def evaluate_tracker(
    tracker: Tracker, sequences: Sequence[TrackingSequence], progress: Progress
) -> dict[str, Any]:
    """How a tracker does on sequences, beside the baselines, as a dict for JSON.

    Returns
    -------
    dict
        The mean overlap of each method, and as ``sequences`` by their names what
        `compare_trackers` returns.
    """
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for number, sequence in enumerate(sequences, 1):
        scores[sequence.name] = compare_trackers(sequence, tracker)
        progress.advance("tracking", number, len(sequences))
    means: dict[str, Any] = {
        f"mean IoU, {method}": round(fmean(each[method]["iou"] for each in scores.values()), 4)
        for method in scores[sequences[0].name]
    }
    return means | {"sequences": scores}


def _counted(lessons: Iterator[Any], done: int, total: int, run: TrainingRun) -> Iterator[Any]:
    for number, each in enumerate(lessons, done + 1):
        run.progress.advance("tracking", number, total)
        yield each


def evaluate_file(
    model: str | os.PathLike[str], data: str | os.PathLike[str], progress: Progress
) -> dict[str, Any]:
    """`evaluate_tracker` of a model file on a folder of sequences."""
    return evaluate_tracker(Tracker.load(model), find_sequences(data), progress)
