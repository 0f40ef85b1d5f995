"""Every task's training, ended by Ctrl-C in the middle of an epoch, goes on to the same end."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import small_data
from fastrnn.apps import Progress, TrainingRun
from fastrnn.apps.tasks import TASKS, resume
from test_runs import Interrupting, assert_same

SIZE = {"width": 16, "height": 12}
SPEECH: dict[str, Any] = {"units": (3,), "filters": (2,)}
CASES: dict[str, tuple[Callable[[Path], None], dict[str, Any]]] = {
    "video": (small_data.clips, {"network": "frames-lstm", "size": (12, 10), "units": (3,)}),
    "images": (small_data.digits, {"network": "rows-lstm", "units": (3,)}),
    "generate": (small_data.digits, {"filters": 4, "latent": 4}),
    "next-frame": (small_data.clips, {**SIZE, "filters": 2, "stride": 8}),
    "words": (small_data.words, {**SPEECH, "validation_group": "_[ab]_"}),
    "sentences": (small_data.sentences, SPEECH),
    "label": (small_data.spoken, {**SPEECH, **SIZE, "media": "pictures", "window": 8}),
    "detect": (small_data.boxes, {"width": 32, "height": 24}),
    "track": (small_data.sequences, {"rendered": 1, "lessons": 2, "units": 3}),
}
BATCH = {"images": 16, "generate": 16, "next-frame": 8}


# Of other tasks the last epoch is taken.
CHOSEN = {"video", "images", "next-frame", "detect"}


class Told(Progress):
    """Notes, and of each epoch whether it was called the best so far."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.best: list[bool] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def epoch_done(self, row: Any, best: bool) -> None:
        self.best.append(best)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_goes_on_to_the_same_end(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastrnn.apps.tracking.lessons.LENGTH", 6)
    write, how = CASES[name]
    write(tmp_path / "data")
    task = TASKS[name]
    options = task.options(epochs=2, batch_size=BATCH.get(name, 2), **how)
    told = Told()
    whole = TrainingRun(tmp_path, "whole", progress=told)
    task.train(tmp_path / "data", options, run=whole)
    cut = TrainingRun(tmp_path, "cut", progress=Interrupting(1, 0))
    task.train(tmp_path / "data", options, run=cut)
    assert cut.interrupted
    assert len(cut.history) == 1
    resume(TrainingRun.resume(cut.path))
    assert_same(cut.path, whole.path)
    parts = re.compile(r"training on \d+ .*, holding back \d")
    assert sum(parts.search(each) is not None for each in told.notes) == 1
    assert any(told.best) == (name in CHOSEN)
    assert whole.best_epoch == (whole.model_epoch if name in CHOSEN else None)
