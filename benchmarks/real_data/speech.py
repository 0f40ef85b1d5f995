"""Spoken digits and sentences, by `train_words` and `train_sentences` as `fastrnn train` has them.

FSDD, github.com/Jakobovski/free-spoken-digit-dataset: <digit>_<speaker>_<number>.wav.
GRID, zenodo.org/records/3625687, one speaker: wav files and alignments of the same names.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fastrnn.apps import (
    SentenceOptions,
    TrainingRun,
    WordOptions,
    WordRecognizer,
    train_sentences,
    train_words,
)
from fastrnn.apps.speech import (
    Recording,
    commonest_words,
    error_rates,
    find_sentences,
    find_words,
)
from real_data.classification import Samples, accuracy, baselines, fifths
from real_data.task import Split, Task, Trial

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Training:
    """A folder of recordings, all but those whose files are held back."""

    folder: Path
    recordings: list[Recording]
    held_back: frozenset[str] = frozenset()  # names of files

    @property
    def options(self) -> dict[str, float | str]:
        """Of a training that sees nothing of what is held back."""
        names = "|".join(map(re.escape, sorted(self.held_back)))
        return {"validation_match": f"^({names})$"} if names else {"validation": 0.0}


def without(folder: Path, recordings: Sequence[Recording], name: str, files: set[str]) -> Split:
    """Hold back the recordings in some files."""
    train = [each for each in recordings if each.path.name not in files]
    test = [each for each in recordings if each.path.name in files]
    return Split(name, Training(folder, train, frozenset(files)), test)


def speakers(folder: Path, other: Path | None) -> Iterator[Split]:
    recordings = find_words(folder)
    if other:
        yield Split(other.name, Training(folder, recordings), find_words(other))
        return
    names = {each.path.name for each in recordings}
    for speaker in sorted({name.split("_")[1] for name in names}):
        files = {name for name in names if name.split("_")[1] == speaker}
        yield without(folder, recordings, speaker, files)


def digits_of_sentences(folder: Path, other: Path | None) -> Iterator[Split]:
    recordings = find_words(folder, words=DIGITS)
    if other:
        test = find_words(other, words=DIGITS)
        yield Split(other.name, Training(folder, recordings), test)
    else:
        yield from _fifths_of_files(folder, recordings)


def sentences(folder: Path, other: Path | None) -> Iterator[Split]:
    recordings = find_sentences(folder)
    if other:
        yield Split(other.name, Training(folder, recordings), find_sentences(other))
    else:
        yield from _fifths_of_files(folder, recordings)


def _fifths_of_files(folder: Path, recordings: Sequence[Recording]) -> Iterator[Split]:
    names = np.array(sorted({each.path.name for each in recordings}))
    for fifth, held_back in fifths(len(names)):
        yield without(folder, recordings, fifth, set(names[held_back].tolist()))


def train_digits(split: Split, seed: int, *, words: tuple[str, ...] | None = None) -> Trial:
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        options = WordOptions(words=words, seed=seed, **split.train.options)
        recognizer = train_words(split.train.folder, options, run=TrainingRun(out))
        seconds = time.perf_counter() - start
    train, test = (_samples(part, recognizer) for part in (split.train.recordings, split.test))
    scores = {"accuracy": accuracy(recognizer.probabilities(list(test.x)), test.y)}
    return Trial(scores, baselines(train, test, seed), seconds, len(test))


def _samples(recordings: Sequence[Recording], recognizer: WordRecognizer) -> Samples:
    """Log-mel frames of each recording; their mean is what logistic regression sees."""
    frames = np.empty(len(recordings), object)
    frames[:] = [recognizer.front_end.read(each) for each in recordings]
    y = np.array([recognizer.names.index(each.text) for each in recordings])
    means = np.stack([each.mean(axis=0) for each in frames])
    return Samples(frames, y, np.array([each.path.name for each in recordings]), means)


def train_transcripts(split: Split, seed: int) -> Trial:
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        options = SentenceOptions(seed=seed, **split.train.options)
        recognizer = train_sentences(split.train.folder, options, run=TrainingRun(out))
        seconds = time.perf_counter() - start
    true = [each.text for each in split.test]
    said = recognizer.texts([recognizer.front_end.read(each) for each in split.test])
    commonest = commonest_words([each.text for each in split.train.recordings])
    measures = TASKS[-1].measures
    scores, simple = (
        {name.replace("_", " "): rate for name, rate in error_rates(true, texts).items()}
        for texts in (said, [commonest] * len(true))
    )
    return Trial(
        {name: scores[name] for name in measures},
        {"commonest words": {name: simple[name] for name in measures}},
        seconds,
        len(true),
    )


TASKS = [
    Task(
        name="fsdd",
        title="FSDD, digits of a speaker left out",
        folder="fsdd",
        measures={"accuracy": 0.85},
        splits=speakers,
        train=train_digits,
        minutes=2,
    ),
    Task(
        name="grid-digits",
        title="GRID, digits heard, one speaker, other sentences",
        folder="grid_s1",
        measures={"accuracy": 0.99},
        splits=digits_of_sentences,
        train=partial(train_digits, words=DIGITS),
    ),
    Task(
        name="grid-sentences",
        title="GRID, sentences heard, one speaker, other sentences",
        folder="grid_s1",
        measures={"word error rate": None},
        splits=sentences,
        train=train_transcripts,
    ),
]
