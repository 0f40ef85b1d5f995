"""Training of a classifier on a folder of clips."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from fastrnn.apps.classification.augment import shift_window
from fastrnn.apps.classification.evaluation import Evaluation, evaluate_windows
from fastrnn.apps.classification.options import VideoOptions
from fastrnn.apps.classification.result import TrainingResult, fit_classifier
from fastrnn.apps.classification.video import VideoClassifier
from fastrnn.apps.clips import ClipReading
from fastrnn.apps.memory import refuse_too_large
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.wording import counted
from fastrnn.data import Clip, VideoDataset, scan_folder
from fastrnn.video import VideoError


def train_video_classifier(
    folder: str | os.PathLike[str],
    options: VideoOptions | None = None,
    *,
    run: TrainingRun | None = None,
) -> TrainingResult[VideoClassifier]:
    """Train a network on a folder with one sub-folder of clips per class.

    Parameters
    ----------
    folder : str or os.PathLike
        The clips: ``folder/<class>/<clip>.avi``.
    options : VideoOptions, optional
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
        If it holds fewer than two classes, or too few clips to hold back a part.
    fastrnn.video.VideoError
        If no clip of a class, or none of the validation part, can be read.

    Notes
    -----
    The model of the epoch with the lowest loss on the validation part, or on the training part
    where nothing is held back, is kept. Equal options and clips give equal results on the same
    machine. Everything random is seeded, NumPy's global generator too. Frames are kept in their
    final size as far as the memory goes, and decoded anew in each epoch beyond that.

    Examples
    --------
    >>> from fastrnn.apps import VideoOptions, train_video_classifier
    >>> result = train_video_classifier("clips", VideoOptions(epochs=20))     # doctest: +SKIP
    >>> result.evaluation.accuracy                                            # doctest: +SKIP
    0.9
    """
    options, run = options or VideoOptions(), run or TrainingRun()
    clips = scan_folder(folder)
    frames = options.preprocessing
    refuse_too_large(
        {
            "batch_size": options.batch_size,
            "window": frames.window,
            "width": frames.width,
            "height": frames.height,
        },
        frames.channels,
    )
    train_clips, held_clips = options.split(clips.clips, label=attrgetter("label"))
    reading = ClipReading(run.progress, len(clips.clips), options.memory)
    train = reading.windows(
        VideoDataset,
        train_clips,
        frames,
        batch_size=options.batch_size,
        seed=options.seed,
        jitter=True,
        augment=partial(shift_window, most=options.largest_shift),
    )
    missing = np.setdiff1d(np.arange(len(clips.classes)), _labels_of_clips(train))
    if missing.size:
        names = ", ".join(clips.classes[label] for label in missing)
        raise VideoError(
            f"no usable clip to train on in class {names} "
            f"({counted(len(reading.skipped), 'clip')} could not be read)"
        )
    held_back = None
    if held_clips:
        held_back = reading.windows(VideoDataset, held_clips, frames, shuffle=False)
    reading.check_window(train)
    counts = {
        "train_clips": len(train.paths),
        "validation_clips": 0 if held_back is None else len(held_back.paths),
    }
    run.progress.note(f"{len(clips.classes)} classes; {reading.parts_line(train, held_back)}")
    run.start("video", folder, options)
    classifier = VideoClassifier(clips.classes, options.preprocessing, options.architecture)
    fit_classifier(run, classifier, options, train, held_back)
    evaluation = None
    if held_back is not None:
        evaluation = _evaluate(classifier, held_back, _labels_of_clips(train))
    result = TrainingResult(run, classifier, evaluation, reading.skipped)
    result.finish(counts)
    return result


def evaluate_video_classifier(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """How well a model does on a folder of clips with the same classes.

    Parameters
    ----------
    model : path
        A file that `VideoClassifier.save` wrote.
    folder : path
        ``folder/<class>/<clip>.avi``; classes may be missing.
    progress : Progress, optional
        Told of what happens.

    Returns
    -------
    dict
        As `Evaluation.to_dict`, and ``skipped``, the clips that cannot be read.

    Raises
    ------
    ValueError
        If there are other classes in the folder.
    fastrnn.video.VideoError
        If no clip can be read.
    """
    classifier = VideoClassifier.load(model)
    found = scan_folder(folder, least=1)  # of one class alone, too
    clips = relabelled(found.clips, found.classes, classifier.classes, folder)
    reading = ClipReading(progress or Progress(), len(clips))
    windows = reading.windows(VideoDataset, clips, classifier.preprocessing, shuffle=False)
    skipped = {str(path): reason for path, reason in reading.skipped}
    return _evaluate(classifier, windows).to_dict() | {"skipped": skipped}


def relabelled(
    files: Sequence[Clip],
    classes: tuple[str, ...],
    known: tuple[str, ...],
    folder: str | os.PathLike[str],
) -> list[Clip]:
    """Files with the numbers that their classes have among those of a model."""
    unknown = sorted(set(classes) - set(known))
    if unknown:
        raise ValueError(
            f"{folder}: the model does not know the classes {', '.join(unknown)}; "
            f"it knows {', '.join(known)}"
        )
    return [Clip(file.path, known.index(classes[file.label])) for file in files]


def _labels_of_clips(windows: VideoDataset) -> Any:
    assert windows.labels is not None
    return windows.labels[np.unique(windows.clip_of, return_index=True)[1]]


def _evaluate(
    classifier: VideoClassifier, windows: VideoDataset, train_labels: Any = None
) -> Evaluation:
    probabilities = classifier.model.predict(windows, verbose=0)
    return evaluate_windows(
        probabilities, windows.clip_of, _labels_of_clips(windows), classifier.classes, train_labels
    )


def holds_clips(path: Path, *, least: int = 2) -> bool:
    """Whether a path is a folder with so many sub-folders of video files."""
    try:
        return path.is_dir() and bool(scan_folder(path, least=least).clips)
    except ValueError:
        return False
