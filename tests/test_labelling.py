"""A label or a value for each frame: targets, stretches, training on pictures and on sound."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fastrnn import Sequential, layers
from fastrnn.apps.labelling import (
    NOTHING,
    FrameLabeller,
    Labelling,
    LabelOptions,
    PictureInput,
    SoundInput,
    evaluate_labels,
    labels_at,
    read_values,
    train_labels,
)
from fastrnn.apps.labelling.batches import Example, StretchBatches
from fastrnn.apps.labelling.targets import find_annotated, holds_values, segment_labels
from fastrnn.apps.labelling.training import build_labeller
from fastrnn.apps.run import TrainingRun
from fastrnn.apps.segments import Segment, read_segments
from fastrnn.apps.speech import FrontEnd
from fastrnn.audio import LogMel
from fastrnn.cli.app import app
from fastrnn.video import FrameReader, FrameWriter

Array = np.ndarray[Any, Any]
FPS = 10


def test_labels_are_those_of_the_segments() -> None:
    segments = [Segment(0.2, 0.4, "b"), Segment(0.4, 0.7, "a"), Segment(0.7, 0.8, "?")]
    times = np.array([0.1, 0.2, 0.39, 0.4, 0.75, 0.9])
    assert labels_at(segments, times, [NOTHING, "a", "b"]).tolist() == [0, 2, 2, 1, 0, 0]


def test_values_are_of_frames_of_times_or_of_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n3,4\n")
    values = read_values(path)
    assert values.names == ("x", "y")
    assert values.at(np.array([0.0, 9.0])).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="2 lines of values for 3 frames"):
        values.at(np.zeros(3))
    path.write_text("x\n7\n")
    assert read_values(path).at(np.zeros(3)).tolist() == [[7], [7], [7]]
    path.write_text("x,time\n1,0\n2,1\n0,2\n")
    assert read_values(path).at(np.array([-1, 0.25, 1.5])).ravel().tolist() == [1, 1.25, 1]
    for text, message in {
        "x\n1\nb\n": r"line 3: expected 1 numbers",
        "x\n1,2\n": "line 2: expected 1 numbers",
        "x\ninf\n": "lines of finite numbers",
        "x\n": "a line of names and lines of",
        "time,x\n1,2\n1,3\n": "rising times",
        "time\n1\n": "values beside",
    }.items():
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_values(path)


def test_tables_may_begin_as_spreadsheets_write_them(tmp_path: Path) -> None:
    for name, text in (("a", "start,stop,label\n0,1,x\n"), ("b", "time,x\n0,1\n")):
        (tmp_path / f"{name}.csv").write_text(text, "utf-8-sig")  # with a byte order mark
    assert read_segments(tmp_path / "a.csv") == [Segment(0.0, 1.0, "x")]
    assert not holds_values(tmp_path / "a.csv")
    assert read_values(tmp_path / "b.csv").names == ("x",)


def test_a_dash_is_nothing(tmp_path: Path) -> None:
    """What a labelling writes where there is nothing is read as nothing, no class of its own."""
    (tmp_path / "a.csv").write_text("start,stop,label\n0,1,-\n1,2,wave\n")
    names = segment_labels([tmp_path / "a.csv"])
    assert names == (NOTHING, "wave")
    labels = labels_at(read_segments(tmp_path / "a.csv"), np.array([0.5, 1.5, 2.5]), names)
    assert labels.tolist() == [0, 1, 0]


def test_segments_of_a_labelling() -> None:
    outputs = np.eye(3, dtype="f4")[[0, 1, 1, 2, 0]]
    said = Labelling((NOTHING, "a", "b"), (np.arange(5) + 0.5) / 10, outputs, True)
    starts = [(round(s.start, 3), round(s.stop, 3), s.label) for s in said.segments]
    assert starts == [(0.1, 0.3, "a"), (0.3, 0.4, "b")]
    assert said.labels == [NOTHING, "a", "a", "b", NOTHING]
    assert said.to_dict()["segments"][1] == {"start": 0.3, "stop": 0.4, "label": "b"}
    assert str(said) == "0.10-0.30 a  0.30-0.40 b"
    values = Labelling(("x",), np.array([0.5, 1.5]), np.array([[1.0], [2.0]], "f4"), False)
    assert values.to_dict() == {"times": [0.5, 1.5], "values": {"x": [1.0, 2.0]}}


def test_stretches_are_cut_and_filled_up(rng: np.random.Generator) -> None:
    source = PictureInput(3, 2, "pixels")
    examples = [
        Example(Path(str(n)), rng.integers(0, 256, (n, 2, 3, 1), np.uint8), np.arange(n))
        for n in (4, 9, 30)
    ]
    batches = StretchBatches(examples, source, window=6, batch_size=3, seed=1)
    starts = set()
    for _ in range(20):
        x, y, weights = batches[0]
        assert x.shape == (3, 6, 2, 3, 1)
        for steps, targets, weight in zip(x, y, weights, strict=True):
            if weight.sum() == 4:
                assert targets.tolist() == [0, 1, 2, 3, 3, 3]
                assert weight.tolist() == [1, 1, 1, 1, 0, 0]
                continue
            assert weight.all()
            number = (
                1 if targets.max() < 9 and (steps * 255 == examples[1].steps[targets]).all() else 2
            )
            np.testing.assert_allclose(steps * 255, examples[number].steps[targets], atol=1e-4)
            assert (np.diff(targets) == 1).all()
            starts.add(int(targets[0]))
        batches.on_epoch_end()
    assert len(starts) > 8
    again = StretchBatches(examples, source, window=6, batch_size=3, seed=1)
    again.set_state(batches.get_state())
    np.testing.assert_array_equal(again[0][0], batches[0][0])


def test_sounds_that_are_filled_up_are_masked(rng: np.random.Generator) -> None:
    """A short recording comes out beside a long one as it does alone, read both ways."""
    source = SoundInput(FrontEnd(LogMel(8000, 6), context=3))
    examples = [
        Example(Path(str(n)), rng.normal(size=(n, source.shape[0])).astype("f4"), np.arange(n))
        for n in (4, 9)
    ]
    batches = StretchBatches(examples, source, window=9, batch_size=2, seed=1)
    x, _, weights = batches[0]
    short = int(weights.sum(axis=1).argmin())
    assert weights[short].tolist() == [1] * 4 + [0] * 5
    options = LabelOptions(units=(5, 3), dropout=0.0)
    model = build_labeller(source, 3, options, classes=True)
    together = model.predict(x, verbose=0)[short, :4]
    alone = model.predict(examples[0].steps[None], verbose=0)[0]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def write_clip(path: Path, across: Array) -> None:
    """A bright bar on grey, its left edge at `across` pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FrameWriter(path, fps=FPS) as writer:
        for x in across:
            frame = np.full((32, 48), 60, np.uint8)
            frame[:, int(x) : int(x) + 8] = 220
            writer.write(frame)


