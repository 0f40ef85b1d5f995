"""Results of training and of evaluation as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDEST_TABLE = 24


def print_run(console: Console, folder: Path, results: Mapping[str, Any]) -> None:
    """Print the figures and files of a training, from its results.json."""
    if results["interrupted"]:
        best = results["best_epoch"]
        saved = f"the best model so far (epoch {best}) is saved" if best else "no epoch was done"
        line = f"interrupted: {saved}; go on with: fastrnn train --resume {folder}"
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
    if results.get("validation"):
        print_figures(console, results["validation"], "held back")
    if results.get("skipped"):
        console.print(f"{len(results['skipped'])} files could not be read and were skipped")
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    line = f"{folder}: {', '.join(names)}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_figures(console: Console, figures: Mapping[str, Any], part: str) -> None:
    """Print an evaluation: its numbers, and where there are classes the table of each."""
    confusion = figures.get("confusion")
    count = f" {sum(map(sum, confusion))}" if confusion else ""
    console.print(f"{part}{count}", style="bold", highlight=False)
    numbers = dict(_numbers(figures))
    width = max(map(len, numbers), default=0)
    for name, value in numbers.items():
        shown = f"{value:.4f}" if isinstance(value, float) else str(value)
        note = "  always the commonest class" if name == "baseline" and confusion else ""
        console.print(f"  {name.replace('_', ' '):{width}}  {shown}{note}", highlight=False)
    if confusion and len(confusion) <= WIDEST_TABLE:
        console.print(_confusion_table(figures))


def _numbers(figures: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, int | float]]:
    """The numbers, those that several have in common behind the names of these."""
    for name, value in figures.items():
        if isinstance(value, (int, float)):
            yield head + name, value
        elif isinstance(value, Mapping) and not head:
            yield from _numbers(value, f"{name} ")


def _confusion_table(figures: Mapping[str, Any]) -> Table:
    classes, confusion = figures["classes"], figures["confusion"]
    table = Table(
        title="true class (rows) and predicted class",
        title_justify="left",
        box=None,
        padding=(0, 1),
    )
    table.add_column("true", no_wrap=True)
    for name in [*classes, "recall", "precision"]:
        table.add_column(Text(name), justify="right", no_wrap=True)
    for row, (name, counts) in enumerate(zip(classes, confusion, strict=True)):
        cells = [
            Text(str(count) if count else "·", style="bold" if column == row else "")
            for column, count in enumerate(counts)
        ]
        of_class = figures["per_class"][name]
        shares = [f"{of_class[share]:.3f}" for share in ("recall", "precision")]
        table.add_row(Text(name), *cells, *shares)
    return table
