"""Tracking of one object: features, filter, network, sequences, baselines and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fastrnn.apps.detection import ObjectDetector
from fastrnn.apps.run import TrainingRun, arguments_of
from fastrnn.apps.tracking import (
    BASELINES,
    Tracker,
    TrackerOptions,
    compare_trackers,
    read_frames,
    read_sequence,
    track_clip,
    track_scores,
    train_tracker,
)
from fastrnn.apps.tracking.appearance import CELLS, SIDE, WINDOW, CorrelationFilter, window_features
from fastrnn.apps.tracking.lessons import TrackingLoss, lesson
from fastrnn.apps.tracking.rendered import cover, render_sequence
from fastrnn.apps.tracking.tracker import build_network
from fastrnn.cli.app import app
from fastrnn.video import FrameWriter, box_iou


@pytest.fixture
def scene(rng: np.random.Generator) -> np.ndarray:
    """A textured picture, smooth enough to be moved by parts of a pixel."""
    rough = rng.normal(0, 1, (200, 240, 3))
    for axis in (0, 1):
        rough = sum(np.roll(rough, shift, axis) for shift in range(-3, 4))
    rough -= rough.min()
    return (rough * (255 / rough.max())).astype(np.uint8)


def test_features_forget_the_light_but_not_the_texture(scene: np.ndarray) -> None:
    window = scene[:SIDE, :SIDE]
    other = scene[60 : 60 + SIDE, 90 : 90 + SIDE]
    features = window_features(np.stack([window, window // 2, other]))
    assert features.shape == (3, CELLS, CELLS, 20)
    slopes = features[..., :16].reshape(3, -1)
    bright, dim, else_ = slopes / np.linalg.norm(slopes, axis=1, keepdims=True)
    assert bright @ dim > 0.97
    assert bright @ else_ < 0.9


@pytest.mark.parametrize("shift", [(0.0, 0.0), (7.0, -4.0), (-11.0, 9.0)])
def test_the_filter_finds_a_shift(scene: np.ndarray, shift: tuple[float, float]) -> None:
    learnt, side = CorrelationFilter(), 30 * WINDOW
    learnt.learn(scene, np.array([120.0, 100.0]), side)
    centre = np.array([120.0, 100.0]) + shift
    peak = learnt.peak(learnt.respond(scene, [(centre, side)])[0])
    np.testing.assert_allclose(peak.offset * side / CELLS, -np.array(shift), atol=1.0)
    assert peak.value > 2 * peak.rival
    assert learnt.resemblance(scene, np.array([120.0, 100.0]), side)[0] == pytest.approx(1)


def test_the_gradient_of_the_loss_is_its_slope(rng: np.random.Generator) -> None:
    true = rng.normal(0, 0.3, (3, 5, 5))
    true[..., 2:] = rng.integers(0, 2, (3, 5, 3))
    said, way = rng.normal(0, 0.3, (3, 5, 3)), rng.normal(size=(3, 5, 3))
    loss = TrackingLoss()
    values, gradient = loss.value_and_gradient(true, said)
    ahead, behind = (
        loss.value_and_gradient(true, said + sign * 1e-6 * way)[0].sum() for sign in (1, -1)
    )
    assert values.shape == (3, 5)
    assert (ahead - behind) / 2e-6 == pytest.approx((gradient * way).sum(), rel=1e-6)
    unknown = (true[..., 2] == 0) & (true[..., 4] == 0)
    assert (gradient[unknown] == 0).all()


def test_a_rendered_object_is_where_its_box_says(rng: np.random.Generator) -> None:
    frames, boxes = render_sequence(rng, frames=30, covered=False)
    track = Tracker(lost=0.0).track(frames, boxes[0])
    still = track_scores(np.tile(boxes[0], (30, 1)), boxes)
    scores = track_scores(track.boxes, boxes)
    assert scores["iou"] > max(0.6, still["iou"])


def test_what_is_covered_is_not_to_be_seen(rng: np.random.Generator) -> None:
    frames = list(rng.integers(0, 256, (90, 48, 64, 3), np.uint8))
    boxes = np.tile([25.0, 15, 12, 14], (90, 1)) + np.arange(90)[:, None] * [0.1, 0, 0, 0]
    hidden, seen = cover(frames, boxes, rng)
    gone = np.isnan(seen).any(axis=1)
    assert 0 < gone.sum() < 45
    at = int(np.flatnonzero(gone)[0])
    x, y, w, h = np.maximum(boxes[at].round().astype(int), 0)
    inside = (hidden[at] != frames[at]).any(axis=-1)[y : y + h, x : x + w]
    assert inside.mean() > 0.45


def test_a_lesson_says_what_was_right(rng: np.random.Generator) -> None:
    frames, boxes = render_sequence(rng, frames=12, covered=False)
    boxes[8:10] = np.nan
    made = lesson(Tracker(), frames, boxes)
    assert made is not None
    observed, targets = made
    assert observed.shape == (11, 8)
    assert (targets[7:9, 3] == 0).all()
    assert (targets[7:9, 4] == 1).all()
    assert (targets[6:8, 2] == 0).all()  # nowhere to go on to
    tracker = Tracker()
    tracker.start(frames[0], boxes[0])
    box = tracker.step(frames[1])
    assert targets[0, 3] == (box_iou(box, boxes[1]) > 0.5)
    ahead = boxes[2, :2] + boxes[2, 2:] / 2 - box[:2] - box[2:] / 2
    np.testing.assert_allclose(targets[0, :2], ahead / np.sqrt(box[2:].prod()), rtol=1e-5)


def test_the_network_is_trained_saved_and_used(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastrnn.apps.tracking.lessons.LENGTH", 10)
    run = TrainingRun(tmp_path)
    tracker = train_tracker(options=TrackerOptions(rendered=3, epochs=15), run=run)
    assert run.history[-1]["loss"] < run.history[0]["loss"]
    assert arguments_of(run.path)["data"] is None  # so that it is resumed without
    again = Tracker.load(run.path / "model.keras")
    frames, boxes = render_sequence(rng, frames=8, covered=False)
    tracker.lost = again.lost = 9.0  # the network alone judges
    again.save(tmp_path / "strict.keras")
    again = Tracker.load(tmp_path / "strict.keras")
    one, other = tracker.track(frames, boxes[0]), again.track(frames, boxes[0])
    np.testing.assert_array_equal(one.boxes, other.boxes)
    assert ((one.confidences > 0) & (one.confidences <= 1)).all()
    assert len(set(one.confidences.tolist())) > 3
    with pytest.raises(ValueError, match="nothing to learn from"):
        train_tracker(options=TrackerOptions(rendered=0))


def test_the_command_makes_the_same_network_again(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one seed the same weights, from rendered and from real sequences; by another, others."""
    monkeypatch.setattr("fastrnn.apps.tracking.lessons.LENGTH", 10)
    for name in ("ann", "bob"):
        (tmp_path / "data" / name).mkdir(parents=True)
        frames, boxes = render_sequence(rng, frames=14, covered=False)
        with FrameWriter(tmp_path / "data" / name / "clip.avi") as clip:
            for frame in frames:
                clip.write(frame)
        np.savetxt(tmp_path / "data" / name / "boxes.txt", boxes)
    base = ["train", "--task", "track", "--rendered", "2", "--epochs", "2", "--out", str(tmp_path)]
    data = ["--lessons", "1", "--val-match", "^bob$", "--seed", "3", str(tmp_path / "data")]
    seeds = [["--seed", "3"], ["--seed", "3"], ["--seed", "4"], data, data]
    weights = []
    for number, options in enumerate(seeds, 1):
        result = CliRunner().invoke(app, [*base, *options])
        assert result.exit_code == 0, result.output
        network = Tracker.load(tmp_path / f"train{number}" / "model.keras").network
        assert network is not None
        weights.append(np.concatenate([each.ravel() for each in network.get_weights()]))
    assert "mean IoU, without the network" in result.output  # of bob
    same = [[bool(np.array_equal(one, other)) for other in weights] for one in weights]
    assert same == np.kron(np.eye(3), np.ones((2, 2)))[[0, 1, 2, 4, 5]][:, [0, 1, 2, 4, 5]].tolist()
    results = json.loads((tmp_path / "train5" / "results.json").read_text())
    assert list(results["validation"]["sequences"]) == ["bob"]
    assert results["lessons"] == 3


