"""Windows of clips, decoded while a model trains."""

from __future__ import annotations

import contextlib
import itertools
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import callbacks, layers
from fastrnn.data import VideoDataset, video_dataset_from_directory
from fastrnn.data.chunks import ClipChunks
from fastrnn.video import (
    FrameReader,
    FrameWriter,
    Preprocessing,
    VideoError,
    VideoWarning,
    clip_windows,
    read_clip,
)
from fastrnn.video._opencv import OpenCVDecoder
from fastrnn.video._pyav import has_pyav

PYAV = pytest.mark.skipif(not has_pyav(), reason="PyAV is not installed")
BITS = 10  # a frame shows its number and its clip's, as bars


def write_clip(path: Path, frames: int, clip: int = 0, fps: float = 25) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with FrameWriter(path, fps=fps) as writer:
        for number in range(frames):
            bars = [(number + 256 * clip) >> bit & 1 for bit in range(BITS)]
            writer.write(np.repeat(np.array(bars, np.uint8) * 255, 16)[None].repeat(16, axis=0))
    return path


def numbers(windows: np.ndarray) -> np.ndarray:
    """What frames show: (N, T) of frame + 256 · clip."""
    bits = windows[:, :, 4, :, 0] > windows.max() / 2
    return (bits * (1 << np.arange(BITS))).sum(axis=-1)


def settings(**options: Any) -> Preprocessing:
    return Preprocessing(**({"width": BITS, "height": 8, "view": "pixels"} | options))


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    return [write_clip(tmp_path / f"{n}.avi", count, n) for n, count in enumerate((200, 30, 3))]


