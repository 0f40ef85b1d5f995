"""Each task of `fastrnn train` on a little of real data: better than chance after a minute."""

from __future__ import annotations

import gzip
import wave
from pathlib import Path

import numpy as np
import pytest

from fastrnn import apps
from fastrnn.apps import TrainingRun
from fastrnn.apps.segments import sound_starts
from fastrnn.audio import LogMel, read_wav

pytestmark = [pytest.mark.data, pytest.mark.slow]


def part_of(data_dir: Path, name: str) -> Path:
    folder = data_dir / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    return folder


@pytest.fixture
def digits(tmp_path: Path, data_dir: Path) -> Path:
    """The first 2000 of MNIST's, of which a tenth is held back below."""
    folder, count = part_of(data_dir, "mnist"), 2000
    for name, header, size in (("images-idx3", 16, 28 * 28), ("labels-idx1", 8, 1)):
        with gzip.open(folder / f"train-{name}-ubyte.gz") as file:
            content = bytearray(file.read(header + count * size))
        content[4:8] = count.to_bytes(4, "big")
        (tmp_path / f"train-{name}-ubyte").write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("network", "epochs", "accuracy"), [("rows-lstm", 5, 0.6), ("cnn", 3, 0.8)]
)
def test_digits_are_classified(digits: Path, network: str, epochs: int, accuracy: float) -> None:
    options = apps.ImageOptions(network=network, epochs=epochs, validation=0.1)
    run = TrainingRun(digits / "run")
    result = apps.train_image_classifier(digits, options, run=run)
    assert result.evaluation is not None
    assert result.evaluation.confusion.sum() == 200
    assert result.evaluation.accuracy >= accuracy  # chance 0.1


def test_digits_are_made(digits: Path) -> None:
    run = TrainingRun(digits / "run")
    generator = apps.train_pictures(digits, apps.PictureOptions(epochs=2, validation=0.1), run=run)
    assert generator.generate(3, seed=1).shape == (3, 28, 28, 1)
    judged = run.results["validation"]
    assert judged["real"]["distance"] < judged["made"]["distance"] < judged["noise"]["distance"]


def test_words_of_another_speaker_are_recognized(tmp_path: Path, data_dir: Path) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for path in part_of(data_dir, "fsdd").glob("[178]_*.wav"):  # one, seven, eight
        _, speaker, number = path.stem.split("_")
        if speaker != "lucas" and int(number) % 3 == 0:  # who speaks unlike the others
            (sounds / path.name).symlink_to(path)
    run = TrainingRun(tmp_path / "run")
    options = apps.WordOptions(epochs=12, validation_match="_jackson_")
    recognizer = apps.train_words(sounds, options, run=run)
    assert recognizer.names == ("1", "7", "8")
    assert run.results["validation"]["accuracy"] >= 0.6  # chance 1/3