def test_an_unsure_tracker_searches_everywhere_and_learns_nothing(scene: np.ndarray) -> None:
    network = build_network(4)
    weights = network.get_weights()
    weights[-2][:], weights[-1][:] = 0, [0, 0, -9]  # never sure
    network.set_weights(weights)
    tracker = Tracker(network, lost=9.0)  # nor is a peak ever high enough
    tracker.start(scene, [20, 30, 30, 30])
    before = tracker._filter._numerator
    moved = np.roll(scene, (60, 120), axis=(0, 1))
    tracker.step(moved)
    assert tracker.confidence < 0.01
    for _ in range(8):
        tracker.step(moved)
        assert tracker.observation[-1] == 1
    assert box_iou(tracker.box, [140, 90, 30, 30]) > 0.7
    np.testing.assert_array_equal(tracker._filter._numerator, before)


@pytest.mark.parametrize("box", [[0, 0, 0, 5], [500, 0, 5, 5], [-9, 0, 5, 5], [1, 2, 3]])
def test_a_wrong_first_box_is_named(scene: np.ndarray, box: list[float]) -> None:
    with pytest.raises(ValueError, match="box"):
        Tracker().track([scene], box)
    with pytest.raises(ValueError, match="no frame"):
        Tracker().track([], [0, 0, 5, 5])


