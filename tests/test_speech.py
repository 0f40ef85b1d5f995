"""Recognition of words and sentences: corpora, front end, variation, batches, training."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.segments import Segment, read_segments
from fastrnn.apps.speech import (
    FrontEnd,
    Recording,
    SentenceOptions,
    SentenceRecognizer,
    Variation,
    WordOptions,
    WordRecognizer,
    error_rates,
    evaluate_sentences,
    evaluate_words,
    find_sentences,
    find_words,
    split_recordings,
    train_sentences,
    train_words,
)
from fastrnn.apps.speech.batches import PADDING, SpeechBatches
from fastrnn.apps.speech.training import read_part
from fastrnn.audio import AudioError, LogMel, read_wav

Array = np.ndarray[Any, Any]
RATE = 8000
FRONT_END = FrontEnd(LogMel(RATE, 12), context=3, stride=2)
# Tones that stand for words, in Hz.
TONES = {"low": 300.0, "mid": 900.0, "high": 2700.0}


def write_wav(path: Path, samples: Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def tones(words: list[str], rng: np.random.Generator) -> Array:
    """Tones of 0.1 to 0.2 s with gaps between, over a little noise."""
    parts = []
    for word in words:
        time = np.arange(int(rng.uniform(0.1, 0.2) * RATE)) / RATE
        pitch = TONES[word] * rng.uniform(0.95, 1.05)
        parts += [np.zeros(400), rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * pitch * time)]
    sound = np.concatenate(parts)
    return np.asarray(sound + rng.normal(0, 0.003, len(sound)))


def test_segments_are_read_in_seconds(tmp_path: Path) -> None:
    align = tmp_path / "a.align"
    align.write_text("0 12500 sil\n12500 20000 bin\n")
    assert read_segments(align) == [Segment(0.0, 0.5, "sil"), Segment(0.5, 0.8, "bin")]
    table = tmp_path / "a.csv"
    table.write_text("label,start,stop\nwave,0.5,2\n")
    assert read_segments(table) == [Segment(0.5, 2.0, "wave")]
    table.write_text("start,stop\n1,2\n")
    with pytest.raises(ValueError, match=r"a\.csv: its first line must name start, stop, label"):
        read_segments(table)
    for line in ("1 2", "1 x bin", "1 2 3 bin"):
        align.write_text(f"0 1 bin\n{line}\n")
        with pytest.raises(ValueError, match=r"a\.align, line 2: expected start, stop and label"):
            read_segments(align)
    align.write_text("3 2 bin\n")
    with pytest.raises(ValueError, match="line 1: from 3 to 2 is no span of time"):
        read_segments(align)


def test_words_are_found_in_three_layouts(tmp_path: Path) -> None:
    silence = np.zeros(800)
    for name in ("yes/1.wav", "yes/b/2.wav", "no/1.WAV"):
        write_wav(tmp_path / "folders" / name, silence)
    found = find_words(tmp_path / "folders")
    assert [(each.text, each.path.name) for each in found] == [
        ("no", "1.WAV"),
        ("yes", "1.wav"),
        ("yes", "2.wav"),
    ]
    for name in ("7_ann_0.wav", "3_bob_0.wav"):
        write_wav(tmp_path / "names" / name, silence)
    assert [each.text for each in find_words(tmp_path / "names")] == ["3", "7"]
    assert [each.text for each in find_words(tmp_path / "names", label="_([a-z]+)_")] == [
        "ann",
        "bob",
    ]
    with pytest.raises(ValueError, match=r"label 'x' does not match 3_bob_0\.wav"):
        find_words(tmp_path / "names", label="x")
    with pytest.raises(ValueError, match="nowhere is said 5"):
        find_words(tmp_path / "names", words=["3", "5"])
    with pytest.raises(ValueError, match="needs recordings of two words or more"):
        find_words(tmp_path / "names", words=["3"])
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_words(tmp_path / "nowhere")


def test_sentences_are_cut_into_words_by_their_times(tmp_path: Path) -> None:
    write_wav(tmp_path / "audio" / "s1.wav", np.zeros(8000))
    write_wav(tmp_path / "audio" / "s2.wav", np.zeros(8000))
    (tmp_path / "s1.align").write_text(
        "0 10000 sil\n10000 15000 Lay\n15000 15000 sp\n15000 25000 red\n"
    )
    (tmp_path / "s2.txt").write_text("By  one\n")
    (tmp_path / "index.csv").write_text("id,audio_start_s\ns1,0.3\n")
    path = tmp_path / "audio" / "s1.wav"
    first, second = find_words(tmp_path)
    assert (first.text, second.text) == ("Lay", "red")
    assert (first.path, first.start, first.stop) == (path, pytest.approx(0.1), pytest.approx(0.3))
    assert [each.text for each in find_sentences(tmp_path)] == ["lay red", "by one"]
    for file in (tmp_path / "s1.align", tmp_path / "s2.txt"):
        file.unlink()
    with pytest.raises(ValueError, match="no sound file has a text"):
        find_sentences(tmp_path)


def test_each_recording_has_the_text_nearest_to_it(tmp_path: Path) -> None:
    for who, text in (("ann", "low"), ("bob", "mid")):
        write_wav(tmp_path / who / "sound" / "1.wav", np.zeros(800))
        (tmp_path / who / "text").mkdir()
        (tmp_path / who / "text" / "1.txt").write_text(text)
    write_wav(tmp_path / "1.wav", np.zeros(800))  # has none of its own
    found = find_sentences(tmp_path)
    assert [(each.path.parts[-3], each.text) for each in found] == [("ann", "low"), ("bob", "mid")]
    (tmp_path / "bob" / "other").mkdir()
    (tmp_path / "bob" / "other" / "1.txt").write_text("high")
    with pytest.raises(ValueError, match="may belong to it"):
        find_sentences(tmp_path)


def test_a_file_is_never_split() -> None:
    words = [
        Recording(Path(f"{n}_{who}.wav"), w, n, n + 1)
        for n in range(9)
        for who in "ab"
        for w in ("x", "y")
    ]
    train, held = split_recordings(words, fraction=0.3, seed=1)
    assert len(train) + len(held) == 36
    assert held
    assert not {each.path for each in train} & {each.path for each in held}
    train, held = split_recordings(words, group="_(a|b)")
    assert {each.path.stem[-1] for each in held} in ({"a"}, {"b"})
    assert len(held) == 18
    assert {each.path.stem for each in split_recordings(words, match="^3_")[1]} == {"3_a", "3_b"}


def test_the_front_end_normalizes_and_splices(rng: np.random.Generator) -> None:
    frames = rng.normal(0, 3, (11, 12)).astype("f4")
    normal = FRONT_END.normalized(frames)
    assert abs(normal.mean()) < 1e-6
    np.testing.assert_allclose(FRONT_END.normalized(frames + 5), normal, atol=1e-5)
    steps = FRONT_END.inputs(frames)
    assert steps.shape == (6, FRONT_END.width)
    for step in range(6):
        at = np.clip([2 * step - 1, 2 * step, 2 * step + 1], 0, 10)
        np.testing.assert_array_equal(steps[step], normal[at].T.ravel())
    loud, quieter, silent = FRONT_END.normalized(np.array([[0.0], [-3.0], [-90.0]], "f4")).ravel()
    np.testing.assert_allclose(loud - silent, (6 + np.log1p(np.exp(-6))) / 1.5, rtol=1e-5)
    np.testing.assert_allclose(quieter - silent, np.logaddexp(3, 0) / 1.5, rtol=1e-5)
    assert FrontEnd.from_dict(FRONT_END.to_dict()) == FRONT_END
    with pytest.raises(ValueError, match="context must be odd and positive, got 4"):
        FrontEnd(LogMel(RATE, 12), context=4)


def test_quiet_before_and_after_a_word_is_left_out(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    word = 0.3 * np.sin(2 * np.pi * 900 * np.arange(0.2 * RATE) / RATE)
    word[600:1000] *= 1e-3  # a stop inside a word is part of it
    padded = np.pad(word, (2400, 4000))  # 0.3 s and 0.5 s
    quiet = padded + rng.normal(0, 1e-3, len(padded))
    path = write_wav(tmp_path / "x.wav", quiet)
    front_end = FrontEnd(LogMel(RATE, 12), trim=5.0)
    whole = FRONT_END.read(Recording(path, ""))
    frames = front_end.read(Recording(path, ""))
    start = next(i for i in range(len(whole)) if np.array_equal(whole[i], frames[0]))
    np.testing.assert_array_equal(frames, whole[start : start + len(frames)])
    # The word lies in the frames that begin between 0.275 and 0.5 s; three more on either side.
    assert abs(start - (27.5 - 3)) <= 1.5
    assert abs(start + len(frames) - (50 + 3)) <= 1.5
    assert FrontEnd.from_dict(front_end.to_dict()) == front_end
    silence = write_wav(tmp_path / "silence.wav", np.zeros(RATE))
    assert front_end.read(Recording(silence, "")).shape == (98, 12)
    with pytest.raises(ValueError, match=r"trim must be positive, got 0\.0"):
        FrontEnd(LogMel(RATE, 12), trim=0.0)


def test_a_part_of_a_recording_is_its_samples(tmp_path: Path, rng: np.random.Generator) -> None:
    samples = rng.uniform(-0.5, 0.5, RATE)
    path = write_wav(tmp_path / "x.wav", samples)
    part = FRONT_END.read(Recording(path, "", 0.25, 0.75))
    whole = FRONT_END.read(Recording(path, ""))
    np.testing.assert_array_equal(part, whole[25 : 25 + len(part)])
    assert len(part) == 48


def test_a_file_of_several_parts_is_read_once(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the parts of what can be read come in their order, though they lie crosswise."""
    paths = [write_wav(tmp_path / f"{n}.wav", rng.uniform(-0.5, 0.5, RATE)) for n in range(2)]
    damaged = tmp_path / "damaged.wav"
    damaged.write_bytes(b"RIFF")
    recordings = [
        Recording(path, word, start, start + 0.5)
        for word, start in (("one", 0.0), ("two", 0.4))
        for path in (paths[1], damaged, paths[0])
    ]
    expected = [FRONT_END.read(each) for each in recordings if each.path != damaged]
    opened = []

    def counted(path: Path, **options: Any) -> Any:
        opened.append(path)
        return read_wav(path, **options)

    monkeypatch.setattr("fastrnn.apps.speech.front_end.read_wav", counted)
    part = read_part(recordings, FRONT_END, Progress())
    assert [opened.count(path) for path in paths] == [1, 1]
    assert [each.path for each in part.recordings] == [paths[1], paths[0]] * 2
    for frames, wanted in zip(part.frames, expected, strict=True):
        np.testing.assert_array_equal(frames, wanted)


