"""Batches of images in memory, as the network sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.classification.augment import shift_window
from fastrnn.utils.rows import RowsDataset
from fastrnn.video import apply_view

IntArray = npt.NDArray[np.int64]


class ImageBatches(RowsDataset):
    """Images in memory with their classes.

    Parameters
    ----------
    pixels : ndarray
        (N, H, W, C) uint8.
    labels : ndarray
        (N,) int64.
    shift : int
        Augment: images are moved by up to so many pixels.
    options :
        As in `RowsDataset`.
    """

    def __init__(
        self, pixels: npt.NDArray[np.uint8], labels: IntArray, shift: int = 0, **options: Any
    ) -> None:
        super().__init__(len(labels), **options)
        self.pixels = pixels
        self.labels = labels
        self.shift = shift

    def _batch(
        self, rows: IntArray, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], IntArray]:
        pixels = self.pixels[rows]
        if self.shift:
            pixels = np.stack([shift_window(image[None], rng, self.shift)[0] for image in pixels])
        return apply_view(pixels, "pixels"), self.labels[rows]
