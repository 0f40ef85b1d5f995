"""`fastrnn predict`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fastrnn.cli.errors import EXIT_ERROR, DebugOption, errors_in_one_line

if TYPE_CHECKING:
    from fastrnn.apps import ClipPrediction


def predict(
    model: Annotated[Path, typer.Argument(help="The model.keras that `fastrnn train` wrote.")],
    clips: Annotated[list[Path], typer.Argument(help="One or more video files.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per clip and line.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="VIDEO",
            help="Write a copy of the clip with the classes drawn in, .mp4 or .avi; one clip only.",
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Classify CLIPS with MODEL.

    Prints the class of each clip and the probabilities of all classes, the mean over the clip's
    windows. A clip that cannot be read is named, and the others are still classified; the exit
    code is then 1.

    Example: fastrnn predict runs/train1/model.keras clip.avi --output annotated.mp4
    """
    if output is not None and len(clips) > 1:
        raise typer.BadParameter("takes one clip only", param_hint="--output")
    with errors_in_one_line(debug):
        from fastrnn.apps import VideoClassifier, annotate_clip
        from fastrnn.video import VideoError

        classifier = VideoClassifier.load(model)
        failed = 0
        for path in clips:
            try:
                result = classifier.predict(path)
            except (VideoError, OSError) as error:
                if debug:
                    raise
                typer.echo(f"fastrnn: error: {error}", err=True)
                failed += 1
                continue
            typer.echo(json.dumps(result.to_dict()) if as_json else _as_text(result))
            if output is not None:
                annotate_clip(result, classifier.preprocessing, output)
                typer.echo(f"wrote {output}", err=as_json)
        if failed:
            raise typer.Exit(EXIT_ERROR)


def _as_text(result: ClipPrediction) -> str:
    order = result.probabilities.argsort()[::-1]
    shares = "  ".join(f"{result.classes[i]} {result.probabilities[i]:.3f}" for i in order)
    return f"{result.path}: {result.label}  [{shares}]"
