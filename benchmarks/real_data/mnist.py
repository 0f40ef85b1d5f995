"""Handwritten digits: their rows through an LSTM, and a convolutional network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

import fastrnn
from fastrnn.datasets.mnist import read_idx
from fastrnn.layers import (
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
    Reshape,
)
from real_data.classification import Array, Samples, train_and_score
from real_data.task import Split, Task, Trial

HELD_BACK = 10_000  # the last digits of the training files


def load(folder: Path) -> Samples:
    """All digits of a folder with one pair of idx files."""
    (images,), (labels,) = (folder.glob(f"*-{name}*") for name in ("images-idx3", "labels-idx1"))
    x = read_idx(images).astype(np.float32) / 255
    y = read_idx(labels).astype(np.int64)
    return Samples(x, y, np.arange(len(y)), x.reshape(len(x), -1))


def splits(folder: Path, other: Path | None) -> Iterator[Split]:
    samples = load(folder)
    if other:
        yield Split(other.name, samples, load(other))
    else:
        last = np.arange(len(samples)) >= len(samples) - HELD_BACK
        yield Split(f"the last {HELD_BACK}", samples[~last], samples[last])


def shift(images: Array, random: np.random.Generator) -> Array:
    """Move each picture by up to two pixels in each direction; what comes in is empty."""
    height, width = images.shape[1:3]
    wide = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    moved = np.empty_like(images)
    for number, (top, left) in enumerate(random.integers(0, 5, (len(images), 2))):
        moved[number] = wide[number, top : top + height, left : left + width]
    return moved


def rows_lstm() -> fastrnn.Model:
    return fastrnn.Sequential(
        [
            Input((28, 28)),
            Bidirectional(LSTM(64, return_sequences=True)),
            LSTM(128),
            Dropout(0.2),
            Dense(10, "softmax"),
        ]
    )


def cnn() -> fastrnn.Model:
    return fastrnn.Sequential(
        [
            Input((28, 28)),
            Reshape((28, 28, 1)),
            Conv2D(32, 3, activation="relu"),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(2),
            BatchNormalization(momentum=0.9),
            Conv2D(64, 3, activation="relu"),
            MaxPooling2D(2),
            BatchNormalization(momentum=0.9),
            Flatten(),
            Dense(128, "relu"),
            Dropout(0.4),
            Dense(10, "softmax"),
        ]
    )


def train_rows_lstm(split: Split, seed: int) -> Trial:
    return train_and_score(
        rows_lstm, split, seed, epochs=4, batch_size=64, label_smoothing=0.0, change=shift
    )


def train_cnn(split: Split, seed: int) -> Trial:
    return train_and_score(cnn, split, seed, epochs=3, batch_size=64, change=shift)


TASKS = [
    Task(
        name="mnist-lstm",
        title="MNIST, rows through an LSTM",
        folder="mnist",
        measures={"accuracy": 0.985},
        splits=splits,
        train=train_rows_lstm,
        minutes=2,
    ),
    Task(
        name="mnist-cnn",
        title="MNIST, convolutions",
        folder="mnist",
        measures={"accuracy": 0.991},
        splits=splits,
        train=train_cnn,
        minutes=2,
    ),
]
