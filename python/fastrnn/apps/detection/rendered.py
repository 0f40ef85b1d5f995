"""Rendered pictures and clips of shapes with their boxes, to try a detector on."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from fastrnn._files import atomic_path
from fastrnn.apps.detection.pictures import COLUMNS, TABLE
from fastrnn.apps.shapes import SHAPES
from fastrnn.video import FrameWriter
from fastrnn.video._opencv import opencv
from fastrnn.video.boxes import Boxes
from fastrnn.video.draw import Picture, write_png

NAMES = ("disc", "square", "triangle")
SIZE = (128, 96)


def render_shapes(
    random: np.random.Generator, frames: int = 1
) -> tuple[list[Picture], Boxes, list[str]]:
    """Render one to four shapes, each moving straight on over a noisy background.

    Returns
    -------
    frames : list of ndarray
        (96, 128, 3) uint8.
    boxes : ndarray
        (frames, shapes, 4) x, y, width, height.
    names : list of str
        Of the shapes.
    """
    cv2 = opencv()
    rough = random.uniform(40, 130, 3) + random.normal(0, 30, (8, 8, 3))
    scene = cv2.resize(np.clip(rough, 0, 255).astype(np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    shapes: list[tuple[int, int, Boxes, tuple[int, ...]]] = []
    for _ in range(20 * int(random.integers(1, 5))):
        radius = int(random.integers(6, 18))
        place = random.uniform(radius, np.array(SIZE) - radius)
        if all(np.abs(place - other).max() > radius + size + 4 for _, size, other, _ in shapes):
            colour = tuple(int(value) for value in random.integers(150, 256, 3))
            shapes.append((int(random.integers(len(NAMES))), radius, place, colour))
        if len(shapes) == 4 or random.random() < 0.04:
            break
    speeds = random.normal(0, 1.2, (len(shapes), 2))
    pictures, boxes = [], np.empty((frames, len(shapes), 4))
    for step in range(frames):
        picture = scene.copy()
        for number, (kind, radius, start, colour) in enumerate(shapes):
            x, y = (start + step * speeds[number]).round().astype(int).tolist()
            SHAPES[kind](picture, x, y, radius, colour)
            boxes[step, number] = x - radius - 0.5, y - radius - 0.5, 2 * radius + 1, 2 * radius + 1
        noise = random.normal(0, 6, picture.shape)
        pictures.append(np.clip(picture + noise, 0, 255).astype(np.uint8))
    return pictures, boxes, [NAMES[kind] for kind, _, _, _ in shapes]


def write_shape_pictures(
    folder: str | os.PathLike[str], count: int = 200, *, seed: int = 0
) -> None:
    """Write rendered pictures and their ``boxes.csv``, as `scan_pictures` reads them."""
    random, folder = np.random.default_rng(seed), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        pictures, boxes, names = render_shapes(random)
        image = f"{number:04d}.png"
        write_png(folder / image, pictures[0])
        rows += [(image, *box, name) for box, name in zip(boxes[0].tolist(), names, strict=True)]
    with atomic_path(folder / TABLE) as partial, open(partial, "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def write_shape_clip(path: str | os.PathLike[str], *, frames: int = 40, seed: int = 0) -> Boxes:
    """Write a rendered clip; return the boxes (frames, shapes, 4) of its shapes."""
    pictures, boxes, _ = render_shapes(np.random.default_rng(seed), frames)
    with FrameWriter(path) as writer:
        for picture in pictures:
            writer.write(picture)
    return boxes