def test_variation_changes_what_it_says_it_does(rng: np.random.Generator) -> None:
    frames = np.full((30, 20), -5.0, np.float32)
    frames[:, 8] = 5.0
    still = Variation(warp=0, tempo=0, colour=0, noise=0, mask=0)
    np.testing.assert_array_equal(still.spoken(frames, rng), frames)
    np.testing.assert_array_equal(still.masked(frames, rng), frames)
    peaks = {
        int(Variation(0.25, 0, 0, 0, 0).spoken(frames, rng).mean(axis=0).argmax())
        for _ in range(50)
    }
    assert peaks <= {6, 7, 8, 9, 10, 11}
    assert len(peaks) > 3
    lengths = [len(Variation(0, 0.5, 0, 0, 0).spoken(frames, rng)) for _ in range(50)]
    assert 15 <= min(lengths) < 20
    assert 40 < max(lengths) <= 45
    colours = [Variation(0, 0, 1, 0, 0).spoken(frames, rng) - frames for _ in range(50)]
    assert all(np.ptp(each, axis=0).max() < 1e-5 for each in colours)  # the same at all times
    assert 1 < np.std([each[0] for each in colours]) < 2
    noisy = Variation(0, 0, 0, 1, 0).spoken(frames, rng)
    assert (noisy >= frames).all()
    assert noisy[:, 0].mean() > frames[0, 0]
    zeros = [(Variation(0, 0, 0, 0, 0.5).masked(frames, rng) == 0) for _ in range(50)]
    assert max(each.all(axis=0).sum() for each in zeros) > 8
    assert max(each.all(axis=1).sum() for each in zeros) > 8
    assert len(Variation().spoken(frames[:1], rng)) == 2


