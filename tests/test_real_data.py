"""The benchmark on real recordings: splits, means and pictures, on data made for the purpose."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastrnn import Sequential
from fastrnn.layers import LSTM, Dense, Input

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not beside the tests")
    monkeypatch.syspath_prepend(BENCHMARKS)


def write_digits(folder: Path, count: int, random: np.random.Generator) -> None:
    """Bright rows in an idx pair; the row is the class."""
    labels = random.integers(0, 10, count).astype(np.uint8)
    images = random.integers(0, 60, (count, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label + 3 : 2 * label + 6] = 250
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        header = bytes([0, 0, 8, array.ndim]) + sizes
        with gzip.open(folder / f"train-{name}-ubyte.gz", "wb") as file:
            file.write(header + array.tobytes())


def test_a_network_and_the_baselines_learn(tmp_path: Path) -> None:
    from real_data import TASKS
    from real_data.classification import train_and_score

    random = np.random.default_rng(0)
    for name, count in (("here", 400), ("there", 100)):
        (tmp_path / name).mkdir()
        write_digits(tmp_path / name, count, random)
    (split,) = TASKS["mnist-lstm"].splits(tmp_path / "here", tmp_path / "there")
    assert (split.name, len(split.train), len(split.test)) == ("there", 400, 100)

    def small() -> Sequential:
        return Sequential([Input((28, 28)), LSTM(16), Dense(10, "softmax")])

    trial = train_and_score(small, split, 0, epochs=12, learning_rate=2e-2)
    assert trial.scores["accuracy"] > 0.9
    assert trial.baselines["logistic regression"]["accuracy"] > 0.9
    assert trial.baselines["majority class"]["accuracy"] < 0.3
    assert trial.held_back == 100


def test_every_group_is_held_back_once() -> None:
    from real_data.classification import Samples, fifths, leave_one_out

    people = np.array(["b", "a", "b", "c", "a"])
    samples = Samples(np.arange(5), np.zeros(5, int), people, np.zeros((5, 1)))
    held_back = {split.name: split.test.x.tolist() for split in leave_one_out(samples)}
    assert held_back == {"a": [1, 4], "b": [0, 2], "c": [3]}
    parts = np.stack([part for _, part in fifths(13)])
    np.testing.assert_array_equal(parts.sum(axis=0), np.ones(13))


def test_means_are_over_all_that_was_held_back() -> None:
    import bench_real_data
    from real_data.task import Task, Trial

    task = Task("walks", "Walks", "walks", {"accuracy": 0.8}, lambda *_: [], print, minutes=1)
    seen: dict[int, list[Any]] = {
        0: [
            Trial({"accuracy": 1.0}, {"chance": {"accuracy": 0.5}}, 30.0, 10),
            Trial({"accuracy": 0.5}, {"chance": {"accuracy": 0.2}}, 50.0, 30),
        ],
        3: [Trial({"accuracy": 0.9}, {"chance": {"accuracy": 0.3}}, 190.0, 40)],
    }
    (row,) = bench_real_data.summarise(task, seen)
    assert row["seeds"] == {0: pytest.approx(0.625), 3: pytest.approx(0.9)}
    assert row["baselines"]["chance"] == pytest.approx((5 + 6 + 12) / 80)
    assert row["seconds"] == pytest.approx(90)
    assert bench_real_data.cells(row)[2] == "0.762"
    assert bench_real_data.cells(row)[-1] == "short late"


def test_runs_add_to_one_file(tmp_path: Path) -> None:
    import bench_real_data
    from real_data.record import Record
    from real_data.task import Trial

    def trial(accuracy: float) -> Trial:
        return Trial({"accuracy": accuracy}, {}, 60.0, 10)

    path = tmp_path / "results.json"
    for seed, accuracy in ((1, 0.75), (0, 0.5), (1, 0.875)):  # the last one of seed 1 counts
        Record(path).add("mnist-cnn", seed, "the last 10", trial(accuracy))
    record = Record(path)
    assert record.trials("mnist-cnn") == {0: [trial(0.5)], 1: [trial(0.875)]}
    assert "| 0.688 | 0.500 0.875 |" in bench_real_data.table(record)


def test_the_mouth_is_where_most_changes() -> None:
    from real_data.grid_lips import HEIGHT, ROOM, WIDTH, mouth

    random = np.random.default_rng(1)
    video = np.repeat(random.integers(0, 256, (1, 80, 128)), 20, axis=0).astype(np.uint8)
    video[:, 30:54, 61:109] = random.integers(0, 256, (20, 24, 48))
    tall, wide = HEIGHT + 2 * ROOM, WIDTH + 2 * ROOM
    top, left = 30 - (tall - 24) // 2, 61 - (wide - 48) // 2
    np.testing.assert_array_equal(mouth(video), video[:, top : top + tall, left : left + wide])


def test_words_are_cut_with_what_is_around_them() -> None:
    from real_data.grid_lips import HEIGHT, MARGIN, ROOM, STEPS, WIDTH, cut

    random = np.random.default_rng(2)
    frames = random.integers(0, 256, (40, HEIGHT + 2 * ROOM, WIDTH + 2 * ROOM)).astype(np.uint8)
    row = np.array([[5, 34, 14.3, 21.8], [5, 34, 5.0, 7.0]])
    pictures = cut(frames, row)
    assert pictures.shape == (2, STEPS, HEIGHT, WIDTH, 3)
    times = np.linspace(14.3 - MARGIN, 21.8 + MARGIN, STEPS).astype(int)
    around = np.clip(times[:, None] + [-1, 0, 1], 5, 34)
    expected = frames[around, ROOM:-ROOM, ROOM:-ROOM].astype(float).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(pictures[0], (expected - expected.mean()) / 32, atol=1e-3)
    # The frame before the sentence's first is the first again.
    np.testing.assert_array_equal(pictures[1, 0, ..., 0], pictures[1, 0, ..., 1])
    changed = cut(frames, row, np.random.default_rng(3))
    assert not np.allclose(changed, pictures)


def test_recordings_held_back_are_named_exactly() -> None:
    from real_data.speech import without

    from fastrnn.apps.speech import Recording

    recordings = [Recording(Path(f"a/{name}.wav"), name) for name in ("one", "one2", "two")]
    split = without(Path("a"), recordings, "some", {"one.wav"})
    match = str(split.train.options["validation_match"])
    held_back = [each.text for each in recordings if re.search(match, each.path.name)]
    assert held_back == ["one"] == [each.text for each in split.test]
    assert [each.text for each in split.train.recordings] == ["one2", "two"]
