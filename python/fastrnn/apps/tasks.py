"""What `fastrnn train` can train: the table of tasks.

To add one, write its options as a dataclass on top of `fastrnn.apps.options.TrainingOptions` whose
fields are made by `fastrnn.apps.settings.setting`, its function ``train(data, options, *, run)``
on top of `fastrnn.apps.run.TrainingRun`, and add its row to ``_ALL``: the command line then has
its options, its help page, ``--resume`` and ``eval``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastrnn.apps.classification.image_data import IDX_IMAGES
from fastrnn.apps.classification.images import ImageClassifier
from fastrnn.apps.classification.options import ImageOptions, VideoOptions
from fastrnn.apps.classification.train_images import (
    evaluate_image_classifier,
    holds_images,
    holds_test_part,
    train_image_classifier,
)
from fastrnn.apps.classification.train_video import (
    evaluate_video_classifier,
    holds_clips,
    train_video_classifier,
)
from fastrnn.apps.classification.video import VideoClassifier
from fastrnn.apps.detection.detector import ObjectDetector
from fastrnn.apps.detection.pictures import TABLE
from fastrnn.apps.detection.train import DetectorOptions, train_detector
from fastrnn.apps.detection.train import evaluate_file as evaluate_detector_file
from fastrnn.apps.generation import NextFramePredictor, PictureGenerator
from fastrnn.apps.generation.train_next_frame import (
    NextFrameOptions,
    evaluate_next_frame_file,
    train_next_frame,
)
from fastrnn.apps.generation.train_pictures import (
    PictureOptions,
    evaluate_picture_file,
    train_pictures,
)
from fastrnn.apps.labelling import FrameLabeller, LabelOptions, evaluate_labels, train_labels
from fastrnn.apps.labelling.targets import holds_labels
from fastrnn.apps.model_file import kind_of
from fastrnn.apps.run import TrainingRun, arguments_of
from fastrnn.apps.settings import from_json
from fastrnn.apps.speech import (
    SentenceOptions,
    SentenceRecognizer,
    WordOptions,
    WordRecognizer,
    evaluate_sentences,
    evaluate_words,
    train_sentences,
    train_words,
)
from fastrnn.apps.speech.corpus import holds_sentences, holds_words
from fastrnn.apps.tracking.sequences import has_truth
from fastrnn.apps.tracking.tracker import Tracker
from fastrnn.apps.tracking.train import TrackerOptions, train_tracker
from fastrnn.apps.tracking.train import evaluate_file as evaluate_tracker_file
from fastrnn.data import AUDIO_SUFFIXES, VIDEO_SUFFIXES
from fastrnn.utils.images import PICTURE_SUFFIXES


@dataclass(frozen=True)
class Task:
    """Something that can be trained.

    Attributes
    ----------
    name : str
        What ``--task`` calls it.
    about : str
        What it learns from which data, in one or two sentences for the help page.
    options : type
        The dataclass of its options.
    train : callable
        ``train(data, options, *, run)``: `data` a Path, `run` a `TrainingRun`.
    recognizes : callable
        Whether a path is clearly data for this task; looks at names, opens no more than a file.
    kind : str
        What its model files say they are, see `fastrnn.apps.model_file`.
    load : callable, optional
        From a model file to an object for `fastrnn predict`. Its ``predict(file)`` returns what
        is printed, as text by ``str`` and as JSON by ``to_dict()``.
    suffixes : collection of str
        Endings of the files that are predicted for, where a folder is given.
    names : str
        Pattern of the names of further such files.
    extras : collection of str
        What `fastrnn predict` does beside: ``"live"`` takes cameras and streams, ``"output"``,
        ``"threshold"`` and ``"windows"`` have the option of that name.
    command : str
        What its models are for, where there is no `load`: a command with MODEL in it.
    needs_data : bool
        False if it can be trained without a folder.
    keeps_apart : callable
        Whether `evaluate` leaves out of the data that were trained on what was learned from.
    evaluate : callable, optional
        ``evaluate(model_file, data, progress)``: the figures of a trained model, as a dict that
        JSON can hold.
    """

    name: str
    about: str
    options: type
    train: Callable[..., Any]
    recognizes: Callable[[Path], bool]
    kind: str
    load: Callable[[Path], Any] | None = None
    suffixes: Collection[str] = VIDEO_SUFFIXES
    names: str = ""
    extras: Collection[str] = ()
    command: str = ""
    needs_data: bool = True
    keeps_apart: Callable[[Path], bool] = lambda data: False
    evaluate: Callable[..., Mapping[str, Any]] | None = None


def never(data: Path) -> bool:
    """For tasks whose data are those of others, so that the task must be named."""
    return False


_ALL = [
    Task(
        name="video",
        about="A class for each clip, from a folder with one sub-folder of video files per class.",
        options=VideoOptions,
        train=train_video_classifier,
        recognizes=holds_clips,
        kind=VideoClassifier.KIND,
        load=VideoClassifier.load,
        extras=("live", "output", "windows"),
        evaluate=evaluate_video_classifier,
    ),
    Task(
        name="images",
        about="A class for each image, from a folder with one sub-folder of pictures per class, "
        "or with IDX files as MNIST comes in.",
        options=ImageOptions,
        train=train_image_classifier,
        recognizes=holds_images,
        kind=ImageClassifier.KIND,
        load=ImageClassifier.load,
        suffixes=PICTURE_SUFFIXES,
        names=f"*{IDX_IMAGES}",
        evaluate=evaluate_image_classifier,
        keeps_apart=holds_test_part,
    ),
    Task(
        name="generate",
        about="Pictures like those of a folder, or of MNIST's files; fastrnn generate makes them.",
        options=PictureOptions,
        train=train_pictures,
        recognizes=never,
        kind=PictureGenerator.KIND,
        command="fastrnn generate MODEL",
        evaluate=evaluate_picture_file,
        keeps_apart=lambda data: True,
    ),
    Task(
        name="next-frame",
        about="The next frame of clips, from a folder with video files at any depth; fastrnn "
        "generate has a clip go on.",
        options=NextFrameOptions,
        train=train_next_frame,
        recognizes=never,
        kind=NextFramePredictor.KIND,
        command="fastrnn generate MODEL --clip CLIP",
        evaluate=evaluate_next_frame_file,
    ),
    Task(
        name="words",
        about="A word for each sound file, from a folder with one sub-folder of .wav files per "
        "word, or with the word in the files' names, or with sentences and the times of their "
        "words.",
        options=WordOptions,
        train=train_words,
        recognizes=holds_words,
        kind=WordRecognizer.KIND,
        load=WordRecognizer.load,
        suffixes=AUDIO_SUFFIXES,
        evaluate=evaluate_words,
    ),
    Task(
        name="sentences",
        about="The words of each sound file, from a folder of .wav files with what is said in "
        "files of the same names: .txt, or .align with times.",
        options=SentenceOptions,
        train=train_sentences,
        recognizes=holds_sentences,
        kind=SentenceRecognizer.KIND,
        load=SentenceRecognizer.load,
        suffixes=AUDIO_SUFFIXES,
        evaluate=evaluate_sentences,
    ),
    Task(
        name="label",
        about="A label or values for each frame of videos or sound files, from a folder in which "
        "each has a file of the same name: .csv with start, stop and label, or with values.",
        options=LabelOptions,
        train=train_labels,
        recognizes=holds_labels,
        kind=FrameLabeller.KIND,
        load=FrameLabeller.load,
        suffixes=VIDEO_SUFFIXES | AUDIO_SUFFIXES,
        extras=("output",),
        evaluate=evaluate_labels,
    ),
    Task(
        name="detect",
        about="Where objects are in pictures, and what they are, from boxes.csv in the folder.",
        options=DetectorOptions,
        train=train_detector,
        recognizes=lambda data: (data / TABLE).is_file(),
        kind=ObjectDetector.KIND,
        load=ObjectDetector.load,
        suffixes=PICTURE_SUFFIXES | VIDEO_SUFFIXES,
        extras=("live", "output", "threshold"),
        evaluate=evaluate_detector_file,
    ),
    Task(
        name="track",
        about="When a tracker is right, and where its object goes, from clips with true boxes, or "
        "from rendered ones alone.",
        options=TrackerOptions,
        train=train_tracker,
        recognizes=lambda data: data.is_dir() and any(has_truth(each) for each in data.iterdir()),
        kind=Tracker.KIND,
        command="fastrnn track CLIP --box X,Y,W,H --model MODEL",
        needs_data=False,
        evaluate=evaluate_tracker_file,
    ),
]
TASKS = {task.name: task for task in _ALL}


def task_named(name: str) -> Task:
    """The task of a name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, got '{name}'")
    return TASKS[name]


