"""Batches of stretches of recordings, with what is known of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.labelling.inputs import Input
from fastrnn.utils.rows import RowsDataset

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


class StretchBatches(RowsDataset):
    """Stretches (N, window, ...) that start at random, their targets, and weights (N, window).

    A shorter recording is filled up at a weight of 0: with steps that the network masks, or where
    the source has no such steps with its last one.

    Parameters
    ----------
    examples : sequence of Example
    source : Input
        From steps to the network's input.
    window : int
        Steps of a stretch.
    options :
        As in `RowsDataset`.
    """

    def __init__(
        self, examples: Sequence[Example], source: Input, window: int, **options: Any
    ) -> None:
        super().__init__(len(examples), **options)
        self.examples = examples
        self.source = source
        self.window = window

    def _batch(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> Batch:
        steps, targets, valid = [], [], []
        for example in (self.examples[row] for row in rows):
            count = len(example.steps)
            start = int(rng.integers(max(count - self.window, 0) + 1))
            places = np.arange(start, start + self.window)
            valid.append(places < count)
            places = np.minimum(places, count - 1)
            steps.append(example.steps[places])
            targets.append(example.targets[places])
        inputs = self.source.prepared(np.stack(steps))
        if self.source.padding is not None:
            inputs[~np.array(valid)] = self.source.padding
        return inputs, np.stack(targets), np.array(valid, np.float32)


class WholeExamples(RowsDataset):
    """Each recording from its beginning to its end, one a batch."""

    def __init__(self, examples: Sequence[Example], source: Input) -> None:
        super().__init__(len(examples), batch_size=1, shuffle=False, seed=0)
        self.examples = examples
        self.source = source

    def _batch(
        self, rows: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[Any]]:
        example = self.examples[rows[0]]
        return self.source.prepared(example.steps[None]), example.targets[None]
