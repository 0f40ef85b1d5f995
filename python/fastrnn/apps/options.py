"""What the options of all trainings have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from fastrnn.apps.settings import setting
from fastrnn.data import split_files

Item = TypeVar("Item")

VALIDATION = "Validation"


@dataclass(frozen=True)
class TrainingOptions:
    """How to train anything; the fields are options of `fastrnn train`.

    Attributes
    ----------
    epochs, batch_size : int
        Passes over the training part, and samples per step.
    learning_rate : float
        Of Adam.
    seed : int
        Seed of the split, the weights, the order, and what else is drawn.
    validation : float
        Part of the data that is held back, in [0, 1).
    """

    epochs: int = setting(40, "Passes over the training part.")
    batch_size: int = setting(32, "Samples per step.", flag="--batch")
    learning_rate: float = setting(1e-3, "Adam's learning rate at the start.", flag="--lr")
    seed: int = setting(0, "Seed of all that is random.")
    validation: float = setting(0.2, "Part that is held back.", flag="--val", panel=VALIDATION)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"train: {name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 < self.learning_rate < 10.0:
            raise ValueError(
                f"train: learning_rate must be above 0 and below 10, got {self.learning_rate}"
            )
        if self.seed < 0:
            raise ValueError(f"train: seed must not be negative, got {self.seed}")
        if not 0.0 <= self.validation < 1.0:
            raise ValueError(f"train: validation must be in [0, 1), got {self.validation}")


def check_memory(memory: int) -> None:
    """Refuse less than no MiB of frames to be kept."""
    if memory < 0:
        raise ValueError(f"train: memory must not be negative, got {memory}")


def check_expression(name: str, expression: str | None) -> None:
    """Refuse an option's value that is no regular expression."""
    try:
        re.compile(expression or "")
    except re.error as error:
        raise ValueError(
            f"train: {name} must be a regular expression, got '{expression}': {error}"
        ) from None


@dataclass(frozen=True)
class FileOptions(TrainingOptions):
    """How to train on files, of which whole groups can be held back by their names.

    Attributes
    ----------
    validation_group : str, optional
        Regular expression on file names; what it matches stays together, see
        `fastrnn.data.split_clips`.
    validation_match : str, optional
        Regular expression on file names; the files that match are held back, no others.
    """

    validation_group: str | None = setting(
        None,
        "Hold back whole groups: files whose names match alike stay together, such as '[^_]+' "
        "for person_action.avi.",
        flag="--val-group",
        panel=VALIDATION,
        metavar="REGEX",
    )
    validation_match: str | None = setting(
        None,
        "Hold back exactly the files whose names match.",
        flag="--val-match",
        panel=VALIDATION,
        metavar="REGEX",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("validation_group", "validation_match"):
            check_expression(name, getattr(self, name))
        if self.validation_group and self.validation_match:
            raise ValueError("train: give validation_group or validation_match, not both")

    def split(
        self,
        items: Sequence[Item],
        path: Callable[[Item], Path] = attrgetter("path"),
        label: Callable[[Item], int] = lambda item: 0,
    ) -> tuple[list[Item], list[Item]]:
        """What to train on, and what to hold back; see `fastrnn.data.split_files`."""
        return split_files(
            items,
            path,
            label,
            fraction=self.validation,
            group=self.validation_group,
            match=self.validation_match,
            seed=self.seed,
        )
