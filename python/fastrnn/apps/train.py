"""Training of a clip classifier on a folder of videos."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.augment import shift_windows
from fastrnn.apps.classifier import Architecture, VideoClassifier
from fastrnn.apps.evaluation import Evaluation, cross_entropy, evaluate_windows
from fastrnn.apps.figures import draw_confusion, draw_curves
from fastrnn.apps.run_folder import new_run_folder, write_csv, write_json
from fastrnn.data import Clip, WindowedClips, scan_folder, split_clips
from fastrnn.video import Preprocessing, VideoError, apply_view

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes
    ----------
    preprocessing : Preprocessing
        From frames to the network's input.
    architecture : Architecture
        The network.
    epochs, batch_size : int
        Passes over the training windows, and windows per step.
    learning_rate : float
        Of Adam; it falls to zero along half a cosine over the epochs.
    shift : int
        Training windows are moved by up to this many pixels, drawn anew each time.
    validation : float
        Part of the clips that is held back, in [0, 1).
    validation_group : str or None
        Regular expression on file names; what it matches stays together, see `split_clips`.
    seed : int
        Seed of the split, the weights, the order, the dropout and the shifts.
    """

    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    architecture: Architecture = field(default_factory=Architecture)
    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 1e-3
    shift: int = 4
    validation: float = 0.2
    validation_group: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"train: epochs must be at least 1, got {self.epochs}")
        if self.batch_size < 1:
            raise ValueError(f"train: batch_size must be at least 1, got {self.batch_size}")
        if not 0.0 < self.learning_rate < 10.0:
            raise ValueError(
                f"train: learning_rate must be above 0 and below 10, got {self.learning_rate}"
            )
        side = min(self.preprocessing.width, self.preprocessing.height)
        if not 0 <= self.shift < side:
            raise ValueError(f"train: shift must be in [0, {side}), got {self.shift}")
        if self.seed < 0:
            raise ValueError(f"train: seed must not be negative, got {self.seed}")


@dataclass(frozen=True)
class EpochStats:
    """Figures of one epoch; those of the validation part are None where nothing is held back."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    seconds: float


class TrainingProgress:
    """What happens during training; override what is of interest. The base class is silent."""

    def clip_read(self, clip: Clip, reason: str | None, done: int, total: int) -> None:
        """After each clip; `reason` says why it was skipped, None if it was read."""

    def training_started(self, train: WindowedClips, validation: WindowedClips) -> None:
        """After all clips have been read."""

    def batch_done(self, epoch: int, done: int, total: int, loss: float) -> None:
        """After each step, with the mean loss of the epoch so far."""

    def epoch_done(self, stats: EpochStats, best: bool) -> None:
        """After each epoch; `best` says that the model was saved."""


@dataclass(frozen=True)
class TrainingResult:
    """What training made.

    Attributes
    ----------
    folder : Path
        Holds model.h5, history.csv, args.json, results.json, curves.png and confusion.png.
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
        return self.folder / "model.h5"


def train_classifier(
    folder: str | os.PathLike[str],
    options: TrainingOptions | None = None,
    *,
    out: str | os.PathLike[str] = "runs",
    name: str = "train",
    progress: TrainingProgress | None = None,
) -> TrainingResult:
    """Train an LSTM on a folder with one sub-folder of clips per class.

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
    Frames are held in memory once, as width·height bytes each. The first Ctrl-C during training
    ends it; the best model so far is kept. The seed is set with `fastrnn.utils.set_random_seed`,
    so NumPy's global generator is seeded too. Equal options and clips give
    equal results on the same machine.

    Examples
    --------
    >>> from fastrnn.apps import TrainingOptions, train_classifier
    >>> result = train_classifier("clips", TrainingOptions(epochs=20))     # doctest: +SKIP
    >>> result.evaluation.clip_accuracy                                    # doctest: +SKIP
    0.9
    """
    from fastrnn.utils import set_random_seed

    options = options or TrainingOptions()
    progress = progress or TrainingProgress()
    clips = scan_folder(folder)
    split = split_clips(
        clips.clips,
        fraction=options.validation,
        group=options.validation_group,
        seed=options.seed,
    )
    train, validation = _read(split.train, split.validation, options.preprocessing, progress)
    skipped = train.skipped + validation.skipped
    _check_readable(clips.classes, train, validation, options)

    run = new_run_folder(out, name)
    write_json(run / "args.json", {"folder": str(clips.path), **asdict(options)})
    set_random_seed(options.seed)
    classifier = VideoClassifier(clips.classes, options.preprocessing, options.architecture)
    progress.training_started(train, validation)
    trainer = _Trainer(classifier, train, validation, options, progress, run)
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
        write_csv(run / "history.csv", history)
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
    options: TrainingOptions,
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
    if options.validation > 0 and not validation.clips:
        raise VideoError("none of the clips held back for validation can be read")


