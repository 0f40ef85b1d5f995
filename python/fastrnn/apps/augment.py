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
    count, steps, _ = windows.shape
    pictures = windows.reshape(count, steps, height, width)
    wide = np.pad(pictures, ((0, 0), (0, 0), (most, most), (most, most)), mode="edge")
    shifted = np.empty_like(pictures)
    for number, (top, left) in enumerate(random.integers(0, 2 * most + 1, size=(count, 2))):
        shifted[number] = wide[number, :, top : top + height, left : left + width]
    return shifted.reshape(windows.shape)
