"""Progress of a task on the terminal, with rich."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.progress import TimeRemainingColumn as Remaining

from fastrnn.apps import Progress


class TerminalProgress(Progress):
    """Bars for reading and for each epoch, and a line of figures after each epoch."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            Remaining(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._epoch = 0

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bars.stop()

    def note(self, text: str) -> None:
        """Print the line."""
        style = "yellow" if text.startswith("skipped") else ""
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def advance(self, what: str, done: int, total: int | None) -> None:
        """Advance the bar."""
        self._show(what, done, total)
        if done == total:
            self._end()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advance the epoch's bar."""
        figures = f"loss {(logs or {}).get('loss', 0.0):.4f}"
        self._show(self._epoch_of(self._epoch + 1), batch + 1, self.params.get("steps"), figures)

    def epoch_done(self, row: dict[str, Any], best: bool) -> None:
        """Print the epoch's figures."""
        self._end()
        line = f"{self._epoch_of(row['epoch'])}  {row['seconds']:.1f} s"
        for name, value in row.items():
            if name not in ("epoch", "seconds", "learning_rate", "busy"):
                line += f"  {name} {value:.4f}"
        if "busy" in row:
            line += f"  computing {row['busy']:.0%}"
        self.note(line + ("  best" if best else ""))

    def _epoch_of(self, epoch: int) -> str:
        return f"epoch {epoch}/{self.params['epochs']}"

    def _show(self, what: str, done: int, total: int | None, figures: str = "") -> None:
        if self._task is None:
            self._task = self._bars.add_task(what, total=total, figures=figures)
        self._bars.update(
            self._task, description=what, completed=done, total=total, figures=figures
        )

    def _end(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
