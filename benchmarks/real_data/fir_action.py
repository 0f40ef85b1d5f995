"""Actions seen by a thermal sensor of 16×16 pixels: convolutions over two frames, then a GRU.

github.com/muralab/Low-Resolution-FIR-Action-Dataset; Kawashima et al., "Action recognition from
extremely low-resolution thermal image sequence", AVSS 2017.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    GlobalAveragePooling1D,
    GlobalMaxPooling2D,
    Input,
    MaxPooling2D,
)
from real_data.classification import Array, Samples, View, leave_one_out, train_and_score
from real_data.task import Split, Task, Trial

CLASSES = ("falling", "lie", "sit", "sitdown", "stand", "standup", "walk")
STEPS = 18  # of two frames each, which are one picture of two channels
_UNIT = 640 * 0.2  # values are degrees times 640; people are some tenths warmer than the room


def load(folder: Path) -> Samples:
    """Clips (N, T, 16, 16, 2), less the empty room, their first or last frames repeated or cut."""
    with np.load(folder / "clips.npz", allow_pickle=False) as file:
        data = dict(file)
    empty = data["background"][data["background_index"]]
    clips = np.split(data["frames"], data["offset"][1:-1])
    x = np.stack([_of_length(clip, 2 * STEPS) for clip in clips]).astype(np.float32)
    x -= empty[:, None]
    x -= np.median(x, axis=(1, 2, 3), keepdims=True)  # the room has become warmer, or colder
    x /= _UNIT
    # The tags tell walk1 from walk2, and falling1 from falling2, which are one action each.
    names = np.char.rstrip(data["label"], "12")
    y = np.searchsorted(CLASSES, names)
    means = x.mean(axis=1).reshape(len(x), -1)
    pairs = x.reshape(len(x), STEPS, 2, 16, 16).transpose(0, 1, 3, 4, 2)
    return Samples(np.ascontiguousarray(pairs), y, data["person"], means)


def _of_length(clip: Array, length: int) -> Array:
    """A clip's middle, or the clip with its last frame repeated."""
    start = max(0, (len(clip) - length) // 2)
    return clip[np.minimum(np.arange(start, start + length), len(clip) - 1)]


def splits(folder: Path, other: Path | None) -> Iterator[Split]:
    if other:
        yield Split(other.name, load(folder), load(other))
    else:
        yield from leave_one_out(load(folder))


def change(clips: Array, random: np.random.Generator) -> Array:
    """Turn, mirror, move, delay and brighten: the sensor looks down on people from above."""
    changed = np.empty_like(clips)
    for number, clip in enumerate(clips):
        steps = np.clip(np.arange(STEPS) + random.integers(-2, 3), 0, STEPS - 1)
        turned = np.rot90(clip[steps], int(random.integers(4)), axes=(1, 2))
        if random.random() < 0.5:
            turned = turned[:, :, ::-1]
        wide = np.pad(turned, ((0, 0), (2, 2), (2, 2), (0, 0)))
        top, left = random.integers(0, 5, 2)
        changed[number] = wide[:, top : top + 16, left : left + 16]
    gain = random.uniform(0.6, 1.6, (len(clips), 1, 1, 1, 1))  # clothes and rooms differ
    return changed * gain.astype(np.float32)


def mirrored(clips: Array) -> Array:
    return clips[:, :, :, ::-1]


def turned(times: int, view: View = np.asarray) -> View:
    return lambda clips: np.rot90(view(clips), times, axes=(2, 3))


# The seven other ways to hang up the sensor.
VIEWS = [mirrored, *(turned(k, view) for k in (1, 2, 3) for view in (np.asarray, mirrored))]


def network() -> fastrnn.Model:
    return fastrnn.Sequential(
        [
            Input((STEPS, 16, 16, 2)),
            Conv2D(24, 3, padding="same", activation="relu"),
            MaxPooling2D(2),
            BatchNormalization(momentum=0.9),
            Conv2D(48, 3, padding="same", activation="relu"),
            BatchNormalization(momentum=0.9),
            Conv2D(64, 3, padding="same", activation="relu"),
            MaxPooling2D(2),
            BatchNormalization(momentum=0.9),
            Conv2D(96, 3, padding="same", activation="relu"),
            GlobalMaxPooling2D(),
            Dropout(0.3),
            Bidirectional(GRU(64, return_sequences=True)),
            GlobalAveragePooling1D(),
            Dropout(0.3),
            Dense(len(CLASSES), "softmax"),
        ]
    )


def train(split: Split, seed: int) -> Trial:
    return train_and_score(network, split, seed, epochs=30, change=change, views=VIEWS)


TASKS = [
    Task(
        name="fir-action",
        title="FIR actions, 7 classes, one person left out",
        folder="fir_action",
        measures={"accuracy": 0.86},
        splits=splits,
        train=train,
        minutes=5,
    )
]
