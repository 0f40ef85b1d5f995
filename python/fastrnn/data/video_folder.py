"""A folder of clips as a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fastrnn.data.folder import VIDEO_SUFFIXES
from fastrnn.data.labelled import (
    LabelledFiles,
    Labels,
    datasets_of,
    labelled_files,
    two_sides,
)
from fastrnn.data.videos import Augment, VideoDataset
from fastrnn.video import Preprocessing
from fastrnn.video.preprocess import View


def video_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (64, 64),
    window: int = 16,
    stride: int | None = None,
    overlap: int = 0,
    step: int = 1,
    fps: float | None = None,
    colour: bool = False,
    view: View = "pixels",
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
    *,
    group: str | None = None,
    jitter: bool = False,
    augment: Augment | None = None,
    **options: Any,
) -> Any:
    """Batches of windows of the clips of a folder, decoded while a model trains.

    Parameters
    ----------
    directory : str or os.PathLike
        One sub-folder per class, video files inside; without classes, the files.
    labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset :
        As in `image_dataset_from_directory`; whole clips are held back.
    image_size : tuple of int
        (height, width) to resize to.
    window : int
        Frames in a window.
    stride : int, optional
        Frames from one window's start to the next one's, of which `step` skips none; by default
        what `overlap` leaves.
    overlap : int
        Frames that a window has in common with the next.
    step : int
        Of the clip's frames every so many-th is used.
    fps : float, optional
        Frames per second that clips are brought to first.
    colour : bool
        Blue, green and red, else grey.
    view : {"pixels", "background", "difference"}
        Pixels from 0 to 1, or what moves; see `fastrnn.video.Preprocessing`.
    follow_links, verbose, group :
        As in `image_dataset_from_directory`.
    jitter, augment :
        As in `VideoDataset`; for the part that is not held back.
    options :
        ``cache``, ``memory``, ``workers``, ``max_queue_size``, ``backend`` of `VideoDataset`.

    Returns
    -------
    VideoDataset
        Batches ``(windows, labels)``: (N, window, H, W, C) float32, and targets. A clip that
        cannot be read is named in a warning and left out. With "both", two.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, ValueError
        If there is no such folder, nothing in it, or options do not fit.

    Examples
    --------
    >>> from fastrnn.utils import video_dataset_from_directory
    >>> train, held = video_dataset_from_directory(      # doctest: +SKIP
    ...     "clips", window=16, overlap=8, validation_split=0.2, subset="both", group="^[a-z]+"
    ... )
    """
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}")
    if stride is None:
        if not 0 <= overlap < window:
            raise ValueError(f"overlap must be from 0 to {window - 1}, got {overlap}")
        stride = (window - overlap) * step
    height, width = two_sides(image_size)
    settings = Preprocessing(
        width=width,
        height=height,
        window=window,
        stride=stride,
        frame_step=step,
        view=view,
        colour=colour,
        fps=fps,
    )

    def make(part: LabelledFiles, training: bool) -> VideoDataset:
        return VideoDataset(
            part.paths,
            settings,
            part.labels,
            label_mode=label_mode,
            class_names=part.class_names,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            jitter=jitter and training,
            augment=augment if training else None,
            verbose=verbose,
            **options,
        )

    files = labelled_files(
        directory,
        VIDEO_SUFFIXES,
        labels=labels,
        label_mode=label_mode,
        class_names=class_names,
        follow_links=follow_links,
    )
    return datasets_of(
        files,
        make,
        validation_split=validation_split,
        subset=subset,
        seed=seed,
        group=group,
        verbose=verbose,
    )
