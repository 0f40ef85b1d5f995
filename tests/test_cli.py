"""The `fastrnn` command and the functions under it, on small clips rendered here."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fastrnn import Sequential, apps, layers
from fastrnn.apps.classification import VIDEO_NETWORKS, evaluate_windows
from fastrnn.apps.figures import draw_confusion, draw_curves
from fastrnn.apps.model_file import load_trained, save_trained
from fastrnn.apps.run_folder import new_run_folder
from fastrnn.apps.shapes import FRAMES, motion_path, render_frames
from fastrnn.cli.app import app
from fastrnn.models import load_model
from fastrnn.video import FrameReader, FrameWriter

FRAMES_OF = ["--size", "12x10", "--window", "6", "--stride", "4", "--shift", "1"]
SMALL = [*FRAMES_OF, "--model", "frames-lstm", "--units", "12,8"]
RESULT_FILES = {
    "args.json",
    "last.keras",
    "confusion.png",
    "curves.png",
    "history.csv",
    "model.keras",
    "results.json",
}


def run(*arguments: object, code: int = 0) -> str:
    """Run the command; return what it printed, standard output first."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, left and right, of six clips each."""
    folder = tmp_path_factory.mktemp("clips")
    random = np.random.default_rng(5)
    for motion in ("left", "right"):
        for number in range(6):
            path = folder / motion / f"person{number}_{motion}.avi"
            with FrameWriter(path) as writer:
                for frame in render_frames(motion_path(motion, FRAMES, random), random):
                    writer.write(frame)
    return folder


