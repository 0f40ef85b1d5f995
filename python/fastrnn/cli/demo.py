"""`fastrnn demo`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from fastrnn.cli.errors import EXIT_INTERRUPTED, DebugOption, errors_in_one_line


def demo(
    out: Annotated[Path, typer.Option(help="Parent folder of the results.")] = Path("runs"),
    clips: Annotated[int, typer.Option(min=5, help="Clips rendered per class.")] = 40,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training clips.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all that is random.")] = 0,
    debug: DebugOption = False,
) -> None:
    """Train on clips of moving shapes that are rendered here.

    Five classes that differ by the motion alone (circle, down, left, right, up) are rendered and
    encoded as video files; a network learns them, and a new clip that shows every motion in turn
    is annotated with what the network says.
    """
    with errors_in_one_line(debug):
        from rich.console import Console

        from fastrnn.apps import run_demo
        from fastrnn.cli.progress import TerminalProgress
        from fastrnn.cli.report import print_run

        console = Console()
        start = time.perf_counter()
        console.print(f"rendering {5 * clips} clips of moving shapes", highlight=False)
        with TerminalProgress(console) as progress:
            result = run_demo(
                out, clips_per_class=clips, epochs=epochs, seed=seed, progress=progress
            )
        print_run(console, result.training.folder, result.training.run.results)
        console.print(f"clips: {result.folder / 'clips'}", markup=False, soft_wrap=True)
        console.print(f"annotated video: {result.annotated}", markup=False, soft_wrap=True)
        console.print(
            f"curves: {result.training.folder / 'curves.png'}", markup=False, soft_wrap=True
        )
        console.print(f"done in {time.perf_counter() - start:.0f} s", highlight=False)
        if result.training.run.interrupted:
            raise typer.Exit(EXIT_INTERRUPTED)
