"""Frames of a video file, strictly in the order in which they are stored."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.video._opencv import opencv

Frame = npt.NDArray[np.uint8]

DEFAULT_FPS = 25.0


class VideoError(RuntimeError):
    """A clip cannot be read or written; the message names the file and says why."""


@dataclass(frozen=True)
class ClipInfo:
    """What a container says about its video stream.

    Attributes
    ----------
    width, height : int
        Size of a frame in pixels, after the rotation that the file asks for.
    fps : float
        Frames per second; 25 where the file states none or nonsense.
    """

    width: int
    height: int
    fps: float


class FrameReader:
    """Iterate over the frames of one video file.

    The file is decoded from its first frame on, in order, until the decoder stops. Neither the
    frame count of the header nor seeking is relied on: both are wrong or inexact for many
    files. A file that is cut off gives the frames before the damage.

    Parameters
    ----------
    path : str or os.PathLike
        A video file.
    gray : bool
        True for frames of one channel (H, W), False for OpenCV's blue, green, red (H, W, 3).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    VideoError
        If the file cannot be opened as a video.

    Examples
    --------
    >>> from fastrnn.video import FrameReader
    >>> with FrameReader("clip.avi", gray=True) as frames:      # doctest: +SKIP
    ...     heights = [frame.shape[0] for frame in frames]
    """

    def __init__(self, path: str | os.PathLike[str], *, gray: bool = False) -> None:
        self._cv2 = opencv()
        self.path = Path(path)
        self.gray = gray
        if not self.path.is_file():
            raise FileNotFoundError(f"no such video file: {self.path}")
        self._capture: Any = self._open()
        self.info = self._read_info()

    def _open(self) -> Any:
        cv2 = self._cv2
        # Other backends take a name with digits for a pattern of image files.
        registry = cv2.videoio_registry
        api = cv2.CAP_FFMPEG if cv2.CAP_FFMPEG in registry.getBackends() else cv2.CAP_ANY
        try:
            capture = cv2.VideoCapture(str(self.path), api)
            opened = capture.isOpened()
        except cv2.error as error:
            raise VideoError(f"{self.path}: not a readable video ({_one_line(error)})") from error
        if not opened:
            reason = "the file is empty" if self.path.stat().st_size == 0 else "not a video"
            raise VideoError(f"{self.path}: cannot be opened, {reason} or of an unknown format")
        return capture

    def _read_info(self) -> ClipInfo:
        cv2, capture = self._cv2, self._capture
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        if not math.isfinite(fps) or not 0.1 <= fps <= 1000.0:
            fps = DEFAULT_FPS
        return ClipInfo(
            width=int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            height=int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            fps=fps,
        )

    def __iter__(self) -> Iterator[Frame]:
        cv2 = self._cv2
        while self._capture.isOpened():
            try:
                read, frame = self._capture.read()
            except cv2.error:
                return  # a damaged frame ends the clip, as the end of the file does
            if not read or frame is None or frame.size == 0:
                return
            yield self._converted(frame)

    def _converted(self, frame: npt.NDArray[Any]) -> Frame:
        cv2 = self._cv2
        if frame.dtype != np.uint8:  # 10 and 12 bit files, in builds that pass them on
            frame = cv2.convertScaleAbs(frame, alpha=1.0 / 256.0)
        channels = 1 if frame.ndim == 2 else frame.shape[2]
        if self.gray:
            if channels == 1:
                return np.asarray(frame.reshape(frame.shape[:2]), dtype=np.uint8)
            code = cv2.COLOR_BGRA2GRAY if channels == 4 else cv2.COLOR_BGR2GRAY
            return np.asarray(cv2.cvtColor(frame, code), dtype=np.uint8)
        if channels == 3:
            return np.asarray(frame, dtype=np.uint8)
        code = cv2.COLOR_BGRA2BGR if channels == 4 else cv2.COLOR_GRAY2BGR
        return np.asarray(cv2.cvtColor(frame, code), dtype=np.uint8)

    def close(self) -> None:
        """Release the decoder and the file."""
        self._capture.release()

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