@pytest.fixture
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of some 20 frames, so that even small clips have several."""
    monkeypatch.setattr("fastrnn.data.chunks._CHUNK_BYTES", 20 * 8 * BITS)


def seen(dataset: VideoDataset) -> list[tuple[int, ...]]:
    return [tuple(row) for x, _ in dataset for row in numbers(x).tolist()]


@pytest.mark.usefixtures("_small_chunks")
@pytest.mark.parametrize("cache", [None, "memory", "folder"])
@pytest.mark.parametrize(
    ("window", "stride", "step"),
    [(4, 3, 1), (5, 1, 2), (3, 4, 2), (6, 40, 3), (40, 6, 1), (1, 1, 1)],
)
def test_windows_are_those_of_the_whole_clip(
    clips: list[Path], tmp_path: Path, cache: str | None, window: int, stride: int, step: int
) -> None:
    preprocessing = settings(window=window, stride=stride, frame_step=step)
    cache = str(tmp_path / "cache") if cache == "folder" else cache
    dataset = VideoDataset(
        clips, preprocessing, [5, 6, 7], batch_size=7, shuffle=False, cache=cache, memory=0.02
    )
    wanted = [clip_windows(read_clip(clip, preprocessing), preprocessing) for clip in clips]
    got = [dataset[index] for index in range(len(dataset))]
    np.testing.assert_array_equal(
        np.concatenate([x for x, _ in got]), np.concatenate(wanted) / np.float32(255)
    )
    labels = np.repeat([5, 6, 7], [len(part) for part in wanted])
    np.testing.assert_array_equal(np.concatenate([y for _, y in got]), labels)
    np.testing.assert_array_equal(dataset.labels, labels)
    np.testing.assert_array_equal(dataset.clip_of, labels - 5)
    shown = numbers(np.concatenate([x for x, _ in got]))
    np.testing.assert_array_equal(shown[:, 0], dataset.starts + 256 * dataset.clip_of)
    backwards = [dataset[index][0] for index in reversed(range(len(dataset)))]
    np.testing.assert_array_equal(
        np.concatenate(backwards[::-1]), np.concatenate([x for x, _ in got])
    )


@pytest.mark.usefixtures("_small_chunks")
@pytest.mark.parametrize("workers", [0, 3])
def test_an_epoch_decodes_each_clip_once_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Clips of twice the memory, in a random order that follows from seed and epoch."""
    counts = [250, 140, 60, 7]
    paths = [write_clip(tmp_path / f"{n}.avi", count, n) for n, count in enumerate(counts)]
    memory = 160 * 8 * BITS

    def make(seed: int = 3) -> VideoDataset:
        return VideoDataset(
            paths,
            settings(window=4, stride=2),
            [0, 1, 2, 3],
            batch_size=6,
            seed=seed,
            memory=memory / 2**20,
            workers=workers,
            max_queue_size=2,
        )

    dataset = make()
    opened: Counter[str] = Counter()
    chunks = ClipChunks._chunks

    def counted(self: ClipChunks, clip: int, first: int = 0) -> Any:
        opened[str(clip)] += 1
        return chunks(self, clip, first)

    monkeypatch.setattr(ClipChunks, "_chunks", counted)
    most = 0
    epochs = []
    for _ in range(2):
        opened.clear()
        order = []
        batches = fastrnn.models.sources.batches_of(dataset, lambda batch: [batch])
        for (batch,) in batches.epoch():
            order += [tuple(row) for row in numbers(batch[0]).tolist()]
            most = max(most, dataset._chunks._bytes)
        epochs.append(order)
        assert max(opened.values()) == 1
    assert 0 < most <= memory
    wanted = sorted(
        tuple(range(256 * n + start, 256 * n + start + 4))
        for n, count in enumerate(counts)
        for start in range(0, count - 3, 2)
    )
    assert sorted(epochs[0]) == sorted(epochs[1]) == wanted
    assert epochs[0] != epochs[1]
    assert all(len({row[0] // 256 for row in order[:60]}) > 1 for order in epochs)
    other = make()
    assert seen(other) == epochs[0]
    other.set_state({"seed": 3, "epoch": 1})
    assert seen(other) == epochs[1]
    assert seen(make(seed=4)) != epochs[0]


def test_a_resumed_training_sees_the_same_batches(clips: list[Path], tmp_path: Path) -> None:
    class Seen(callbacks.Callback):
        def __init__(self, stop: int | None = None) -> None:
            super().__init__()
            self.stop = stop
            self.batches: list[Any] = []

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.batches.append(self.model.get_weights()[0].copy())
            if len(self.batches) == self.stop:
                self.model.save_checkpoint(tmp_path / "checkpoint")

    def train(stop: int | None = None, resume: bool = False) -> Any:
        fastrnn.utils.set_random_seed(1)
        model = fastrnn.Sequential([layers.Input((4, 8, BITS, 1)), layers.LSTM(3), layers.Dense(1)])
        model.compile("sgd", "mse")
        dataset = VideoDataset(
            clips, settings(window=4, stride=3), [1, 2, 3], batch_size=8, seed=5, jitter=True
        )
        note = Seen(stop)
        if resume:
            model.load_checkpoint(tmp_path / "checkpoint")
        model.fit(dataset, epochs=3, verbose=0, callbacks=[note])
        return note.batches

    whole = train(stop=13)  # of 10 batches an epoch
    rest = train(resume=True)
    assert len(whole) == 30
    assert len(rest) == 17
    np.testing.assert_array_equal(rest, whole[13:])


def test_jitter_reaches_up_to_the_next_window(clips: list[Path]) -> None:
    dataset = VideoDataset(clips, settings(window=4, stride=3), shuffle=False, jitter=True, seed=1)
    starts: list[set[int]] = [set() for _ in range(len(dataset.starts))]
    for _ in range(40):
        rows = np.concatenate([numbers(x) for x in dataset])
        for found, row in zip(starts, rows, strict=True):
            found.add(int(row[0]) % 256)
        full = rows[dataset.clip_of < 2]
        np.testing.assert_array_equal(np.diff(full), 1)
        dataset.on_epoch_end()
    counts = np.array([200, 30, 3])[dataset.clip_of]
    for found, start, count in zip(starts, dataset.starts, counts, strict=True):
        assert found == set(range(start, max(min(start + 3, count - 3), start + 1)))


def test_windows_are_augmented_each_in_its_way(clips: list[Path]) -> None:
    def marked(window: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        assert window.shape == (4, 8, BITS, 1)
        return np.full((2, 3, 5, 1), rng.integers(256), np.uint8)

    def make(**options: Any) -> VideoDataset:
        return VideoDataset(
            clips, settings(window=4), [0, 1, 2], augment=marked, seed=1, workers=2, **options
        )

    x, _ = make()[0]
    assert x.shape == (32, 2, 3, 5, 1)
    assert len(np.unique(x)) > 20
    np.testing.assert_array_equal(x, make()[0][0])


def test_frame_rates(tmp_path: Path) -> None:
    fast = write_clip(tmp_path / "50.avi", 100, fps=50)
    slow = write_clip(tmp_path / "10.avi", 20, 1, fps=10)
    dataset = VideoDataset([fast, slow], settings(window=5, stride=5, fps=25), shuffle=False)
    shown = np.concatenate([numbers(x) for x in dataset])
    first, second = shown[dataset.clip_of == 0], shown[dataset.clip_of == 1] - 256
    np.testing.assert_array_equal(first.ravel(), 2 * np.arange(50))  # steadily every second one
    np.testing.assert_allclose(second.ravel(), np.arange(second.size) * 10 / 25, atol=1)
    assert 45 <= second.size <= 50
    for fps in (0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"fps must be positive and finite, got {fps}"):
            settings(fps=fps)


def test_bad_clips_are_named_once_and_counted(clips: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"RIFF nothing")
    paths = [clips[0], broken, tmp_path / "missing.avi", clips[2]]
    with pytest.warns(UserWarning, match="skipped: ") as caught:
        dataset = VideoDataset(paths, settings(window=4), [1, 2, 3, 4], shuffle=False)
    assert [Path(name).name for name in dataset.skipped] == ["broken.avi", "missing.avi"]
    assert len(caught) == 2
    assert dataset.paths == [clips[0], clips[2]]
    assert set(dataset.labels.tolist()) == {1, 4}
    assert {int(y) for _, part in dataset for y in part} == {1, 4}
    told: list[tuple[str, bool]] = []
    VideoDataset(paths, settings(), on_clip=lambda path, why: told.append((path.name, why is None)))
    assert told == [("0.avi", True), ("broken.avi", False), ("missing.avi", False), ("2.avi", True)]
    with pytest.raises(ValueError, match=r"no clip can be read; .*broken\.avi"):
        VideoDataset([broken], settings(), on_clip=lambda path, why: None)
    for labels in ([1], [1, 2, 3]):
        with pytest.raises(ValueError, match=r"labels must be 2, one per clip, got \("):
            VideoDataset(clips[:2], settings(), labels)


@pytest.mark.parametrize("backend", ["opencv", pytest.param("pyav", marks=PYAV)])
def test_a_clip_that_is_cut_off_is_used_and_named(clips: list[Path], backend: str) -> None:
    whole = clips[0].read_bytes()

    def read(share: float) -> tuple[int, list[str]]:
        clips[0].write_bytes(whole[: int(share * len(whole))])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            dataset = VideoDataset(
                clips, settings(window=1, stride=1), memory=0.001, shuffle=False, backend=backend
            )
            shown = np.concatenate([numbers(x) for x in dataset])[:, 0]  # decodes them once more
        count = int((dataset.clip_of == 0).sum())
        assert shown[:count].tolist() == list(range(count))
        assert not dataset.skipped
        return count, [str(each.message) for each in caught if each.category is VideoWarning]

    for share in (0.3, 0.6):
        count, said = read(share)
        assert 100 * share < count < 200 * share + 10
        assert said == [f"{clips[0]}: ends after {count} of 200 frames"]
    assert read(1)[1] == []


def test_a_clip_that_shrinks_meanwhile_is_named(clips: list[Path], tmp_path: Path) -> None:
    dataset = VideoDataset(clips[:1], settings(window=4), batch_size=2, memory=0.001)
    write_clip(clips[0], 20)
    with pytest.raises(VideoError, match=r"0\.avi: fewer frames can be read than before"):
        list(dataset)


def test_the_cache_folder_is_found_again(clips: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    def times() -> dict[str, int]:
        return {entry.name: entry.stat().st_mtime_ns for entry in cache.iterdir()}

    first = VideoDataset(clips, settings(window=4), cache=cache, seed=2)[0]
    files = times()
    assert len(files) == 3
    np.testing.assert_array_equal(
        VideoDataset(clips, settings(window=4), cache=cache, seed=2)[0], first
    )
    assert times() == files
    VideoDataset(clips, settings(window=4, height=9), cache=cache)
    assert len(times()) == 6
    write_clip(clips[2], 5, 2)
    again = VideoDataset(clips[2:], settings(window=4, stride=1), cache=cache, shuffle=False)
    np.testing.assert_array_equal(numbers(again[0])[:, 0] - 512, [0, 1])


def open_clips() -> list[str]:
    names = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # a thread closed it just now
            names.append(os.readlink(f"/proc/self/fd/{number}"))
    return [name for name in names if name.endswith(".avi")]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_no_file_stays_open(clips: list[Path]) -> None:
    dataset = VideoDataset(
        clips * 5, settings(window=4, stride=2), batch_size=8, memory=0.01, workers=3
    )
    batches = fastrnn.models.sources.batches_of(dataset, lambda batch: [batch])
    most = 0
    for _ in range(2):
        for _batch in batches.epoch():
            most = max(most, len(open_clips()))
        assert open_clips() == []
    assert 0 < most <= 16 + 3
    dataset[0]
    dataset[60]
    del dataset, batches
    assert open_clips() == []


def test_folders_of_clips(tmp_path: Path) -> None:
    for person, name in itertools.product("abcd", ("run", "walk")):
        write_clip(tmp_path / name / f"{person}_{name}.avi", 24, int(name == "walk"))

    def make(**options: Any) -> Any:
        options = {"image_size": (8, BITS), "window": 6, "seed": 1, "verbose": False} | options
        return video_dataset_from_directory(tmp_path, **options)

    train, held = make(
        validation_split=0.25, subset="both", group="^[a-d]", overlap=4, label_mode="categorical"
    )
    people = [{path.name[0] for path in part.paths} for part in (train, held)]
    assert [len(part) for part in people] == [3, 1]
    assert not people[0] & people[1]
    assert train.class_names == ["run", "walk"]
    assert train.preprocessing.stride == 2
    for x, y in train:
        np.testing.assert_array_equal(y.argmax(axis=1), numbers(x)[:, 0] // 256)
    assert make(step=2, overlap=4).preprocessing.stride == 4
    assert make(stride=5, label_mode=None)[0].shape == (32, 6, 8, BITS, 1)
    colour = make(colour=True, view="difference", batch_size=None, labels=None)
    assert colour[0].shape == (6, 8, BITS, 3)
    with pytest.raises(ValueError, match="overlap must be from 0 to 5, got 6"):
        make(overlap=6)
    with pytest.raises(ValueError, match="window must be at least 1, got 0"):
        make(window=0)
    with pytest.raises(ValueError, match=r"image_size must be \(height, width\), got 24"):
        make(image_size=24)
    only = make(
        validation_split=0.5, subset="both", jitter=True, augment=lambda window, rng: window
    )
    assert [(part.jitter, part.augment is None) for part in only] == [(True, False), (False, True)]


@pytest.mark.parametrize("backend", ["opencv", pytest.param("pyav", marks=PYAV)])
def test_seeking_and_times(clips: list[Path], backend: str) -> None:
    with FrameReader(clips[0], gray=True, backend=backend) as reader:
        for number in (0, 57, 58, 199, 3):
            reader.seek(number)
            frame = next(iter(reader))
            assert numbers(frame[None, None, :, 8::16, None])[0, 0] == number
            assert reader.time == pytest.approx(number / 25, abs=1e-3)
        reader.seek(500)
        assert list(reader) == []
        with pytest.raises(ValueError, match="seek must go to frame 0 or later, got -1"):
            reader.seek(-1)
    with pytest.raises(ValueError, match="backend must be one of"):
        FrameReader(clips[0], backend="ffmpeg")


@PYAV
def test_pyav_reads_what_opencv_cannot(clips: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenCVDecoder, "grab", lambda self: False)
    with FrameReader(clips[1]) as reader:
        assert len(list(reader)) == 30
    with FrameReader(clips[1], backend="opencv") as reader:
        assert list(reader) == []


@pytest.mark.skipif(has_pyav(), reason="PyAV is installed")
def test_what_pyav_needs_is_said(clips: list[Path]) -> None:
    with pytest.raises(ImportError, match=r"pip install 'fastrnn\[pyav\]'"):
        FrameReader(clips[1], backend="pyav")