def test_sequences_of_words_are_recognized(
    tmp_path: Path, data_dir: Path, rng: np.random.Generator
) -> None:
    folder = part_of(data_dir, "fsdd")
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for number in range(120):
        digits = rng.choice(["1", "7", "8"], 2)
        # The last 24 sequences, which are held back, are of recordings of their own.
        first, recordings = (10, 32) if number < 96 else (42, 8)
        said = [folder / f"{digit}_jackson_{first + number % recordings}.wav" for digit in digits]
        samples = np.concatenate([read_wav(path, sample_rate=8000)[0] for path in said])
        with wave.open(str(sounds / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((samples * 32767).astype("<i2").tobytes())
        (sounds / f"{number}.txt").write_text(" ".join(digits), encoding="utf-8")
    run = TrainingRun(tmp_path / "run")
    options = apps.SentenceOptions(epochs=12, validation_match="^(9[6-9]|1..)[.]")
    apps.train_sentences(sounds, options, run=run)
    assert run.results["recordings"] == 24
    judged = run.results["validation"]
    assert judged["word_error_rate"] < 0.5 * judged["baseline"]["word_error_rate"]


def test_words_are_found_in_sentences(tmp_path: Path, data_dir: Path) -> None:
    folder = part_of(data_dir, "grid_s1")
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    (sounds / "index.csv").symlink_to(folder / "index.csv")  # when each sound starts
    for path in sorted((folder / "audio8k").glob("*.wav"))[:60]:
        (sounds / path.name).symlink_to(path)
        (sounds / f"{path.stem}.align").symlink_to(folder / "align" / f"{path.stem}.align")
    run = TrainingRun(tmp_path / "run")
    options = apps.LabelOptions(media="sound", any_label=True, epochs=6)
    apps.train_labels(sounds, options, run=run)
    judged = run.results["validation"]
    assert judged["accuracy"] > (1 + judged["baseline"]) / 2  # half of the mistakes saved


@pytest.fixture
def lips(tmp_path: Path, data_dir: Path) -> Path:
    """Videos of lips, of which a fifth is held back."""
    clips = tmp_path / "clips"
    clips.mkdir()
    for path in sorted((part_of(data_dir, "grid_s1") / "lips").glob("*.mp4"))[::5][:100]:
        (clips / path.name).symlink_to(path)
    return clips


SMALL = {"width": 32, "height": 20, "filters": (8, 16), "units": (32,), "learning_rate": 5e-3}


def test_lips_tell_when_is_spoken(lips: Path, data_dir: Path) -> None:
    for path in list(lips.iterdir()):
        align = f"{path.stem}.align"
        (lips / align).symlink_to(data_dir / "grid_s1" / "align" / align)
    run = TrainingRun(lips / "run")
    apps.train_labels(lips, apps.LabelOptions(any_label=True, epochs=12, **SMALL), run=run)
    judged = run.results["validation"]
    assert run.results["recordings"] == 20
    assert judged["accuracy"] > (1 + judged["baseline"]) / 2  # half of the mistakes saved


def test_lips_tell_how_loud_the_voice_is(lips: Path, data_dir: Path) -> None:
    folder = data_dir / "grid_s1"
    log_mel = LogMel(sample_rate=8000, mels=24, window=0.04, step=0.04)
    starts = sound_starts(folder)
    for path in list(lips.iterdir()):
        loudness = log_mel.read(folder / "audio8k" / f"{path.stem}.wav").max(axis=1)
        quiet = [loudness.min()]  # before and after what was recorded
        values = np.concatenate([quiet, loudness, quiet])
        times = starts[path.stem] + 0.02 + 0.04 * np.arange(-1, len(loudness) + 1)
        rows = [f"{time:.3f},{value:.3f}" for time, value in zip(times, values, strict=True)]
        (lips / f"{path.stem}.csv").write_text("\n".join(["time,loudness", *rows]))
    run = TrainingRun(lips / "run")
    apps.train_labels(lips, apps.LabelOptions(epochs=12, **SMALL), run=run)
    judged = run.results["validation"]["loudness"]
    assert judged["mae"] < 0.75 * judged["baseline"]  # of always saying the mean
    assert judged["r2"] > 0.3


def test_next_frames_are_predicted(tmp_path: Path, data_dir: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for path in part_of(data_dir, "weizmann").glob("*/*_w*.avi"):  # walk, wave1, wave2
        (clips / path.name).symlink_to(path)
    run = TrainingRun(tmp_path / "run")
    options = apps.NextFrameOptions(epochs=1, width=48, height=36, validation_match="^daria_")
    apps.train_next_frame(clips, options, run=run)
    errors = {(row["method"], row["steps"]): row["psnr"] for row in run.results["errors"]}
    for steps in (1, 5):
        assert errors["model", steps] > errors["last frame", steps] + 1  # dB


def test_a_walker_is_detected(tmp_path: Path, data_dir: Path) -> None:
    folder = part_of(data_dir, "tracking") / "otb_crossing"
    boxes = np.loadtxt(folder / "groundtruth_rect.txt")
    pictures = sorted((folder / "img").glob("*.jpg"))
    rows = ["image,x,y,w,h,class"]
    walk = list(zip(pictures, boxes, strict=True))[::2]
    for path, box in walk:
        (tmp_path / path.name).symlink_to(path)
        rows.append(",".join([path.name, *(f"{value:g}" for value in box), "walker"]))
    (tmp_path / "boxes.csv").write_text("\n".join(rows), encoding="utf-8")
    run = TrainingRun(tmp_path / "run")
    last = "|".join(path.stem for path, _ in walk[-len(walk) // 4 :])
    options = apps.DetectorOptions(epochs=30, width=120, height=80, validation_match=last)
    apps.train_detector(tmp_path, options, run=run)
    judged = run.results["validation"]
    assert judged["map50"] > 0.5 > judged["baseline"]
