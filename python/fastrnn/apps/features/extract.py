"""Features of clips in one table."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastrnn._files import atomic_path, check_output
from fastrnn.apps.features.layer import LayerFeatures
from fastrnn.apps.features.motion import MotionFeatures
from fastrnn.video import FrameReader, VideoError

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Features:
    """Features of clips; the same names are the arrays of the npz file.

    Attributes
    ----------
    clips : ndarray of str
        (clips,), the files.
    layer : str
        Where the features come from: the name of a layer, or ``"motion"``.
    frame_features : ndarray
        (rows, F) float32, the rows of all clips, one clip after the other.
    frame_clips : ndarray
        (rows,) int64, the clip that each row is of, as an index into `clips`.
    frame_numbers : ndarray
        (rows,) int64, the last frame that each row has seen, counted from 0.
    clip_features : ndarray
        (clips, 2 F) float32, mean and standard deviation over each clip's rows.
    """

    clips: npt.NDArray[np.str_]
    layer: str
    frame_features: FloatArray
    frame_clips: IntArray
    frame_numbers: IntArray
    clip_features: FloatArray

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an npz file."""
        check_output(path, "features", [".npz"])
        with atomic_path(path) as partial:
            np.savez_compressed(
                partial, **{each.name: getattr(self, each.name) for each in fields(self)}
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Features:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            missing = [each.name for each in fields(cls) if each.name not in file]
            if missing:
                raise ValueError(f"{path}: has no {missing[0]}, so it is no file of features")
            arrays = {each.name: file[each.name] for each in fields(cls)}
        return cls(**arrays | {"layer": str(arrays["layer"])})


def extract_features(
    clips: Sequence[str | os.PathLike[str]],
    source: LayerFeatures | MotionFeatures | str | os.PathLike[str] | None = None,
    layer: str = "auto",
    *,
    on_clip: Callable[[Path, str | None], None] | None = None,
) -> Features:
    """Extract features over time from clips.

    Parameters
    ----------
    clips : sequence of path
        Video files. One that cannot be read is left out.
    source : LayerFeatures, MotionFeatures or path, optional
        Where the features come from; a path is that of a model's file. By default features of
        motion made by hand.
    layer : str
        Of the model's file.
    on_clip : callable, optional
        Called after each clip with its path, and the reason why it was left out or None.

    Returns
    -------
    Features

    Raises
    ------
    fastrnn.video.VideoError
        If no clip can be read.

    Examples
    --------
    >>> from fastrnn.apps import extract_features
    >>> features = extract_features(["a.avi", "b.avi"], "model.keras")     # doctest: +SKIP
    >>> features.clip_features.shape                                       # doctest: +SKIP
    (2, 128)
    """
    if source is None:
        source = MotionFeatures()
    elif isinstance(source, (str, os.PathLike)):
        source = LayerFeatures.load(source, layer)
    tables: list[tuple[str, list[int], FloatArray]] = []
    for clip in map(Path, clips):
        reason = None
        try:
            with FrameReader(clip, gray=source.gray) as reader:
                rows = list(source.rows(reader))
            if not rows:
                raise VideoError(f"{clip}: too short, no features")
            tables.append((str(clip), [n for n, _ in rows], np.stack([row for _, row in rows])))
        except (VideoError, OSError) as error:
            reason = str(error)
        if on_clip is not None:
            on_clip(clip, reason)
    if not tables:
        raise VideoError(f"none of {len(clips)} clips can be read")
    names, numbers, features = zip(*tables, strict=True)
    both = [np.concatenate([table.mean(axis=0), table.std(axis=0)]) for table in features]
    return Features(
        clips=np.array(names),
        layer=source.layer,
        frame_features=np.concatenate(features).astype(np.float32),
        frame_clips=np.repeat(np.arange(len(names)), [len(table) for table in features]),
        frame_numbers=np.concatenate(numbers).astype(np.int64),
        clip_features=np.stack(both).astype(np.float32),
    )