def test_batches_are_drawn_from_seed_epoch_and_number(rng: np.random.Generator) -> None:
    frames = [rng.normal(size=(n, 12)).astype("f4") for n in (9, 4, 13, 6, 8)]
    labels = np.arange(5)
    plain = SpeechBatches(frames, labels, FRONT_END, batch_size=2)
    assert len(plain) == 3
    x, y = plain[1]
    assert y.tolist() == [2, 3]
    np.testing.assert_array_equal(x[1, :3], FRONT_END.inputs(frames[3]))
    assert (x[1, 3:] == PADDING).all()
    varied, again = (
        SpeechBatches(frames, labels, FRONT_END, batch_size=2, variation=Variation(), seed=3)
        for _ in range(2)
    )
    first = [varied[n] for n in range(3)]
    assert sorted(np.concatenate([y for _, y in first])) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(again[2][0], first[2][0])
    varied.on_epoch_end()
    assert any(
        a[0].shape != b[0].shape or (a[0] != b[0]).any() for a, b in zip(first, varied, strict=True)
    )
    again.set_state(varied.get_state())
    np.testing.assert_array_equal(again[0][0], varied[0][0])


def tone_words(folder: Path, rng: np.random.Generator, count: int) -> None:
    for word in TONES:
        for number in range(count):
            write_wav(folder / f"{word}_{number % 4}_{number}.wav", tones([word], rng))


