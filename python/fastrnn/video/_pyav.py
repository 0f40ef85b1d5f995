"""Decoding with PyAV, where it is installed: the one place that imports it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Raw = npt.NDArray[Any]


def has_pyav() -> bool:
    """Whether PyAV is installed."""
    return find_spec("av") is not None


class PyAVDecoder:
    """The first video stream of a file; raises `ValueError` with the reason why not.

    Attributes
    ----------
    width, height, fps : as the container says, the size after the rotation it asks for
    seconds : float
        Length that the container claims, 0 where it claims none.
    time : float
        When the last frame is to be shown, in seconds.
    """

    def __init__(self, path: Path, gray: bool, threads: int | None = None) -> None:
        try:
            import av
        except ImportError as error:
            raise ImportError("backend='pyav' needs PyAV: pip install 'fastrnn[pyav]'") from error
        self._errors = (av.FFmpegError, ValueError)
        self._format = "gray" if gray else "bgr24"
        try:
            self._container = av.open(str(path), metadata_errors="ignore")
        except self._errors as error:
            raise ValueError(f"cannot be opened ({getattr(error, 'strerror', error)})") from error
        if not self._container.streams.video:
            self._container.close()
            raise ValueError("it holds no video")
        stream = self._stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads or 0
        self.fps = float(stream.average_rate or 0)
        if stream.frames and self.fps:
            self.seconds = stream.frames / self.fps
        else:
            self.seconds = (self._container.duration or 0) / av.time_base
        self.time = 0.0
        self._frame: Any = None
        self._places: list[int] = []
        self._frames = self._decoded()
        # Only a frame tells whether it is to be turned.
        first = next(self._frames, None)
        size = stream.codec_context.width, stream.codec_context.height
        self.width, self.height = size if first is None or not _turns(first) % 2 else size[::-1]
        if first is not None:
            self._frames = chain([first], self._frames)

    def _decoded(self) -> Iterator[Any]:
        try:
            for packet in self._container.demux(self._stream):
                yield from packet.decode()
        except self._errors:
            return  # damage ends the clip, as the end of the file does

    def grab(self) -> bool:
        """Go to the next frame."""
        self._frame = next(self._frames, None)
        if self._frame is None:
            return False
        self.time = float(self._frame.time or 0.0)
        return True

    def retrieve(self) -> Raw:
        """Pixels of the frame: (H, W) or (H, W, 3), turned as the file asks for."""
        pixels = self._frame.to_ndarray(format=self._format)
        turns = _turns(self._frame)
        return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels

    def seek(self, number: int) -> bool:
        """Have `grab` give the frame of this number next; False if that cannot be told."""
        if not self._places:
            self._container.seek(0, stream=self._stream, any_frame=False)
            packets = self._container.demux(self._stream)
            times = [packet.pts for packet in packets if packet.size]
            if None in times or not times:
                return False
            self._places = sorted(times)
        wanted = self._places[min(number, len(self._places) - 1)]
        self._container.seek(wanted, stream=self._stream, backward=True)
        frames = self._decoded()
        for frame in frames:
            found = bisect_left(self._places, frame.pts)
            if found >= number:
                self._frames = chain([frame], frames)
                return found == number
        return False

    def close(self) -> None:
        """Release the decoder and the file."""
        self._frame = None
        self._frames = iter(())
        self._container.close()


def _turns(frame: Any) -> int:
    """Quarter turns to the left that the file asks for."""
    return int(round(frame.rotation / 90) % 4)
