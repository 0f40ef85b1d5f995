"""Batches of recordings of different lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.speech.augment import Variation
from fastrnn.apps.speech.front_end import FloatArray, FrontEnd
from fastrnn.utils.rows import RowsDataset

IntArray = npt.NDArray[np.int64]

# Stands behind the last step; no normalized feature is near it. `Masking` knows steps by it.
PADDING = -100.0


class SpeechBatches(RowsDataset):
    """Inputs (N, steps, width), filled up with `PADDING`, and labels, of as many recordings.

    Parameters
    ----------
    frames : sequence of ndarray
        Log-mel frames (frames, mels) of each recording.
    labels : ndarray
        (recordings,) classes, or (recordings, longest) filled up with zeros.
    front_end : FrontEnd
        From frames to inputs.
    variation : Variation, optional
        Changes the frames anew in each epoch, in which their order is another, too.
    options :
        As in `RowsDataset`.
    """

    def __init__(
        self,
        frames: Sequence[FloatArray],
        labels: IntArray,
        front_end: FrontEnd,
        variation: Variation | None = None,
        *,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(len(frames), shuffle=variation is not None, seed=seed, **options)
        self.frames = frames
        self.labels = labels
        self.front_end = front_end
        self.variation = variation

    def _batch(self, rows: IntArray, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
        return padded([self._inputs(row, rng) for row in rows], PADDING), self.labels[rows]

    def _inputs(self, number: int, random: np.random.Generator) -> FloatArray:
        if self.variation is None:
            return self.front_end.inputs(self.frames[number])
        spoken = self.variation.spoken(self.frames[number], random)
        normal = self.front_end.normalized(spoken)
        return self.front_end.spliced(self.variation.masked(normal, random))


def padded(sequences: Sequence[npt.NDArray[Any]], value: float = 0) -> npt.NDArray[Any]:
    """Sequences (steps, ...) in one array (N, longest, ...), `value` behind the shorter ones."""
    first, longest = sequences[0], max(len(each) for each in sequences)
    rows = np.full((len(sequences), longest, *first.shape[1:]), value, first.dtype)
    for row, each in zip(rows, sequences, strict=True):
        row[: len(each)] = each
    return rows
