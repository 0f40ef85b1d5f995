"""`fastrnn features`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrnn.cli.errors import EXIT_ERROR, DebugOption, errors_in_one_line
from fastrnn.cli.outputs import free_name, wrong_values


def features(
    clips: Annotated[list[Path], typer.Argument(help="Video files, or folders of them.")],
    model: Annotated[
        Path | None,
        typer.Option(
            help="A trained model whose input is clips or pictures.",
            show_default="none: features of motion made by hand",
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            help="Name of the model's layer, as `fastrnn inspect` lists them; auto is the last "
            "recurrent one, else the one before the last.",
            show_default="auto",
        ),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Frames between the starts of the model's windows.",
            show_default="a window where the layer has an output for each frame, else the model's",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The .npz file to write; one of that name is replaced.",
            show_default="features.npz, or with a number that is free",
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Write what a layer of a network says of CLIPS over time to an npz file.

    The file's arrays: clips (names), layer (name), frame_features (rows × features), frame_clips
    and frame_numbers (clip and last frame of each row), clip_features (for each clip the mean
    and the standard deviation of its rows).

    A clip that cannot be read is named and left out; the exit code is then 1.

    Example: fastrnn features clips --model runs/train1/model.keras --output features.npz
    """
    with errors_in_one_line(debug):
        from rich.console import Console

        from fastrnn._files import check_output
        from fastrnn.apps import LayerFeatures, extract_features
        from fastrnn.apps.features.layer import model_of_frames
        from fastrnn.apps.generation import find_clips
        from fastrnn.cli.progress import TerminalProgress

        with wrong_values(debug):
            for name, value in (("--layer", layer), ("--stride", stride)):
                if value is not None and model is None:
                    raise ValueError(f"{name} says what to take of a network: give its --model")
        files = [
            file
            for given in clips
            for file in ([clip.path for clip in find_clips(given)] if given.is_dir() else [given])
        ]
        output = output or free_name("features.npz")
        with wrong_values(debug):
            check_output(output, "features", [".npz"], files)
        source = None
        if model is not None:
            network, preprocessing, prepare = model_of_frames(model)
            with wrong_values(debug):
                source = LayerFeatures(
                    network, preprocessing, layer or "auto", stride=stride, prepare=prepare
                )
        done = failed = 0
        with TerminalProgress(Console(stderr=True)) as progress:

            def on_clip(path: Path, reason: str | None) -> None:
                nonlocal done, failed
                done += 1
                if reason is not None:
                    failed += 1
                    progress.note(f"skipped {reason}")
                progress.advance("reading clips", done, len(files))

            found = extract_features(files, source, on_clip=on_clip)
        found.save(output)
        rows, size = found.frame_features.shape
        count = len(found.clips)
        typer.echo(
            f"{count} clip{'s'[: count != 1]}, {rows} row{'s'[: rows != 1]} of {size} features of "
            f"{found.layer}: {output}"
        )
        if failed:
            raise typer.Exit(EXIT_ERROR)
