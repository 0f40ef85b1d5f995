"""The progress bar of `fit`, `evaluate` and `predict`, in Keras' format."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable
from typing import TextIO

_BOLD, _GREEN, _WHITE, _END = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


class Progbar:
    """Progress over a number of steps, with values behind the bar.

    Parameters
    ----------
    target : int or None
        Number of steps; None when it is not known.
    width : int
        Cells of the bar.
    verbose : {0, 1, 2}
        Silent, a bar that moves, or one line at the end.
    interval : float
        Least time between two drawings, in seconds.
    stateful_metrics, stateless_metrics : iterable of str, optional
        Values shown as they are, or else those alone of which the mean over the steps so far is
        shown. Without either, means are shown of all; at the end, the last values.
    unit_name : str
        What a step is called in ``ms/step``.
    file : text stream, optional
        Where to write; standard output when not given.

    Examples
    --------
    >>> from fastrnn.utils import Progbar
    >>> bar = Progbar(target=2, verbose=2)
    >>> bar.update(2, [("loss", 0.5)])  # doctest: +ELLIPSIS
    2/2 - 0s - ... - loss: 0.5000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
        file: TextIO | None = None,
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar: give only one of stateful_metrics and stateless_metrics")
        self._as_is = None if stateful_metrics is None else set(stateful_metrics)
        self._averaged = None if stateless_metrics is None else set(stateless_metrics)
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.file = file
        self._start = time.perf_counter()
        self._after_first_step: float | None = None
        self._last_drawn = -math.inf
        self._drawn_width = 0
        self._current = 0
        self._values: dict[str, float] = {}
        self._sums: dict[str, tuple[float, int]] = {}  # of averaged values, and their steps

    def due(self) -> bool:
        """Whether `update` would draw now; lets a loop spare itself the values."""
        return self.verbose == 1 and time.perf_counter() - self._last_drawn >= self.interval

    def mark(self, current: int) -> None:
        """Note that `current` steps are done, without drawing."""
        self._current = current
        if self._after_first_step is None and current >= 1:
            self._after_first_step = time.perf_counter()

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, float]] = (),
        finalize: bool | None = None,
    ) -> None:
        """Show that `current` steps are done.

        Parameters
        ----------
        current : int
            Steps done so far.
        values : iterable of (str, float)
            Of the steps since the last call, in the order in which their names first came.
        finalize : bool, optional
            End the line; by default when `current` reaches the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values:  # of arrays the mean is shown
            number = float(value.mean() if hasattr(value, "mean") else value)
            if not finalize and self._averages(name):
                steps = max(current - self._current, 1)
                total, before = self._sums.get(name, (0.0, 0))
                self._sums[name] = total, before = total + number * steps, before + steps
                number = total / before
            self._values[name] = number
        now = time.perf_counter()
        self.mark(current)
        if self.verbose == 1:
            if finalize or now - self._last_drawn >= self.interval:
                self._draw(current, now, finalize)
                self._last_drawn = now
        elif self.verbose == 2 and finalize and self.target:
            seconds = f"{self._count(current)} - {now - self._start:.0f}s"
            self._write(f"{seconds} -{self._step_time(current, now)}{self._shown_values()}\n")

    def _averages(self, name: str) -> bool:
        if self._averaged is not None:
            return name in self._averaged
        return self._as_is is None or name not in self._as_is

    def add(self, n: int, values: Iterable[tuple[str, float]] = ()) -> None:
        """Show that `n` more steps are done."""
        self.update(self._current + n, values)

    def _draw(self, current: int, now: float, finalize: bool) -> None:
        if self.target:
            filled = min(self.width, self.width * current // self.target)
            bar = f"{_BOLD}{self._count(current)}{_END} "
            if filled:
                bar += f"{_GREEN}{'━' * filled}{_END}"
            bar += f"{_WHITE}{'━' * (self.width - filled)}{_END}"
            bar_width = len(self._count(current)) + 1 + self.width
        else:
            bar = f"{current:7d}/Unknown"
            bar_width = len(bar)
        if self.target and not finalize:
            clock = _remaining(self._seconds_per_step(current, now) * (self.target - current))
        else:
            clock = f"{now - self._start:.0f}s"
        rest = f"{self._step_time(current, now)}{self._shown_values()}"
        width = bar_width + 1 + len(clock) + len(rest)
        line = "\b" * self._drawn_width + f"\r{bar} {_BOLD}{clock}{_END}{rest}"
        line += " " * (self._drawn_width - width)
        self._drawn_width = width
        self._write(line + "\n" if finalize else line)

    def _count(self, current: int) -> str:
        digits = len(str(self.target))
        return f"{current:{digits}d}/{self.target}"

    def _seconds_per_step(self, current: int, now: float) -> float:
        """Mean time of a step; the first, which warms up, is left out once there are more."""
        if current <= 0:
            return 0.0
        if self._after_first_step is not None and current > 1:
            return (now - self._after_first_step) / (current - 1)
        return (now - self._start) / current

    def _step_time(self, current: int, now: float) -> str:
        seconds = self._seconds_per_step(current, now)
        if seconds >= 1 or seconds == 0:
            return f" {seconds:.0f}s/{self.unit_name}"
        if seconds >= 1e-3:
            return f" {seconds * 1e3:.0f}ms/{self.unit_name}"
        return f" {seconds * 1e6:.0f}us/{self.unit_name}"

    def _shown_values(self) -> str:
        # Keras writes a negative value as 1.0000e-01 in the line and as 0.1000 in the bar.
        return "".join(
            f" - {name}: {value:.4f}"
            if (abs(value) if self.verbose == 1 else value) > 1e-3
            else f" - {name}: {value:.4e}"
            for name, value in self._values.items()
        )

    def _write(self, text: str) -> None:
        file = self.file or sys.stdout
        file.write(text)
        file.flush()


def _remaining(seconds: float) -> str:
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    if seconds > 60:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole}s"
