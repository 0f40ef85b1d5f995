"""Clips and pictures as arrays of sequences."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from fastrnn.video.preprocess import Frames, Preprocessing, resize_frame
from fastrnn.video.reader import FrameReader, VideoError
from fastrnn.video.sampling import sample_frames

Array = npt.NDArray[Any]


def read_video_frames(
    video_path: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    gray: bool = False,
    fps: float | None = None,
) -> Frames:
    """Read all frames of a clip.

    Parameters
    ----------
    video_path : str or os.PathLike
    size : tuple of int, optional
        (height, width) to resize to.
    gray : bool
        One channel, else OpenCV's blue, green, red.
    fps : float, optional
        Frames per second that the clip is brought to.

    Returns
    -------
    ndarray
        (T, H, W, C) uint8, T at least 1. For clips that do not fit into memory there is
        `fastrnn.data.VideoDataset`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    VideoError
        If the file cannot be opened, or no frame can be decoded.
    """
    frames = []
    with FrameReader(video_path, gray=gray) as reader:
        height, width = size or (reader.info.height, reader.info.width)
        settings = Preprocessing(width=max(width, 1), height=max(height, 1), colour=not gray)
        for frame in sample_frames(reader, fps=fps):
            frames.append(
                resize_frame(frame, settings) if size else frame.reshape(*frame.shape[:2], -1)
            )
    if not frames:
        raise VideoError(f"{video_path}: no frame could be decoded")
    return np.stack(frames)


def convert_frames_to_sequence(
    frames: npt.ArrayLike, sequence_length: int, stride: int = 1
) -> Array:
    """All windows of so many consecutive frames.

    Parameters
    ----------
    frames : array_like, shape (T, ...)
    sequence_length : int
        Frames in a window.
    stride : int
        Frames from one window's start to the next one's.

    Returns
    -------
    ndarray
        (N, sequence_length, ...): a view that cannot be written to. Windows that overlap take
        no memory; `fit` copies only the batch that it is at.

    Raises
    ------
    ValueError
        If there are fewer frames than a window has, or a number is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.video import convert_frames_to_sequence
    >>> convert_frames_to_sequence(np.arange(5), 3)
    array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]])
    """
    array = np.asarray(frames)
    if min(sequence_length, stride) < 1:
        raise ValueError("convert_frames_to_sequence: sequence_length and stride must be positive")
    if array.ndim == 0 or len(array) < sequence_length:
        raise ValueError(
            f"convert_frames_to_sequence: a window of {sequence_length} frames does not fit into "
            f"{array.shape}"
        )
    windows = sliding_window_view(array, sequence_length, axis=0)[::stride]
    return np.moveaxis(windows, -1, 1)


def image_rows(images: npt.ArrayLike) -> Array:
    """Pictures as sequences of their rows, from top to bottom, for a recurrent layer.

    Parameters
    ----------
    images : array_like
        (N, H, W) or (N, H, W, C).

    Returns
    -------
    ndarray
        (N, H, W·C): H time steps. Bytes become float32 from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.video import image_rows
    >>> image_rows(np.zeros((10, 28, 28), np.uint8)).shape
    (10, 28, 28)
    """
    array = np.asarray(images)
    if array.ndim not in (3, 4):
        raise ValueError(f"image_rows: images must be (N, H, W) or (N, H, W, C), got {array.shape}")
    rows = array.reshape(*array.shape[:2], -1)
    return rows / np.float32(255) if array.dtype == np.uint8 else rows
