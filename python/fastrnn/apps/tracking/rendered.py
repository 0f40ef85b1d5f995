"""Sequences to learn from: rendered ones, and real ones cut, sped up and covered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fastrnn.video._opencv import opencv
from fastrnn.video.boxes import Boxes
from fastrnn.video.draw import Picture

Floats = npt.NDArray[np.float32]


def render_sequence(
    random: np.random.Generator,
    *,
    frames: int = 90,
    size: tuple[int, int] = (160, 120),
    covered: bool = True,
) -> tuple[list[Picture], Boxes]:
    """Render a textured object over a textured background, both moving, beside others like it.

    Light, size, direction and texture of the object change slowly; the camera moves and shakes.

    Parameters
    ----------
    random : numpy.random.Generator
    frames : int
    size : tuple of int
        Width and height in pixels.
    covered : bool
        Whether the object may be covered for a while.

    Returns
    -------
    frames : list of ndarray
        (height, width, 3) uint8.
    boxes : ndarray
        (T, 4) x, y, width, height; not a number where the object is covered.
    """
    cv2 = opencv()
    wide, high = size
    margin = 40
    scene = _texture(random, (wide + 2 * margin, high + 2 * margin))
    body = random.uniform(18, 40) * np.exp(random.uniform(-0.35, 0.35) * np.array([1, -1]))
    looks = [_texture(random, (48, 48)) for _ in range(2)]
    others = [_texture(random, (48, 48)) for _ in range(int(random.integers(0, 4)))]
    mask = np.ones((48, 48), np.float32)
    if random.random() < 0.6:
        mask[:] = 0
        cv2.ellipse(mask, (24, 24), (23, 23), 0, 0, 360, 1.0, -1)
    lively = random.uniform(0.3, 2.5)
    places = _walk(random, frames, np.array([wide, high]) / 2, lively, np.array(size))
    shake = random.choice([0.0, 0.5, 2.0]) * random.normal(size=(frames, 2))
    camera = np.clip(np.cumsum(random.normal(0, 0.3, (frames, 2)), axis=0) + shake, -35, 35)
    scales = np.exp(np.cumsum(random.normal(0, 0.012, frames)).clip(-0.5, 0.6))
    turns = np.cumsum(random.normal(0, random.choice([0.2, 2.0]), frames)).clip(-40, 40)
    light = np.exp(np.cumsum(random.normal(0, 0.02, frames)).clip(-0.7, 0.4))
    blends = np.clip(np.cumsum(np.abs(random.normal(0, 0.012, frames))), 0, 1)
    bounds = np.array(size)
    rivals = [_walk(random, frames, random.uniform(0, bounds), 1.5, bounds) for _ in others]
    pictures, boxes = [], np.empty((frames, 4))
    for step in range(frames):
        left, top = (margin + camera[step]).round().astype(int)
        picture = scene[top : top + high, left : left + wide].copy()
        for other, rival in zip(others, rivals, strict=True):
            _paste(picture, other, mask, rival[step] - camera[step], body, 0.0)
        now = looks[0] * (1 - blends[step]) + looks[1] * blends[step]
        extent = body * scales[step]
        centre = places[step] - camera[step]
        _paste(picture, now, mask, centre, extent, turns[step])
        noise = random.normal(0, 3, picture.shape)
        pictures.append(np.clip(picture * light[step] + noise, 0, 255).astype(np.uint8))
        boxes[step] = *(centre - extent / 2), *extent
    if covered and random.random() < 0.7:
        return cover(pictures, boxes, random)
    return pictures, boxes


def cover(
    frames: Sequence[Picture], boxes: Boxes, random: np.random.Generator
) -> tuple[list[Picture], Boxes]:
    """Let a piece of the background pass over the object.

    Parameters
    ----------
    frames : sequence of ndarray
        (H, W, 3) uint8.
    boxes : ndarray
        (T, 4).
    random : numpy.random.Generator

    Returns
    -------
    frames, boxes
        Copies; the box is not a number where more than half of the object is covered.
    """
    seen = np.flatnonzero(np.isfinite(boxes).all(axis=1))
    pictures, boxes = list(frames), boxes.copy()
    length = int(random.integers(12, 40))
    if len(seen) < 2 * length:
        return pictures, boxes
    first = int(random.choice(seen[len(seen) // 4 : -length]))
    size = boxes[first, 2:] * random.uniform(1.0, 1.6)
    high, wide = (int(v) + 1 for v in size[::-1])
    height, width = frames[0].shape[:2]
    high, wide = min(high, height), min(wide, width)
    top, left = (int(random.integers(0, most + 1)) for most in (height - high, width - wide))
    patch = frames[first][top : top + high, left : left + wide].copy()
    angle = random.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)])
    for number, step in enumerate(range(first, min(first + length, len(boxes)))):
        if not np.isfinite(boxes[step]).all():
            continue
        along = 4 * number / (length - 1) - 2  # from beside the object to its other side
        if abs(along) < 1:  # it stays for a while in the middle
            along *= 0.3
        centre = boxes[step, :2] + boxes[step, 2:] * (0.5 + along * way / 2 * 1.3)
        corner = (centre - np.array([wide, high]) / 2).round().astype(int)
        low, end = (
            np.maximum(corner, 0),
            np.minimum(corner + np.array([wide, high]), (width, height)),
        )
        if (end <= low).any():
            continue
        picture = pictures[step].copy()
        inside, ends = low - corner, end - corner
        cut = patch[inside[1] : ends[1], inside[0] : ends[0]]
        picture[low[1] : end[1], low[0] : end[0]] = cut
        pictures[step] = picture
        over = np.minimum(boxes[step, :2] + boxes[step, 2:], end) - np.maximum(boxes[step, :2], low)
        if np.maximum(over, 0).prod() > 0.5 * boxes[step, 2:].prod():
            boxes[step] = np.nan
    return pictures, boxes


def _texture(random: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Coloured noise of several sizes, (height, width, 3) in 0 ... 255."""
    cv2 = opencv()
    picture = np.full((size[1], size[0], 3), random.uniform(60, 190, 3), np.float32)
    for cells in (2, 5, 12, 30):
        shape = (max(size[1] * cells // 48, 2), max(size[0] * cells // 48, 2))
        grey = random.normal(0, 1, (*shape, 1)) + 0.4 * random.normal(0, 1, (*shape, 3))
        how = cv2.INTER_NEAREST if random.random() < 0.3 else cv2.INTER_CUBIC
        rough = cv2.resize(grey.astype(np.float32), size, interpolation=how)
        picture += random.uniform(5, 35) * rough
    return np.asarray(np.clip(picture, 0, 255), np.float32)


def _walk(
    random: np.random.Generator, frames: int, start: Boxes, speed: float, size: Boxes
) -> Boxes:
    """A path with inertia, (frames, 2), that turns back at the border."""
    place, velocity = np.array(start, float), random.normal(0, speed, 2)
    path = np.empty((frames, 2))
    for step in range(frames):
        velocity = 0.95 * velocity + random.normal(0, 0.3 * speed, 2)
        place = place + velocity
        outside = (place < 0.12 * size) | (place > 0.88 * size)
        velocity = np.where(outside, -np.sign(place - size / 2) * np.abs(velocity), velocity)
        path[step] = place
    return path


def _paste(
    picture: Floats, look: Floats, mask: Floats, centre: Boxes, extent: Boxes, turn: float
) -> None:
    cv2 = opencv()
    warp = cv2.getRotationMatrix2D((23.5, 23.5), turn, 1.0)
    stretch = extent / 48
    warp[:, 2] -= 23.5
    warp = warp * stretch[:, None]
    warp[:, 2] += centre - 0.5
    size = picture.shape[1::-1]
    share = cv2.warpAffine(mask, warp, size)[..., None]
    picture += share * (cv2.warpAffine(look, warp, size) - picture)
