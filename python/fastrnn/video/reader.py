"""Frames of a video file, a camera or a stream, strictly in the order in which they come."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastrnn.video._opencv import OpenCVDecoder
from fastrnn.video._pyav import PyAVDecoder, has_pyav

Frame = npt.NDArray[np.uint8]

DEFAULT_FPS = 25.0
BACKENDS = ("auto", "opencv", "pyav")

_LONGEST_GAP = 60.0  # seconds; a larger step of time stamps is damage
# A file that ends before this share of its claimed length is cut off. Sound after the last frame
# counts in the length of some containers, and an edit list may leave out a sixth of a short clip.
_WHOLE = 0.8
_FEW = 2  # frames by which counts are often off


class VideoError(RuntimeError):
    """A clip cannot be read or written; the message names the file and says why."""


class VideoWarning(UserWarning):
    """A clip is read as far as it goes, which is not far; the message names the file."""


@dataclass(frozen=True)
class ClipInfo:
    """What a container says about its video stream.

    Attributes
    ----------
    width, height : int
        Size of a frame in pixels, after the rotation that the file asks for.
    fps : float
        Frames per second; 25 where the file states none or nonsense.
    seconds : float
        Length that the file claims, 0 where it claims none. Wrong for many files.
    """

    width: int
    height: int
    fps: float
    seconds: float = 0.0


class FrameReader:
    """Iterate over the frames of one video file, camera or stream.

    The file is decoded from its first frame on, in order, until the decoder stops. Neither the
    frame count of the header nor inexact seeking is relied on: both are wrong for many files. A
    file that is cut off gives the frames before the damage, and a `VideoWarning` at its end if
    that is clearly before what its header claims: before four fifths of it, and more than two
    frames.

    Parameters
    ----------
    path : str, os.PathLike or int
        A video file, the address of a stream (``rtsp://...``, ``http://...``), or the number of
        a camera.
    gray : bool
        True for frames of one channel (H, W), False for OpenCV's blue, green, red (H, W, 3).
    backend : {"auto", "opencv", "pyav"}
        What decodes. PyAV (``pip install 'fastrnn[pyav]'``) goes to any frame at once; by
        default it is asked for files that OpenCV cannot decode, where it is installed.
    threads : int, optional
        Threads that decode; one to a core when not given. One is the fastest where several
        files are read side by side, and for small frames.

    Attributes
    ----------
    path : Path
    info : ClipInfo
    time : float
        When the frame that was read last is to be shown, in seconds after the first one.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    VideoError
        If the file cannot be opened as a video.
    ImportError
        If the backend is not installed.

    Examples
    --------
    >>> from fastrnn.video import FrameReader
    >>> with FrameReader("clip.avi", gray=True) as frames:      # doctest: +SKIP
    ...     heights = [frame.shape[0] for frame in frames]
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | int,
        *,
        gray: bool = False,
        backend: str = "auto",
        threads: int | None = None,
    ) -> None:
        if backend not in BACKENDS:
            raise ValueError(f"FrameReader: backend must be one of {BACKENDS}, got {backend!r}")
        self.path = Path(str(path))
        self.gray = gray
        self.backend = backend
        self._options = self.path, gray, threads
        live = isinstance(path, int) or "://" in str(path)
        self._live = path if isinstance(path, int) else str(path) if live else None
        if self._live is None and self.path.is_dir():
            raise IsADirectoryError(f"{self.path} is a folder, not a video file")
        if self._live is None and not self.path.is_file():
            raise FileNotFoundError(f"no such video file: {self.path}")
        self._decoder = self._opened()
        self._start()

    def _opened(self) -> OpenCVDecoder | PyAVDecoder:
        if self._live is not None:
            try:
                return OpenCVDecoder(self._live, self.gray)
            except ValueError as error:
                name = f"camera {self._live}" if isinstance(self._live, int) else self._live
                raise VideoError(f"{name}: {error}") from None
        try:
            if self.backend != "pyav":
                try:
                    return OpenCVDecoder(*self._options)
                except ValueError:
                    if self.backend == "opencv" or not has_pyav():
                        raise
            return PyAVDecoder(*self._options)
        except ValueError as error:
            raise VideoError(f"{self.path}: {error}") from None

    def _start(self) -> None:
        fps = self._decoder.fps
        if not math.isfinite(fps) or not 0.1 <= fps <= 1000.0:
            fps = DEFAULT_FPS
        seconds = self._decoder.seconds
        if not 0.0 < seconds < math.inf:
            seconds = 0.0
        self.info = ClipInfo(self._decoder.width, self._decoder.height, fps, seconds)
        self.time = 0.0
        self._number = 0  # frames that have been gone to
        self._origin = 0.0

    def grab(self) -> bool:
        """Go to the next frame without converting its pixels; False at the end."""
        if not self._decoder.grab():
            if self._number == 0:
                return self._changed_decoder() and self.grab()
            self._warn_if_cut_off(self._number)
            return False
        seconds = self._decoder.time - self._origin
        if self._number == 0:
            self._origin += seconds
        elif self.time < seconds <= self.time + _LONGEST_GAP:
            self.time = seconds
        else:
            self.time += 1 / self.info.fps
        self._number += 1
        return True

    def _changed_decoder(self) -> bool:
        """Whether another decoder takes the place of OpenCV, which finds no frame."""
        if self.backend != "auto" or isinstance(self._decoder, PyAVDecoder) or not has_pyav():
            return False
        try:
            other = PyAVDecoder(*self._options)
        except ValueError:
            return False
        self._decoder.close()
        self._decoder = other
        self._start()
        return True

    def frame(self) -> Frame | None:
        """Pixels of the frame that was gone to; None where they are damaged."""
        frame = self._decoder.retrieve()
        if frame is None:
            self._warn_if_cut_off(self._number - 1)
            return None
        return np.asarray(frame, np.uint8)

    def _warn_if_cut_off(self, count: int) -> None:
        """Warn if `count` frames are clearly fewer than the file claims to have."""
        if self._live is not None or count < 2:  # one frame may be shown for any time
            return
        # By time, since the rate in the header, and with it the count, may be nonsense.
        claimed = round(self.info.seconds * (self._number - 1) / self.time)
        if count < min(_WHOLE * claimed, claimed - _FEW):
            warnings.warn(
                f"{self.path}: ends after {count} of {claimed} frames", VideoWarning, stacklevel=1
            )

    def seek(self, number: int) -> None:
        """Have the next frame be that of this number, counted from 0.

        With PyAV this takes as long as decoding from the key frame before; with OpenCV, from
        the frame read last or, to go back, from the first.
        """
        if number < 0:
            raise ValueError(f"FrameReader: seek must go to frame 0 or later, got {number}")
        if number == self._number:
            return
        if self._number == 0:
            self.grab()  # time is counted from the first frame
        if self._decoder.seek(number):
            self._number, self.time = number, max(number - 1, 0) / self.info.fps
            return
        if number < self._number or isinstance(self._decoder, PyAVDecoder):
            self._decoder.close()
            self._decoder = self._opened()
            self._start()
        while self._number < number and self.grab():
            pass

    def __iter__(self) -> Iterator[Frame]:
        while self.grab():
            frame = self.frame()
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """Release the decoder and the file."""
        self._decoder.close()

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