def test_scores_leave_out_the_first_and_hidden_frames() -> None:
    true = np.array([[0, 0, 4, 4], [0, 0, 4, 4], [np.nan] * 4, [0, 0, 4, 4]])
    found = np.array([[9, 9, 4, 4], [0, 0, 4, 2], [0, 0, 4, 4], [0, 0, 4, 4]], float)
    assert track_scores(found, true) == {"iou": 0.75, "success": 0.5}


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("gt.txt", "5,6,15,26\nnan,nan,nan,nan\n"),
        ("boxes.txt", "5 6 10 20\nnan nan nan nan\n"),
        ("groundtruth_rect.txt", "6\t7\t10\t20\nnan\tnan\tnan\tnan\n"),
    ],
)
def test_each_form_of_box_file_is_read(tmp_path: Path, name: str, lines: str) -> None:
    with FrameWriter(tmp_path / "clip.avi") as clip:
        for shade in (30, 200):
            clip.write(np.full((48, 64, 3), shade, np.uint8))
    (tmp_path / name).write_text(lines)
    sequence = read_sequence(tmp_path)
    assert sequence.boxes[0].tolist() == [5, 6, 10, 20]
    assert np.isnan(sequence.boxes[1]).all()
    assert [round(frame.mean() / 10) for frame in sequence.frames()] == [3, 20]
    (tmp_path / name).write_text("5,6,x,7\n")
    with pytest.raises(ValueError, match="must hold four numbers a line"):
        read_sequence(tmp_path)


