"""Results of training as text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fastrnn.apps import Evaluation, TrainingResult

WIDEST_TABLE = 24


def print_result(console: Console, result: TrainingResult) -> None:
    """Print accuracies, confusion matrix and files of a finished training."""
    if result.interrupted:
        epoch = (
            f"epoch {result.best_epoch}" if result.best_epoch else "before the first epoch's end"
        )
        console.print(
            f"interrupted: the best model so far ({epoch}) is saved",
            style="yellow",
            highlight=False,
        )
    if result.evaluation is not None:
        print_evaluation(console, result.evaluation, result.classifier.classes)
    if result.skipped:
        console.print(f"{len(result.skipped)} clips could not be read and were skipped")
    _print_files(console, result)


def print_evaluation(console: Console, evaluation: Evaluation, classes: Sequence[str]) -> None:
    """Print accuracies and the confusion matrix."""
    clips = int(evaluation.confusion.sum())
    right = int(evaluation.confusion.trace())
    lines = [
        f"{clips} held-back clips",
        f"  accuracy per clip           {evaluation.clip_accuracy:.3f} ({right} of {clips})",
        f"  accuracy per window         {evaluation.window_accuracy:.3f}",
        f"  always the commonest class  {evaluation.baseline:.3f}",
    ]
    console.print("\n".join(lines), highlight=False)
    if len(classes) <= WIDEST_TABLE:
        console.print(_confusion_table(evaluation, classes))


def _confusion_table(evaluation: Evaluation, classes: Sequence[str]) -> Table:
    table = Table(
        title="clips by true class (rows) and predicted class",
        title_justify="left",
        box=None,
        padding=(0, 1),
    )
    table.add_column("true", no_wrap=True)
    for name in classes:
        table.add_column(Text(name), justify="right", no_wrap=True)
    for row, name in enumerate(classes):
        counts = [int(count) for count in evaluation.confusion[row]]
        cells = [
            Text(str(count) if count else "·", style="bold" if column == row else "")
            for column, count in enumerate(counts)
        ]
        table.add_row(Text(name), *cells)
    return table


def _print_files(console: Console, result: TrainingResult) -> None:
    names = sorted(path.name for path in result.folder.iterdir() if path.is_file())
    console.print(
        f"{result.folder}: {', '.join(names)}", markup=False, highlight=False, soft_wrap=True
    )
