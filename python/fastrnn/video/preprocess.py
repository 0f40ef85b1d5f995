"""From a clip to small frames, and from windows of frames to what the network sees."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from fastrnn.video._opencv import opencv
from fastrnn.video.reader import Frame, FrameReader, VideoError
from fastrnn.video.sampling import sample_frames

Frames = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

View = Literal["pixels", "background", "difference"]
VIEWS: tuple[str, ...] = get_args(View)


@dataclass(frozen=True)
class Preprocessing:
    """How frames become the input of a network; it is saved inside every model.

    Attributes
    ----------
    width, height : int
        Every frame is resized to this many pixels.
    window : int
        Frames in one window, the time steps T of the network.
    stride : int
        Frames from the start of one window to the start of the next.
    frame_step : int
        Of the clip's frames every `frame_step`-th is used.
    view : {"pixels", "background", "difference"}
        What the network sees of a window: the pixels as they are, divided by 255; the pixels
        minus the window's mean picture, which removes what stands still; or each frame minus
        the frame before. The last two are divided by their root mean square over the window.
    colour : bool
        False for grey frames of one channel, True for blue, green and red.
    fps : float, optional
        Frames per second that a clip is brought to before anything else, by leaving out or
        repeating frames; without it, clips are taken as they are.

    Raises
    ------
    TypeError
        If a number is no int, or `colour` no bool.
    ValueError
        If a number is not positive or the view is unknown.

    Examples
    --------
    >>> from fastrnn.video import Preprocessing
    >>> Preprocessing(width=32, height=24).frame_shape
    (24, 32, 1)
    """

    width: int = 32
    height: int = 32
    window: int = 16
    stride: int = 4
    frame_step: int = 1
    view: View = "background"
    colour: bool = False
    fps: float | None = None

    def __post_init__(self) -> None:
        for name in ("width", "height", "window", "stride", "frame_step"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"preprocessing: {name} must be an int, got {value!r}")
            if value < 1:
                raise ValueError(f"preprocessing: {name} must be at least 1, got {value}")
        if self.view not in VIEWS:
            raise ValueError(f"preprocessing: view must be one of {VIEWS}, got {self.view!r}")
        if not isinstance(self.colour, bool):
            raise TypeError(f"preprocessing: colour must be a bool, got {self.colour!r}")
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise ValueError(f"preprocessing: fps must be positive and finite, got {self.fps}")

    @property
    def channels(self) -> int:
        """Values per pixel: 1, or 3 in colour."""
        return 3 if self.colour else 1

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """Shape (H, W, C) of a frame."""
        return self.height, self.width, self.channels

    @property
    def span(self) -> int:
        """Frames of the clip from the first to the last frame of one window."""
        return (self.window - 1) * self.frame_step + 1

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary that JSON can hold."""
        return asdict(self)


def resize_frame(frame: Frame, preprocessing: Preprocessing) -> Frames:
    """Resize one frame.

    Parameters
    ----------
    frame : ndarray
        (H, W) uint8, grey, or (H, W, 3) in colour.
    preprocessing : Preprocessing
        The size to use.

    Returns
    -------
    ndarray
        (height, width, C) uint8, C being 1 or 3.

    Raises
    ------
    MemoryError
        If there is no memory for a frame of that size.
    """
    cv2 = opencv()
    size = (preprocessing.width, preprocessing.height)
    # INTER_AREA averages the pixels that fall together, so that thin moving parts survive.
    shrinks = frame.shape[1] >= size[0] and frame.shape[0] >= size[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    try:
        resized = np.asarray(cv2.resize(frame, size, interpolation=how), dtype=np.uint8)
    except cv2.error as error:
        reason = f"a frame cannot be resized to {size[0]}x{size[1]} pixels: {error}"
        raise MemoryError(reason) from None
    return resized.reshape(preprocessing.frame_shape)


def resize_frames(frames: Iterable[Frame], preprocessing: Preprocessing) -> Frames:
    """Resize frames.

    Parameters
    ----------
    frames : iterable of ndarray
        (H, W) uint8 each, grey, or (H, W, 3) in colour.
    preprocessing : Preprocessing
        The size to use.

    Returns
    -------
    ndarray
        (T, height, width, C) uint8.
    """
    resized = [resize_frame(frame, preprocessing) for frame in frames]
    return np.stack(resized) if resized else np.empty((0, *preprocessing.frame_shape), np.uint8)


def read_clip(path: str | os.PathLike[str], preprocessing: Preprocessing) -> Frames:
    """Read all frames of a clip, in the size that the network needs.

    Parameters
    ----------
    path : str or os.PathLike
        A video file.
    preprocessing : Preprocessing
        The size and frame rate. All frames are kept; windows and steps are taken later.

    Returns
    -------
    ndarray
        (T, height, width, C) uint8, T at least 1.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    VideoError
        If the file cannot be opened, or no frame can be decoded.
    """
    with FrameReader(path, gray=not preprocessing.colour) as reader:
        frames = resize_frames(sample_frames(reader, fps=preprocessing.fps), preprocessing)
    if len(frames) == 0:
        raise VideoError(f"{path}: no frame could be decoded")
    return frames


def apply_view(windows: Frames, view: str) -> FloatArray:
    """Turn windows of pixels into the network's input.

    Parameters
    ----------
    windows : ndarray
        (N, T, ...) uint8, T frames of any shape.
    view : {"pixels", "background", "difference"}
        See `Preprocessing`.

    Returns
    -------
    ndarray
        (N, T, ...) float32, C-contiguous.

    Raises
    ------
    ValueError
        If the view is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.video import apply_view
    >>> float(apply_view(np.full((1, 2, 3), 255, np.uint8), "pixels").max())
    1.0
    """
    # In C order, whatever that of the windows is: what follows works on views of it.
    pixels: FloatArray = windows.astype(np.float32, order="C")
    moving: FloatArray
    if view == "pixels":
        pixels /= np.float32(255)
        return pixels
    if view == "background":
        moving = pixels - pixels.mean(axis=1, keepdims=True)
    elif view == "difference":
        moving = np.zeros_like(pixels)
        np.subtract(pixels[:, 1:], pixels[:, :-1], out=moving[:, 1:])
    else:
        raise ValueError(f"apply_view: view must be one of {VIEWS}, got {view!r}")
    # A window in which nothing moves stays near zero: the floor is 1 % of the grey scale.
    flat = moving.reshape(len(moving), math.prod(moving.shape[1:]))
    power = np.sqrt(np.einsum("ni,ni->n", flat, flat) / np.float32(flat.shape[1]))
    flat /= (power + np.float32(2.55))[:, None]
    return moving
