"""What was measured, in one file to which every run adds: a training at a time."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import write_json

from real_data.task import Trial


class Record:
    """Trials by task, seed and split; the last one of each counts.

    Parameters
    ----------
    path : Path, optional
        A JSON file, which need not be there yet; without one nothing is kept.
    machine : dict, optional
        What describes the machine, kept with each trial.
    """

    def __init__(self, path: Path | None, machine: dict[str, Any] | None = None) -> None:
        self._path, self._machine = path, machine
        there = path is not None and path.exists()
        self._entries: list[dict[str, Any]] = (
            json.loads(path.read_text(encoding="utf-8"))["trials"] if path and there else []
        )

    def add(self, task: str, seed: int, without: str, trial: Trial) -> None:
        """Keep a trial, in place of an earlier one of the same task, seed and split."""
        key = {"task": task, "seed": seed, "without": without}
        others = [entry for entry in self._entries if any(entry[k] != v for k, v in key.items())]
        self._entries = [*others, {**key, **asdict(trial), "machine": self._machine}]
        if self._path:
            write_json(self._path, {"trials": self._entries})

    def trials(self, task: str) -> dict[int, list[Trial]]:
        """Return those of a task, by seed."""
        found: dict[int, list[Trial]] = {}
        for entry in self._entries:
            if entry["task"] == task:
                fields = {name: entry[name] for name in Trial.__dataclass_fields__}
                found.setdefault(entry["seed"], []).append(Trial(**fields))
        return dict(sorted(found.items()))
