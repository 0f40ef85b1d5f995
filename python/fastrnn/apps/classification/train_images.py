"""Training of a classifier on images, in a folder of files or in IDX files."""

from __future__ import annotations

import os
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from fastrnn.apps.classification.batches import ImageBatches
from fastrnn.apps.classification.evaluation import evaluate_probabilities
from fastrnn.apps.classification.image_data import (
    Images,
    idx_files,
    read_idx_images,
    read_image_files,
    scan_images,
)
from fastrnn.apps.classification.images import ImageClassifier
from fastrnn.apps.classification.networks import IMAGE_NETWORKS
from fastrnn.apps.classification.options import ImageOptions
from fastrnn.apps.classification.result import TrainingResult, fit_classifier
from fastrnn.apps.classification.train_video import relabelled
from fastrnn.apps.memory import refuse_too_large
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.wording import counted


def train_image_classifier(
    folder: str | os.PathLike[str],
    options: ImageOptions | None = None,
    *,
    run: TrainingRun | None = None,
) -> TrainingResult[ImageClassifier]:
    """Train a network on images.

    Parameters
    ----------
    folder : str or os.PathLike
        ``folder/<class>/<image>.png``, or a folder with IDX files, as MNIST comes in:
        ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, with ``.gz`` or without.
        Of IDX files the last images are held back; the test part is left alone.
    options : ImageOptions, optional
        How to train.
    run : TrainingRun, optional
        Where the results go, and who is told of the progress.

    Returns
    -------
    TrainingResult
        The model of the best epoch, its figures and its folder.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the folder is missing or a file.
    ValueError
        If it holds fewer than two classes, too few images to hold back a part, or none that can
        be read.

    Examples
    --------
    >>> from fastrnn.apps import ImageOptions, train_image_classifier
    >>> options = ImageOptions(network="rows-lstm", validation=1 / 6)
    >>> train_image_classifier("mnist", options).evaluation.accuracy      # doctest: +SKIP
    0.99
    """
    options, run = options or ImageOptions(), run or TrainingRun()
    train, held_back = _read_parts(Path(folder), options, run.progress)
    for what, part in (("training", train), ("validation", held_back)):
        if part is not None and not len(part.labels):
            raise ValueError(f"{folder}: none of the images for {what} can be read")
    if len(train.classes) < 2:
        raise ValueError(f"{folder}: images of one class only, '{train.classes[0]}'; need two")
    held = 0 if held_back is None else len(held_back.labels)
    height, width, channels = train.pixels.shape[1:]
    run.progress.note(
        f"{len(train.classes)} classes; training on {counted(len(train.labels), 'image')} of "
        f"{width}x{height} pixels, holding back {held}"
    )
    shift = options.largest_shift(width, height)
    run.start("images", folder, options)
    classifier = ImageClassifier(train.classes, (height, width, channels), options.architecture)
    drawn = {"batch_size": options.batch_size, "seed": options.seed}
    batches = ImageBatches(train.pixels, train.labels, shift, **drawn)
    validation = evaluation = None
    if held_back is not None:
        validation = ImageBatches(held_back.pixels, held_back.labels, batch_size=64, shuffle=False)
    fit_classifier(run, classifier, options, batches, validation)
    if held_back is not None:
        evaluation = evaluate_probabilities(
            classifier.predict_images(held_back.pixels),
            held_back.labels,
            train.classes,
            train.labels,
        )
    skipped = train.skipped + (held_back.skipped if held_back else [])
    result = TrainingResult(run, classifier, evaluation, skipped)
    result.finish({"train_images": len(train.labels), "validation_images": held})
    return result


