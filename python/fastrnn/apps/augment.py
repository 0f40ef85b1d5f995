"""Random changes of training windows that leave their class as it is."""

from __future__ import annotations

import numpy as np

from fastrnn.video.preprocess import Rows


def shift_windows(
    windows: Rows, width: int, height: int, most: int, random: np.random.Generator
) -> Rows:
    """Move each window's picture by a random number of pixels, the same for all its frames.

    Parameters
    ----------
    windows : ndarray
        (N, T, height·width) uint8.
    width, height : int
        Size of the picture in pixels.
    most : int
        Largest shift in each direction; the border's pixels are repeated.
    random : numpy.random.Generator
        Source of the shifts.

    Returns
    -------
    ndarray
        (N, T, height·width) uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.augment import shift_windows
    >>> windows = np.arange(12, dtype=np.uint8).reshape(1, 1, 12)
    >>> shift_windows(windows, 4, 3, 1, np.random.default_rng(0)).shape
    (1, 1, 12)
    """
    count = len(windows)
    shifts = random.integers(-most, most + 1, size=(2, count, 1))
    rows = np.clip(np.arange(height) + shifts[0], 0, height - 1)
    columns = np.clip(np.arange(width) + shifts[1], 0, width - 1)
    pixel = (rows[:, :, None] * width + columns[:, None, :]).reshape(count, 1, height * width)
    return np.take_along_axis(windows, np.broadcast_to(pixel, windows.shape), axis=2)


def flip_windows(windows: Rows, width: int, height: int, random: np.random.Generator) -> Rows:
    """Mirror half of the windows left to right, all frames of a window alike.

    Parameters
    ----------
    windows : ndarray
        (N, T, height·width) uint8.
    width, height : int
        Size of the picture in pixels.
    random : numpy.random.Generator
        Chooses the windows.

    Returns
    -------
    ndarray
        (N, T, height·width) uint8.
    """
    flipped = random.random(len(windows)) < 0.5
    pictures = windows.reshape(*windows.shape[:2], height, width).copy()
    pictures[flipped] = pictures[flipped][..., ::-1]
    return pictures.reshape(windows.shape)