def test_motions_in_clips_are_labelled(tmp_path: Path, rng: np.random.Generator) -> None:
    """A bar rests, then moves right or left for a while: which way, at each frame."""
    for number in range(16):
        speed = np.zeros(24)
        lines = ["start,stop,label"]
        first, length = rng.integers(2, 8), rng.integers(6, 10)
        way = 1 if number % 2 else -1
        speed[first : first + length] = 3 * way
        across = np.clip(20 - 10 * way + np.cumsum(speed), 0, 40)
        lines.append(f"{first / FPS},{(first + length) / FPS},{'right' if way > 0 else 'left'}")
        write_clip(tmp_path / "clips" / f"{number}.avi", across)
        (tmp_path / "clips" / f"{number}.csv").write_text("\n".join(lines))
    (tmp_path / "clips" / "0.avi").write_bytes(b"broken")
    options = LabelOptions(
        epochs=25,
        batch_size=4,
        units=(16,),
        dropout=0.0,
        window=16,
        width=12,
        height=8,
        filters=(8,),
        view="difference",
        learning_rate=0.01,
        validation_match="^[1-4]\\.",
    )
    run = TrainingRun(tmp_path / "runs")
    labeller = train_labels(tmp_path / "clips", options, run=run)
    assert run.results["recordings"] == 4
    assert run.results["train_recordings"] == 11
    figures = run.results["validation"]
    assert figures["accuracy"] > 0.9 > 0.8 > figures["baseline"]
    assert figures["segment_f1"] > 0.8 > figures["segment_f1_baseline"]
    assert figures["segment_edit_score"] > figures["segment_edit_score_baseline"]
    loaded = FrameLabeller.load(run.path / "model.keras")
    assert loaded.source == labeller.source
    said = loaded.predict(tmp_path / "clips" / "3.avi")
    np.testing.assert_array_equal(
        said.outputs, labeller.predict(tmp_path / "clips" / "3.avi").outputs
    )
    assert {each.label for each in said.segments} == {"right"}
    again = evaluate_labels(run.path / "model.keras", tmp_path / "clips")
    assert again["recordings"] == 15
    assert again["accuracy"] > 0.9


def test_values_of_frames_are_learnt(tmp_path: Path, rng: np.random.Generator) -> None:
    """Where a bar is, in pixels, at each frame."""
    for number in range(14):
        across = 20 + 18 * np.sin(rng.uniform(0, 6) + np.arange(20) * rng.uniform(0.1, 0.5))
        write_clip(tmp_path / "clips" / f"{number}.avi", across)
        rows = [f"{value:.3f}" for value in across]
        (tmp_path / "clips" / f"{number}.csv").write_text("\n".join(["x", *rows]))
    options = LabelOptions(
        epochs=25,
        batch_size=4,
        units=(16,),
        dropout=0.0,
        window=20,
        width=12,
        height=8,
        filters=(8,),
        view="pixels",
        learning_rate=0.01,
    )
    run = TrainingRun(tmp_path / "runs")
    labeller = train_labels(tmp_path / "clips", options, run=run)
    figures = run.results["validation"]
    assert figures["x"]["mae"] < 0.4 * figures["x"]["baseline"]
    assert figures["x"]["r2"] > 0.7
    again = evaluate_labels(run.path / "model.keras", tmp_path / "clips")
    assert again["x"]["mae"] < 0.4 * again["x"]["baseline"]
    said = FrameLabeller.load(run.path / "model.keras").predict(tmp_path / "clips" / "3.avi")
    assert said.names == ("x",)
    assert abs(said.outputs.mean() - 20) < 15
    np.testing.assert_array_equal(
        said.outputs, labeller.predict(tmp_path / "clips" / "3.avi").outputs
    )
    (tmp_path / "clips" / "3.csv").write_text("start,stop,label\n0,1,x\n")
    with pytest.raises(ValueError, match=r"3\.csv: the model gives values, here are segments"):
        evaluate_labels(run.path / "model.keras", tmp_path / "clips")


