"""Random changes of training pictures that leave their class as it is."""

from __future__ import annotations

import numpy as np

from fastrnn.video.preprocess import Frames


def shift_window(window: Frames, random: np.random.Generator, most: int) -> Frames:
    """Move a window's picture by a random number of whole pixels, the same for all its frames.

    Parameters
    ----------
    window : ndarray
        (T, H, W, C) uint8.
    random : numpy.random.Generator
        Source of the shift.
    most : int
        Largest shift in each direction; the border's pixels are repeated.

    Returns
    -------
    ndarray
        (T, H, W, C) uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.classification.augment import shift_window
    >>> window = np.arange(12, dtype=np.uint8).reshape(1, 3, 4, 1)
    >>> shift_window(window, np.random.default_rng(0), 1).shape
    (1, 3, 4, 1)
    """
    if not most:
        return window
    height, width = window.shape[1:3]
    down, right = random.integers(-most, most + 1, size=2)
    rows = np.clip(np.arange(height) + down, 0, height - 1)
    columns = np.clip(np.arange(width) + right, 0, width - 1)
    return window[:, rows[:, None], columns]
