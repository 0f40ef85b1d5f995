"""Windows of consecutive frames, by length, stride and step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastrnn.video.preprocess import Frames, Preprocessing

IntArray = npt.NDArray[np.int64]


def window_starts(frame_count: int, preprocessing: Preprocessing) -> IntArray:
    """First frames of the windows of one clip.

    Parameters
    ----------
    frame_count : int
        Frames of the clip.
    preprocessing : Preprocessing
        Length, stride and step.

    Returns
    -------
    ndarray
        (windows,) int64. A clip shorter than one window has one window, which starts at frame 0
        and repeats the clip's last frame; a clip without frames has none.

    Examples
    --------
    >>> from fastrnn.video import Preprocessing, window_starts
    >>> window_starts(10, Preprocessing(window=4, stride=3)).tolist()
    [0, 3, 6]
    """
    if frame_count < 1:
        return np.empty(0, np.int64)
    last = max(frame_count - preprocessing.span, 0)
    return np.arange(0, last + 1, preprocessing.stride, dtype=np.int64)


def window_indices(starts: IntArray, frame_count: int, preprocessing: Preprocessing) -> IntArray:
    """Frame numbers of each window.

    Parameters
    ----------
    starts : ndarray
        (N,) int64, first frames.
    frame_count : int
        Frames of the clip; numbers past its end become its last frame.
    preprocessing : Preprocessing
        Length and step.

    Returns
    -------
    ndarray
        (N, window) int64.
    """
    steps = np.arange(preprocessing.window, dtype=np.int64) * preprocessing.frame_step
    return np.asarray(np.minimum(starts[:, None] + steps, frame_count - 1), dtype=np.int64)


def clip_windows(frames: Frames, preprocessing: Preprocessing) -> Frames:
    """Cut one clip into windows.

    Parameters
    ----------
    frames : ndarray
        (frames, ...) uint8, as `read_clip` returns them.
    preprocessing : Preprocessing
        Length, stride and step.

    Returns
    -------
    ndarray
        (windows, window, ...) uint8, a copy.
    """
    starts = window_starts(len(frames), preprocessing)
    return frames[window_indices(starts, len(frames), preprocessing)]
