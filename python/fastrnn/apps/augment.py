"""Random changes of training windows that leave their class as it is."""

from __future__ import annotations

import numpy as np

from fastrnn.video.preprocess import Frames


def shift_windows(windows: Frames, most: int, random: np.random.Generator) -> Frames:
    """Move each window's picture by a random number of pixels, the same for all its frames.

    Parameters
    ----------
    windows : ndarray
        (N, T, H, W, C) uint8.
    most : int
        Largest shift in each direction; the border's pixels are repeated.
    random : numpy.random.Generator
        Source of the shifts.

    Returns
    -------
    ndarray
        (N, T, H, W, C) uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.augment import shift_windows
    >>> windows = np.arange(12, dtype=np.uint8).reshape(1, 1, 3, 4, 1)
    >>> shift_windows(windows, 1, np.random.default_rng(0)).shape
    (1, 1, 3, 4, 1)
    """
    count, _, height, width, _ = windows.shape
    still, moved = (0, 0), (most, most)
    wide = np.pad(windows, (still, still, moved, moved, still), mode="edge")
    shifted = np.empty_like(windows)
    for number, (top, left) in enumerate(random.integers(0, 2 * most + 1, size=(count, 2))):
        shifted[number] = wide[number, :, top : top + height, left : left + width]
    return shifted
