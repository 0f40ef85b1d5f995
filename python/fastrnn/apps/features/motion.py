"""Features of motion made by hand, which learnt ones must beat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fastrnn.video import FrameReader
from fastrnn.video._opencv import opencv

WIDTH, HEIGHT = 64, 48
CELLS = 4  # of the grid, each way
CELL = 7, 5  # rows and columns of pixels in a cell: the grid is about as large as a person
DIRECTIONS = 8
NOISE = 0.002  # squared difference that the camera makes by itself


class MotionFeatures:
    """What changes from each frame to the next, where, and which way it moves.

    A row has the shares of the frames' squared difference in the cells of a 4×4 grid about its
    centre; the shares of eight directions in the length of the optical flow (Farnebäck's; right,
    right and down, down, ...); and the logarithms of both means: 26 numbers, of frames resized
    to 64×48 pixels. The place in the picture does not count.
    """

    layer = "motion"
    gray = True

    def rows(self, frames: FrameReader) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Number of each frame from the second on, and its features (26,)."""
        cv2 = opencv()
        before = None
        for number, frame in enumerate(frames):
            small = cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            if before is not None:
                yield number, motion_of(before, small)
            before = small


def motion_of(
    before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Features (26,) of the change from one grey frame (H, W) to the next."""
    change = np.maximum(np.square((after.astype(np.float32) - before) / 255) - NOISE, 0)
    energy = change.sum() + 1e-6
    place = []
    for axis, size in enumerate(CELL):
        along = np.arange(change.shape[axis])
        centre = (change.sum(axis=1 - axis) * along).sum() / energy
        cells = np.floor((along - centre) / size + CELLS / 2).astype(np.int64)
        place.append(np.clip(cells, 0, CELLS - 1))
    cells = place[0][:, None] * CELLS + place[1]
    grid = np.bincount(cells.ravel(), change.ravel(), CELLS**2) / energy

    flow = opencv().calcOpticalFlowFarneback(before, after, None, 0.5, 3, 9, 3, 5, 1.1, 0)
    length = np.hypot(flow[..., 0], flow[..., 1])
    angle = np.arctan2(flow[..., 1], flow[..., 0])
    direction = np.rint(angle * DIRECTIONS / (2 * np.pi)).astype(np.int64) % DIRECTIONS
    ways = np.bincount(direction.ravel(), length.ravel(), DIRECTIONS) / (length.sum() + 1e-6)
    sums = np.log([energy / change.size + 1e-5, length.mean() + 1e-3])
    return np.concatenate([grid, ways, sums]).astype(np.float32)
