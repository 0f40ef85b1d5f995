"""`fastrnn features`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrnn.cli.errors import EXIT_ERROR, DebugOption, errors_in_one_line


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
        str,
        typer.Option(
            help="Name of the layer, as `fastrnn inspect` lists them; auto is the last recurrent "
            "one, else the one before the last."
        ),
    ] = "auto",
    stride: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Frames between the starts of windows.",
            show_default="a window where the layer has an output for each frame, else the model's",
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path(
        "features.npz"
    ),
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
        from rich.progress import Progress

        from fastrnn.apps import LayerFeatures, extract_features
        from fastrnn.apps.generation import find_clips

        files = [
            file
            for given in clips
            for file in ([clip.path for clip in find_clips(given)] if given.is_dir() else [given])
        ]
        source = None if model is None else LayerFeatures.load(model, layer, stride=stride)
        console = Console(stderr=True)
        failed = 0
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("reading clips", total=len(files))

            def on_clip(path: Path, reason: str | None) -> None:
                nonlocal failed
                bar.advance(task)
                if reason is not None:
                    failed += 1
                    console.print(f"skipped {reason}", style="yellow", markup=False)

            found = extract_features(files, source, on_clip=on_clip)
        found.save(output)
        rows, size = found.frame_features.shape
        typer.echo(
            f"{len(found.clips)} clips, {rows} rows of {size} features of {found.layer}: {output}"
        )
        if failed:
            raise typer.Exit(EXIT_ERROR)
