"""Batches of pictures to train a detector on, flipped, cut and brightened at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.detection.loss import STRIDE, encode_boxes
from fastrnn.utils.rows import RowsDataset
from fastrnn.video.boxes import Boxes, cut_out
from fastrnn.video.draw import Picture

Labels = npt.NDArray[np.int64]
Sample = tuple[Picture, Boxes, Labels]  # boxes in pixels of the picture


class DetectionBatches(RowsDataset):
    """Batches (pictures, grids) as `GridLoss` takes them.

    Parameters
    ----------
    samples : sequence of (picture, boxes, labels)
        All pictures of one size, (H, W, 3) uint8.
    classes : int
    changed : bool
        Change pictures at random, and shuffle them.
    options :
        As in `RowsDataset`.
    """

    def __init__(
        self, samples: Sequence[Sample], classes: int, changed: bool = False, **options: Any
    ) -> None:
        super().__init__(len(samples), shuffle=changed, **options)
        self.samples = samples
        self.classes = classes
        self.changed = changed

    def _batch(self, rows: Labels, rng: np.random.Generator) -> tuple[Any, Any]:
        chosen = [self.samples[row] for row in rows]
        if self.changed:
            chosen = [change_sample(sample, rng) for sample in chosen]
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