def test_the_command_follows_and_compares(tmp_path: Path, rng: np.random.Generator) -> None:
    frames, boxes = render_sequence(rng, frames=10, covered=False)
    with FrameWriter(tmp_path / "clip.avi") as clip:
        for frame in frames:
            clip.write(frame)
    np.savetxt(tmp_path / "boxes.txt", boxes, delimiter=",")
    box = ",".join(str(value) for value in boxes[0])
    output = tmp_path / "out.avi"
    command = ["track", str(tmp_path / "clip.avi"), "--box", box, "--json", "--output", str(output)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert [line["frame"] for line in lines] == list(range(10))
    expected = [found for (found,) in track_clip(tmp_path / "clip.avi", boxes[0])]
    for line, found in zip(lines, expected, strict=True):
        assert line["objects"] == [found.to_dict()]
    drawn = list(read_frames(output))
    assert len(drawn) == 10
    result = CliRunner().invoke(app, ["track", str(tmp_path)])
    assert result.exit_code == 0, result.output
    for name in ("fastrnn", *BASELINES):
        assert name in result.output
    for words, message in (
        ([], "give the object's --box"),
        (["--box", "1,2,3"], "got '1,2,3'"),
        (["--box", "a,b,c,d"], "got 'a,b,c,d'"),
        (["--box", box, "--threshold", "0.5"], "--threshold is for"),
        (["--box", box, "--output", str(tmp_path / "clip.avi")], "is the file that is read"),
        (["--box", box, "--output", "a.txt"], "must end in .mp4"),
    ):
        result = CliRunner().invoke(app, ["track", str(tmp_path / "clip.avi"), *words])
        assert result.exit_code == 2, result.output
        assert message in result.output
    whole = ["track", str(tmp_path), "--output", str(tmp_path / "clip.avi")]
    assert CliRunner().invoke(app, whole).exit_code == 2
    with pytest.raises(ValueError, match="is the file that is read"):
        track_clip(tmp_path / "clip.avi", boxes[0], output=tmp_path / "clip.avi")
    assert len(list(read_frames(tmp_path / "clip.avi"))) == 10
    for flag, value in (("--box", box), ("--model", "tracker.keras")):
        both = ["track", str(tmp_path / "clip.avi"), "--detector", "found.keras", flag, value]
        result = CliRunner().invoke(app, both)
        assert result.exit_code == 2
        assert f"give {flag} or --detector, not both" in result.output


def test_a_video_that_is_ended_is_kept(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, boxes = render_sequence(rng, frames=5, covered=False)
    with FrameWriter(tmp_path / "clip.avi") as clip:
        for frame in frames:
            clip.write(frame)
    output = tmp_path / "out.avi"
    found = track_clip(tmp_path / "clip.avi", boxes[0], output=output)
    next(found), next(found)
    found.close()
    assert len(list(read_frames(output))) == 2
    step = Tracker.step
    steps = iter(range(3))

    def interrupted(tracker: Tracker, frame: np.ndarray) -> None:
        if next(steps) == 2:
            raise KeyboardInterrupt
        step(tracker, frame)

    monkeypatch.setattr(Tracker, "step", interrupted)
    box = ",".join(map(str, boxes[0]))
    words = ["track", str(tmp_path / "clip.avi"), "--box", box, "--output", str(output)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 130
    assert f"wrote {output}, up to where it was interrupted" in result.output
    assert len(list(read_frames(output))) == 3


def test_all_that_a_detector_finds_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FrameWriter(tmp_path / "clip.avi") as clip:
        for _ in range(6):
            clip.write(np.zeros((48, 64, 3), np.uint8))
    detector = ObjectDetector(["cat", "dog"], 64, 48)
    steps = iter(range(6))

    def detect(picture: np.ndarray, threshold: float) -> tuple[np.ndarray, ...]:
        step = next(steps)
        boxes = np.array([[40.0, 20, 10, 10], [5.0 + 3 * step, 4, 12, 12]])
        return boxes, np.array([0.9, 0.7]), np.array([1, 0])

    monkeypatch.setattr(detector, "detect", detect)
    output = tmp_path / "out.avi"
    frames = list(track_clip(tmp_path / "clip.avi", detector=detector, output=output))
    assert frames[0] == []
    last = {each.number: each for each in frames[-1]}
    assert {number: each.name for number, each in last.items()} == {1: "dog", 2: "cat"}
    assert last[2].box.tolist() == [20, 4, 12, 12]
    assert last[2].confidence == 0.7
    assert len(list(read_frames(output))) == 6


def test_it_follows_a_real_walker(data_dir: Path) -> None:
    folder = data_dir / "tracking" / "otb_crossing"
    if not folder.is_dir():
        pytest.skip(f"no tracking sequence at {folder}")
    sequence = read_sequence(folder)
    short = type(sequence)(sequence.name, sequence.source, sequence.boxes[:60])
    scores = compare_trackers(short, Tracker(), baselines=False)
    still = track_scores(
        BASELINES["constant velocity"](list(short.frames())[:60], short.boxes), short.boxes
    )
    assert scores["fastrnn"]["iou"] > 0.7 > still["iou"]
