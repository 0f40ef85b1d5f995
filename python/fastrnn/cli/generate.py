"""`fastrnn generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrnn.cli.errors import DebugOption, errors_in_one_line

PICTURES = "Pictures"
FRAMES = "Frames of a clip"


def generate(
    model: Annotated[
        Path, typer.Argument(help="Model of `fastrnn train --task generate` or next-frame.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A picture file with all pictures in a grid, or a folder for single ones; the "
            "video of a clip that goes on.",
            show_default="grid.png or forecast.mp4",
        ),
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, help="Pictures to make.", rich_help_panel=PICTURES)
    ] = 64,
    seed: Annotated[
        int, typer.Option(min=0, help="Another seed, other pictures.", rich_help_panel=PICTURES)
    ] = 0,
    clip: Annotated[
        Path | None, typer.Option(help="The clip that shall go on.", rich_help_panel=FRAMES)
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1, help="Frames to predict.", rich_help_panel=FRAMES)
    ] = 20,
    start: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of the first predicted frame, counted from 0.",
            show_default="after the clip's last",
            rich_help_panel=FRAMES,
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Make pictures, or predict how a clip goes on.

    A model trained with --task generate makes pictures of noise; the same seed gives the same
    ones. A model trained with --task next-frame is shown the end of a clip and predicts the
    frames that follow; they have a green border in the video that is written.

    Examples: fastrnn generate runs/train1/model.keras --count 64 --output grid.png;
    fastrnn generate runs/train2/model.keras --clip clip.avi --frames 20 --output out.mp4
    """
    with errors_in_one_line(debug):
        from fastrnn.apps import NextFramePredictor, PictureGenerator, save_pictures
        from fastrnn.apps.model_file import kind_of

        if not model.is_file():
            raise FileNotFoundError(f"no such model file: {model}")
        kind = kind_of(model)
        if kind == NextFramePredictor.KIND:
            if clip is None:
                raise typer.BadParameter("this model needs a clip to go on", param_hint="--clip")
            output = output or Path("forecast.mp4")
            predictor = NextFramePredictor.load(model)
            predictor.predict(clip, frames, start=start, output=output)
        elif kind == PictureGenerator.KIND:
            if clip is not None:
                raise typer.BadParameter("this model makes pictures", param_hint="--clip")
            output = output or Path("grid.png")
            save_pictures(output, PictureGenerator.load(model).generate(count, seed=seed))
        else:
            raise ValueError(f"{model}: neither a model of pictures nor of next frames")
        typer.echo(f"wrote {output}")
