"""What is measured on a data set, and how: the frame that every task fills."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Scores = Mapping[str, float]  # a value for each measure of a task


@dataclass(frozen=True)
class Split:
    """What to train on, and who or what is held back."""

    name: str
    train: Any
    test: Any


@dataclass(frozen=True)
class Trial:
    """How one training did on what it had not seen, and how simple methods do there."""

    scores: Scores
    baselines: Mapping[str, Scores]
    seconds: float  # of training
    held_back: int  # samples; means over several splits are weighted by them


@dataclass(frozen=True)
class Task:
    """A figure to be measured, or several of one training.

    Attributes
    ----------
    name, title : str
        On the command line, and in the table.
    folder : str
        Where its data lie in the folder of all data.
    measures : mapping of str to float or None
        What is measured, and what it should at least be.
    splits : callable
        From the data set's folder, and optionally a second one of the same layout: then all of
        the first is trained on, and all of the second held back.
    train : callable
        From a split and a seed to the trial.
    minutes : float, optional
        What one training may take on two cores.
    """

    name: str
    title: str
    folder: str
    measures: Mapping[str, float | None]
    splits: Callable[[Path, Path | None], Iterable[Split]]
    train: Callable[[Split, int], Trial]
    minutes: float | None = None
