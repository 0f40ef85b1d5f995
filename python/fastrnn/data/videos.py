"""Windows of video clips as a data set."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.data.chunks import ClipChunks
from fastrnn.data.labelled import LabelledDataset
from fastrnn.utils.progress import Progbar
from fastrnn.video import Preprocessing, VideoError, apply_view

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]
Chunk = tuple[int, int]
# Changes a window (T, H, W, C) at random; its size may be another afterwards.
Augment = Callable[[Pixels, np.random.Generator], Pixels]

_ACTIVE_CLIPS = 8  # long clips that are gone through side by side


class VideoDataset(LabelledDataset):
    """Batches of windows of clips, decoded while a model trains, in bounded memory.

    Every clip is decoded once at the start, to know its windows; a clip that cannot be read is
    named in a warning, left out, and noted in `skipped`. After that, each clip is decoded from
    its start to its end once an epoch, in pieces, by the threads that make batches ahead.

    Parameters
    ----------
    paths : sequence of path
        Video files.
    preprocessing : Preprocessing
        Size, window, stride, step, frame rate, colour and view; it can be saved in a model.
    labels : array_like, shape (clips, ...), optional
        What each clip shows; its windows have its label.
    label_mode, class_names, batch_size :
        As in `image_dataset_from_directory`.
    shuffle : bool
        Draw windows anew for each epoch, by the seed and the epoch's number. Where the frames
        are more than the memory, windows are drawn from part of it at a time, from several
        clips side by side. `fit` leaves the order as it is.
    seed : int, optional
        Of the order and of what is random in a batch; a training that is resumed sees the same
        batches.
    jitter : bool
        Start each window at random up to where the clip's next one does.
    augment : callable, optional
        ``augment(window, rng)`` gives a window changed at random; see
        `fastrnn.data.augmentation`.
    cache : "memory" or path, optional
        Keep all frames, in their final size, in memory, or in ``.npy`` files in a folder, which
        later runs find again.
    memory : float
        MiB of frames that are kept, but at least twice what the batches take that are being
        made; batches made ahead take a quarter of it beside them.
    workers : int
        Threads that decode.
    max_queue_size : int, optional
        Batches made ahead; as the memory allows when not given.
    backend : {"auto", "opencv", "pyav"}
        As in `FrameReader`.
    on_clip : callable, optional
        Called with each path and None or the reason why it was skipped, in place of a warning.
    verbose : bool
        Show a bar while clips are decoded at the start.

    Attributes
    ----------
    paths : list of Path
        The clips that could be read.
    skipped : dict
        The reason for each that could not.
    labels : ndarray or None
        Of each window.
    clip_of, starts : ndarray
        Clip of each window, and its first frame in it.
    longest : int
        Frames of the longest clip, up to the last that is used.

    Raises
    ------
    ValueError
        If no clip can be read, or options do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.data import VideoDataset
    >>> from fastrnn.video import FrameWriter, Preprocessing
    >>> with FrameWriter("a.avi") as video:
    ...     for shade in range(40):
    ...         video.write(np.full((48, 64), shade, np.uint8))
    >>> settings = Preprocessing(width=16, height=12, window=8, stride=4, view="pixels")
    >>> windows = VideoDataset(["a.avi"], settings, labels=[3], batch_size=2, seed=1)
    >>> x, y = windows[0]
    >>> x.shape, y, len(windows)
    ((2, 8, 12, 16, 1), array([3, 3], dtype=int32), 5)
    """

    keeps_order = True

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        preprocessing: Preprocessing,
        labels: npt.ArrayLike | None = None,
        *,
        label_mode: str | None = "int",
        class_names: Sequence[str] = (),
        batch_size: int | None = 32,
        shuffle: bool = True,
        seed: int | None = None,
        jitter: bool = False,
        augment: Augment | None = None,
        cache: str | os.PathLike[str] | None = None,
        memory: float = 512,
        workers: int = 2,
        max_queue_size: int | None = None,
        backend: str = "auto",
        on_clip: Callable[[Path, str | None], None] | None = None,
        verbose: bool = False,
    ) -> None:
        self.preprocessing = preprocessing
        self.jitter, self.augment = jitter, augment
        frame_bytes = math.prod(preprocessing.frame_shape)
        frames = max(preprocessing.window, preprocessing.stride) * (batch_size or 1)
        in_work = frames * frame_bytes * max(workers, 1)  # of the batches that are being made
        limit = max(int(memory * 2**20), 2 * in_work)
        files = [Path(path) for path in paths]
        if labels is not None and np.shape(labels)[:1] != (len(files),):
            raise ValueError(f"labels must be {len(files)}, one per clip, got {np.shape(labels)}")
        self._chunks = ClipChunks(
            files,
            preprocessing,
            limit=None if cache == "memory" else limit,
            folder=None if cache in (None, "memory") else Path(os.fspath(cache)),
            backend=backend,
        )
        self.skipped: dict[str, str] = {}
        counts = self._counts(files, workers, on_clip, verbose)
        readable = [clip for clip, count in enumerate(counts) if count]
        if not readable:
            raise ValueError(f"no clip can be read; {next(iter(self.skipped.values()), 'no path')}")
        self.paths = [files[clip] for clip in readable]
        chunks = self._chunks
        self.longest = (max(counts) - 1) * chunks.step + 1
        starts = [chunks.starts(counts[clip]) for clip in readable]
        self.clip_of: Array = np.repeat(np.arange(len(readable)), [len(part) for part in starts])
        self._file_of = np.array(readable)[self.clip_of]
        self._starts: Array = np.concatenate(starts)
        self.starts = self._starts * chunks.step
        # How far past its start a window may begin and still end in its clip.
        room = np.array(counts)[self._file_of] - self._starts - 1 - chunks.offsets[-1]
        self._room = np.clip(room, 0, chunks.stride - 1)
        # Where the windows of each chunk begin, in order of clips and of time.
        place = np.stack([self._file_of, self._starts // chunks.length])
        edges = np.flatnonzero(np.diff(place, prepend=-1).any(axis=0))
        self._rows_of = dict(
            zip(
                map(tuple, place[:, edges].T.tolist()),
                np.split(np.arange(len(self._starts)), edges[1:]),
                strict=True,
            )
        )
        self._fits = cache is not None or sum(counts) * frame_bytes <= limit
        # There is the block that is used, the next, and what is left over.
        self._block_bytes = (limit - in_work) // 3
        self._ahead: dict[int, list[Chunk]] = {}
        if max_queue_size is None:
            batch = 4 * preprocessing.window * frame_bytes * (batch_size or 1)
            max_queue_size = min(max(limit // 4 // batch, 2), 10)
        super().__init__(
            len(self.clip_of),
            None if labels is None else np.asarray(labels)[self._file_of],
            label_mode,
            class_names,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            workers=workers,
            max_queue_size=max_queue_size,
        )

    def _counts(
        self,
        files: list[Path],
        workers: int,
        on_clip: Callable[[Path, str | None], None] | None,
        verbose: bool,
    ) -> list[int]:
        """Kept frames of each clip, 0 of one that cannot be read."""

        def count(clip: int) -> tuple[int, str | None]:
            try:
                return self._chunks.count(clip), None
            except (OSError, VideoError) as error:
                return 0, str(error)

        bar = Progbar(len(files), verbose=int(verbose), unit_name="clip")
        counts = []
        with ThreadPoolExecutor(max(workers, 1), "fastrnn-decode") as pool:
            for path, (frames, reason) in zip(
                files, pool.map(count, range(len(files))), strict=True
            ):
                counts.append(frames)
                bar.add(1)
                if reason is not None:
                    self.skipped[str(path)] = reason
                if on_clip is not None:
                    on_clip(path, reason)
                elif reason is not None:
                    warnings.warn(f"skipped: {reason}", stacklevel=4)
        return counts

    def _draw_order(self) -> Array:
        self._ahead = {}
        if not self.shuffle:
            return np.arange(self.n)
        rng = np.random.default_rng((self.seed, self._epoch))
        if self._fits:
            return rng.permutation(self.n)
        blocks = list(self._blocks(rng))
        order = [rng.permutation(np.concatenate([self._rows_of[c] for c in b])) for b in blocks]
        # While a block is used the chunks of the next are decoded, evenly over its batches.
        size, first = self.batch_size or 1, 0
        for rows, following in zip(order, blocks[1:], strict=False):
            for number, chunk in enumerate(following):
                place = first + len(rows) * number // len(following)
                self._ahead.setdefault(place // size, []).append(chunk)
            first += len(rows)
        return np.concatenate(order)

    def _blocks(self, rng: np.random.Generator) -> Iterator[list[Chunk]]:
        """Chunks whose windows are drawn together: of several clips, each in order of time."""
        chunks_of: dict[int, list[Chunk]] = {}
        for chunk in self._rows_of:
            chunks_of.setdefault(chunk[0], []).append(chunk)
        waiting = [chunks_of[clip][::-1] for clip in rng.permutation(list(chunks_of))]
        active: list[list[Chunk]] = []
        block: list[Chunk] = []
        size = 0
        while waiting or active:
            while waiting and len(active) < _ACTIVE_CLIPS:
                active.append(waiting.pop())
            clip = active[int(rng.integers(len(active)))]
            added = self._chunks.nbytes(*clip[-1])
            if block and size + added > self._block_bytes:
                yield block
                block, size = [], 0
            block.append(clip.pop())
            size += added
            if not clip:
                active.remove(clip)
        yield block

    def on_epoch_end(self) -> None:
        """Draw a new order, and new changes."""
        super().on_epoch_end()
        self._chunks.rewind()

    def __getitem__(self, index: int) -> Any:
        batch = super().__getitem__(index)
        for chunk in self._ahead.get(index, ()):
            self._chunks.get(*chunk)
        return batch

    def _batch(self, rows: Array, rng: np.random.Generator) -> Any:
        windows = self.pixels(rows, rng)
        return self._with_targets(apply_view(windows, self.preprocessing.view), rows)

    def pixels(self, rows: Array, rng: np.random.Generator | None = None) -> Pixels:
        """Windows (N, window, H, W, C) of bytes by their numbers.

        With `rng` they are moved and changed at random, as the data set was told to.
        """
        shifts = rng.integers(self._room[rows] + 1) if rng and self.jitter else np.zeros_like(rows)
        windows = []
        for row, shift in zip(rows, shifts, strict=True):
            number, place = divmod(int(self._starts[row]), self._chunks.length)
            chunk = self._chunks.get(int(self._file_of[row]), number)
            # A clip shorter than a window repeats its last frame.
            window = chunk[np.minimum(place + shift + self._chunks.offsets, len(chunk) - 1)]
            windows.append(self.augment(window, rng) if rng and self.augment else window)
        return np.stack(windows)
