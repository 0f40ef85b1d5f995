"""Training of a detector on a folder of pictures with boxes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastrnn.apps.detection.batches import DetectionBatches, Sample
from fastrnn.apps.detection.detector import ObjectDetector, check_size
from fastrnn.apps.detection.loss import GridLoss
from fastrnn.apps.detection.pictures import Labelled, load_pictures, scan_pictures
from fastrnn.apps.detection.scores import mean_average_precision, mean_boxes
from fastrnn.apps.memory import refuse_too_large
from fastrnn.apps.options import FileOptions
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.settings import setting
from fastrnn.apps.wording import counted, parts_line
from fastrnn.optimizers import Adam
from fastrnn.optimizers.schedules import CosineDecay
from fastrnn.video import VideoError


@dataclass(frozen=True)
class DetectorOptions(FileOptions):
    """How to train a detector; the fields are the options of ``fastrnn train --task detect``."""

    width: int = setting(128, "Width that pictures are resized to.", panel="Pictures")
    height: int = setting(96, "Height that pictures are resized to.", panel="Pictures")
    batch_size: int = setting(16, "Pictures per step.", flag="--batch")
    learning_rate: float = setting(3e-3, "Adam's learning rate at the start.", flag="--lr")


def train_detector(
    data: str | os.PathLike[str],
    options: DetectorOptions | None = None,
    *,
    run: TrainingRun | None = None,
) -> ObjectDetector:
    """Train a detector on a folder of pictures or clips with boxes, see `scan_pictures`.

    Parameters
    ----------
    data : path
    options : DetectorOptions, optional
    run : TrainingRun, optional
        Where the results go and who is told; by default ``runs/trainN``.

    Returns
    -------
    ObjectDetector
        With the weights of the best epoch. ``results.json`` in the run's folder has the mean
        average precision on the pictures held back, which also say which epoch is best.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such folder, or its table is wrong.
    fastrnn.video.VideoError
        If no picture can be read.

    Examples
    --------
    >>> from fastrnn.apps.detection import DetectorOptions, train_detector
    >>> detector = train_detector("signs", DetectorOptions(epochs=60))     # doctest: +SKIP
    """
    options = options or DetectorOptions()
    run = run or TrainingRun()
    folder = scan_pictures(data)
    check_size(options.width, options.height)
    batch = min(options.batch_size, len(folder.pictures))
    sizes = {"batch_size": batch, "width": options.width, "height": options.height}
    refuse_too_large(sizes, times=3)
    train, held_back = options.split(folder.pictures, file_of)
    run.start("detect", data, options)
    detector = ObjectDetector(folder.classes, options.width, options.height)
    samples = read_samples(train, detector, run.progress)
    held = read_samples(held_back, detector, run.progress)
    if not samples or (held_back and not held):
        raise VideoError(f"{data}: no picture can be read")
    size, classes = options.batch_size, len(folder.classes)
    parts = parts_line("picture", len(samples), len(held))
    run.progress.note(f"{counted(classes, 'class', 'classes')}; {parts}")
    batches = DetectionBatches(samples, classes, True, batch_size=size, seed=options.seed)
    schedule = CosineDecay(options.learning_rate, options.epochs * len(batches))
    detector.network.compile(Adam(schedule, clipnorm=10.0), GridLoss())
    run.fit(
        detector.network,
        batches,
        epochs=options.epochs,
        save=detector.save,
        validation_data=DetectionBatches(held, classes, batch_size=size, seed=0) if held else None,
    )
    scores = evaluate_detector(detector, held, samples) if held else None
    run.finish(
        {
            "classes": list(folder.classes),
            "train_pictures": len(samples),
            "validation_pictures": len(held),
            "validation": scores,
        }
    )
    return detector


def evaluate_detector(
    detector: ObjectDetector, samples: Sequence[Sample], train: Sequence[Sample]
) -> dict[str, float]:
    """Mean average precision at overlaps of 0.5, and over 0.5, 0.55 to 0.95, on samples.

    As ``baseline`` the former of `mean_boxes` of the training part, the same in each picture.
    """
    found = []
    for start in range(0, len(samples), 32):
        pictures = [picture for picture, _, _ in samples[start : start + 32]]
        found += detector.detect_batch(pictures, threshold=0.01)
    true = [(boxes, labels) for _, boxes, labels in samples]
    always = [mean_boxes([(boxes, labels) for _, boxes, labels in train])] * len(true)
    values = [
        mean_average_precision(true, found, len(detector.classes), iou)
        for iou in np.arange(0.5, 0.96, 0.05)
    ]
    return {
        "map50": round(values[0], 4),
        "map50_95": round(float(np.mean(values)), 4),
        "baseline": round(mean_average_precision(true, always, len(detector.classes)), 4),
    }


def read_samples(
    pictures: Iterable[Labelled], detector: ObjectDetector, progress: Progress
) -> list[Sample]:
    """Read pictures in the detector's size, with their boxes; those that cannot be are noted."""
    pictures, samples = list(pictures), []
    for number, (labelled, picture) in enumerate(load_pictures(pictures), 1):
        progress.advance("reading pictures", number, len(pictures))
        if isinstance(picture, str):
            progress.note(f"skipped {picture}")
            continue
        zoom = np.tile([detector.width / picture.shape[1], detector.height / picture.shape[0]], 2)
        samples.append((detector.prepare(picture), labelled.boxes * zoom, labelled.labels))
    return samples


def file_of(picture: Labelled) -> Path:
    """What is held back as one, and by whose name: a picture, or a clip with all its frames."""
    return picture.source.parent if picture.source.is_dir() else picture.source


def evaluate_file(
    model: str | os.PathLike[str], data: str | os.PathLike[str], progress: Progress
) -> dict[str, float]:
    """`evaluate_detector` of a model file on all pictures of a folder; the baseline is theirs.

    Raises
    ------
    ValueError
        If the folder has a class that the detector does not know.
    fastrnn.video.VideoError
        If no picture can be read.
    """
    detector, folder = ObjectDetector.load(model), scan_pictures(data)
    unknown = sorted(set(folder.classes) - set(detector.classes))
    if unknown:
        raise ValueError(f"{data}: the detector does not know {', '.join(unknown)}")
    numbers = np.array([detector.classes.index(name) for name in folder.classes])
    samples = read_samples(folder.pictures, detector, progress)
    if not samples:
        raise VideoError(f"{data}: no picture can be read")
    samples = [(picture, boxes, numbers[labels]) for picture, boxes, labels in samples]
    return evaluate_detector(detector, samples, samples)
