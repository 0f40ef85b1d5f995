"""Training of a clip classifier on a folder of videos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fastrnn.apps.classifier import VideoClassifier
from fastrnn.apps.evaluation import Evaluation, evaluate_windows
from fastrnn.apps.figures import draw_confusion, draw_curves
from fastrnn.apps.options import TrainingOptions
from fastrnn.apps.run_folder import new_run_folder, write_csv, write_json
from fastrnn.apps.trainer import EpochStats, Trainer, TrainingProgress
from fastrnn.data import Clip, Split, WindowedClips, scan_folder, split_clips, split_matching
from fastrnn.utils import set_random_seed
from fastrnn.video import Preprocessing, VideoError


@dataclass(frozen=True)
class TrainingResult:
    """What training made.

    Attributes
    ----------
    folder : Path
        Holds model.keras, history.csv, args.json, results.json, curves.png and confusion.png.
    classifier : VideoClassifier
        The model of the best epoch.
    history : list of EpochStats
        One row per finished epoch.
    best_epoch : int
        Epoch of the saved model, counted from 1: the one with the lowest loss on the validation
        part, or on the training part where nothing is held back. 0 if no epoch was finished.
    evaluation : Evaluation or None
        On the validation part; None where nothing is held back.
    skipped : list of (Clip, str)
        Clips that could not be read, with the reason.
    interrupted : bool
        True if training was stopped by Ctrl-C.
    """

    folder: Path
    classifier: VideoClassifier
    history: list[EpochStats]
    best_epoch: int
    evaluation: Evaluation | None
    skipped: list[tuple[Clip, str]]
    interrupted: bool

    @property
    def model_path(self) -> Path:
        """The model's file."""
        return self.folder / "model.keras"


def train_classifier(
    folder: str | os.PathLike[str],
    options: TrainingOptions | None = None,
    *,
    out: str | os.PathLike[str] = "runs",
    name: str = "train",
    progress: TrainingProgress | None = None,
) -> TrainingResult:
    """Train a network on a folder with one sub-folder of clips per class.

    Parameters
    ----------
    folder : str or os.PathLike
        The clips: ``folder/<class>/<clip>.avi``.
    options : TrainingOptions, optional
        How to train.
    out, name : str
        Results go to the new folder ``out/nameN``.
    progress : TrainingProgress, optional
        Told of what happens.

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
    Frames are held in memory once, as height·width·channels bytes each. The first Ctrl-C during
    training ends it; the best model so far is kept. The seed is set with
    `fastrnn.utils.set_random_seed`, so NumPy's global generator is seeded too. Equal options and
    clips give equal results on the same machine.

    Examples
    --------
    >>> from fastrnn.apps import TrainingOptions, train_classifier
    >>> result = train_classifier("clips", TrainingOptions(epochs=20))     # doctest: +SKIP
    >>> result.evaluation.clip_accuracy                                    # doctest: +SKIP
    0.9
    """
    options = options or TrainingOptions()
    progress = progress or TrainingProgress()
    clips = scan_folder(folder)
    split = _split(clips.clips, options)
    train, validation = _read(split.train, split.validation, options.preprocessing, progress)
    skipped = train.skipped + validation.skipped
    _check_readable(clips.classes, train, validation, bool(split.validation))

    run = new_run_folder(out, name)
    write_json(run / "args.json", {"folder": str(clips.path), **asdict(options)})
    set_random_seed(options.seed)
    classifier = VideoClassifier(clips.classes, options.preprocessing, options.architecture)
    progress.training_started(train, validation)
    trainer = Trainer(classifier, train, validation, options, progress, run / "model.keras")
    interrupted = trainer.run()

    evaluation = None
    if len(validation):
        evaluation = evaluate_windows(
            classifier.predict_windows(validation),
            validation,
            [clip.label for clip in train.clips],
        )
        draw_confusion(run / "confusion.png", evaluation.confusion, clips.classes)
    history = [asdict(stats) for stats in trainer.history]
    if history:
        write_csv(run / "history.csv", history, list(history[0]))
        draw_curves(run / "curves.png", history)
    write_json(
        run / "results.json",
        {
            "best_epoch": trainer.best_epoch,
            "classes": list(clips.classes),
            "train_clips": len(train.clips),
            "validation_clips": len(validation.clips),
            "validation": evaluation.to_dict() if evaluation else None,
            "skipped": {str(clip.path): reason for clip, reason in skipped},
            "interrupted": interrupted,
        },
    )
    return TrainingResult(
        folder=run,
        classifier=classifier,
        history=trainer.history,
        best_epoch=trainer.best_epoch,
        evaluation=evaluation,
        skipped=skipped,
        interrupted=interrupted,
    )


def _split(clips: Sequence[Clip], options: TrainingOptions) -> Split:
    if options.validation_match:
        return split_matching(clips, options.validation_match)
    return split_clips(
        clips, fraction=options.validation, group=options.validation_group, seed=options.seed
    )


def _read(
    train: Sequence[Clip],
    validation: Sequence[Clip],
    preprocessing: Preprocessing,
    progress: TrainingProgress,
) -> tuple[WindowedClips, WindowedClips]:
    total = len(train) + len(validation)
    done = 0

    def on_clip(clip: Clip, reason: str | None) -> None:
        nonlocal done
        done += 1
        progress.clip_read(clip, reason, done, total)

    return (
        WindowedClips.read(train, preprocessing, on_clip=on_clip),
        WindowedClips.read(validation, preprocessing, on_clip=on_clip),
    )


def _check_readable(
    classes: tuple[str, ...],
    train: WindowedClips,
    validation: WindowedClips,
    needs_validation: bool,
) -> None:
    skipped = len(train.skipped) + len(validation.skipped)
    if not train.clips:
        raise VideoError(f"no usable clip: none of the {skipped} video files can be read")
    present = {clip.label for clip in train.clips}
    missing = [name for label, name in enumerate(classes) if label not in present]
    if missing:
        raise VideoError(
            f"no usable clip to train on in class {', '.join(missing)} "
            f"({skipped} clips could not be read)"
        )
    if needs_validation and not validation.clips:
        raise VideoError("none of the clips held back for validation can be read")
