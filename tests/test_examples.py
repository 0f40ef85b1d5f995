"""The examples run from their first line to their last, on small folders and for one epoch."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fastrnn
import small_data
from fastrnn.apps import TrainingRun

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
WATCHED = ["data/model.keras", "data/left/000.mp4", "seen.avi"]
# What each is run on, with which words, what it must print, and what it leaves.
CASES: dict[str, tuple[Callable[[Path], None] | None, list[str], str, str | None]] = {
    "classify_clips": (
        small_data.clips,
        ["data", "^000"],
        "convlstm   ",
        "runs/convlstm1/model.keras",
    ),
    "classify_images": (small_data.digits, ["data"], "cnn        ", "runs/cnn1/model.keras"),
    "custom_cell": (None, [], "val_loss", None),
    "detect": (small_data.boxes, ["data", "data/clip.mp4"], "'map50': ", "annotated.mp4"),
    "extract_features": (small_data.clips, ["data", "^000"], "motion           nearest", None),
    "generate_digits": (small_data.digits, ["data", "1"], "digits.png", "digits.png"),
    "label_frames": (small_data.spoken, ["data"], "loudness: off by", "runs/values1/model.keras"),
    "next_frame": (small_data.clips, ["data", "^000"], "optical flow", "forecast.mp4"),
    "spoken_sentences": (small_data.sentences, ["data"], "word error rate", None),
    "spoken_words": (small_data.words, ["data", "_a_"], "words right", "runs/words1/confusion.png"),
    "train_on_features": (small_data.features, ["data/features.npz"], "of 2 clips", "lstm.keras"),
    "watch": (small_data.classifier, WATCHED, "1.08 s  ", "seen.avi"),
    "track": (small_data.sequences, ["data/ann"], "OpenCV MIL         mean IoU", None),
}


def test_every_example_is_run() -> None:
    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not beside the tests")
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_example_runs(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    example = EXAMPLES / f"{name}.py"
    if not example.is_file():
        pytest.skip("the examples are not beside the tests")
    write, words, printed, left = CASES[name]
    monkeypatch.chdir(tmp_path)
    if write:
        write(Path("data"))
    _train_for_one_epoch(monkeypatch)
    monkeypatch.setattr(sys, "argv", [str(example), *words])
    runpy.run_path(str(example), run_name="__main__")
    assert printed in capsys.readouterr().out
    assert left is None or (tmp_path / left).stat().st_size > 0


@pytest.mark.parametrize("name", CASES)
def test_an_example_says_what_it_takes(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = EXAMPLES / f"{name}.py"
    if not example.is_file():
        pytest.skip("the examples are not beside the tests")
    monkeypatch.setattr(sys, "argv", [str(example), "one", "two", "three", "four", "five"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(example), run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"usage: {name}.py ")


def _train_for_one_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    for trained in (TrainingRun, fastrnn.Model):

        def fit(*given: Any, epochs: int, whole: Any = trained.fit, **options: Any) -> Any:
            return whole(*given, epochs=1, **options)

        monkeypatch.setattr(trained, "fit", fit)
