"""`fastrnn generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrnn.cli.errors import DebugOption, errors_in_one_line
from fastrnn.cli.outputs import free_name, wrong_values

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
            "video of a clip that goes on. A file of that name is replaced.",
            show_default="grid.png or forecast.mp4, or with a number that is free",
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, help="Pictures to make.", show_default="64", rich_help_panel=PICTURES),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Another seed, other pictures.",
            show_default="0",
            rich_help_panel=PICTURES,
        ),
    ] = None,
    clip: Annotated[
        Path | None, typer.Option(help="The clip that shall go on.", rich_help_panel=FRAMES)
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Frames to predict.", show_default="20", rich_help_panel=FRAMES),
    ] = None,
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
        from rich.console import Console

        from fastrnn.apps import NextFramePredictor, PictureGenerator, save_pictures
        from fastrnn.apps.generation.pictures import check_pictures
        from fastrnn.apps.model_file import kind_of
        from fastrnn.cli.progress import TerminalProgress
        from fastrnn.video.writer import check_video

        if not model.is_file():
            raise FileNotFoundError(f"no such model file: {model}")
        kind = kind_of(model)
        if kind not in (NextFramePredictor.KIND, PictureGenerator.KIND):
            raise ValueError(f"{model}: neither a model of pictures nor of next frames")
        of_pictures = {"--count": count, "--seed": seed}
        of_clips = {"--clip": clip, "--frames": frames, "--start": start}
        with wrong_values(debug):
            for name, value in (of_clips if kind == PictureGenerator.KIND else of_pictures).items():
                if value is not None:
                    raise ValueError(
                        f"{name} is not for {model}, which "
                        f"{'makes pictures' if name in of_clips else 'has a clip go on'}"
                    )
            if kind == NextFramePredictor.KIND and clip is None:
                raise ValueError(f"{model} has a clip go on: give it as --clip")
        with TerminalProgress(Console(stderr=True)) as progress:
            if clip is not None:
                output = output or free_name("forecast.mp4")
                with wrong_values(debug):
                    check_video(output, clip)
                predictor = NextFramePredictor.load(model)
                predictor.predict(clip, frames or 20, start=start, output=output, progress=progress)
            else:
                output = output or free_name("grid.png")
                with wrong_values(debug):
                    check_pictures(output)
                generator = PictureGenerator.load(model)
                pictures = generator.generate(count or 64, seed=seed or 0, progress=progress)
                save_pictures(output, pictures, progress=progress)
        typer.echo(f"wrote {output}")
