"""Progress of training on the terminal, with rich."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.progress import TimeRemainingColumn as Remaining

from fastrnn.apps import EpochStats, TrainingProgress
from fastrnn.data import Clip, WindowedClips


class TerminalProgress(TrainingProgress):
    """Bars for reading and for each epoch, and a line of figures after each epoch."""

    def __init__(self, console: Console, epochs: int) -> None:
        self.console = console
        self.epochs = epochs
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            Remaining(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bars.stop()

    def _show(self, description: str, done: int, total: int, figures: str = "") -> None:
        if self._task is None:
            self._task = self._bars.add_task(description, total=total, figures=figures)
        self._bars.update(
            self._task, description=description, completed=done, total=total, figures=figures
        )

    def _end(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None

    def clip_read(self, clip: Clip, reason: str | None, done: int, total: int) -> None:
        """Advance the bar; name a clip that was skipped."""
        if reason is not None:
            self.console.print(f"skipped {reason}", style="yellow", markup=False, highlight=False)
        self._show("reading clips", done, total)
        if done == total:
            self._end()

    def training_started(self, train: WindowedClips, validation: WindowedClips) -> None:
        """Say what will be trained on."""
        classes = np.unique(train.labels).size
        skipped = len(train.skipped) + len(validation.skipped)
        self.console.print(
            f"{classes} classes; training on {len(train.clips)} clips ({len(train)} windows), "
            f"holding back {len(validation.clips)} ({len(validation)} windows)"
            + (f", {skipped} skipped" if skipped else ""),
            highlight=False,
        )

    def batch_done(self, epoch: int, done: int, total: int, loss: float) -> None:
        """Advance the epoch's bar."""
        self._show(f"epoch {epoch}/{self.epochs}", done, total, f"loss {loss:.4f}")

    def epoch_done(self, stats: EpochStats, best: bool) -> None:
        """Print the epoch's figures."""
        self._end()
        line = f"epoch {stats.epoch}/{self.epochs}  {stats.seconds:.1f} s"
        line += f"  loss {stats.loss:.4f}  acc {stats.accuracy:.3f}"
        if stats.val_loss is not None:
            line += f"  val_loss {stats.val_loss:.4f}  val_acc {stats.val_accuracy:.3f}"
        self.console.print(line + ("  best" if best else ""), highlight=False, soft_wrap=True)
