"""The demonstration: clips rendered and encoded, a network trained on them, a clip annotated."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fastrnn.apps.classification import (
    TrainingResult,
    VideoClassifier,
    VideoOptions,
    Watch,
    train_video_classifier,
)
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.run_folder import new_run_folder
from fastrnn.apps.shapes import write_shape_clips, write_tour_clip


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration made.

    Attributes
    ----------
    folder : Path
        Holds the clips, the training's results and the annotated video.
    clip_count : int
        Clips rendered for training and validation.
    training : TrainingResult
        The training's figures and files.
    annotated : Path
        A video of all motions in turn, with the classifier's opinion in each frame.
    """

    folder: Path
    clip_count: int
    training: TrainingResult[VideoClassifier]
    annotated: Path


def demo_options(*, epochs: int = 12, seed: int = 0) -> VideoOptions:
    """Return the options that the demonstration trains with."""
    return VideoOptions(
        size=(32, 32), window=12, epochs=epochs, shift=8, learning_rate=2e-3, seed=seed
    )


def run_demo(
    out: str | os.PathLike[str] = "runs",
    *,
    clips_per_class: int = 40,
    epochs: int = 12,
    seed: int = 0,
    progress: Progress | None = None,
) -> DemoResult:
    """Render clips of moving shapes, train on them and annotate a new clip.

    Parameters
    ----------
    out : str or os.PathLike
        Results go to the new folder ``out/demoN``.
    clips_per_class : int
        Clips of each of the five motions; a fifth is held back for validation.
    epochs : int
        Passes over the training windows.
    seed : int
        Seed of the clips and of the training.
    progress : Progress, optional
        Told of what happens.

    Returns
    -------
    DemoResult
        Figures and files.

    Raises
    ------
    fastrnn.video.VideoError
        If OpenCV can encode no video on this machine.

    Examples
    --------
    >>> from fastrnn.apps import run_demo
    >>> run_demo("runs").training.evaluation.accuracy     # doctest: +SKIP
    1.0
    """
    folder = new_run_folder(out, "demo")
    clip_count = write_shape_clips(folder / "clips", clips_per_class=clips_per_class, seed=seed)
    training = train_video_classifier(
        folder / "clips",
        demo_options(epochs=epochs, seed=seed),
        run=TrainingRun(folder, "train", progress=progress),
    )
    tour, annotated = folder / "tour.mp4", folder / "annotated.mp4"
    write_tour_clip(tour, seed=seed + 1)
    for _ in Watch(training.classifier, tour, output=annotated):
        pass
    return DemoResult(folder, clip_count, training, annotated)