def task_for(data: Path) -> Task:
    """The task whose data a folder clearly holds.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If no task recognizes it, or several.
    """
    if not data.exists():
        raise FileNotFoundError(f"no such file or folder: {data}")
    found = [task for task in TASKS.values() if task.recognizes(data)]
    if not found and holds_clips(data, least=1):
        found = [TASKS["video"]]  # whose training says that one class is too few
    if len(found) == 1:
        return found[0]
    names = ", ".join(task.name for task in found or TASKS.values())
    what = "may be for several tasks" if found else "is data of no task that can be guessed"
    raise ValueError(f"{data} {what}: give --task, one of {names}")


def task_of_model(path: Path) -> Task:
    """The task that a model file is of.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is of none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such model file: {path}")
    kind = kind_of(path)
    for task in TASKS.values():
        if task.kind == kind:
            return task
    raise ValueError(f"{path}: not a model that `fastrnn train` wrote")


def resume(run: TrainingRun) -> Any:
    """Go on with a run made by `TrainingRun.resume`; return what its task's function returns."""
    arguments = arguments_of(run.path)
    task = task_named(arguments["task"])
    options: Any = from_json(task.options, arguments["options"])
    data = None if arguments["data"] is None else Path(arguments["data"])
    run.check_data(data)  # before much is read of it
    return task.train(data, options, run=run)
