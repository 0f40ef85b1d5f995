"""From a clip to rows of pixels, and from rows of pixels to what the network sees."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from fastrnn.video._opencv import opencv
from fastrnn.video.reader import Frame, FrameReader, VideoError

Rows = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

View = Literal["grey", "background", "difference"]
VIEWS: tuple[str, ...] = get_args(View)


@dataclass(frozen=True)
class Preprocessing:
    """How frames become the input of a network; it is saved inside every model.

    Attributes
    ----------
    width, height : int
        Every frame is turned grey and resized to this, then flattened to width·height values.
    window : int
        Frames in one window, the time steps T of the network.
    stride : int
        Frames from the start of one window to the start of the next.
    frame_step : int
        Of the clip's frames every `frame_step`-th is used.
    view : {"grey", "background", "difference"}
        What the network sees of a window: the pixels as they are, divided by 255; the pixels
        minus the window's mean picture, which removes what stands still; or each frame minus
        the frame before. The last two are divided by their root mean square over the window.

    Raises
    ------
    ValueError
        If a number is not positive or the view is unknown.

    Examples
    --------
    >>> from fastrnn.video import Preprocessing
    >>> Preprocessing(width=32, height=24).features
    768
    """

    width: int = 32
    height: int = 32
    window: int = 16
    stride: int = 4
    frame_step: int = 1
    view: View = "background"

    def __post_init__(self) -> None:
        for name in ("width", "height", "window", "stride", "frame_step"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"preprocessing: {name} must be an int, got {value!r}")
            if value < 1:
                raise ValueError(f"preprocessing: {name} must be at least 1, got {value}")
        if self.view not in VIEWS:
            raise ValueError(f"preprocessing: view must be one of {VIEWS}, got {self.view!r}")

    @property
    def features(self) -> int:
        """Values per frame, the input size I of the network."""
        return self.width * self.height

    @property
    def span(self) -> int:
        """Frames of the clip from the first to the last frame of one window."""
        return (self.window - 1) * self.frame_step + 1

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary that JSON can hold."""
        return asdict(self)


def frame_to_row(frame: Frame, preprocessing: Preprocessing) -> Rows:
    """Resize one grey frame and flatten it.

    Parameters
    ----------
    frame : ndarray
        (H, W) uint8, grey.
    preprocessing : Preprocessing
        The size to use.

    Returns
    -------
    ndarray
        (width·height,) uint8.
    """
    cv2 = opencv()
    size = (preprocessing.width, preprocessing.height)
    # INTER_AREA averages the pixels that fall together, so that thin moving parts survive.
    shrinks = frame.shape[1] >= size[0] and frame.shape[0] >= size[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, size, interpolation=how), dtype=np.uint8).reshape(-1)


def frames_to_rows(frames: Iterable[Frame], preprocessing: Preprocessing) -> Rows:
    """Resize and flatten grey frames.

    Parameters
    ----------
    frames : iterable of ndarray
        (H, W) uint8 each, grey.
    preprocessing : Preprocessing
        The size to use.

    Returns
    -------
    ndarray
        (T, width·height) uint8.
    """
    rows = [frame_to_row(frame, preprocessing) for frame in frames]
    return np.stack(rows) if rows else np.empty((0, preprocessing.features), np.uint8)


def read_clip(path: str | os.PathLike[str], preprocessing: Preprocessing) -> Rows:
    """Read a clip as rows of grey pixels.

    Parameters
    ----------
    path : str or os.PathLike
        A video file.
    preprocessing : Preprocessing
        The size to use. All frames are kept; windows and steps are taken later.

    Returns
    -------
    ndarray
        (T, width·height) uint8, T at least 1.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    VideoError
        If the file cannot be opened, or no frame can be decoded.
    """
    with FrameReader(path, gray=True) as frames:
        rows = frames_to_rows(frames, preprocessing)
    if len(rows) == 0:
        raise VideoError(f"{path}: no frame could be decoded")
    return rows


def apply_view(windows: Rows, view: str) -> FloatArray:
    """Turn windows of pixels into the network's input.

    Parameters
    ----------
    windows : ndarray
        (N, T, I) uint8, grey pixels.
    view : {"grey", "background", "difference"}
        See `Preprocessing`.

    Returns
    -------
    ndarray
        (N, T, I) float32, C-contiguous.

    Raises
    ------
    ValueError
        If the view is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.video import apply_view
    >>> float(apply_view(np.full((1, 2, 3), 255, np.uint8), "grey").max())
    1.0
    """
    pixels: FloatArray = windows.astype(np.float32)
    moving: FloatArray
    if view == "grey":
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
    size = np.float32(moving.shape[1] * moving.shape[2])
    power = np.sqrt(np.einsum("nti,nti->n", moving, moving) / size)
    moving /= (power + np.float32(2.55))[:, None, None]
    return moving