def evaluate_image_classifier(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """How well a model does on a folder of images with the same classes.

    Parameters
    ----------
    model : path
        A file that `ImageClassifier.save` wrote.
    folder : path
        ``folder/<class>/<image>.png``, classes may be missing; or a folder with IDX files, whose
        test part is used where it is there.
    progress : Progress, optional
        Told of what happens.

    Returns
    -------
    dict
        As `Evaluation.to_dict`, and ``skipped``, the files that cannot be read.

    Raises
    ------
    ValueError
        If there are other classes, or images of another size in IDX files, or none can be read.
    """
    classifier = ImageClassifier.load(model)
    folder = Path(folder)
    idx = idx_files(folder, "t10k-") or idx_files(folder)
    if idx is not None:
        images = read_idx_images(*idx, classifier.classes)
        if images.pixels.shape[1:] != classifier.shape:
            raise ValueError(
                f"{idx[0]}: images must be {classifier.shape}, got {images.pixels.shape[1:]}"
            )
    else:
        classes, files = scan_images(folder)
        files = relabelled(files, classes, classifier.classes, folder)
        told = _told(progress or Progress(), len(files))
        images = read_image_files(files, classifier.classes, classifier.shape, told)
    if not len(images.labels):
        raise ValueError(f"{folder}: none of the images can be read")
    probabilities = classifier.predict_images(images.pixels)
    evaluation = evaluate_probabilities(probabilities, images.labels, classifier.classes)
    skipped = {str(path): reason for path, reason in images.skipped}
    return evaluation.to_dict() | {"skipped": skipped}


def _read_parts(
    folder: Path, options: ImageOptions, progress: Progress
) -> tuple[Images, Images | None]:
    """Images to train on and those held back, if any are."""
    idx = idx_files(folder)
    if idx is None:
        return _read_folder(folder, options, progress)
    if options.validation_group or options.validation_match:
        raise ValueError(f"{folder}: images of IDX files have no names to match")
    if options.size is not None or options.colour:
        raise ValueError(f"{folder}: images of IDX files are taken as they are")
    images = read_idx_images(*idx)
    held = round(len(images.labels) * options.validation)
    if not 0 <= options.validation < 1 or held >= len(images.labels):
        raise ValueError(f"train: validation must be in [0, 1), got {options.validation}")
    cut = len(images.labels) - held

    def part(which: slice) -> Images:
        return replace(images, pixels=images.pixels[which], labels=images.labels[which])

    return part(slice(cut)), part(slice(cut, None)) if held else None


def _read_folder(
    folder: Path, options: ImageOptions, progress: Progress
) -> tuple[Images, Images | None]:
    classes, files = scan_images(folder)
    train_files, held_files = options.split(files, label=attrgetter("label"))
    width, height = options.size or (IMAGE_NETWORKS[options.network].size,) * 2
    shape = (height, width, 3 if options.colour else 1)
    batch = min(options.batch_size, len(files))
    refuse_too_large({"batch_size": batch, "width": width, "height": height}, shape[2])
    told = _told(progress, len(files))
    train = read_image_files(train_files, classes, shape, told)
    missing = np.setdiff1d(np.arange(len(classes)), train.labels)
    if len(train.labels) and len(missing):
        names = ", ".join(classes[label] for label in missing)
        raise ValueError(f"{folder}: no image to train on in class {names} can be read")
    if not held_files:
        return train, None
    return train, read_image_files(held_files, classes, shape, told)


def _told(progress: Progress, total: int) -> Any:
    done = 0

    def on_file(path: Path, reason: str | None) -> None:
        nonlocal done
        done += 1
        if reason is not None:
            progress.note(f"skipped {reason}")
        progress.advance("reading images", done, total)

    return on_file


def holds_test_part(path: Path) -> bool:
    """Whether a path has IDX files of a test part, which training leaves alone."""
    return idx_files(path, "t10k-") is not None


def holds_images(path: Path) -> bool:
    """Whether a path is a folder with sub-folders of pictures, or with IDX files of images."""
    try:
        return path.is_dir() and bool(idx_files(path) or scan_images(path)[1])
    except ValueError:
        return False
