"""Batches of recordings of different lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.speech.augment import Variation
from fastrnn.apps.speech.front_end import FloatArray, FrontEnd
from fastrnn.utils import PyDataset

# Stands behind the last step; no normalized feature is near it. `Masking` knows steps by it.
PADDING = -100.0


class SpeechBatches(PyDataset):
    """Inputs (N, steps, width), filled up with `PADDING`, and labels, of as many recordings.

    Parameters
    ----------
    frames : sequence of ndarray
        Log-mel frames (frames, mels) of each recording.
    labels : ndarray
        (recordings,) classes, or (recordings, longest) filled up with zeros.
    front_end : FrontEnd
        From frames to inputs.
    batch_size : int
    variation : Variation, optional
        Changes the frames, and with it the order, anew in each epoch.
    seed : int
        Seed of the order and of the variation.
    """

    def __init__(
        self,
        frames: Sequence[FloatArray],
        labels: npt.NDArray[np.int64],
        front_end: FrontEnd,
        *,
        batch_size: int = 32,
        variation: Variation | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(workers=1)
        self.frames = frames
        self.labels = labels
        self.front_end = front_end
        self.batch_size = batch_size
        self.variation = variation
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.frames) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        order = np.arange(len(self.frames))
        if self.variation is not None:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        random = np.random.default_rng([self.seed, self.epoch, index])
        inputs = [self._inputs(number, random) for number in chosen]
        return padded(inputs, PADDING), self.labels[chosen]

    def _inputs(self, number: int, random: np.random.Generator) -> FloatArray:
        if self.variation is None:
            return self.front_end.inputs(self.frames[number])
        spoken = self.variation.spoken(self.frames[number], random)
        normal = self.front_end.normalized(spoken)
        return self.front_end.spliced(self.variation.masked(normal, random))

    def on_epoch_end(self) -> None:
        """Have the next epoch draw anew."""
        self.epoch += 1

    def get_state(self) -> dict[str, Any]:
        """The number of the epoch, from which all that is random is drawn."""
        return {"epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self.epoch = state["epoch"]


def padded(sequences: Sequence[npt.NDArray[Any]], value: float = 0) -> npt.NDArray[Any]:
    """Sequences (steps, ...) in one array (N, longest, ...), `value` behind the shorter ones."""
    first, longest = sequences[0], max(len(each) for each in sequences)
    rows = np.full((len(sequences), longest, *first.shape[1:]), value, first.dtype)
    for row, each in zip(rows, sequences, strict=True):
        row[: len(each)] = each
    return rows
