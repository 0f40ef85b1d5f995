"""`fastrnn predict`."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastrnn.cli.errors import EXIT_ERROR, DebugOption, errors_in_one_line
from fastrnn.cli.outputs import kept_on_interrupt, wrong_values

if TYPE_CHECKING:
    from fastrnn.apps import VideoClassifier
    from fastrnn.apps.detection import ObjectDetector
    from fastrnn.apps.sources import Source
    from fastrnn.apps.tasks import Task


def predict(
    model: Annotated[Path, typer.Argument(help="The model.keras that `fastrnn train` wrote.")],
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, patterns such as 'clips/**/*.mp4'; with a classifier of clips or "
            "a detector also the number of a camera or the address of a stream (rtsp://..., "
            "http://...)."
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
    windows: Annotated[
        bool,
        typer.Option(
            "--windows",
            help="With a classifier of clips: print a line for each window as soon as it ends, not "
            "one for each clip; of cameras and streams it is always so.",
        ),
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="With a detector: lowest score of what is printed.",
            show_default="0.3",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With models of clips and detectors: write a copy with what is said drawn in, of "
            "a clip .mp4, .avi or .mkv, of a picture a picture. One source only; a file of that "
            "name is replaced.",
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Say what SOURCES are, by MODEL.

    Classifiers print the class and the probabilities of all classes, of a clip the means over its
    windows; recognizers of speech what is said; labellers what is when; detectors the objects in
    each picture or frame.

    Clips are decoded frame by frame; classifiers and detectors keep no more than a window of
    them, however long they are. What cannot be read is named, and the others are still looked
    at; the exit code is then 1. Ctrl-C ends a camera or stream, and the video that is written.

    Example: fastrnn predict runs/train1/model.keras clip.avi --output annotated.mp4
    """
    with errors_in_one_line(debug):
        from fastrnn.apps.detection.find import check_copy
        from fastrnn.apps.sources import find_sources
        from fastrnn.apps.tasks import task_of_model
        from fastrnn.video.writer import check_video

        task = task_of_model(model)
        if task.load is None:
            command = task.command.replace("MODEL", str(model))
            raise ValueError(f"{model}: a model of the task {task.name} is used by: {command}")
        with wrong_values(debug):
            given = {"output": output is not None, "threshold": threshold is not None}
            for name, there in (given | {"windows": windows}).items():
                if there:
                    _check_extra(task, name, f"--{name} is")
        found = find_sources(sources, task.suffixes, task.names)
        with wrong_values(debug):
            for source in found:
                if not isinstance(source, Path):
                    _check_extra(task, "live", f"{source}: cameras and streams are")
        if output is not None:
            if len(found) > 1:
                raise typer.BadParameter("takes one source only", param_hint="--output")
            with wrong_values(debug):
                (check_copy if task.name == "detect" else check_video)(output, found[0])
        thing: Any = task.load(model)
        if output is not None and not getattr(thing, "of_pictures", True):
            with wrong_values(debug):
                raise ValueError(f"--output is for models of clips, {model} is one of sound")
        failed = 0
        for source in found:
            try:
                with kept_on_interrupt(output):
                    if task.name == "video":
                        _watch(thing, source, as_json, windows, output)
                    elif task.name == "detect":
                        _find(thing, source, as_json, threshold, output)
                    elif task.name == "images" and Path(str(source)).match(task.names):
                        for each in thing.predict_idx(source):
                            _print(each, each.path, as_json)
                    else:
                        written = {} if output is None else {"output": output}
                        _print(thing.predict(source, **written), source, as_json)
                if output is not None:
                    typer.echo(f"wrote {output}", err=as_json)
            except (RuntimeError, OSError, ValueError) as error:
                if debug:
                    raise
                typer.echo(f"fastrnn: error: {error}", err=True)
                failed += 1
        if failed:
            raise typer.Exit(EXIT_ERROR)


def _check_extra(task: Task, extra: str, what: str) -> None:
    from fastrnn.apps.tasks import TASKS

    if extra not in task.extras:
        names = [name for name, each in TASKS.items() if extra in each.extras]
        known = f"the task{'s'[: len(names) != 1]} {', '.join(names)}"
        raise ValueError(f"{what} for models of {known}; this one is of {task.name}")


def _watch(
    classifier: VideoClassifier,
    source: Source,
    as_json: bool,
    windows: bool,
    output: Path | None,
) -> None:
    """Classify one clip, camera or stream as it is decoded."""
    from rich.console import Console

    from fastrnn.apps import Watch
    from fastrnn.apps.classification import Prediction
    from fastrnn.cli.progress import TerminalProgress

    windows = windows or not isinstance(source, Path)
    name = str(source)
    with TerminalProgress(Console(stderr=True)) as progress:
        watch = Watch(
            classifier,
            source,
            output=output,
            on_frame=lambda count: progress.advance(f"frames of {name}", count, None),
        )
        with contextlib.closing(iter(watch)) as seen:
            for window in seen:
                if windows:
                    _print(window, name, as_json, f" {window.seconds:.2f} s")
    if not windows:
        live = watch.live
        counts = {"frames": live.frame_count, "windows": live.window_count}
        _print(Prediction(classifier.classes, live.mean), name, as_json, counts=counts)


def _find(
    detector: ObjectDetector,
    source: Source,
    as_json: bool,
    threshold: float | None,
    output: Path | None,
) -> None:
    """Print the objects of a picture, or of each frame as it is decoded."""
    from rich.console import Console

    from fastrnn.apps.detection import find_objects
    from fastrnn.cli.progress import TerminalProgress

    with TerminalProgress(Console(stderr=True)) as progress:
        objects = find_objects(
            detector,
            source,
            threshold=0.3 if threshold is None else threshold,
            output=output,
            on_frame=lambda count: progress.advance(f"frames of {source}", count, None),
        )
        with contextlib.closing(objects):
            for found in objects:
                time = "" if found.seconds is None else f" {found.seconds:.2f} s"
                _print(found, source, as_json, time)


def _print(
    prediction: Any, source: object, as_json: bool, time: str = "", counts: Any = None
) -> None:
    if as_json:
        typer.echo(json.dumps({"file": str(source)} | prediction.to_dict() | (counts or {})))
    else:
        typer.echo(f"{source}{time}: {prediction}")
