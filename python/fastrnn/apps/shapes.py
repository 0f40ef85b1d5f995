"""Small clips of moving shapes, whose class is how the shape moves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastrnn.video import FrameWriter
from fastrnn.video._opencv import opencv
from fastrnn.video.draw import Picture

MOTIONS = ("circle", "down", "left", "right", "up")
SIDE = 64
FRAMES = 28
FPS = 25.0

Path2D = npt.NDArray[np.float64]


def motion_path(motion: str, frames: int, random: np.random.Generator) -> Path2D:
    """Draw the path of one movement.

    Parameters
    ----------
    motion : str
        One of `MOTIONS`.
    frames : int
        Steps of the path.
    random : numpy.random.Generator
        Chooses speed, and radius, sense and phase of a circle.

    Returns
    -------
    ndarray
        (frames, 2) float64, x and y in pixels relative to the start; y grows downwards.

    Raises
    ------
    ValueError
        If the motion is unknown.
    """
    steps = np.arange(frames, dtype=np.float64)
    if motion == "circle":
        sense = random.choice([-1.0, 1.0])
        angle = random.uniform(0, 2 * np.pi) + sense * steps * random.uniform(0.25, 0.45)
        path = random.uniform(8.0, 14.0) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return np.asarray(path - path[0])
    directions = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
    if motion not in directions:
        raise ValueError(f"motion_path: motion must be one of {MOTIONS}, got {motion!r}")
    speed = random.uniform(1.2, 3.0)
    drift = random.normal(0.0, 0.1, size=2)
    return np.asarray(steps[:, None] * (speed * np.array(directions[motion]) + drift))


def render_frames(path: Path2D, random: np.random.Generator) -> Iterator[Picture]:
    """Render a shape that moves along a path over a still, noisy background.

    Parameters
    ----------
    path : ndarray
        (frames, 2) positions in pixels; what leaves the picture comes in on the other side.
    random : numpy.random.Generator
        Chooses shape, size, colours, start and noise.

    Yields
    ------
    ndarray
        (64, 64, 3) uint8, blue, green, red.
    """
    cv2 = opencv()
    tint = random.uniform(50, 110, size=3)
    rough = np.clip(tint + random.normal(0, 22, size=(6, 6, 1)), 0, 255).astype(np.uint8)
    background = cv2.resize(rough, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    colour = tuple(int(value) for value in random.integers(170, 256, size=3))
    radius = int(random.integers(5, 10))
    draw = SHAPES[int(random.integers(len(SHAPES)))]
    start = random.uniform(0, SIDE, size=2)
    for position in path + start:
        picture = background.copy()
        x, y = (int(value) for value in np.round(position % SIDE))
        for across in (x - SIDE, x, x + SIDE):
            for down in (y - SIDE, y, y + SIDE):
                draw(picture, across, down, radius, colour)
        noise = random.normal(0.0, 5.0, size=picture.shape)
        yield np.clip(picture + noise, 0, 255).astype(np.uint8)


def _disc(picture: Picture, x: int, y: int, radius: int, colour: tuple[int, ...]) -> None:
    cv2 = opencv()
    cv2.circle(picture, (x, y), radius, colour, -1, lineType=cv2.LINE_AA)


def _square(picture: Picture, x: int, y: int, radius: int, colour: tuple[int, ...]) -> None:
    cv2 = opencv()
    cv2.rectangle(picture, (x - radius, y - radius), (x + radius, y + radius), colour, -1)


def _triangle(picture: Picture, x: int, y: int, radius: int, colour: tuple[int, ...]) -> None:
    cv2 = opencv()
    corners = [[x, y - radius], [x - radius, y + radius], [x + radius, y + radius]]
    cv2.fillPoly(picture, [np.array(corners, np.int32)], colour, lineType=cv2.LINE_AA)


SHAPES: tuple[Callable[[Picture, int, int, int, tuple[int, ...]], None], ...] = (
    _disc,
    _square,
    _triangle,
)


def write_shape_clips(
    folder: str | os.PathLike[str], *, clips_per_class: int = 24, seed: int = 0
) -> int:
    """Render and encode clips into one sub-folder per motion.

    Parameters
    ----------
    folder : str or os.PathLike
        Where to write ``<motion>/<number>.mp4``.
    clips_per_class : int
        Clips of each motion.
    seed : int
        Seed of all that is drawn.

    Returns
    -------
    int
        Clips written.
    """
    random = np.random.default_rng(seed)
    for motion in MOTIONS:
        for number in range(clips_per_class):
            path = Path(folder) / motion / f"{number:03d}.mp4"
            _write(path, motion_path(motion, FRAMES, random), random)
    return clips_per_class * len(MOTIONS)


def write_tour_clip(path: str | os.PathLike[str], *, seed: int = 1) -> None:
    """Render and encode one clip in which a shape makes every motion in turn.

    Parameters
    ----------
    path : str or os.PathLike
        Video file to write.
    seed : int
        Seed of all that is drawn.
    """
    random = np.random.default_rng(seed)
    position = np.zeros(2)
    legs = []
    for motion in random.permutation(MOTIONS):
        leg = position + motion_path(str(motion), 2 * FRAMES, random)
        position = leg[-1]
        legs.append(leg)
    _write(Path(path), np.concatenate(legs), random)


def _write(path: Path, positions: Path2D, random: np.random.Generator) -> None:
    with FrameWriter(path, fps=FPS) as writer:
        for frame in render_frames(positions, random):
            writer.write(frame)
