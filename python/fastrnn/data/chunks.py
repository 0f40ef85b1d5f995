"""Frames of many clips, decoded in order and kept in bounded memory."""

from __future__ import annotations

import hashlib
import math
import struct
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastrnn._files import atomic_path
from fastrnn.video import FrameReader, Preprocessing, VideoError, resize_frame
from fastrnn.video.preprocess import Frames
from fastrnn.video.sampling import count_samples, sample_frames

IntArray = npt.NDArray[np.int64]

_CHUNK_BYTES = 8 << 20
_OPEN_CLIPS = 16  # decoders that wait for their clip's next chunk
_BEFORE = 2


class ClipChunks:
    """Clips cut into chunks, each with the frames of the windows that start in it.

    A clip's decoder goes on where it stopped, so that chunks that are asked for in order cost
    one pass over the file. Chunks are dropped, those first that were not used for longest, when
    they take more than the bytes allowed.

    Parameters
    ----------
    paths : sequence of Path
    preprocessing : Preprocessing
        Size, frame rate, and windows; only every so many-th frame is kept where no window has
        another.
    limit : int or None
        Bytes of frames to keep; None for all.
    folder : Path, optional
        Where to keep each clip's frames as a file, for this and later runs.
    backend : str
        As in `FrameReader`.

    Attributes
    ----------
    step : int
        Frames from one that is kept to the next; all other numbers are in kept frames.
    stride : int
        Frames from one window's start to the next one's.
    offsets : ndarray
        (window,) frames of a window, counted from its start.
    length : int
        Frames from one chunk's first to the next one's.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        preprocessing: Preprocessing,
        *,
        limit: int | None,
        folder: Path | None = None,
        backend: str = "auto",
    ) -> None:
        self._paths = list(paths)
        self._preprocessing = preprocessing
        self._limit, self._folder, self._backend = limit, folder, backend
        self.step = math.gcd(preprocessing.stride, preprocessing.frame_step)
        self.stride = preprocessing.stride // self.step
        self.offsets = np.arange(preprocessing.window) * (preprocessing.frame_step // self.step)
        frame_bytes = math.prod(preprocessing.frame_shape)
        most = _CHUNK_BYTES if limit is None else min(_CHUNK_BYTES, limit // 16)
        frames = max(most // frame_bytes, int(self.offsets[-1]) + 1)
        self.length = -(-frames // self.stride) * self.stride
        self._overlap = int(self.offsets[-1])
        self._frame_bytes = frame_bytes
        self._counts = [0] * len(self._paths)
        self._kept: OrderedDict[tuple[int, int], Frames] = OrderedDict()
        self._bytes = 0
        self._files: dict[int, Path] = {}
        self._open: OrderedDict[int, tuple[int, Iterator[Frames]]] = OrderedDict()
        self._lock = threading.Lock()  # over the tables
        self._decoding = [threading.Lock() for _ in self._paths]  # one thread to a clip

    def count(self, clip: int) -> int:
        """Decode a clip once, keep what there is room for, and return how many frames it has.

        Raises
        ------
        FileNotFoundError, VideoError
            If it cannot be read.
        """
        path, settings = self._paths[clip], self._preprocessing
        count = 0
        if self._folder is not None:
            count = len(self._stored(clip))
        elif self._limit is None or self._bytes < self._limit:
            for number, chunk in enumerate(self._chunks(clip)):
                self._keep((clip, number), chunk)
                count = number * self.length + len(chunk)
        else:
            with self._reader(clip) as reader:
                count = count_samples(reader, fps=settings.fps, step=self.step)
        if not count:
            raise VideoError(f"{path}: no frame could be decoded")
        self._counts[clip] = count
        return count

    def starts(self, count: int) -> IntArray:
        """First frames of the windows of a clip of so many frames; as `window_starts`."""
        last = max(count - 1 - self._overlap, 0)
        return np.arange(0, last + 1, self.stride)

    def nbytes(self, clip: int, number: int) -> int:
        """Bytes that a chunk takes."""
        left = self._counts[clip] - number * self.length
        return min(left, self.length + self._overlap) * self._frame_bytes

    def get(self, clip: int, number: int) -> Frames:
        """Frames (n, H, W, C) of a chunk; any thread may ask."""
        chunk = self._found(clip, number)
        if chunk is None:
            with self._decoding[clip]:
                chunk = self._found(clip, number)
                if chunk is None:
                    chunk = self._next(clip, number)
        return chunk

    def rewind(self) -> None:
        """Close the files that wait to be read on."""
        with self._lock:
            self._open.clear()

    def _found(self, clip: int, number: int) -> Frames | None:
        if self._folder is not None:
            first = number * self.length
            return self._stored(clip)[first : first + self.length + self._overlap]
        with self._lock:
            chunk = self._kept.get((clip, number))
            if chunk is not None:
                self._kept.move_to_end((clip, number))
            return chunk

    def _keep(self, key: tuple[int, int], chunk: Frames) -> None:
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = chunk
            self._bytes += chunk.nbytes
            while self._limit is not None and self._bytes > self._limit and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def _next(self, clip: int, number: int) -> Frames:
        """Decode a chunk, going on where the clip's decoder stopped if that is not past it."""
        with self._lock:
            place, chunks = self._open.pop(clip, (number + 1, None))
        if chunks is None or place > number:
            # Another thread may be about to ask for the chunks just before.
            place = max(number - _BEFORE, 0)
            chunks = self._chunks(clip, place)
        for chunk in chunks:
            self._keep((clip, place), chunk)
            if place == number:
                break
            place += 1
        else:
            raise VideoError(f"{self._paths[clip]}: fewer frames can be read than before")
        if self._counts[clip] - self._overlap > (number + 1) * self.length:  # there are more
            with self._lock:
                self._open[clip] = number + 1, chunks
                if len(self._open) > _OPEN_CLIPS:
                    self._open.popitem(last=False)  # which closes its file
        return chunk

    def _reader(self, clip: int) -> FrameReader:
        return FrameReader(
            self._paths[clip],
            gray=not self._preprocessing.colour,
            backend=self._backend,
            threads=1 if len(self._paths) > 1 else None,
        )

    def _chunks(self, clip: int, first: int = 0) -> Iterator[Frames]:
        """Decode a clip from a chunk on; the last one is shorter than the others."""
        reader = self._reader(clip)
        skip = first * self.length
        return _cut(reader, self._preprocessing, self.step, skip, self.length, self._overlap)

    def _stored(self, clip: int) -> Frames:
        """All frames of a clip, from its file in the folder, which is written if need be."""
        file = self._files.get(clip)
        if file is None or not file.is_file():
            self._files[clip] = file = self._file(clip)
        frames: Frames = np.load(file, mmap_mode="r")
        return frames

    def _file(self, clip: int) -> Path:
        """Where the frames of a clip, as it is now, are stored; they are if they were not."""
        assert self._folder is not None
        path, settings = self._paths[clip], self._preprocessing
        about = path.stat()
        what = (
            *(str(path.resolve()), about.st_size, about.st_mtime_ns),
            *(settings.frame_shape, settings.fps, self.step),
        )
        name = hashlib.sha256(repr(what).encode()).hexdigest()[:16]
        file = self._folder / f"{path.stem}-{name}.npy"
        if not file.is_file():
            with atomic_path(file) as partial:
                self._write(clip, partial)
        return file

    def _write(self, clip: int, file: Path) -> None:
        count = 0
        with open(file, "wb") as out:
            out.write(bytes(128))
            for chunk in self._chunks(clip):
                new = chunk[min(count, self._overlap) :]
                out.write(new.data)
                count += len(new)
            if not count:
                raise VideoError(f"{self._paths[clip]}: no frame could be decoded")
            # The header of an .npy file, whose length is known only now.
            shape = (count, *self._preprocessing.frame_shape)
            header = repr({"descr": "|u1", "fortran_order": False, "shape": shape})
            out.seek(0)
            out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118))
            out.write(header.ljust(117).encode() + b"\n")


def _cut(
    reader: FrameReader,
    preprocessing: Preprocessing,
    step: int,
    skip: int,
    length: int,
    overlap: int,
) -> Iterator[Frames]:
    """Chunks of a reader's frames, which is closed in the end.

    Not a method: a generator that holds the object that holds it would keep its file open.
    """
    with reader:
        frames: list[Frames] = []
        for frame in sample_frames(reader, fps=preprocessing.fps, step=step, skip=skip):
            frames.append(resize_frame(frame, preprocessing))
            if len(frames) == length + overlap:
                yield np.stack(frames)
                del frames[:length]
        if frames:
            yield np.stack(frames)