@pytest.mark.parametrize("classified", [True, False])
def test_what_is_said_of_frames_is_drawn(tmp_path: Path, classified: bool) -> None:
    clip, output, model = tmp_path / "clip.avi", tmp_path / "out.avi", tmp_path / "model.keras"
    write_clip(clip, np.arange(6.0))
    source = PictureInput(12, 8, "pixels")
    network = Sequential(
        [
            layers.Input((None, 8, 12, 1)),
            layers.TimeDistributed(layers.Flatten()),
            layers.GRU(2, return_sequences=True),
        ]
    )
    scale = None if classified else (np.zeros(2, np.float32), np.ones(2, np.float32))
    labeller = FrameLabeller([NOTHING, "wave"], source, network, scale)
    labeller.save(model)
    done = CliRunner().invoke(app, ["predict", str(model), str(clip), "--output", str(output)])
    assert done.exit_code == 0, done.output
    with FrameReader(output) as frames:
        drawn = list(frames)
    assert len(drawn) == 6
    assert drawn[0].shape[1] >= 360
    corner = drawn[0][:20, :60]  # the bright bar, darkened, and text on it
    assert np.median(corner) < 110 < 200 < corner.max()
    with pytest.raises(ValueError, match="is the file that is read"):
        labeller.predict(clip, output=clip)


def test_sounds_are_found_in_recordings(tmp_path: Path, rng: np.random.Generator) -> None:
    """Where in a recording there is a tone, and which."""
    rate = 8000
    for number in range(16):
        sound = rng.normal(0, 0.01, rate)
        lines = ["start,stop,label"]
        for label, start in zip(rng.permutation(["low", "high"]), (0.05, 0.5), strict=True):
            start += rng.uniform(0, 0.15)
            span = slice(int(start * rate), int((start + 0.3) * rate))
            pitch = {"low": 400, "high": 2000}[str(label)]
            sound[span] += 0.3 * np.sin(
                2 * np.pi * pitch * np.arange(span.stop - span.start) / rate
            )
            lines.append(f"{start},{start + 0.3},{label}")
        (tmp_path / f"{number}.csv").write_text("\n".join(lines))
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes((sound * 32767).astype("<i2").tobytes())
    base = {"batch_size": 4, "units": (12,), "mels": 12, "window": 40, "learning_rate": 0.01}
    run = TrainingRun(tmp_path / "runs")
    train_labels(tmp_path, LabelOptions(epochs=10, **base), run=run)  # type: ignore[arg-type]
    figures = run.results["validation"]
    assert figures["accuracy"] > 0.9 > 0.6 > figures["baseline"]
    assert figures["segment_edit_score"] > 0.8
    run = TrainingRun(tmp_path / "runs")
    options = LabelOptions(epochs=2, any_label=True, **base)  # type: ignore[arg-type]
    assert train_labels(tmp_path, options, run=run).names == (NOTHING, "any")


def test_sounds_may_start_later_than_their_times_count(tmp_path: Path) -> None:
    for name in ("a.wav", "a.mp4", "b.wav"):
        (tmp_path / name).write_bytes(b"")
    for name in "ab":
        (tmp_path / f"{name}.align").write_text("0 1 x")
    (tmp_path / "index.csv").write_text("id,audio_start_s\na,0.5\n")
    found = find_annotated(tmp_path, {".wav", ".mp4"})
    assert [(each.path.name, each.start) for each in found] == [
        ("a.mp4", 0.0),
        ("a.wav", 0.5),
        ("b.wav", 0.0),
    ]


def test_data_and_options_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        train_labels(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no recording has a file of labels; expected clip\.csv"):
        train_labels(tmp_path)
    for name in "ab":
        (tmp_path / f"{name}.avi").write_bytes(b"broken")
        (tmp_path / f"{name}.csv").write_text("start,stop,label\n0,1,x\n")
    with pytest.raises(ValueError, match="none of the recordings to train on can be read"):
        train_labels(tmp_path, LabelOptions(validation=0.5))
    (tmp_path / "b.csv").write_text("x\n1\n")
    with pytest.raises(ValueError, match="some recordings have segments, others values"):
        train_labels(tmp_path)
    with pytest.raises(ValueError, match="media must be auto, pictures or sound, got 'smell'"):
        LabelOptions(media="smell")
