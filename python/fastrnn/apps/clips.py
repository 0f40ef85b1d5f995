"""Clips that a task reads: those that cannot be are told of and left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from fastrnn.apps.run import Progress
from fastrnn.apps.wording import counted
from fastrnn.data import Clip, VideoDataset
from fastrnn.video import Preprocessing, VideoError

Dataset = TypeVar("Dataset", bound=VideoDataset)


class ClipReading:
    """Tells of the clips that are read for the first time, and notes those that are skipped.

    Parameters
    ----------
    progress : Progress
    total : int
        Clips to be read in all.
    memory : float
        MiB of frames that all data sets together keep, each by the share of its clips.

    Attributes
    ----------
    skipped : list of (Path, str)
        Each with the reason.
    """

    def __init__(self, progress: Progress, total: int, memory: float = 512) -> None:
        self.progress = progress
        self.total = total
        self.memory = memory
        self.done = 0
        self.skipped: list[tuple[Path, str]] = []

    def windows(
        self,
        kind: type[Dataset],
        clips: Sequence[Clip],
        preprocessing: Preprocessing,
        **options: Any,
    ) -> Dataset:
        """The windows of clips as a data set of a kind, by `options` of `VideoDataset`.

        Raises
        ------
        fastrnn.video.VideoError
            If no clip can be read.
        """
        paths, labels = [clip.path for clip in clips], [clip.label for clip in clips]
        before = len(self.skipped)
        options |= {"memory": self.memory * len(paths) / self.total, "on_clip": self._note}
        try:
            return kind(paths, preprocessing, labels, **options)
        except ValueError as error:
            if len(self.skipped) - before < len(paths):
                raise
            raise VideoError(f"none of {len(paths)} video files can be read: {error}") from None

    def parts_line(self, train: VideoDataset, held_back: VideoDataset | None) -> str:
        """Clips and windows that are learned from, held back, and skipped."""
        clips, windows = (0, 0) if held_back is None else (len(held_back.paths), held_back.n)
        return (
            f"training on {counted(len(train.paths), 'clip')} ({counted(train.n, 'window')}), "
            f"holding back {clips} ({counted(windows, 'window')})"
            + (f", {len(self.skipped)} skipped" if self.skipped else "")
        )

    def check_window(self, windows: VideoDataset) -> None:
        """Say that no clip is as long as a window; refuse one that is twice as long as any.

        Raises
        ------
        ValueError
            If in each window one frame would be repeated for more than half of it.
        """
        longest, span = windows.longest, windows.preprocessing.span
        if longest >= span:
            return
        if 2 * longest < span:
            raise ValueError(
                f"train: a window spans {span} frames, and the longest clip has {longest}; use a "
                "smaller window"
            )
        self.progress.note(
            f"a window spans {span} frames, and the longest clip has {longest}: its last frame is "
            "repeated; a smaller window would fit"
        )

    def _note(self, path: Path, reason: str | None) -> None:
        self.done += 1
        if reason is not None:
            self.skipped.append((path, reason))
            self.progress.note(f"skipped {reason}")
        self.progress.advance("reading clips", self.done, self.total)
