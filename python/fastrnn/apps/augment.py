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