class _Trainer:
    """The loop over epochs and batches."""

    def __init__(
        self,
        classifier: VideoClassifier,
        train: WindowedClips,
        validation: WindowedClips,
        options: TrainingOptions,
        progress: TrainingProgress,
        run: Path,
    ) -> None:
        self.classifier = classifier
        self.train = train
        self.validation = validation
        self.options = options
        self.progress = progress
        self.model_path = run / "model.h5"
        self.random = np.random.default_rng(options.seed)
        self.history: list[EpochStats] = []
        self.best_epoch = 0
        self._best_loss = np.inf
        self._best_weights: list[npt.NDArray[Any]] = []

    def run(self) -> bool:
        """Train; leave the best weights in the classifier; return True if interrupted."""
        from fastrnn.optimizers import Adam

        self.classifier.model.compile(
            optimizer=Adam(learning_rate=self.options.learning_rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        interrupted = False
        try:
            for epoch in range(1, self.options.epochs + 1):
                self._epoch(epoch)
        except KeyboardInterrupt:
            interrupted = True
        if self._best_weights:
            self.classifier.model.set_weights(self._best_weights)
        else:
            self.classifier.save(self.model_path)
        return interrupted

    def _epoch(self, epoch: int) -> None:
        start = time.perf_counter()
        model = self.classifier.model
        fraction = (epoch - 1) / self.options.epochs
        model.optimizer.learning_rate = (
            self.options.learning_rate * 0.5 * (1.0 + np.cos(np.pi * fraction))
        )
        order = self.random.permutation(len(self.train)).astype(np.int64)
        loss_sum = correct = 0.0
        total = -(-len(order) // self.options.batch_size)
        for number, first in enumerate(range(0, len(order), self.options.batch_size)):
            chosen = order[first : first + self.options.batch_size]
            inputs, labels = self._training_batch(chosen)
            loss, accuracy = self._step(inputs, labels)
            loss_sum += loss * len(chosen)
            correct += accuracy * len(chosen)
            seen = min(first + self.options.batch_size, len(order))
            self.progress.batch_done(epoch, number + 1, total, loss_sum / seen)
        val_loss = val_accuracy = None
        if len(self.validation):
            probabilities = self.classifier.predict_windows(self.validation)
            labels = self.validation.labels
            val_loss = cross_entropy(probabilities, labels)
            val_accuracy = float((probabilities.argmax(axis=1) == labels).mean())
        stats = EpochStats(
            epoch=epoch,
            loss=loss_sum / len(order),
            accuracy=correct / len(order),
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            seconds=time.perf_counter() - start,
        )
        self.history.append(stats)
        self.progress.epoch_done(stats, self._keep_if_best(stats))

    def _step(self, inputs: npt.NDArray[np.float32], labels: IntArray) -> tuple[float, float]:
        """One update; return the batch's mean loss and its share of right windows."""
        model = self.classifier.model
        model.reset_metrics()
        result = model.train_on_batch(inputs, labels, return_dict=True)
        return float(result["loss"]), float(result["accuracy"])

    def _training_batch(self, chosen: IntArray) -> tuple[npt.NDArray[np.float32], IntArray]:
        pixels = self.train.pixels(chosen)
        if self.options.shift:
            preprocessing = self.options.preprocessing
            pixels = shift_windows(
                pixels,
                preprocessing.width,
                preprocessing.height,
                self.options.shift,
                self.random,
            )
        return apply_view(pixels, self.options.preprocessing.view), self.train.labels[chosen]

    def _keep_if_best(self, stats: EpochStats) -> bool:
        loss = stats.loss if stats.val_loss is None else stats.val_loss
        if not loss < self._best_loss:
            return False
        self._best_loss = loss
        self.best_epoch = stats.epoch
        self._best_weights = [
            np.array(weight, copy=True) for weight in self.classifier.model.get_weights()
        ]
        self.classifier.save(self.model_path)
        return True
