"""Images as rows and by convolutions; live classification in constant memory."""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fastrnn import apps
from fastrnn.apps.classification import IMAGE_NETWORKS, VIDEO_NETWORKS, architecture_of
from fastrnn.apps.sources import find_sources
from fastrnn.apps.tasks import task_for
from fastrnn.cli.app import app
from fastrnn.utils import save_img
from fastrnn.video import FrameReader, FrameWriter, Preprocessing, clip_windows, read_clip
from fastrnn.video.preprocess import apply_view

SIDE = 12


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout + result.stderr


def bars(count: int, upright: int) -> np.ndarray:
    """Noisy images (N, SIDE, SIDE) of one bar each, upright or level."""
    rng = np.random.default_rng(upright)
    images = rng.integers(0, 60, (count, SIDE, SIDE)).astype(np.uint8)
    for image, place in zip(images, rng.integers(2, SIDE - 3, count), strict=True):
        (image.T if upright else image)[place : place + 2] = 220
    return images


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name, upright in (("level", 0), ("upright", 1)):
        for number, image in enumerate(bars(30, upright)):
            save_img(folder / name / f"{number:02d}.png", image[..., None], scale=False)
    (folder / "level" / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def idx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as IDX files: training images compressed, a test part beside them."""
    folder = tmp_path_factory.mktemp("idx")
    order = np.random.default_rng(3).permutation(60)
    images = np.concatenate([bars(30, 0), bars(30, 1)])[order]
    labels = np.repeat([0, 1], 30).astype(np.uint8)[order]
    for part, rows in (("train", slice(48)), ("t10k", slice(48, None))):
        for name, values in (("images-idx3", images[rows]), ("labels-idx1", labels[rows])):
            sizes = struct.pack(f">{values.ndim}I", *values.shape)
            data = bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()
            path = folder / f"{part}-{name}-ubyte"
            if part == "train":
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
            else:
                path.write_bytes(data)
    return folder


@pytest.mark.parametrize("network", sorted(IMAGE_NETWORKS))
def test_networks_tell_images_apart(pictures: Path, tmp_path: Path, network: str) -> None:
    options = apps.ImageOptions(
        network=network,
        size=(SIDE, SIDE),
        epochs=20,
        batch_size=8,
        learning_rate=5e-3,
        units=(16,),
        filters=(4, 8) if IMAGE_NETWORKS[network].filters else None,
        shift=1,
    )
    result = apps.train_image_classifier(pictures, options, run=apps.TrainingRun(tmp_path))
    assert [path.name for path, _ in result.skipped] == ["broken.png"]
    assert result.evaluation is not None
    assert result.evaluation.accuracy >= 0.9
    assert result.evaluation.confusion.sum() == 12
    loaded = apps.ImageClassifier.load(result.folder / "model.keras")
    assert loaded.predict(pictures / "upright" / "03.png").label == "upright"


def test_one_class_is_refused_before_there_is_a_folder(tmp_path: Path) -> None:
    for number, image in enumerate(bars(6, 0)):
        save_img(tmp_path / "data" / "only" / f"{number}.png", image[..., None])
    with pytest.raises(ValueError, match="images of one class only, 'only'; need two"):
        apps.train_image_classifier(tmp_path / "data", run=apps.TrainingRun(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_images_from_idx_files(idx: Path, tmp_path: Path) -> None:
    assert task_for(idx).name == "images"
    train = ("train", idx, "--model", "rows-gru", "--units", 16, "--epochs", 15, "--batch", 8)
    said = run(*train, "--lr", 5e-3, "--val", 0.25, "--out", tmp_path)
    assert "2 classes; training on 36 images of 12x12 pixels, holding back 12" in said
    model = tmp_path / "train1" / "model.keras"
    page = run("eval", model, idx, "--json")  # the test part
    assert "was trained on" not in page
    told = json.loads(page)
    assert np.sum(told["confusion"]) == 12
    assert told["accuracy"] >= 0.9
    lines = run("predict", model, idx, "--json").splitlines()
    assert len(lines) == 60
    name, number = json.loads(lines[-1])["file"].split("#")
    assert (Path(name).parent, number) == (idx, "47")
    small = apps.ImageClassifier(["a", "b"], (8, 8, 1), architecture_of(IMAGE_NETWORKS, "rows-rnn"))
    small.save(tmp_path / "small.keras")
    assert "must hold images of bytes, (8, 8, 1)" in run(
        "predict", tmp_path / "small.keras", idx, code=1
    )
    assert "are taken as they are" in run("train", idx, "--size", 8, "--out", tmp_path, code=1)
    with pytest.raises(ValueError, match="not a fastrnn video classifier"):
        apps.VideoClassifier.load(model)


def test_predict_images_of_a_folder_and_a_pattern(pictures: Path, tmp_path: Path) -> None:
    architecture = architecture_of(IMAGE_NETWORKS, "rows-rnn", units=(4,))
    classifier = apps.ImageClassifier(["level", "upright"], (SIDE, SIDE, 1), architecture)
    classifier.save(tmp_path / "model.keras")
    lines = run("predict", tmp_path / "model.keras", pictures / "upright", "--json").splitlines()
    assert len(lines) == 30
    model = tmp_path / "model.keras"
    tasks = "the tasks video, detect; this one is of images"
    assert f"0: cameras and streams are for models of {tasks}" in run("predict", model, 0, code=2)
    for words, of in (
        (["--windows"], "the task video"),
        (["--threshold", "0.5"], "the task detect"),
        (["--output", "a.mp4"], "the tasks video, label, detect"),
    ):
        said = run("predict", model, pictures, *words, code=2)
        assert f"{words[0]} is for models of {of}; this one is of images" in said
    told = json.loads(lines[4])
    path = pictures / "upright" / "04.png"
    assert told["file"] == str(path)
    expected = classifier.predict(path)
    np.testing.assert_allclose(
        list(told["probabilities"].values()), expected.probabilities, atol=1e-6
    )
    said = run("predict", tmp_path / "model.keras", f"{pictures}/*/b*.png", code=1)
    assert "is no picture" in said


def test_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.avi", "b/c.MP4", "b/d.txt", "7"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    a, c = Path("a.avi"), Path("b/c.MP4")
    assert find_sources([".", "a.avi", "b", "**/*.MP4"]) == [a, c, a, c, c]
    assert find_sources(["0", "7", "http://x/y?z"]) == [0, Path("7"), "http://x/y?z"]
    with pytest.raises(FileNotFoundError, match=r"no file matches \*.mkv"):
        find_sources(["*.mkv"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no file of a known kind"):
        find_sources(["empty"])


@pytest.fixture(scope="module")
def classifier() -> apps.VideoClassifier:
    settings = Preprocessing(width=16, height=12, window=5, stride=3, frame_step=2)
    architecture = architecture_of(VIDEO_NETWORKS, "frames-lstm", units=(6,))
    return apps.VideoClassifier(["a", "b", "c"], settings, architecture)


def write_clip(path: Path, frames: int, size: tuple[int, int] = (48, 64)) -> Path:
    picture = np.random.default_rng(1).integers(0, 255, (*size, 3)).astype(np.uint8)
    with FrameWriter(path) as writer:
        for number in range(frames):
            writer.write(np.roll(picture, 3 * number, axis=1))
    return path


@pytest.mark.parametrize("frames", [1, 4, 9, 10, 23])
def test_windows_as_they_come_are_those_of_the_whole_clip(
    classifier: apps.VideoClassifier, tmp_path: Path, frames: int
) -> None:
    clip = write_clip(tmp_path / "clip.avi", frames)
    settings = classifier.preprocessing
    windows = apply_view(clip_windows(read_clip(clip, settings), settings), settings.view)
    expected = classifier.model.predict(windows, verbose=0)
    seen = list(apps.Watch(classifier, clip))
    np.testing.assert_allclose([each.probabilities for each in seen], expected, atol=1e-6)
    ends = np.minimum(3 * np.arange(len(seen)) + 8, frames - 1)
    assert [each.frame for each in seen] == ends.tolist()
    np.testing.assert_allclose([each.seconds for each in seen], ends / 25)
    annotated = list(apps.Watch(classifier, clip, output=tmp_path / "seen.avi"))
    for one, other in zip(seen, annotated, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
    result = classifier.predict(clip)
    np.testing.assert_allclose(result.window_probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(result.probabilities, expected.mean(axis=0), atol=1e-6)
    assert result.frame_count == frames


def test_clips_of_one_class_are_evaluated(classifier: apps.VideoClassifier, tmp_path: Path) -> None:
    classifier.save(tmp_path / "model.keras")
    write_clip(tmp_path / "clips" / "b" / "1.avi", 12)
    write_clip(tmp_path / "clips" / "b" / "2.avi", 9)
    found = apps.evaluate_video_classifier(tmp_path / "model.keras", tmp_path / "clips")
    assert np.sum(found["confusion"], axis=1).tolist() == [0, 2, 0]
    assert found["baseline"] == 1.0


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_video_that_is_ended_is_kept(
    classifier: apps.VideoClassifier, tmp_path: Path, interrupted: bool
) -> None:
    def count(frames: int) -> None:
        if interrupted and frames == 12:
            raise KeyboardInterrupt

    clip, seen = write_clip(tmp_path / "clip.avi", 23), tmp_path / "seen.avi"
    windows = iter(apps.Watch(classifier, clip, output=seen, on_frame=count))
    assert next(windows).frame == 8
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            list(windows)
    else:
        windows.close()  # type: ignore[attr-defined]
    with FrameReader(seen) as frames:
        assert sum(1 for _ in frames) == (12 if interrupted else 9)


def test_predict_a_stream(classifier: apps.VideoClassifier, tmp_path: Path) -> None:
    """A clip that comes over HTTP, classified window by window."""
    write_clip(tmp_path / "clip.avi", 20)
    classifier.save(tmp_path / "model.keras")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/clip.avi"
        lines = run("predict", tmp_path / "model.keras", address, "--json").splitlines()
        server.shutdown()
    told = [json.loads(line) for line in lines]
    expected = list(apps.Watch(classifier, tmp_path / "clip.avi"))
    assert [each["frame"] for each in told] == [each.frame for each in expected]
    assert [each["label"] for each in told] == [each.label for each in expected]
    said = run("predict", tmp_path / "model.keras", 99, code=1)
    assert "camera 99: cannot be opened" in said


MEMORY = """
import resource, sys
from fastrnn.apps import VideoClassifier, Watch
classifier = VideoClassifier.load(sys.argv[1])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
early, watch = 0, Watch(classifier, sys.argv[2], output=sys.argv[3])
for window in watch:
    if window.frame >= int(sys.argv[4]) and not early:
        early = peak()
print(watch.live.frame_count, peak() - early)
"""


def watch_memory(
    classifier: apps.VideoClassifier, folder: Path, frames: int, warm: int, size: tuple[int, int]
) -> int:
    """KiB by which the peak grows from frame `warm` on."""
    clip = write_clip(folder / "long.mp4", frames, size)
    classifier.save(folder / "model.keras")
    package = str(Path(apps.__file__).parents[2])
    words = [str(folder / "model.keras"), str(clip), str(folder / "seen.mp4"), str(warm)]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": package},
    )
    assert done.returncode == 0, done.stderr
    count, grown = map(int, done.stdout.split())
    assert count == frames
    return grown


def test_memory_does_not_grow(classifier: apps.VideoClassifier, tmp_path: Path) -> None:
    assert watch_memory(classifier, tmp_path, 700, 200, (48, 64)) < 6_000


@pytest.mark.slow
def test_memory_does_not_grow_over_10000_frames(
    classifier: apps.VideoClassifier, tmp_path: Path
) -> None:
    assert watch_memory(classifier, tmp_path, 10_000, 1_000, (480, 640)) < 8_000
