"""`fastrnn eval`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fastrnn.cli.errors import DebugOption, errors_in_one_line


def evaluate(
    model: Annotated[Path, typer.Argument(help="The model.keras that `fastrnn train` wrote.")],
    data: Annotated[
        Path, typer.Argument(help="Other data like those it was trained on, of the same classes.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: DebugOption = False,
) -> None:
    """Measure how well MODEL does on DATA.

    Prints the accuracy, what always guessing the commonest class would give, the confusion
    matrix, and recall and precision of each class; models of other tasks have figures of their
    own.

    All of DATA is measured: give data that was not trained on. The figures on what a training
    held back of its own folder are in its results.json.

    Example: fastrnn eval runs/train1/model.keras other_clips
    """
    with errors_in_one_line(debug):
        from rich.console import Console

        from fastrnn.apps.run import trained_on
        from fastrnn.apps.tasks import task_of_model
        from fastrnn.cli.progress import TerminalProgress
        from fastrnn.cli.report import print_figures

        task = task_of_model(model)
        if task.evaluate is None:
            raise ValueError(f"{model}: models of the task {task.name} have no evaluation")
        if trained_on(model, data) and not task.keeps_apart(data):
            typer.echo(
                f"fastrnn: {data} is what this model was trained on, so that the figures flatter "
                f"it; those on what was held back are in {model.parent / 'results.json'}",
                err=True,
            )
        console = Console(stderr=as_json)
        with TerminalProgress(console) as progress:
            figures = task.evaluate(model, data, progress)
        if as_json:
            typer.echo(json.dumps(figures))
        else:
            print_figures(console, figures, str(data))
