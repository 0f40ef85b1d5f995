"""Endless or indexed batches of changed pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn._files import files_under
from fastrnn.utils.images import PICTURE_SUFFIXES, load_img, save_img
from fastrnn.utils.labels import to_categorical
from fastrnn.utils.naming import unknown
from fastrnn.utils.rows import RowsDataset

Array = NDArray[Any]
# From a picture (H, W, C) of floats to what the network sees, with random changes.
Change = Callable[[Array, np.random.Generator], Array]

_CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1, "greyscale": 1}
_CLASS_MODES = ("categorical", "binary", "sparse", "input", None)


class ImageIterator(RowsDataset):
    """Batches by their number, or one after the other without end.

    Parameters
    ----------
    n : int
        Pictures.
    change : callable
        Normalises a picture, and changes it at random.
    dtype : dtype
    save : tuple of (str, str, str), optional
        Folder, prefix and format of the files to write each picture to.
    batch_size, shuffle, seed :
        As in `RowsDataset`.
    """

    def __init__(
        self,
        n: int,
        *,
        change: Change,
        dtype: Any,
        save: tuple[str, str, str] | None,
        **options: Any,
    ) -> None:
        super().__init__(n, **options)
        self.dtype = np.dtype(dtype)
        self._change = change
        self._save = save
        self._next = 0

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint keeps: all that is random follows from it."""
        return super().get_state() | {"next": self._next}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        super().set_state(state)
        self._next = state["next"]

    def reset(self) -> None:
        """Have `next` go on with the first batch."""
        self._next = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._next >= len(self):
            self.on_epoch_end()
            self._next = 0
        self._next += 1
        return self[self._next - 1]

    def _image(self, row: int) -> Array:
        raise TypeError(f"{type(self).__name__} must define _image()")

    def _images(self, rows: Array, rng: np.random.Generator) -> Array:
        images = [self._change(self._image(int(row)), rng) for row in rows]
        batch: Array = np.stack(images)
        if self._save:
            folder, prefix, file_format = self._save
            for row, image in zip(rows, batch, strict=True):
                name = f"{prefix}_{row}_{rng.integers(10**7)}.{file_format}"
                save_img(Path(folder, name), image)
        return batch


class NumpyArrayIterator(ImageIterator):
    """Batches of pictures that are in memory; `ImageDataGenerator.flow` makes it."""

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **options: Any,
    ) -> None:
        self.x = np.asarray(x)
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        for name, array in (("y", self.y), ("sample_weight", self.sample_weight)):
            if array is not None and len(array) != len(self.x):
                raise ValueError(
                    f"ImageDataGenerator.flow: x has {len(self.x)} samples, "
                    f"but {name} has {len(array)}"
                )
        super().__init__(len(self.x), **options)

    def _image(self, row: int) -> Array:
        image: Array = self.x[row].astype(self.dtype)
        return image

    def _batch(self, rows: Array, rng: np.random.Generator) -> Any:
        images = self._images(rows, rng)
        rest = [array[rows] for array in (self.y, self.sample_weight) if array is not None]
        return (images, *rest) if rest else images


class DirectoryIterator(ImageIterator):
    """Batches read from a folder; `ImageDataGenerator.flow_from_directory` makes it.

    Attributes
    ----------
    class_indices : dict
        Number of each class by its name.
    classes : ndarray of int
        Class of each picture.
    filenames, filepaths : list of str
        Pictures, relative to the folder, and complete.
    samples, num_classes : int
    image_shape : tuple of int
        (height, width, channels).
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        target_size: tuple[int, int],
        color_mode: str,
        classes: Sequence[str] | None,
        class_mode: str | None,
        part: tuple[float, float],
        follow_links: bool,
        interpolation: str,
        keep_aspect_ratio: bool,
        **options: Any,
    ) -> None:
        if color_mode not in _CHANNELS:
            raise unknown("color_mode", color_mode, _CHANNELS)
        if class_mode not in _CLASS_MODES:
            raise unknown("class_mode", class_mode, map(str, _CLASS_MODES))
        self.directory = Path(directory)
        self.class_mode = class_mode
        names = list(classes or sorted(p.name for p in self.directory.iterdir() if p.is_dir()))
        self.class_indices = {name: number for number, name in enumerate(names)}
        self.num_classes = len(names)
        if class_mode == "binary" and len(names) != 2:
            raise ValueError(
                f"ImageDataGenerator.flow_from_directory: class_mode='binary' needs two classes, "
                f"{self.directory} has {len(names)}"
            )
        self.filepaths: list[str] = []
        labels: list[int] = []
        for number, name in enumerate(names):
            paths = files_under(self.directory / name, PICTURE_SUFFIXES, follow_links)
            found = [str(path) for path in paths]
            kept = found[int(part[0] * len(found)) : int(part[1] * len(found))]
            self.filepaths += kept
            labels += [number] * len(kept)
        if not self.filepaths:
            raise ValueError(
                f"ImageDataGenerator.flow_from_directory: no picture in the sub-folders of "
                f"{self.directory}; there must be one sub-folder per class"
            )
        self.filenames = [os.path.relpath(path, self.directory) for path in self.filepaths]
        self.classes = np.array(labels, np.int32)
        self.samples = len(labels)
        self.target_size = tuple(target_size)
        self.image_shape = (*self.target_size, _CHANNELS[color_mode])
        self._reading: dict[str, Any] = {
            "color_mode": color_mode,
            "target_size": self.target_size,
            "interpolation": interpolation,
            "keep_aspect_ratio": keep_aspect_ratio,
        }
        super().__init__(self.samples, **options)

    @property
    def labels(self) -> Array:
        """Class of each picture, as `classes`."""
        return self.classes

    def _image(self, row: int) -> Array:
        return load_img(self.filepaths[row], **self._reading).astype(self.dtype)

    def _batch(self, rows: Array, rng: np.random.Generator) -> Any:
        images = self._images(rows, rng)
        if self.class_mode is None:
            return images
        if self.class_mode == "input":
            return images, images.copy()
        labels = self.classes[rows]
        if self.class_mode == "categorical":
            return images, to_categorical(labels, self.num_classes).astype(self.dtype)
        return images, labels.astype(self.dtype)
