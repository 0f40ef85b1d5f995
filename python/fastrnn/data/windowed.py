"""Windows over many clips, gathered per batch: each frame is kept once, as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from fastrnn.data.folder import Clip
from fastrnn.video import (
    Preprocessing,
    VideoError,
    apply_view,
    read_clip,
    window_indices,
    window_starts,
)

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class WindowedClips:
    """Clips in memory, and the windows over them.

    Each frame is held once, as height·width·channels bytes; overlapping windows are put together
    only for the batch that needs them.

    Attributes
    ----------
    clips : list of Clip
        The clips that could be read.
    skipped : list of (Clip, str)
        The clips that could not, each with the reason.
    labels : ndarray
        (windows,) int64, class of each window.
    clip_of : ndarray
        (windows,) int64, index into `clips` of each window.
    starts : ndarray
        (windows,) int64, first frame of each window, counted from its clip's first frame.
    """

    def __init__(
        self,
        clips: list[Clip],
        frames: list[npt.NDArray[np.uint8]],
        preprocessing: Preprocessing,
        skipped: list[tuple[Clip, str]] | None = None,
    ) -> None:
        self.preprocessing = preprocessing
        self.clips = clips
        self.skipped = skipped or []
        none = np.empty((0, *preprocessing.frame_shape), np.uint8)
        self._frames = np.concatenate(frames) if frames else none
        offset = 0
        indices, labels, clip_of, first, lasts = [], [], [], [], []
        for number, (clip, clip_frames) in enumerate(zip(clips, frames, strict=True)):
            starts = window_starts(len(clip_frames), preprocessing)
            first.append(starts)
            indices.append(offset + window_indices(starts, len(clip_frames), preprocessing))
            labels += [clip.label] * len(starts)
            clip_of += [number] * len(starts)
            offset += len(clip_frames)
            lasts += [offset - 1] * len(starts)
        empty = np.empty((0, preprocessing.window), np.int64)
        self._lasts: IntArray = np.array(lasts, np.int64)
        self._indices: IntArray = np.concatenate(indices) if indices else empty
        self.starts: IntArray = np.concatenate(first) if first else np.empty(0, np.int64)
        self.labels: IntArray = np.array(labels, np.int64)
        self.clip_of: IntArray = np.array(clip_of, np.int64)

    @classmethod
    def read(
        cls,
        clips: Iterable[Clip],
        preprocessing: Preprocessing,
        *,
        on_clip: Callable[[Clip, str | None], None] | None = None,
    ) -> WindowedClips:
        """Read clips from their files.

        Parameters
        ----------
        clips : iterable of Clip
            What to read. A clip that cannot be read is noted in `skipped`.
        preprocessing : Preprocessing
            Size, window, stride and step.
        on_clip : callable, optional
            Called after each clip with the clip and None, or the reason why it was skipped.

        Returns
        -------
        WindowedClips
            The windows over all clips that could be read.
        """
        good: list[Clip] = []
        frames: list[npt.NDArray[np.uint8]] = []
        skipped: list[tuple[Clip, str]] = []
        for clip in clips:
            reason = None
            try:
                frames.append(read_clip(clip.path, preprocessing))
                good.append(clip)
            except (VideoError, OSError) as error:
                reason = str(error)
                skipped.append((clip, reason))
            if on_clip is not None:
                on_clip(clip, reason)
        return cls(good, frames, preprocessing, skipped)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def nbytes(self) -> int:
        """Bytes of pixels held."""
        return self._frames.nbytes

    def pixels(
        self, numbers: IntArray, random: np.random.Generator | None = None
    ) -> npt.NDArray[np.uint8]:
        """Gather windows of pixels.

        Parameters
        ----------
        numbers : ndarray
            (N,) int64, numbers of windows.
        random : numpy.random.Generator, optional
            Have each window start at random up to where the next one does, within its clip.

        Returns
        -------
        ndarray
            (N, window, H, W, C) uint8, a copy.
        """
        indices = self._indices[numbers]
        if random is not None:
            room = np.minimum(self._lasts[numbers] - indices[:, -1], self.preprocessing.stride - 1)
            indices = indices + random.integers(room + 1)[:, None]
        return self._frames[indices]

    def batches(self, size: int) -> Iterator[tuple[FloatArray, IntArray]]:
        """Go through all windows in order, as the network sees them.

        Parameters
        ----------
        size : int
            Windows per batch; the last batch may be smaller.

        Yields
        ------
        tuple of ndarray
            Inputs (N, window, H, W, C) float32 and labels (N,) int64.
        """
        for start in range(0, len(self), size):
            chosen = np.arange(start, min(start + size, len(self)))
            yield apply_view(self.pixels(chosen), self.preprocessing.view), self.labels[chosen]
