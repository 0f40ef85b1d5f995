"""Batches of pictures to train a detector on, flipped, cut and brightened at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.detection.loss import STRIDE, encode_boxes
from fastrnn.utils import PyDataset
from fastrnn.video.boxes import Boxes, cut_out
from fastrnn.video.draw import Picture

Labels = npt.NDArray[np.int64]
Sample = tuple[Picture, Boxes, Labels]  # boxes in pixels of the picture


class DetectionBatches(PyDataset):
    """Batches (pictures, grids) as `GridLoss` takes them.

    Parameters
    ----------
    samples : sequence of (picture, boxes, labels)
        All pictures of one size, (H, W, 3) uint8.
    classes : int
    batch_size : int
    seed : int or None
        Seed of the order and of the changes; None for neither.
    """

    def __init__(
        self, samples: Sequence[Sample], classes: int, batch_size: int, seed: int | None
    ) -> None:
        super().__init__(workers=0)
        self.samples = samples
        self.classes = classes
        self.batch_size = batch_size
        self.random = None if seed is None else np.random.default_rng(seed)
        self.order = np.arange(len(samples))
        self.on_epoch_begin()

    def __len__(self) -> int:
        return -(-len(self.samples) // self.batch_size)

    def on_epoch_begin(self) -> None:
        """Shuffle."""
        if self.random is not None:
            self.order = self.random.permutation(len(self.samples))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        part = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        chosen = [self.samples[number] for number in part]
        if self.random is not None:
            chosen = [change_sample(sample, self.random) for sample in chosen]
        pictures = np.stack([picture for picture, _, _ in chosen]).astype(np.float32)
        pictures /= np.float32(255)
        shape = (pictures.shape[1] // STRIDE, pictures.shape[2] // STRIDE)
        grids = [encode_boxes(boxes, labels, shape, self.classes) for _, boxes, labels in chosen]
        return pictures, np.stack(grids)


def change_sample(sample: Sample, random: np.random.Generator) -> Sample:
    """Cut a random part out of a picture, or more than all of it, flip it and change its light.

    Boxes move along; those of which less than a third stays in the picture go.
    """
    picture, boxes, labels = sample
    height, width = picture.shape[:2]
    size = np.array([width, height], float)
    part = size * random.uniform(0.75, 1.2) * np.exp(random.uniform(-0.1, 0.1, 2))
    centre = size / 2 + random.uniform(-0.5, 0.5, 2) * np.abs(size - part)
    picture = cut_out(picture, centre, part, (height, width))
    zoom = size / part
    boxes = np.concatenate([(boxes[:, :2] - centre + part / 2) * zoom, boxes[:, 2:] * zoom], axis=1)
    if random.random() < 0.5:
        picture = picture[:, ::-1]
        boxes[:, 0] = width - boxes[:, 0] - boxes[:, 2]
    low = np.clip(boxes[:, :2], 0, size)
    clipped = np.concatenate([low, np.clip(boxes[:, :2] + boxes[:, 2:], 0, size) - low], axis=1)
    stays = clipped[:, 2:].prod(axis=1) * 3 > boxes[:, 2:].prod(axis=1)
    light = random.uniform(0.8, 1.2) * picture + random.uniform(-15, 15)
    return np.clip(light, 0, 255).astype(np.uint8), clipped[stays], labels[stays]
