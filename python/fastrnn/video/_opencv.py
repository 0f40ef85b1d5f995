"""The one place that imports OpenCV, and only when a picture or a clip is touched."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

_MISSING_LIBRARY = (
    "OpenCV could not be loaded ({reason}); where a machine lacks the GUI libraries that "
    "opencv-python needs (libGL), run: pip uninstall -y opencv-python && "
    "pip install opencv-python-headless"
)


@cache
def opencv() -> ModuleType:
    """Return the `cv2` module.

    FFmpeg's and OpenCV's own messages about damaged files are turned off, unless the user has
    set their levels: `fastrnn` names such a file itself, once.

    Raises
    ------
    ImportError
        If OpenCV is missing or cannot be loaded; the message names the package to install.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")
    try:
        import cv2
    except ImportError as error:
        raise ImportError(_MISSING_LIBRARY.format(reason=error)) from error
    return cv2


class OpenCVDecoder:
    """The video of a file, a stream or a camera; raises `ValueError` with the reason why not.

    Attributes
    ----------
    width, height, fps : as the container says, the size after the rotation it asks for
    seconds : float
        Length that the container claims; nonsense where it claims none.
    time : float
        When the last frame is to be shown, in seconds.
    """

    def __init__(self, source: Path | str | int, gray: bool, threads: int | None = None) -> None:
        cv2 = self._cv2 = opencv()
        self._gray = gray
        # Other backends take a name with digits for a pattern of image files.
        ffmpeg = cv2.CAP_FFMPEG in cv2.videoio_registry.getBackends()
        api = cv2.CAP_FFMPEG if ffmpeg and not isinstance(source, int) else cv2.CAP_ANY
        try:
            options = [] if threads is None else [cv2.CAP_PROP_N_THREADS, threads]
            place = source if isinstance(source, int) else str(source)
            capture = cv2.VideoCapture(place, api, options)
            opened = capture.isOpened()
        except cv2.error as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"not a readable video ({reason})") from error
        if not opened:
            if not isinstance(source, Path):
                raise ValueError("cannot be opened")
            reason = "the file is empty" if source.stat().st_size == 0 else "not a video"
            raise ValueError(f"cannot be opened, {reason} or of an unknown format")
        self._capture = capture
        self.width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self.fps = float(capture.get(cv2.CAP_PROP_FPS))
        frames = float(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.seconds = frames / self.fps if self.fps > 0 else 0.0

    @property
    def time(self) -> float:
        """When the last frame is to be shown, in seconds."""
        return float(self._capture.get(self._cv2.CAP_PROP_POS_MSEC)) / 1000

    def grab(self) -> bool:
        """Go to the next frame."""
        try:
            return bool(self._capture.grab())
        except self._cv2.error:
            return False  # a damaged frame ends the clip, as the end of the file does

    def retrieve(self) -> npt.NDArray[Any] | None:
        """Pixels of the frame: (H, W) or (H, W, 3), turned as the file asks for."""
        cv2 = self._cv2
        try:
            read, frame = self._capture.retrieve()
        except cv2.error:
            return None
        if not read or frame is None or frame.size == 0:
            return None
        if frame.dtype != np.uint8:  # 10 and 12 bit files, in builds that pass them on
            frame = cv2.convertScaleAbs(frame, alpha=1.0 / 256.0)
        channels = 1 if frame.ndim == 2 else frame.shape[2]
        if self._gray:
            if channels == 1:
                return np.asarray(frame.reshape(frame.shape[:2]))
            code = cv2.COLOR_BGRA2GRAY if channels == 4 else cv2.COLOR_BGR2GRAY
        elif channels == 3:
            return np.asarray(frame)
        else:
            code = cv2.COLOR_BGRA2BGR if channels == 4 else cv2.COLOR_GRAY2BGR
        return np.asarray(cv2.cvtColor(frame, code))

    def seek(self, number: int) -> bool:
        """False: OpenCV's seeking is inexact for many files."""
        return False

    def close(self) -> None:
        """Release the decoder and the file."""
        self._capture.release()
