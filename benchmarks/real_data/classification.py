"""Telling classes apart: samples and their splits, batches, training, and simple baselines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastrnn
from fastrnn.layers import Dense, Input
from fastrnn.optimizers import AdamW
from fastrnn.optimizers.schedules import CosineDecay
from real_data.task import Split, Trial

Array = NDArray[Any]
# Changes a batch at random, in a way that leaves its classes as they are.
Change = Callable[[Array, np.random.Generator], Array]
# Gives samples another look, a mirror image say, in which they are of the same class.
View = Callable[[Array], Array]


@dataclass(frozen=True)
class Samples:
    """Inputs (N, ...), classes from 0 (N,), and whose they are (N,)."""

    x: Array
    y: Array
    groups: Array
    means: Array  # mean frames, (N, pixels): what the simple baseline sees

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: Array) -> Samples:
        return Samples(self.x[rows], self.y[rows], self.groups[rows], self.means[rows])


def leave_one_out(samples: Samples) -> Iterator[Split]:
    """Hold each group back once."""
    for group in np.unique(samples.groups):
        held_back = samples.groups == group
        yield Split(str(group), samples[~held_back], samples[held_back])


def fifths(count: int) -> Iterator[tuple[str, Array]]:
    """A name, and which of `count` things are held back: each of five parts, drawn at random."""
    part = np.random.default_rng(0).permutation(count) % 5
    for number in range(5):
        yield f"fifth {number + 1}", part == number


class Batches(fastrnn.utils.PyDataset):
    """Shuffled batches of (x, one-hot y), made by a thread while the model trains."""

    def __init__(
        self, x: Array, y: Array, batch_size: int, seed: int, change: Change | None = None
    ) -> None:
        super().__init__()
        self.x, self.y, self.batch_size, self.change = x, y, batch_size, change
        self.seed, self.epoch = seed, -1
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        x = self.x[rows]
        if self.change:
            x = self.change(x, np.random.default_rng((self.seed, self.epoch, index)))
        return x, self.y[rows]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.x))


def fit(
    model: fastrnn.Model,
    x: Array,
    y: Array,
    *,
    epochs: int,
    seed: int,
    batch_size: int = 32,
    learning_rate: float = 2e-3,
    weight_decay: float = 1e-2,
    label_smoothing: float = 0.1,
    change: Change | None = None,
) -> float:
    """Train with a rate that rises over the first steps, then falls to zero; return the seconds.

    The weights are those after the last step: nothing is chosen by what is held back.
    """
    batches = Batches(x, fastrnn.utils.to_categorical(y), batch_size, seed, change)
    steps = epochs * len(batches)
    rate = CosineDecay(
        0.0, steps - steps // 10, warmup_target=learning_rate, warmup_steps=steps // 10
    )
    model.compile(
        AdamW(rate, weight_decay=weight_decay, global_clipnorm=1.0),
        fastrnn.losses.CategoricalCrossentropy(label_smoothing=label_smoothing),
        metrics=["accuracy"],
    )
    start = time.perf_counter()
    model.fit(batches, epochs=epochs, verbose=0)
    return time.perf_counter() - start


def predict(model: fastrnn.Model, x: Array, views: Sequence[View] = ()) -> Array:
    """Mean probabilities (N, classes) over the samples as they are and all views of them."""
    seen = [x, *(view(x) for view in views)]
    probabilities: Array = np.mean([model.predict(each, verbose=0) for each in seen], axis=0)
    return probabilities


def accuracy(probabilities: Array, y: Array) -> float:
    return float((probabilities.argmax(axis=1) == y).mean())


def baselines(train: Samples, test: Samples, seed: int) -> dict[str, dict[str, float]]:
    """The most frequent class, and multinomial logistic regression on the mean frame."""
    majority = np.bincount(train.y).argmax()
    mean, deviation = train.means.mean(axis=0), train.means.std(axis=0) + 1e-6
    x, x_test = ((part.means - mean) / deviation for part in (train, test))
    fastrnn.utils.set_random_seed(seed)
    model = fastrnn.Sequential([Input(x.shape[1:]), Dense(train.y.max() + 1, "softmax")])
    epochs = max(10, 100_000 // len(train))
    fit(model, x, train.y, epochs=epochs, seed=seed, weight_decay=0.1, label_smoothing=0.0)
    return {
        "majority class": {"accuracy": float((test.y == majority).mean())},
        "logistic regression": {"accuracy": accuracy(predict(model, x_test), test.y)},
    }


def train_and_score(
    build: Callable[[], fastrnn.Model],
    split: Split,
    seed: int,
    *,
    views: Sequence[View] = (),
    **options: Any,
) -> Trial:
    """Train the network that `build` makes; `options` are those of `fit`."""
    train, test = split.train, split.test
    fastrnn.utils.set_random_seed(seed)
    model = build()
    seconds = fit(model, train.x, train.y, seed=seed, **options)
    scores = {"accuracy": accuracy(predict(model, test.x, views), test.y)}
    return Trial(scores, baselines(train, test, seed), seconds, len(test))
