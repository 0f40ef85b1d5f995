"""Batches of stretches of recordings, with what is known of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.labelling.inputs import Input
from fastrnn.utils import PyDataset

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[Any], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Example:
    """A recording and its targets.

    Attributes
    ----------
    path : Path
        Where it comes from.
    steps : ndarray
        (T, ...), as the input reads them.
    targets : ndarray
        (T,) classes, or (T, values).
    """

    path: Path
    steps: npt.NDArray[Any]
    targets: npt.NDArray[Any]


class StretchBatches(PyDataset):
    """Stretches (N, window, ...) that start at random, their targets, and weights (N, window).

    A shorter recording is filled up with its last step, at a weight of 0. All that is random is
    drawn from the seed, the epoch and the batch's number.

    Parameters
    ----------
    examples : sequence of Example
    source : Input
        From steps to the network's input.
    window : int
        Steps of a stretch.
    batch_size : int
    seed : int
    """

    def __init__(
        self,
        examples: Sequence[Example],
        source: Input,
        *,
        window: int,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__(workers=1)
        self.examples = examples
        self.source = source
        self.window = window
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.examples) // self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.examples))
        random = np.random.default_rng([self.seed, self.epoch, index])
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        steps, targets, weights = [], [], []
        for example in (self.examples[number] for number in chosen):
            count = len(example.steps)
            start = int(random.integers(max(count - self.window, 0) + 1))
            places = np.arange(start, start + self.window)
            weights.append(places < count)
            places = np.minimum(places, count - 1)
            steps.append(example.steps[places])
            targets.append(example.targets[places])
        inputs = self.source.prepared(np.stack(steps))
        return inputs, np.stack(targets), np.array(weights, np.float32)

    def on_epoch_end(self) -> None:
        """Have the next epoch draw anew."""
        self.epoch += 1

    def get_state(self) -> dict[str, Any]:
        """The number of the epoch, from which all that is random is drawn."""
        return {"epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self.epoch = state["epoch"]


class WholeExamples(PyDataset):
    """Each recording from its beginning to its end, one a batch."""

    def __init__(self, examples: Sequence[Example], source: Input) -> None:
        super().__init__(workers=1)
        self.examples = examples
        self.source = source

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[Any]]:
        example = self.examples[index]
        return self.source.prepared(example.steps[None]), example.targets[None]