def test_words_of_tones_are_learnt(tmp_path: Path, rng: np.random.Generator) -> None:
    tone_words(tmp_path / "words", rng, 12)
    (tmp_path / "words" / "low_broken_99.wav").write_bytes(b"RIFF")
    options = WordOptions(
        epochs=8, batch_size=4, units=(12,), mels=12, validation_group="_([0-9])_|broken"
    )
    run = TrainingRun(tmp_path / "runs")
    recognizer = train_words(tmp_path / "words", options, run=run)
    assert run.results["validation"]["accuracy"] == 1
    assert run.results["validation"]["baseline"] == pytest.approx(1 / 3)
    assert run.results["train_recordings"] + run.results["recordings"] == 36
    loaded = WordRecognizer.load(run.path / "model.keras")
    path = tmp_path / "words" / "high_1_1.wav"
    said = loaded.predict(path)
    assert said.label == "high"
    np.testing.assert_array_equal(said.probabilities, recognizer.predict(path).probabilities)
    assert said.to_dict()["label"] == "high"
    again = evaluate_words(run.path / "model.keras", tmp_path / "words")
    assert again["recordings"] == 36
    assert sum(map(sum, again["confusion"])) == 36
    assert {"args.json", "history.csv", "curves.png", "confusion.png", "results.json"} <= {
        file.name for file in run.path.iterdir()
    }
    with pytest.raises(ValueError, match="not a fastrnn sentence recognizer file"):
        SentenceRecognizer.load(run.path / "model.keras")
    with pytest.raises(AudioError, match=r"low_broken_99\.wav"):
        loaded.predict(tmp_path / "words" / "low_broken_99.wav")
    # What stands behind shorter recordings in a batch changes nothing.
    frames = [
        recognizer.front_end.read(each)
        for each in find_words(tmp_path / "words")
        if "broken" not in each.path.name
    ]
    one_by_one = np.concatenate([recognizer.probabilities([each]) for each in frames[:5]])
    np.testing.assert_allclose(recognizer.probabilities(frames)[:5], one_by_one, atol=1e-6)


