"""`fastrnn predict`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastrnn.cli.errors import EXIT_ERROR, DebugOption, errors_in_one_line

if TYPE_CHECKING:
    from fastrnn.apps import VideoClassifier
    from fastrnn.apps.sources import Source


def predict(
    model: Annotated[Path, typer.Argument(help="The model.keras that `fastrnn train` wrote.")],
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, patterns such as 'clips/**/*.mp4'; with a model of clips also "
            "the number of a camera or the address of a stream (rtsp://..., http://...)."
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
    windows: Annotated[
        bool,
        typer.Option(
            "--windows",
            help="Print a line for each window as soon as it ends, not one for each clip; of "
            "cameras and streams it is always so.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="VIDEO",
            help="Write a copy of the clip with the classes drawn in, .mp4, .avi or .mkv; one "
            "source only.",
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Classify SOURCES with MODEL.

    Prints the class and the probabilities of all classes, of a clip the means over its windows.
    Clips are decoded frame by frame, and no more than a window is kept, however long they are.
    What cannot be read is named, and the others are still classified; the exit code is then 1.
    Ctrl-C ends a camera or stream.

    Example: fastrnn predict runs/train1/model.keras clip.avi --output annotated.mp4
    """
    with errors_in_one_line(debug):
        from fastrnn.apps.sources import find_sources
        from fastrnn.apps.tasks import task_of_model

        task = task_of_model(model)
        if task.load is None:
            raise ValueError(f"{model}: models of the task {task.name} have a command of their own")
        found = find_sources(sources, task.suffixes)
        if output is not None and len(found) > 1:
            raise typer.BadParameter("takes one source only", param_hint="--output")
        thing = task.load(model)
        failed = 0
        for source in found:
            try:
                if hasattr(thing, "live"):
                    _watch(thing, source, as_json, windows, output)
                elif isinstance(source, Path):
                    _print(thing.predict(source), source, as_json)
                else:
                    raise ValueError(f"{source}: cameras and streams are for models of clips")
            except (RuntimeError, OSError, ValueError) as error:
                if debug:
                    raise
                typer.echo(f"fastrnn: error: {error}", err=True)
                failed += 1
        if failed:
            raise typer.Exit(EXIT_ERROR)


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
        for window in watch:
            if windows:
                _print(window, name, as_json, f" {window.seconds:.2f} s")
    if not windows:
        live = watch.live
        counts = {"frames": live.frame_count, "windows": live.window_count}
        _print(Prediction(classifier.classes, live.mean), name, as_json, counts=counts)
    if output is not None:
        typer.echo(f"wrote {output}", err=as_json)


def _print(
    prediction: Any, source: object, as_json: bool, time: str = "", counts: Any = None
) -> None:
    if as_json:
        typer.echo(json.dumps({"file": str(source)} | prediction.to_dict() | (counts or {})))
    else:
        typer.echo(f"{source}{time}: {prediction}")