@pytest.fixture(scope="module")
def trained(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one short training."""
    out = tmp_path_factory.mktemp("runs")
    run("train", clips, "--epochs", 2, "--out", out, *SMALL)
    return out / "train1"


def test_every_command_has_a_help_page() -> None:
    pages = {
        (): ["train", "eval", "predict", "demo", "doctor"],
        ("train",): [
            "--epochs",
            "--val-group",
            "--window",
            "--model",
            "--units",
            "--seed",
            "--out",
        ],
        ("train", "--task", "images"): ["--epochs", "--model", "--resume"],
        ("eval",): ["--json"],
        ("predict",): ["--json", "--output", "--windows"],
        ("demo",): ["--out", "--seed"],
        ("doctor",): ["--json"],
    }
    for command, words in pages.items():
        page = re.sub(r"\x1b\[[0-9;]*m", "", run(*command, "--help"))
        missing = [word for word in words if word not in page]
        assert not missing, page


def test_version() -> None:
    import fastrnn

    assert run("--version") == f"fastrnn {fastrnn.__version__}\n"


def test_train_writes_its_results(trained: Path, clips: Path) -> None:
    assert {path.name for path in trained.iterdir()} == RESULT_FILES
    with open(trained / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(0 < float(row["loss"]) < 5 for row in rows)
    assert all(0 <= float(row["val_accuracy"]) <= 1 for row in rows)

    arguments = json.loads((trained / "args.json").read_text())
    assert (arguments["task"], arguments["data"]) == ("video", str(clips))
    assert arguments["options"]["epochs"] == 2
    assert arguments["options"]["size"] == [12, 10]
    assert arguments["options"]["units"] == [12, 8]

    results = json.loads((trained / "results.json").read_text())
    assert results["validation"]["classes"] == ["left", "right"]
    assert (results["train_clips"], results["validation_clips"]) == (10, 2)
    assert np.sum(results["validation"]["confusion"]) == 2
    assert results["validation"]["baseline"] == 0.5
    assert results["best_epoch"] in (1, 2)


def test_train_prints_accuracies_and_confusion(clips: Path, tmp_path: Path) -> None:
    output = run("train", clips, "--epochs", 1, "--out", tmp_path, "--name", "try", *SMALL)
    words = " ".join(output.split())
    assert "2 classes; training on 10 clips (60 windows), holding back 2 (12 windows)" in words
    assert "epoch 1/1" in words
    assert re.search(r"held back 2 accuracy [01]\.\d+ window accuracy [01]\.\d+ loss", words)
    assert "baseline 0.5000 always the commonest class" in words
    assert re.search(r"^ +left +\S +\S +[\d.]{5} +[\d.]{5} *$", output, re.MULTILINE)
    assert (tmp_path / "try1" / "model.keras").is_file()


def test_the_same_seed_gives_the_same_training(clips: Path, trained: Path) -> None:
    out = trained.parent
    run("train", clips, "--epochs", 2, "--out", out, "--name", "again", *SMALL)
    run("train", clips, "--epochs", 2, "--out", out, "--name", "other", "--seed", 1, *SMALL)

    def losses(folder: Path) -> list[str]:
        with open(folder / "history.csv", newline="") as file:
            return [row["loss"] for row in csv.DictReader(file)]

    assert losses(out / "again1") == losses(trained)
    assert losses(out / "other1") != losses(trained)


def test_training_learns_the_motion(clips: Path, tmp_path: Path) -> None:
    options = apps.VideoOptions(
        network="frames-lstm",
        units=(24,),
        dropout=0.0,
        size=(16, 16),
        window=8,
        stride=1,
        shift=4,
        epochs=15,
        learning_rate=5e-3,
        validation=0.0,
    )
    result = apps.train_video_classifier(clips, options, run=apps.TrainingRun(tmp_path))
    assert result.evaluation is None
    first, last = result.run.history[0], result.run.history[-1]
    assert "val_loss" not in first
    assert last["accuracy"] > 0.9
    assert last["loss"] < 0.5 * first["loss"]
    assert {path.name for path in result.folder.iterdir()} == RESULT_FILES - {"confusion.png"}
    right = result.classifier.predict(clips / "right" / "person0_right.avi")
    assert right.label == "right"
    assert right.probabilities.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", sorted(VIDEO_NETWORKS))
def test_every_network_trains_and_predicts(clips: Path, tmp_path: Path, name: str) -> None:
    sizes = ["--units", "6", "--colour"]
    if VIDEO_NETWORKS[name].filters:
        sizes += ["--filters", "4,6"]
    run("train", clips, "--epochs", 1, "--out", tmp_path, "--model", name, *FRAMES_OF, *sizes)
    classifier = apps.VideoClassifier.load(tmp_path / "train1" / "model.keras")
    assert classifier.architecture.network == name
    assert classifier.preprocessing.colour
    assert classifier.model.input_shape == (None, 6, 10, 12, 3)
    told = json.loads(
        run(
            "predict",
            tmp_path / "train1" / "model.keras",
            clips / "left/person0_left.avi",
            "--json",
        )
    )
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", sorted(VIDEO_NETWORKS))
def test_networks_learn_the_motion(clips: Path, tmp_path: Path, name: str) -> None:
    options = apps.VideoOptions(
        network=name,
        units=(16,),
        dropout=0.0,
        size=(16, 16),
        window=8,
        stride=2,
        epochs=30,
        shift=2,
        learning_rate=5e-3,
        validation=0.0,
    )
    history = apps.train_video_classifier(
        clips, options, run=apps.TrainingRun(tmp_path)
    ).run.history
    assert history[-1]["accuracy"] > 0.9
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]


def test_broken_clips_are_named_skipped_and_counted(clips: Path, tmp_path: Path) -> None:
    for number, content in enumerate([b"", b"nothing of a video"]):
        (clips / "left" / f"broken{number}.avi").write_bytes(content)
    try:
        output = run("train", clips, "--epochs", 1, "--out", tmp_path, *SMALL)
    finally:
        for number in range(2):
            (clips / "left" / f"broken{number}.avi").unlink()
    words = "".join(output.split())
    assert "left/broken0.avi:cannotbeopened,thefileisempty" in words
    assert "left/broken1.avi:cannotbeopened,notavideo" in words
    assert "2filescouldnotbereadandwereskipped" in words
    results = json.loads((tmp_path / "train1" / "results.json").read_text())
    assert [Path(path).name for path in sorted(results["skipped"])] == [
        "broken0.avi",
        "broken1.avi",
    ]


@pytest.mark.filterwarnings("default::fastrnn.video.VideoWarning")
def test_a_clip_that_is_cut_off_is_used_and_told_of(clips: Path, tmp_path: Path) -> None:
    whole = (clips / "left" / "person0_left.avi").read_bytes()
    cut = clips / "left" / "cut.avi"
    cut.write_bytes(whole[: len(whole) // 2])
    line = re.compile(rf"^fastrnn: {re.escape(str(cut))}: ends after \d+ of {FRAMES} frames$", re.M)
    try:
        assert len(line.findall(run("train", clips, "--epochs", 1, "--out", tmp_path, *SMALL))) == 1
        told = run("predict", tmp_path / "train1" / "model.keras", cut)
    finally:
        cut.unlink()
    assert len(line.findall(told)) == 1
    assert f"{cut}: " in told.splitlines()[0]  # and a class for what can be read
    assert json.loads((tmp_path / "train1" / "results.json").read_text())["skipped"] == {}


def test_errors_are_one_line(clips: Path, tmp_path: Path) -> None:
    def error(*arguments: object, code: int = 1) -> str:
        output = run("train", *arguments, "--out", tmp_path / "out", code=code)
        line = output.strip().splitlines()[-1]
        assert line.startswith("fastrnn: error: ")
        assert "Traceback" not in output
        return line

    assert "no such file or folder" in error(tmp_path / "nowhere")
    for name in "ab":
        (tmp_path / "broken" / name).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "broken" / name / f"{number}.avi").write_bytes(b"x")
    assert "none of 4 video files can be read" in error(tmp_path / "broken")
    assert "is data of no task that can be guessed" in error(tmp_path / "broken" / "a")
    video = ("--task", "video")
    assert "no video file in any sub-folder" in error(tmp_path / "broken" / "a", *video)
    assert "task must be one of video, images" in error(clips, "--task", "film", code=2)
    assert "validation_match must be a regular" in error(clips, "--val-match", "[", code=2)
    assert "validation_group must be a regular" in error(clips, "--val-group", "(", code=2)
    words = ("--task", "words", "--label", "*")
    assert "label must be a regular expression, got '*'" in error(clips, *words, code=2)
    assert "memory must not be negative, got -5" in error(clips, "--memory", -5, code=2)
    for name in ("../../evil", ""):
        assert "name must be that of a folder in" in error(clips, "--name", name, code=2)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "left").symlink_to(clips / "left")
    assert "clips of one class only, 'left'" in error(tmp_path / "one")
    (tmp_path / "file").touch()
    said = run("train", clips, "--out", tmp_path / "file" / "out", code=1)
    assert "no folder can be made there" in said
    assert "training on" not in said
    assert "group 'cat' does not match" in error(clips, "--val-group", "cat")
    assert "not both" in error(clips, "--val-group", "p", "--val-match", "p", code=2)
    assert "matches none of the clips" in error(clips, "--val-match", "cat")
    assert "view must be one of" in error(clips, "--view", "colour", code=2)
    assert "learning_rate must be above 0" in error(clips, "--lr", 0, code=2)
    assert "shift must be in [0, 4)" in error(clips, "--size", 4, "--shift", 4, code=2)
    assert "dropout must be in [0, 1)" in error(clips, "--dropout", 1, code=2)
    assert "network must be one of ('cnn-lstm', " in error(clips, "--model", "transformer", code=2)
    assert "units must be one or more ints" in error(clips, "--units", "64,0", code=2)
    assert "has no convolutions" in error(clips, "--model", "rows-lstm", "--filters", 8, code=2)
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = {
        "video": ("--size", 100_000),
        "next-frame": ("--width", 100_000, "--height", 100_000),
        "generate": ("--size", 400_000),
    }
    for task, sizes in huge.items():
        said = run("train", clips, "--task", task, *sizes, "--out", tmp_path / "out", code=1)
        assert re.fullmatch(
            r"fastrnn: error: train: batches need about [\d,]+ GiB \(batch_size .*00\), and .* "
            r"GiB of memory are free; make one of these smaller\n",
            said,
        )
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr("fastrnn.apps.memory.free_memory", lambda: 10_000)
    said = run("train", clips, "--size", 4, "--window", 5, "--batch", 8, code=1)
    assert "(batch_size 8, window 5, width 4, height 4), and 0.0 GiB of memory are free" in said
    monkeypatch.setattr("fastrnn.apps.memory.free_memory", lambda: 10_240)
    run("train", clips, *SMALL, "--size", 4, "--window", 5, "--batch", 8, "--out", tmp_path)


def test_a_window_longer_than_all_clips(clips: Path, tmp_path: Path) -> None:
    small = ("--epochs", 1, "--out", tmp_path, *SMALL)
    said = run("train", clips, *small, "--window", 2 * FRAMES + 1, code=1)
    assert f"a window spans {2 * FRAMES + 1} frames, and the longest clip has {FRAMES}" in said
    said = run("train", clips, *small, "--window", FRAMES // 2 + 1, "--step", 2)
    assert f"a window spans {FRAMES // 2 * 2 + 1} frames, and" in said
    said = run("train", clips, *small, "--window", FRAMES)
    assert "window spans" not in said


def test_errors_of_opencv_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    import cv2
    import typer

    from fastrnn.cli.errors import errors_in_one_line

    with pytest.raises(typer.Exit), errors_in_one_line(debug=False):
        cv2.resize(np.empty((0, 0), np.uint8), (2, 2))
    assert capsys.readouterr().err.startswith("fastrnn: error: OpenCV(")


def test_wrong_usage_has_exit_code_2(clips: Path) -> None:
    assert "32x24" in run("train", clips, "--size", "big", code=2)
    assert "128,64" in run("train", clips, "--units", "many", code=2)
    run("train", code=2)
    run("train", clips, "--epochs", 0, code=2)


def test_debug_lets_the_error_through(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", str(tmp_path / "nowhere"), "--debug"])
    assert isinstance(result.exception, FileNotFoundError)


def test_an_interrupted_command_goes_on(
    clips: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastrnn.cli.progress import TerminalProgress

    def interrupt(self: TerminalProgress, row: dict[str, Any], best: bool) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(TerminalProgress, "epoch_done", interrupt)
    output = run("train", clips, "--epochs", 2, "--out", tmp_path, *SMALL, code=130)
    last = output.strip().splitlines()[-1]
    assert last.startswith("interrupted: the best model so far (epoch 1) is saved")
    folder = tmp_path / "train1"
    assert f"go on with: fastrnn train --resume {folder}" in output
    assert apps.VideoClassifier.load(folder / "model.keras").classes == ("left", "right")
    monkeypatch.undo()
    given = ("--epochs", 9, "--lr=0.5", "--out", tmp_path)
    said = "".join(run("train", "--resume", folder, *given, code=2).split())
    assert "leaveout--epochs,--lr,--out,orstart" in said.replace("│", "")
    clip = clips / "left" / "person0_left.avi"
    clip.rename(tmp_path / clip.name)
    try:
        said = run("train", "--resume", folder, code=1)
    finally:
        (tmp_path / clip.name).rename(clip)
    assert f"{clips} is not what this training began with (12 files then, 11 now)" in said
    run("train", "--resume", folder)
    assert_same_training(folder, trained)
    assert "there is nothing to resume" in run("train", "--resume", folder, code=1)
    assert "no folder of a training" in run("train", "--resume", clips, code=1)
    assert "give either DATA or --resume" in run("train", clips, "--resume", folder, code=2)


def test_ctrl_c_beside_the_epochs_says_how_to_go_on(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    small = ("train", clips, "--epochs", 1, "--out", tmp_path, *SMALL)
    with monkeypatch.context() as patch:
        patch.setattr("fastrnn.apps.classification.train_video.scan_folder", interrupt)
        assert run(*small, code=130).splitlines() == ["fastrnn: interrupted"]
    for place in ("VideoClassifier", "_evaluate"):
        with monkeypatch.context() as patch:
            patch.setattr(f"fastrnn.apps.classification.train_video.{place}", interrupt)
            said = run(*small, code=130)
        (folder,) = (each for each in tmp_path.iterdir() if str(each) in said)
        last = said.strip().splitlines()[-1]
        assert last == f"interrupted; go on with: fastrnn train --resume {folder}"
        run("train", "--resume", folder)


def assert_same_training(folder: Path, other: Path) -> None:
    for name in ("model.keras", "last.keras"):
        ours, theirs = (load_model(place / name).get_weights() for place in (folder, other))
        np.testing.assert_equal(ours, theirs)
    for name, dropped in (("results.json", "seconds"), ("args.json", "")):
        told = [json.loads((place / name).read_text()) for place in (folder, other)]
        for each in told:
            each.pop(dropped, None)
        assert told[0] == told[1]


def test_a_killed_command_goes_on(clips: Path, trained: Path, tmp_path: Path) -> None:
    """Killed as soon as the first checkpoint is there: in the second epoch, or just before."""
    command = [sys.executable, "-m", "fastrnn", "train"]
    arguments = [str(clips), "--epochs", "2", "--out", str(tmp_path), "--save-steps", "1", *SMALL]
    package = Path(apps.__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(package)}
    process = subprocess.Popen([*command, *arguments], env=environment, stdout=subprocess.DEVNULL)
    checkpoint = tmp_path / "train1" / "checkpoint" / "latest.npz"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.wait()
    run("train", "--resume", tmp_path / "train1")
    assert_same_training(tmp_path / "train1", trained)


def test_predict_prints_class_and_probabilities(trained: Path, clips: Path) -> None:
    clip = clips / "left" / "person0_left.avi"
    line = run("predict", trained / "model.keras", clip).strip()
    found = re.fullmatch(r"(.*): (left|right)  \[(\w+) ([\d.]+)  (\w+) ([\d.]+)\]", line)
    assert found, line
    assert found[1] == str(clip)
    assert found[2] == found[3]
    assert float(found[4]) >= float(found[6])
    assert float(found[4]) + float(found[6]) == pytest.approx(1, abs=2e-3)


def test_predict_json_agrees_with_the_api(trained: Path, clips: Path) -> None:
    paths = sorted(clips.rglob("*.avi"))[4:8]
    lines = run("predict", trained / "model.keras", *paths, "--json").splitlines()
    classifier = apps.VideoClassifier.load(trained / "model.keras")
    for path, line in zip(paths, lines, strict=True):
        told: dict[str, Any] = json.loads(line)
        expected = classifier.predict(path)
        assert told["file"] == str(path)
        assert told["label"] == expected.label
        assert told["frames"] == FRAMES
        assert told["windows"] == len(expected.window_starts) == 6
        np.testing.assert_allclose(
            list(told["probabilities"].values()), expected.probabilities, atol=2e-6
        )
        np.testing.assert_allclose(
            expected.window_probabilities.mean(axis=0), expected.probabilities, atol=1e-6
        )


def test_eval_gives_the_accuracy_of_training(trained: Path, clips: Path, tmp_path: Path) -> None:
    """The held-back clips again, from the files alone."""
    results = json.loads((trained / "results.json").read_text())
    from fastrnn.data import scan_folder, split_clips

    held = split_clips(scan_folder(clips).clips, fraction=0.2, seed=0).validation
    for clip in held:
        place = tmp_path / "held" / clip.path.parent.name
        place.mkdir(parents=True)
        (place / clip.path.name).symlink_to(clip.path)
    told = json.loads(run("eval", trained / "model.keras", tmp_path / "held", "--json"))
    assert told.pop("skipped") == {}
    assert told == results["validation"]
    page = run("eval", trained / "model.keras", tmp_path / "held")
    assert "was trained on" not in page
    warned = run("eval", trained / "model.keras", clips)
    assert f"{clips} is what this model was trained on" in warned
    assert f"held back are in {trained / 'results.json'}" in warned
    assert f"accuracy {told['accuracy']:.4f}" in " ".join(page.split())
    (tmp_path / "held" / "left").rename(tmp_path / "held" / "up")
    error = run("eval", trained / "model.keras", tmp_path / "held", code=1)
    assert "does not know the classes up; it knows left, right" in error


def test_predict_goes_on_after_a_broken_clip(trained: Path, clips: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"x")
    good = clips / "left" / "person0_left.avi"
    output = run("predict", trained / "model.keras", broken, tmp_path / "none.avi", good, code=1)
    assert "error" in output
    assert "broken.avi: cannot be opened" in output
    assert "no such video file" in output
    assert f"{good}: " in output


def test_predict_writes_an_annotated_copy(trained: Path, clips: Path, tmp_path: Path) -> None:
    clip, copy = clips / "left" / "person0_left.avi", tmp_path / "out" / "copy.mp4"
    output = run("predict", trained / "model.keras", clip, "--output", copy)
    assert f"wrote {copy}" in output
    with FrameReader(clip) as source, FrameReader(copy) as annotated:
        assert annotated.info.fps == pytest.approx(source.info.fps)
        frames = list(annotated)
    assert len(frames) == FRAMES
    assert frames[0].shape == (384, 384, 3)
    green = (frames[-1][:70, :150, 1] > 120) & (frames[-1][:70, :150, 2] < 120)
    assert green.mean() > 0.1
    assert "takes one source only" in run(
        "predict", trained / "model.keras", clip, clip, "--output", copy, code=2
    )
    assert "must end in .mp4" in run(
        "predict", trained / "model.keras", clip, "--output", tmp_path / "copy.txt", code=2
    )


def test_predict_never_writes_over_its_clip(trained: Path, clips: Path, tmp_path: Path) -> None:
    clip, link = tmp_path / "own.avi", tmp_path / "link.avi"
    clip.write_bytes((clips / "left" / "person0_left.avi").read_bytes())
    link.symlink_to(clip)
    before = clip.read_bytes()
    for name in (clip, link):
        said = run("predict", trained / "model.keras", clip, "--output", name, code=2)
        assert f"{name}: is the file that is read ({clip}), which would be lost" in said
        with pytest.raises(ValueError, match="is the file that is read"):
            apps.Watch(apps.VideoClassifier.load(trained / "model.keras"), clip, output=name)
    assert clip.read_bytes() == before


def test_predict_says_what_ctrl_c_left(
    trained: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fastrnn.cli.predict._print", interrupted)
    clip, copy = clips / "left" / "person0_left.avi", tmp_path / "copy.mp4"
    words = ("predict", trained / "model.keras", clip, "--windows", "--output", copy)
    assert f"wrote {copy}, up to where it was interrupted" in run(*words, code=130)
    with FrameReader(copy) as frames:
        assert len(list(frames)) == 6


def test_models_that_predict_nothing_name_their_command(tmp_path: Path) -> None:
    network = Sequential([layers.Input((2,)), layers.Dense(2)])
    for task, command in (("generate", "generate"), ("next-frame", "generate"), ("track", "track")):
        model = tmp_path / f"{task}.keras"
        save_trained(model, network, apps.TASKS[task].kind, {})
        said = run("predict", model, "clip.avi", code=1)
        assert f"of the task {task} is used by: fastrnn {command} " in said
        assert str(model) in said.partition("used by")[2]


def test_a_wrong_model_file_is_an_error(trained: Path, clips: Path, tmp_path: Path) -> None:
    clip = clips / "left" / "person0_left.avi"
    data = (trained / "model.keras").read_bytes()
    cases = {"empty.keras": b"", "text.keras": b"text", "cut.keras": data[:3000]}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        assert "is damaged or no ZIP file" in run("predict", tmp_path / name, clip, code=1)
    assert "no such model file" in run("predict", tmp_path / "none.keras", clip, code=1)

    Sequential([layers.Input((2,)), layers.Dense(2)]).save(tmp_path / "other.keras")
    assert "not a model that `fastrnn train` wrote" in run(
        "predict", tmp_path / "other.keras", clip, code=1
    )

    def changed(**changes: Any) -> str:
        model, about = load_trained(trained / "model.keras", apps.VideoClassifier.KIND)
        save_trained(tmp_path / "changed.keras", model, apps.VideoClassifier.KIND, about | changes)
        said = run("predict", tmp_path / "changed.keras", clip, code=1)
        assert f"{tmp_path / 'changed.keras'}: " in said
        return said

    assert "from (6, 10, 12, 1) to 3 classes, got" in changed(classes=["a", "b", "c"])
    assert "no attribute" in changed(preprocessing=None)
    assert "must be at least 1" in changed(preprocessing={"width": 0})
    assert "Architecture has no depth" in changed(architecture={"depth": 2})


def test_inspect_and_convert(trained: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.keras"
    network = Sequential([layers.Input((5, 3)), layers.GRU(4, name="rnn"), layers.Dense(2)])
    network.compile("adam", "mse", metrics=["mae"])
    network.train_on_batch(np.ones((2, 5, 3)), np.ones((2, 2)))
    network.save(model)
    run("convert", model, tmp_path / "model.h5")
    run("convert", tmp_path / "model.h5", tmp_path / "model.weights.h5")
    weights = tmp_path / "model.safetensors"
    run("convert", model, weights, "--torch")
    run("convert", weights, tmp_path / "again.keras", "--model", model, "--torch")
    again = load_model(tmp_path / "again.keras")
    np.testing.assert_equal(again.get_weights(), network.get_weights())
    kinds = {
        "model.keras": "Keras 3 model",
        "model.h5": "Keras legacy model",
        "model.weights.h5": "Keras 3 weights",
        "model.safetensors": "safetensors",
    }
    kernel = network.get_weights()[0]
    for name, kind in kinds.items():
        found = json.loads(run("inspect", tmp_path / name, "--json"))
        assert found["kind"] == kind
        assert any(w["max"] == float(kernel.max()) for w in found["weights"])
        assert all(set(w) >= {"name", "dtype", "shape", "min"} for w in found["weights"])
    layer = json.loads(run("inspect", model, "--json"))["layers"][0]
    assert (layer["name"], layer["class"], layer["parameters"]) == ("rnn", "GRU", 108)
    text = run("inspect", model)
    assert "Adam(" in text
    assert "(any, 4)" in text
    assert "classes left, right" in run("inspect", trained / "model.keras")

    assert "is damaged or no ZIP file" in run("inspect", __file__, code=1)
    assert "there is no file" in run("inspect", tmp_path / "none.keras", code=1)
    assert "exists; --overwrite" in run("convert", model, tmp_path / "model.h5", code=1)
    for same in (("convert", model, model), ("convert", weights, model, "--model", model)):
        before = model.read_bytes()
        assert "is the file that is read" in run(*same, "--overwrite", code=1)
        assert model.read_bytes() == before
    run("convert", model, tmp_path / "model.h5", "--overwrite", "--no-training")
    assert not load_model(tmp_path / "model.h5").compiled
    error = run("convert", tmp_path / "model.weights.h5", tmp_path / "x.keras", code=1)
    assert "holds weights alone" in error
    (tmp_path / "x.pt").write_bytes(b"")
    assert "safetensors.torch.save_file" in run("inspect", tmp_path / "x.pt", code=1)


@pytest.mark.filterwarnings("default:.*holds the network alone")
def test_convert_keeps_what_is_beside_a_network_or_says_so(trained: Path, tmp_path: Path) -> None:
    run("convert", trained / "model.keras", tmp_path / "copy.keras")
    assert "classes left, right" in run("inspect", tmp_path / "copy.keras")
    for name in ("network.h5", "network.weights.h5", "network.safetensors"):
        said = run("convert", trained / "model.keras", tmp_path / name)
        assert f"{name} holds the network alone: names of classes" in said
        assert "makes it a fastrnn video classifier" in said
    assert load_model(tmp_path / "network.h5").output_shape == (None, 2)


def test_json_of_weights_that_are_no_numbers(tmp_path: Path) -> None:
    network = Sequential([layers.Input((2,)), layers.Dense(1)])
    network.set_weights([np.full((2, 1), np.nan), np.full(1, -np.inf)])
    network.save(tmp_path / "model.keras")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(run("inspect", tmp_path / "model.keras", "--json"), parse_constant=refuse)
    assert [weight["max"] for weight in found["weights"]] == ["NaN", "-Infinity"]
    assert "nan" in run("inspect", tmp_path / "model.keras")


def test_demo_makes_clips_model_plot_and_video(tmp_path: Path) -> None:
    output = run("demo", "--out", tmp_path, "--clips", 5, "--epochs", 1)
    folder = tmp_path / "demo1"
    assert len(list((folder / "clips").rglob("*.mp4"))) == 25
    assert (folder / "train1" / "curves.png").is_file()
    with FrameReader(folder / "annotated.mp4") as frames:
        assert sum(1 for _ in frames) == 10 * FRAMES
    for word in ("held back", "annotated video:", "curves:", "done in"):
        assert word in output


def test_doctor() -> None:
    report = json.loads(run("doctor", "--json"))
    assert set(report["checks"].values()) == {"ok"}
    assert report["machine"]["cores"] >= 1
    assert "checks" in run("doctor")


def test_doctor_finds_two_opencvs(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastrnn.apps import doctor

    monkeypatch.setattr(doctor, "_version", lambda name: "5.0")
    said = run("doctor", code=1)
    assert "overwrite each other's files; run: pip uninstall -y opencv-python" in said


def test_bench_names_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastrnn.apps import bench

    monkeypatch.setattr(bench, "_SECONDS", 0.0)
    monkeypatch.setattr(bench, "_ROUNDS", 1)
    monkeypatch.setattr(bench, "_keras", lambda: None)
    told = json.loads(run("bench", "--json").splitlines()[0])
    names = {(each["name"], each["step"]) for each in told["timings"]}
    assert names == {(name, step) for name in bench._CASES for step in ("predict", "train")}
    assert all(each["milliseconds"]["fastrnn"] > 0 for each in told["timings"])


def test_run_folders_are_numbered(tmp_path: Path) -> None:
    names = [new_run_folder(tmp_path / "runs", "train").name for _ in range(3)]
    assert names == ["train1", "train2", "train3"]


def test_figures_of_odd_sizes(tmp_path: Path) -> None:
    row = {"epoch": 1, "loss": 2.0, "accuracy": 0.5, "val_loss": None, "val_accuracy": None}
    draw_curves(tmp_path / "one.png", [row])
    nan = {**row, "epoch": 2, "loss": float("nan")}
    draw_curves(tmp_path / "nan.png", [row, nan])
    with pytest.raises(ValueError, match="at least one epoch"):
        draw_curves(tmp_path / "none.png", [])
    many = [f"class with a long name {n}" for n in range(60)]
    from fastrnn.apps.figures import _ticks

    assert [_ticks(1, last)[:3] for last in (2, 12, 40)] == [[1, 2], [1, 2, 4], [1, 8, 16]]
    picture = draw_confusion(tmp_path / "many.png", np.eye(60, dtype=np.int64), many)
    assert picture.shape[0] > 60 * 16
    assert (tmp_path / "many.png").stat().st_size > 1000


def test_opencv_that_does_not_load_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastrnn.video._opencv import opencv

    monkeypatch.setitem(sys.modules, "cv2", None)
    opencv.cache_clear()
    with pytest.raises(ImportError, match="pip install opencv-python-headless"):
        FrameReader(__file__)


def test_the_command_is_installed() -> None:
    command = [sys.executable, "-m", "fastrnn", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("fastrnn ")


@pytest.mark.data
@pytest.mark.slow
def test_real_people_held_back(tmp_path: Path, data_dir: Path) -> None:
    """Three actions of six people; two people are never seen in training."""
    folder = data_dir / "weizmann"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    for action in ("walk", "wave2", "jack"):
        (tmp_path / "clips").mkdir(exist_ok=True)
        (tmp_path / "clips" / action).symlink_to(folder / action)
    options = apps.VideoOptions(
        network="frames-lstm",
        units=(64,),
        size=(24, 24),
        epochs=10,
        validation=0.3,
        validation_group="[^_]+",
    )
    run = apps.TrainingRun(tmp_path / "runs")
    result = apps.train_video_classifier(tmp_path / "clips", options, run=run)
    assert result.evaluation is not None
    assert result.evaluation.confusion.sum() == 6
    assert result.evaluation.accuracy >= 0.66
    assert result.evaluation.accuracy > result.evaluation.baseline


def test_clip_probabilities_are_means_per_clip() -> None:
    probabilities = np.array([[0.8, 0.2], [0.1, 0.9], [0.3, 0.7]], np.float32)
    result = evaluate_windows(
        probabilities, np.array([0, 0, 1]), np.array([1, 0]), ["no", "yes"], [1, 1, 0]
    )
    assert result.window_accuracy == pytest.approx(1 / 3)
    assert result.accuracy == pytest.approx(1 / 2)
    assert result.baseline == pytest.approx(1 / 2)
    assert result.confusion.tolist() == [[0, 1], [0, 1]]
    assert result.loss == pytest.approx(-np.log([0.2, 0.9, 0.3]).mean(), rel=1e-6)
    assert result.per_class() == {
        "no": {"recall": 0.0, "precision": 0.0, "count": 1},
        "yes": {"recall": 1.0, "precision": 0.5, "count": 1},
    }


@pytest.mark.parametrize(("count", "name"), [(3, "cat"), (10, "wave{}"), (12, "a long name {}")])
def test_confusions_are_printed_with_full_names(count: int, name: str) -> None:
    from rich.console import Console

    from fastrnn.cli.report import print_figures

    names = [name.format(number) if "{" in name else name * (number + 1) for number in range(count)]
    confusion = np.eye(count, dtype=int) * 100
    confusion[2, 1] = 7
    shares = {"recall": 0.5, "precision": 0.25, "count": 107}
    console = Console(file=io.StringIO(), width=80)
    figures = {"classes": names, "confusion": confusion.tolist()}
    print_figures(console, figures | {"per_class": dict.fromkeys(names, shares)}, "held back")
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert all(sum(each in line for line in lines) for each in names)
    heads, row = next((a.split(), b) for a, b in pairwise(lines) if a.endswith("precision"))
    if count == 3:
        assert heads[:3] == names
    elif count == 10:
        assert heads[:10] == [str(number) for number in range(1, 11)]
        assert row.split()[:3] == ["1", "wave0", "100"]
    else:
        assert heads == ["recall", "precision"]
        assert lines[-2:] == [
            "largest confusions (--json has all figures)",
            "  7 of 107 a long name 2 taken for a long name 1",
        ]


def test_figures_of_several_things_are_printed_with_their_names() -> None:
    from rich.console import Console

    from fastrnn.cli.report import print_figures

    console = Console(file=io.StringIO(), width=60)
    speed = {"mae": 0.25, "baseline": 1.5}
    figures = {
        "recordings": 3,
        "speed": speed,
        "per_class": {"run": {"recall": 1.0}},
        "skipped": {},
    }
    print_figures(console, figures, "held back")
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert lines == [
        ["held", "back"],
        ["recordings", "3"],
        ["speed", "mae", "0.2500"],
        ["speed", "baseline", "1.5000"],
    ]
