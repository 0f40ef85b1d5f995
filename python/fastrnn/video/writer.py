"""Writing of video files: complete under their name, or not there at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn._files import atomic_path, check_output
from fastrnn.video._opencv import opencv
from fastrnn.video.reader import VideoError

# Codecs that every OpenCV wheel can encode, by the container's suffix.
CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}


def check_video(path: str | os.PathLike[str], *sources: str | os.PathLike[str] | int) -> None:
    """Refuse a video that cannot be written, or is one of the files that are read for it.

    Parameters
    ----------
    path : str or os.PathLike
        File to be written.
    *sources : str, os.PathLike or int
        What is read: files, addresses of streams, numbers of cameras.

    Raises
    ------
    ValueError
        If its suffix is unknown, or it is one of the sources, by whatever name or link.
    OSError
        If no file can be made in its folder.
    """
    check_output(path, "a video", CODECS, sources)


class FrameWriter:
    """Write frames to a video file; used as a context manager.

    The frames go to a temporary file beside `path`, which takes the name `path` when the block
    ends without an error.

    Parameters
    ----------
    path : str or os.PathLike
        File to write; its suffix, ``.mp4``, ``.avi`` or ``.mkv``, chooses container and codec.
    fps : float
        Frames per second.
    keep : bool
        Keep the frames so far where Ctrl-C, or the end of a generator that is left early, ends
        the block; without, nothing is left then, as after an error.

    Raises
    ------
    ValueError
        If the suffix is unknown, or a frame has another size or dtype than the first.
    OSError
        If no file can be made in its folder.
    VideoError
        If the encoder does not start, or no frame was written.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.video import FrameWriter
    >>> with FrameWriter("black.avi", fps=25) as video:      # doctest: +SKIP
    ...     for _ in range(10):
    ...         video.write(np.zeros((48, 64, 3), np.uint8))
    """

    def __init__(
        self, path: str | os.PathLike[str], *, fps: float = 25.0, keep: bool = False
    ) -> None:
        self._cv2 = opencv()
        check_video(path)
        self.path = Path(path)
        self.fps = fps
        self.keep = keep
        self.frame_count = 0
        self._codec = CODECS[self.path.suffix.lower()]
        self._writer: Any = None
        self._partial: Path | None = None
        self._files = contextlib.ExitStack()
        self._shape: tuple[int, ...] = ()

    def write(self, frame: npt.NDArray[np.uint8]) -> None:
        """Append one frame: uint8, (H, W) grey or (H, W, 3) blue, green, red."""
        cv2 = self._cv2
        if frame.dtype != np.uint8 or not (
            frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 3)
        ):
            raise ValueError(
                f"{self.path}: frame must be uint8 of shape (H, W) or (H, W, 3), "
                f"got {frame.dtype} {frame.shape}"
            )
        if self._partial is None:
            raise ValueError(f"{self.path}: FrameWriter is used in a with statement")
        if self._writer is None:
            self._start(frame.shape, self._partial)
        if frame.shape != self._shape:
            raise ValueError(
                f"{self.path}: frame must be {self._shape} as the first, got {frame.shape}"
            )
        if frame.ndim == 2:
            frame = np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
        self._writer.write(np.ascontiguousarray(frame))
        self.frame_count += 1

    def _start(self, shape: tuple[int, ...], partial: Path) -> None:
        cv2 = self._cv2
        self._shape = shape
        fourcc = cv2.VideoWriter_fourcc(*self._codec)
        size = (shape[1], shape[0])
        self._writer = cv2.VideoWriter(str(partial), fourcc, self.fps, size, True)
        if not self._writer.isOpened():
            raise VideoError(f"{self.path}: OpenCV cannot encode {self._codec} at {size}")

    def __enter__(self) -> FrameWriter:
        self._partial = self._files.enter_context(atomic_path(self.path))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.release()
        if self.keep and self.frame_count and isinstance(exc, (KeyboardInterrupt, GeneratorExit)):
            self._files.close()
            return
        if exc is None and self.frame_count == 0:
            exc = VideoError(f"{self.path}: no frame to write")
            self._files.__exit__(type(exc), exc, None)
            raise exc
        self._files.__exit__(exc_type, exc, trace)
