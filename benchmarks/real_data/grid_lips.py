"""Spoken words from the lips alone, cut out of sentences by their alignments.

GRID, zenodo.org/records/3625687; Cooke et al., "An audio-visual corpus for speech perception and
automatic speech recognition", JASA 2006. One network learns the words of all places of a sentence;
a word is then told apart from those that can stand in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import fastrnn
from fastrnn.layers import (
    GRU,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling1D,
    Input,
    MaxPooling2D,
)
from fastrnn.video import Preprocessing, read_clip
from real_data.classification import Array, Samples, accuracy, baselines, fifths, fit, predict
from real_data.task import Split, Task, Trial

_GRAMMAR = {
    "command": "bin lay place set",
    "colour": "blue green red white",
    "preposition": "at by in with",
    "letter": "a b c d e f g h i j k l m n o p q r s t u v x y z",
    "digit": "zero one two three four five six seven eight nine",
    "adverb": "again now please soon",
}
PLACES = {place: words.split() for place, words in _GRAMMAR.items()}
WORDS = [word for words in PLACES.values() for word in words]
MEASURED = ("digit", "command")

WHOLE = Preprocessing(width=128, height=80)
HEIGHT, WIDTH = 32, 56  # of the pictures of the mouth
ROOM = 4  # pixels kept around them, by which training pictures are moved
UNITS = 1000  # of the alignments' time, in a frame
MARGIN = 2.0  # frames seen before and after a word, whose sounds reach into its neighbours
STEPS = 12  # pictures of a word, however long it takes
NEIGHBOURS = np.array([-1, 0, 1])  # the channels of a picture: the frame and those beside it


def load(folder: Path) -> tuple[Array, Samples]:
    """Frames of all mouths, and the words: (first and last frame of the sentence, start, end)."""
    videos, rows, words, sentences, means = [], [], [], [], []
    first = 0
    for number, path in enumerate(sorted((folder / "lips").glob("*.mp4"))):
        video = mouth(read_clip(path, WHOLE)[..., 0])
        videos.append(video)
        for line in (folder / "align" / f"{path.stem}.align").read_text("utf-8").splitlines():
            start, end, word = line.split()
            if word in WORDS:
                times = int(start) / UNITS, int(end) / UNITS
                rows.append((first, first + len(video) - 1, first + times[0], first + times[1]))
                words.append(WORDS.index(word))
                sentences.append(number)
                means.append(video[int(times[0]) : int(np.ceil(times[1]))].mean(axis=0).ravel())
        first += len(video)
    samples = Samples(np.array(rows), np.array(words), np.array(sentences), np.stack(means))
    return np.concatenate(videos), samples


def mouth(video: Array) -> Array:
    """The part of a video (T, H, W) uint8 around where most changes from frame to frame."""
    height, width = 24, 48  # the mouth itself
    change = np.abs(np.diff(video.astype(np.float32), axis=0)).mean(axis=0)
    sums = np.pad(change, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    inside = (sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width]) + sums[
        :-height, :-width
    ]
    top, left = np.unravel_index(inside.argmax(), inside.shape)
    tall, wide = HEIGHT + 2 * ROOM, WIDTH + 2 * ROOM
    top = np.clip(top - (tall - height) // 2, 0, video.shape[1] - tall)
    left = np.clip(left - (wide - width) // 2, 0, video.shape[2] - wide)
    return video[:, top : top + tall, left : left + wide]


def splits(folder: Path, other: Path | None) -> Iterator[Split]:
    """Hold back a fifth of the sentences, drawn at random, and so on for all five fifths."""
    frames, samples = load(folder)
    if other:
        yield Split(other.name, (frames, samples), load(other))
        return
    for name, held in fifths(samples.groups.max() + 1):
        held_back = held[samples.groups]
        yield Split(name, (frames, samples[~held_back]), (frames, samples[held_back]))


def cut(frames: Array, rows: Array, random: np.random.Generator | None = None) -> Array:
    """Pictures of words, (N, STEPS, HEIGHT, WIDTH, 3); with `random`, changed a little.

    Changed are begin and end, the place of the mouth, left and right, and the contrast.
    """
    count = len(rows)
    first, last, start, end = (column[:, None, None] for column in rows.T)
    start, end = start - MARGIN, end + MARGIN
    corner, flip, contrast = np.full((count, 2), ROOM), np.zeros(count, bool), np.ones(count)
    if random:
        start = start + random.uniform(-1, 1, start.shape)
        end = end + random.uniform(-1, 1, end.shape)
        corner = random.integers(0, 2 * ROOM + 1, corner.shape)
        flip = random.random(count) < 0.5
        contrast = random.uniform(0.8, 1.25, count)
    times = start + np.linspace(0, 1, STEPS)[:, None] * (end - start) + NEIGHBOURS
    seen = frames[np.clip(times, first, last).astype(np.intp)]
    pictures = np.empty((count, STEPS, HEIGHT, WIDTH, len(NEIGHBOURS)), np.float32)
    for number, (top, left) in enumerate(corner):
        part = seen[number, ..., top : top + HEIGHT, left : left + WIDTH]
        pictures[number] = np.moveaxis(part[..., ::-1] if flip[number] else part, 1, -1)
        pictures[number] -= pictures[number].mean()
        pictures[number] *= contrast[number] / 32
    return pictures


def network() -> fastrnn.Model:
    return fastrnn.Sequential(
        [
            Input((STEPS, HEIGHT, WIDTH, len(NEIGHBOURS))),
            Conv2D(24, 5, strides=2, padding="same", activation="relu"),
            MaxPooling2D(2),
            BatchNormalization(momentum=0.9),
            Conv2D(48, 3, padding="same", activation="relu"),
            MaxPooling2D(2),
            BatchNormalization(momentum=0.9),
            Conv2D(64, 3, padding="same", activation="relu"),
            MaxPooling2D(2),
            BatchNormalization(momentum=0.9),
            Flatten(),  # where in the mouth something moves is what is to be learnt
            Dropout(0.3),
            Bidirectional(GRU(96, return_sequences=True)),
            GlobalAveragePooling1D(),
            Dropout(0.3),
            Dense(len(WORDS), "softmax"),
        ]
    )


def train(split: Split, seed: int) -> Trial:
    frames, words = split.train
    fastrnn.utils.set_random_seed(seed)
    model = network()
    seconds = fit(
        model,
        words.x,
        words.y,
        epochs=20,
        seed=seed,
        change=lambda rows, random: cut(frames, rows, random),
    )
    frames, held_back = split.test
    scores: dict[str, float] = {}
    simple: dict[str, dict[str, float]] = {}
    for place in MEASURED:
        known = [WORDS.index(word) for word in PLACES[place]]
        seen, unseen = (_of_place(part, known) for part in (words, held_back))
        probabilities = predict(model, cut(frames, unseen.x))
        scores[place] = accuracy(probabilities[:, known], unseen.y)
        for name, of_baseline in baselines(seen, unseen, seed).items():
            simple.setdefault(name, {})[place] = of_baseline["accuracy"]
    return Trial(scores, simple, seconds, len(held_back) // len(PLACES))


def _of_place(words: Samples, known: list[int]) -> Samples:
    """The words among some that are known, their classes counted anew."""
    found = words[np.isin(words.y, known)]
    return replace(found, y=np.searchsorted(known, found.y))


TASKS = [
    Task(
        name="grid-lips",
        title="GRID, words from the lips, one speaker, other sentences",
        folder="grid_s1",
        measures={"digit": 0.80, "command": 0.85},
        splits=splits,
        train=train,
        minutes=10,
    )
]