@pytest.mark.parametrize("symbols", ["words", "characters"])
def test_sentences_of_tones_are_learnt(
    tmp_path: Path, rng: np.random.Generator, symbols: str
) -> None:
    for number in range(60):
        words = [str(word) for word in rng.choice(list(TONES), rng.integers(1, 4))]
        write_wav(tmp_path / "said" / f"{number}.wav", tones(words, rng))
        (tmp_path / "said" / f"{number}.txt").write_text(" ".join(words))
    options = SentenceOptions(
        epochs=12,
        batch_size=6,
        units=(24,),
        mels=12,
        dropout=0,
        symbols=symbols,
        learning_rate=0.01,
    )
    run = TrainingRun(tmp_path / "runs")
    recognizer = train_sentences(tmp_path / "said", options, run=run)
    figures = run.results["validation"]
    assert figures["word_error_rate"] < 0.4 * figures["baseline"]["word_error_rate"]
    loaded = SentenceRecognizer.load(run.path / "model.keras")
    path = tmp_path / "said" / "7.wav"
    said = loaded.predict(path)
    assert said == recognizer.predict(path)
    assert set(said.text) <= set("low mid high")
    assert said.to_dict() == {"file": str(path), "text": str(said)}
    again = evaluate_sentences(run.path / "model.keras", tmp_path / "said")
    assert again["recordings"] == 60
    assert again["word_error_rate"] < again["baseline"]["word_error_rate"]


def test_recordings_too_short_for_their_text_are_left_out(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    for number in range(6):
        samples = rng.normal(0, 0.1, 400 if number < 2 else 4000)  # 3 frames, or 48
        write_wav(tmp_path / "said" / f"{number}.wav", samples)
        (tmp_path / "said" / f"{number}.txt").write_text("low low mid")
    options = SentenceOptions(
        epochs=1, units=(3,), filters=(0,), mels=12, validation_match=r"[05]\.wav"
    )
    run = TrainingRun(tmp_path / "runs")
    train_sentences(tmp_path / "said", options, run=run)
    assert run.results["train_recordings"] == 3
    assert run.results["recordings"] == 2
    assert np.isfinite(run.history[0]["loss"])


def test_error_rates_are_edits_by_true_words_and_characters() -> None:
    rates = error_rates(["lay red at a", "bin"], ["lay read a", "bin"])
    assert rates["word_error_rate"] == pytest.approx(2 / 5)  # red, at
    assert rates["character_error_rate"] == pytest.approx(3 / 15)
    assert rates["sentence_accuracy"] == 0.5


def test_options_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="learning_rate must be above 0 and below 10, got 0"):
        WordOptions(learning_rate=0)
    with pytest.raises(ValueError, match="give validation_group or validation_match, not both"):
        WordOptions(validation_group="a", validation_match="b")
    with pytest.raises(ValueError, match="symbols must be 'words' or 'characters', got 'phones'"):
        SentenceOptions(symbols="phones")


def test_the_command_line_trains_and_recognizes(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    testing = pytest.importorskip("typer.testing")
    from fastrnn.cli.app import app

    monkeypatch.chdir(tmp_path)
    tone_words(tmp_path / "words", rng, 4)
    runner = testing.CliRunner()
    words = ["train", "words", "--epochs", "1", "--units", "4", "--filters", "0", "--val", "0.25"]
    done = runner.invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "held back" in done.output
    assert "accuracy" in done.output
    done = runner.invoke(app, ["predict", "runs/train1/model.keras", "words/low_0_0.wav", "--json"])
    assert done.exit_code == 0, done.output
    assert '"label"' in done.output
    done = runner.invoke(app, ["eval", "runs/train1/model.keras", "words"])
    assert done.exit_code == 0, done.output
