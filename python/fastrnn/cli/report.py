"""Results of training and of evaluation as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from fastrnn.apps.wording import counted

MOST_CLASSES = 24  # that a line each is printed of
MOST_CONFUSIONS = 10


def print_run(console: Console, folder: Path, results: Mapping[str, Any]) -> None:
    """Print the figures and files of a training, from its results.json."""
    if results.get("validation"):
        rest = "confusion.png shows all, results.json has all figures"
        print_figures(console, results["validation"], "held back", rest)
    if results.get("skipped"):
        count = len(results["skipped"])
        were = "was" if count == 1 else "were"
        console.print(f"{counted(count, 'file')} could not be read and {were} skipped")
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    line = f"{folder}: {', '.join(names)}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    if results["interrupted"]:
        saved = "no epoch was done"
        if results["best_epoch"]:
            saved = f"the best model so far (epoch {results['best_epoch']}) is saved"
        elif results["model_epoch"]:
            saved = f"the model of epoch {results['model_epoch']} is saved"
        print_how_to_go_on(console, folder, f": {saved}")


def print_how_to_go_on(console: Console, folder: Path, saved: str = "") -> None:
    """Print that a training was interrupted, and the command that resumes it."""
    line = f"interrupted{saved}; go on with: fastrnn train --resume {folder}"
    console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def print_figures(
    console: Console, figures: Mapping[str, Any], part: str, rest: str = "--json has all figures"
) -> None:
    """Print an evaluation: its numbers, and where there are classes how they are told apart.

    `rest` says where more is, if there is no room for all of that.
    """
    confusion = figures.get("confusion")
    count = f" {sum(map(sum, confusion))}" if confusion else ""
    console.print(f"{part}{count}", style="bold", highlight=False)
    numbers = dict(_numbers(figures))
    width = max(map(len, numbers), default=0)
    for name, value in numbers.items():
        shown = f"{value:.4f}" if isinstance(value, float) else str(value)
        note = "  always the commonest class" if name == "baseline" and confusion else ""
        console.print(f"  {name.replace('_', ' '):{width}}  {shown}{note}", highlight=False)
    if confusion:
        for line in _class_lines(figures, console.width, rest):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _numbers(figures: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, int | float]]:
    """The numbers, those that several have in common behind the names of these."""
    for name, value in figures.items():
        if isinstance(value, (int, float)):
            yield head + name, value
        elif isinstance(value, Mapping) and not head:
            yield from _numbers(value, f"{name} ")


def _class_lines(figures: Mapping[str, Any], width: int, rest: str) -> list[Text]:
    """The confusion matrix; where it is too wide or too large its largest entries."""
    names = figures["classes"]
    if len(names) > MOST_CLASSES:
        return _largest_confusions(figures, rest)
    numbers = [str(number) for number in range(1, len(names) + 1)]
    numbered = [
        f"{number:>{len(numbers[-1])}} {name}" for number, name in zip(numbers, names, strict=True)
    ]
    for rows, heads in ((names, names), (numbered, numbers)):
        table = _table(figures, rows, heads)
        if max(line.cell_len for line in table) <= width:
            return [Text("true class (rows) and predicted class (columns)", style="bold"), *table]
    return [*_table(figures, names, ()), *_largest_confusions(figures, rest)]


def _table(figures: Mapping[str, Any], rows: Sequence[str], heads: Sequence[str]) -> list[Text]:
    """A line for each class, under a line of heads; without `heads` no matrix."""
    counts = [[str(count or "·") for count in row] for row in figures["confusion"]]
    first = max(map(cell_len, rows)) + 1
    cell = max(map(cell_len, sum(counts, list(heads)))) + 1
    top = " " * (first + 1) + "".join(_right(head, cell) for head in heads)
    lines = [Text(f"{top}  recall  precision", style="bold")]
    for number, (row, of_class) in enumerate(zip(rows, figures["per_class"].values(), strict=True)):
        line = Text(f" {row}{' ' * (first - cell_len(row))}")
        for column in range(len(heads)):
            style = "bold" if column == number else ""
            line.append(_right(counts[number][column], cell), style)
        line.append(f"  {of_class['recall']:>6.3f}  {of_class['precision']:>9.3f}")
        lines.append(line)
    return lines


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text


def _largest_confusions(figures: Mapping[str, Any], rest: str) -> list[Text]:
    classes, confusion = figures["classes"], figures["confusion"]
    found = [
        (count, true, said)
        for true, row in zip(classes, confusion, strict=True)
        for said, count in zip(classes, row, strict=True)
        if count and said != true
    ]
    found.sort(key=lambda each: -each[0])
    lines = [
        Text(f"  {count} of {figures['per_class'][true]['count']} {true} taken for {said}")
        for count, true, said in found[:MOST_CONFUSIONS]
    ]
    head = "largest confusions" if found else "no confusions"
    return [Text(f"{head} ({rest})", style="bold"), *lines]
