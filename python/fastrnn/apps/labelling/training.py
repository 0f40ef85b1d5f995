"""Training of a network that labels, or gives values to, each step of recordings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastrnn import layers
from fastrnn.apps.labelling.batches import Example, StretchBatches, WholeExamples
from fastrnn.apps.labelling.inputs import Input, PictureInput, SoundInput
from fastrnn.apps.labelling.labeller import FrameLabeller
from fastrnn.apps.labelling.targets import (
    Annotated,
    find_annotated,
    holds_values,
    labels_at,
    read_values,
    segment_labels,
)
from fastrnn.apps.memory import refuse_too_large
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.segments import NOTHING, SILENCES, Segment, read_segments
from fastrnn.apps.settings import setting
from fastrnn.apps.speech import FrontEnd
from fastrnn.apps.speech.options import SpeechOptions
from fastrnn.apps.wording import parts_line
from fastrnn.audio import AudioError, LogMel
from fastrnn.metrics import SegmentEditScore, SegmentF1
from fastrnn.models import Sequential
from fastrnn.optimizers import Adam
from fastrnn.optimizers.schedules import CosineDecay
from fastrnn.video import VideoError

PICTURES = "Pictures"
# Classes where only that there is a label counts.
ANY = (NOTHING, "any")


@dataclass(frozen=True)
class LabelOptions(SpeechOptions):
    """How to train a `FrameLabeller`; what `SpeechOptions` has, and these."""

    batch_size: int = setting(16, "Stretches of recordings per step.", flag="--batch")
    learning_rate: float = setting(2e-3, "Adam's learning rate at the start.", flag="--lr")
    window: int = setting(64, "Steps of a stretch that is trained on at once.")
    media: str = setting(
        "auto",
        "What to look at, where there are both; auto takes pictures.",
        metavar="auto|pictures|sound",
        panel="Input",
    )
    any_label: bool = setting(
        False, "Tell only whether there is a label, not which one.", panel="Input"
    )
    width: int = setting(40, "Frames are resized to so many pixels.", panel=PICTURES)
    height: int = setting(25, "Frames are resized to so many pixels.", panel=PICTURES)
    view: str = setting(
        "background",
        "What the network sees, see `fastrnn train --task video`.",
        metavar="pixels|background|difference",
        panel=PICTURES,
    )
    filters: tuple[int, ...] = setting(
        (8, 16, 32), "Filters of each convolution.", metavar="N[,N...]", panel=PICTURES
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.window, self.width, self.height, *self.filters) < 1:
            raise ValueError("train: window, width, height and filters must be at least 1")
        if self.media not in ("auto", "pictures", "sound"):
            raise ValueError(f"train: media must be auto, pictures or sound, got {self.media!r}")

    def source(self, folder: Path) -> tuple[Input, list[Annotated]]:
        """What to look at in a folder, and its recordings."""
        pictures = PictureInput(self.width, self.height, self.view)
        sound = SoundInput(FrontEnd(LogMel(self.sample_rate, self.mels)))
        if self.media != "auto":
            only = pictures if self.media == "pictures" else sound
            return only, find_annotated(folder, only.suffixes)
        found = find_annotated(folder, pictures.suffixes | sound.suffixes)
        seen = [each for each in found if each.path.suffix.lower() in pictures.suffixes]
        return (pictures, seen) if seen else (sound, found)


def build_labeller(
    source: Input, outputs: int, options: LabelOptions, *, classes: bool
) -> Sequential:
    """Convolutions over each picture, bidirectional GRUs over time, a result for each step.

    From (N, T, ...) to (N, T, outputs): probabilities with `classes`, else values.
    """
    model = Sequential()
    model.add(layers.Input((None, *source.shape)))
    if source.padding is not None:
        model.add(layers.Masking(source.padding))
    if isinstance(source, PictureInput):
        for number, filters in enumerate(options.filters):
            model.add(
                layers.Conv2D(
                    filters, 3, strides=1 if number else 2, padding="same", activation="relu"
                )
            )
            if min(source.height, source.width) >> (number + 1):
                model.add(layers.MaxPooling2D(2, padding="same"))
            model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Flatten())
    for size in options.units:
        model.add(layers.Bidirectional(layers.GRU(size, return_sequences=True)))
        if options.dropout:
            model.add(layers.Dropout(options.dropout))
    model.add(
        layers.TimeDistributed(layers.Dense(outputs, activation="softmax" if classes else None))
    )
    return model


def train_labels(
    folder: str | os.PathLike[str],
    options: LabelOptions | None = None,
    *,
    run: TrainingRun | None = None,
) -> FrameLabeller:
    """Train a network that labels, or gives values to, each step of recordings.

    Parameters
    ----------
    folder : str or os.PathLike
        Videos or sound files, and for each, anywhere in the folder, a file of the same name with
        segments (`fastrnn.apps.segments.read_segments`) or with values (`read_values`).
    options : LabelOptions, optional
        How to train.
    run : TrainingRun, optional
        Where to; its `results` hold the figures on the recordings held back.

    Returns
    -------
    FrameLabeller
        With the weights of the last epoch, none being chosen by the recordings held back.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If no recording has labels or values, they are not understood, or there are too few
        recordings to hold back a part, or none can be read.

    Examples
    --------
    >>> from fastrnn.apps import LabelOptions, TrainingRun, train_labels
    >>> run = TrainingRun("runs", "label")                        # doctest: +SKIP
    >>> labeller = train_labels("clips", LabelOptions(), run=run)   # doctest: +SKIP
    >>> run.results["validation"]["accuracy"]                     # doctest: +SKIP
    0.93
    """
    options, run = options or LabelOptions(), run or TrainingRun()
    folder = Path(folder)
    source, found = options.source(folder)
    regression = holds_values(found[0].known)
    if any(holds_values(each.known) != regression for each in found):
        raise ValueError(f"{folder}: some recordings have segments, others values")
    if regression:
        names = read_values(found[0].known).names
    elif options.any_label:
        names = ANY
    else:
        names = segment_labels([each.known for each in found])
    sides = ("height", "width") if isinstance(source, PictureInput) else ("mels",)
    sizes = {"batch_size": min(options.batch_size, len(found)), "window": options.window}
    refuse_too_large(sizes | dict(zip(sides, source.shape, strict=False)))
    train, held = (_read(part, source, names, run.progress) for part in options.split(found))
    if not train:
        raise ValueError(f"{folder}: none of the recordings to train on can be read")
    run.progress.note(parts_line("recording", len(train), len(held)))
    run.start("label", folder, options)
    model = build_labeller(source, len(names), options, classes=not regression)
    scale = None
    if regression:
        rows = np.concatenate([each.targets for each in train])
        scale = rows.mean(axis=0), rows.std(axis=0) + np.float32(1e-6)
    labeller = FrameLabeller(names, source, model, scale)
    batches = StretchBatches(
        _scaled(train, labeller),
        source,
        window=options.window,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    rate = CosineDecay(options.learning_rate, options.epochs * len(batches))
    model.compile(
        Adam(rate, clipnorm=5.0),
        "mse" if regression else "sparse_categorical_crossentropy",
        weighted_metrics=["mae" if regression else "accuracy"],
    )
    run.fit(
        model,
        batches,
        epochs=options.epochs,
        save=labeller.save,
        monitor=None,
        validation_data=WholeExamples(_scaled(held, labeller), source) if held else None,
    )
    counts = {"train_recordings": len(train), "recordings": len(held)}
    judge = value_figures if regression else label_figures
    run.finish({**counts, "validation": judge(labeller, held, train) if held else None})
    return labeller


def evaluate_labels(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """How well a model does on a folder of recordings with labels or values.

    Parameters
    ----------
    model : path
        A file that `FrameLabeller.save` wrote.
    folder : path
        The recordings, see `train_labels`; labels that the model does not know count as `NOTHING`.
    progress : Progress, optional
        Told of what happens.

    Returns
    -------
    dict
        What `label_figures` or `value_figures` returns; the baseline is that of the folder itself.
    """
    labeller = FrameLabeller.load(model)
    found = find_annotated(folder, labeller.source.suffixes)
    values = labeller.scale is not None
    for each in found:
        if holds_values(each.known) != values:
            kinds = ("values", "segments") if values else ("segments", "values")
            raise ValueError(f"{each.known}: the model gives {kinds[0]}, here are {kinds[1]}")
    examples = _read(found, labeller.source, labeller.names, progress or Progress())
    if not examples:
        raise ValueError(f"{folder}: none of the recordings can be read")
    judge = value_figures if values else label_figures
    return {"recordings": len(examples), **judge(labeller, examples, examples)}


def label_figures(
    labeller: FrameLabeller, held: Sequence[Example], train: Sequence[Example]
) -> dict[str, Any]:
    """How well labels fit: share of steps, segments, and their order.

    Returns
    -------
    dict
        ``accuracy`` of steps, ``segment_f1`` (intersection over union from 0.5 on) and
        ``segment_edit_score``; and as ``baseline``, ``segment_f1_baseline`` and
        ``segment_edit_score_baseline`` those of always saying the training part's commonest class.
    """
    scores = SegmentF1(0.5, ignore_class=0), SegmentEditScore(ignore_class=0)
    baselines = SegmentF1(0.5, ignore_class=0), SegmentEditScore(ignore_class=0)
    right = common = count = 0
    commonest = np.bincount(np.concatenate([each.targets for each in train])).argmax()
    for each in held:
        outputs = labeller.outputs(each.steps)
        right += int((outputs.argmax(axis=1) == each.targets).sum())
        common += int((each.targets == commonest).sum())
        count += len(outputs)
        always = np.zeros_like(outputs)
        always[:, commonest] = 1
        for score, baseline in zip(scores, baselines, strict=True):
            score.update_state(each.targets[None], outputs[None])
            baseline.update_state(each.targets[None], always[None])
    figures = {"accuracy": right / count, "baseline": common / count}
    for score, baseline in zip(scores, baselines, strict=True):
        figures[score.name] = float(score.result())
        figures[f"{score.name}_baseline"] = float(baseline.result())
    return figures


def value_figures(
    labeller: FrameLabeller, held: Sequence[Example], train: Sequence[Example]
) -> dict[str, Any]:
    """How far values are off.

    Returns
    -------
    dict
        By name: ``mae``, the mean absolute error, ``baseline``, that of always saying the mean of
        the training part, and ``r2``, the share of the variance that is explained.
    """
    truth = np.concatenate([each.targets for each in held]).astype(np.float64)
    said = np.concatenate([labeller.outputs(each.steps) for each in held])
    mean = np.concatenate([each.targets for each in train]).mean(axis=0)
    variance = ((truth - truth.mean(axis=0)) ** 2).mean(axis=0)
    return {
        name: {
            "mae": float(np.abs(said - truth)[:, k].mean()),
            "baseline": float(np.abs(mean - truth)[:, k].mean()),
            "r2": float(1 - ((said - truth)[:, k] ** 2).mean() / max(variance[k], 1e-12)),
        }
        for k, name in enumerate(labeller.names)
    }


def _read(
    found: Sequence[Annotated],
    source: Input,
    names: tuple[str, ...],
    progress: Progress,
) -> list[Example]:
    """Steps and targets of the recordings that can be read; the others are noted."""
    examples = []
    for number, each in enumerate(found, 1):
        try:
            steps, times = source.read(each.path)
        except (AudioError, VideoError, OSError) as error:
            progress.note(f"skipped: {error}")
            continue
        times = times + each.start
        if holds_values(each.known):
            values = read_values(each.known)
            if values.names != names:
                raise ValueError(f"{each.known}: values must be {names}, got {values.names}")
            try:
                targets: Any = values.at(times)
            except ValueError as error:
                raise ValueError(f"{each.known}: {error}") from None
        else:
            segments = [s for s in read_segments(each.known) if s.label not in SILENCES]
            if names == ANY:
                segments = [Segment(s.start, s.stop, ANY[1]) for s in segments]
            targets = labels_at(segments, times, names)
        examples.append(Example(each.path, steps, targets))
        progress.advance("reading", number, len(found))
    return examples


def _scaled(examples: Sequence[Example], labeller: FrameLabeller) -> list[Example]:
    """Examples whose values are normalized as the network's outputs are."""
    if labeller.scale is None:
        return list(examples)
    mean, deviation = labeller.scale
    return [Example(e.path, e.steps, (e.targets - mean) / deviation) for e in examples]
