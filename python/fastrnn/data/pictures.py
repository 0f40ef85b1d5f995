"""A folder of pictures as a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.data.labelled import (
    FileDataset,
    LabelledFiles,
    Labels,
    datasets_of,
    labelled_files,
    two_sides,
)
from fastrnn.utils.images import PICTURE_SUFFIXES, load_img


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    verbose: bool = True,
    *,
    group: str | None = None,
    workers: int = 2,
) -> Any:
    """Batches of pictures from a folder, each read when it is needed.

    Parameters
    ----------
    directory : str or os.PathLike
        One sub-folder per class, pictures inside; without classes, the pictures.
    labels : "inferred", callable, array_like or None
        By the sub-folders; by the name that a function of the path returns; one number for each
        picture in the order of sorted paths; or none.
    label_mode : {"int", "categorical", "binary", "float", None}
        Targets: numbers of classes (N,), one-hot rows (N, classes), 0 or 1 (N, 1), the labels as
        floats, or none.
    class_names : sequence of str, optional
        The classes to take, in the order of their numbers; all, sorted, when not given.
    color_mode : {"rgb", "grayscale", "rgba"}
    batch_size : int or None
        Without one, each entry is a single picture.
    image_size : tuple of int
        (height, width) to resize to.
    shuffle : bool
        Draw the order anew for each epoch, by the seed and the epoch's number.
    seed : int, optional
        Of the order and of the split.
    validation_split : float, optional
        Share to hold back, of each class.
    subset : {"training", "validation", "both"}, optional
        Which part; "both" gives the two.
    interpolation : str
        As in `load_img`.
    follow_links : bool
        Look into folders behind symbolic links.
    crop_to_aspect_ratio : bool
        Cut, rather than distort, what has another shape.
    verbose : bool
        Say how many files there are.
    group : str, optional
        Regular expression on file names: pictures for which it matches the same text are held
        back together, those of a person say.
    workers : int
        Threads that read ahead while a model trains.

    Returns
    -------
    FileDataset
        Batches ``(images, labels)``: (N, H, W, C) float32 from 0 to 255, and targets; a
        picture that cannot be read is named in a warning and left out. With "both", two.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, ValueError
        If there is no such folder, nothing in it, or options do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.utils import image_dataset_from_directory, save_img
    >>> for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
    ...     save_img(name, np.zeros((8, 6, 3)))
    >>> pictures = image_dataset_from_directory(".", image_size=(16, 16), batch_size=2)
    Found 3 files of 2 classes; using 3.
    >>> images, labels = pictures[0]
    >>> images.shape, pictures.class_names
    ((2, 16, 16, 3), ['cat', 'dog'])
    """
    read = partial(
        _read,
        color_mode=color_mode,
        target_size=two_sides(image_size),
        interpolation=interpolation,
        keep_aspect_ratio=crop_to_aspect_ratio,
    )

    def make(part: LabelledFiles, _: bool) -> FileDataset:
        return FileDataset(
            part,
            read,
            label_mode=label_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            workers=workers,
        )

    files = labelled_files(
        directory,
        PICTURE_SUFFIXES,
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


def _read(path: Path, **options: Any) -> npt.NDArray[np.float32]:
    return load_img(path, **options).astype(np.float32)
