"""Labelled images from a folder of picture files, or from IDX files as MNIST comes in."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastrnn.data import Clip, labelled_files
from fastrnn.datasets.mnist import read_idx
from fastrnn.utils.images import PICTURE_SUFFIXES, load_img

IntArray = npt.NDArray[np.int64]

IDX_IMAGES = "images*idx3*"  # how the names of files that hold many images end


@dataclass(frozen=True)
class Images:
    """Images in memory.

    Attributes
    ----------
    pixels : ndarray
        (N, H, W, C) uint8, grey or red, green, blue.
    labels : ndarray
        (N,) int64.
    classes : tuple of str
        Names of the classes.
    paths : list of Path
        The files; empty where images come from one file.
    skipped : list of (Path, str)
        Files that could not be read, each with the reason.
    """

    pixels: npt.NDArray[np.uint8]
    labels: IntArray
    classes: tuple[str, ...]
    paths: list[Path]
    skipped: list[tuple[Path, str]]


def read_image(path: str | os.PathLike[str], shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Read a picture file in a size (height, width, channels)."""
    mode = "rgb" if shape[2] == 3 else "grayscale"
    return load_img(path, mode, shape[:2], "box")


def idx_files(folder: Path, part: str = "*") -> tuple[Path, Path] | None:
    """The files of images and labels in a folder: of the test part where `part` is "t10k"."""
    for images in sorted(folder.glob(part + IDX_IMAGES), reverse=True):  # train before t10k
        name = images.name.replace("images", "labels").replace("idx3", "idx1")
        if (labels := images.with_name(name)).is_file():
            return images, labels
    return None


def read_idx_images(images: Path, labels: Path, classes: tuple[str, ...] = ()) -> Images:
    """Read images and labels from IDX files.

    Parameters
    ----------
    images, labels : Path
        The files, with ``.gz`` or without.
    classes : tuple of str
        Names of the classes; the numbers that occur when not given.

    Raises
    ------
    ValueError
        If they do not fit together.
    """
    pixels, numbers = read_idx(images), read_idx(labels).astype(np.int64)
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or numbers.shape != pixels.shape[:1]:
        raise ValueError(
            f"{images}: must hold bytes (N, H, W) with one label each in {labels.name}, "
            f"got {pixels.dtype} {pixels.shape} and labels {numbers.shape}"
        )
    if not classes:
        classes = tuple(map(str, range(int(numbers.max(initial=-1)) + 1)))
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(classes):
        raise ValueError(f"{labels}: labels must be in [0, {len(classes)})")
    shape = pixels.shape if pixels.ndim == 4 else (*pixels.shape, 1)
    return Images(pixels.reshape(shape), numbers, classes, [], [])


def read_image_files(
    files: list[Clip],
    classes: tuple[str, ...],
    shape: tuple[int, int, int],
    on_file: Callable[[Path, str | None], None],
) -> Images:
    """Read picture files in a size; `on_file` is told of each, and why it was skipped."""
    pixels = np.empty((len(files), *shape), np.uint8)
    good: list[Clip] = []
    skipped: list[tuple[Path, str]] = []
    for file in files:
        reason = None
        try:
            pixels[len(good)] = read_image(file.path, shape)
            good.append(file)
        except (OSError, ValueError) as error:
            reason = str(error)
            skipped.append((file.path, reason))
        on_file(file.path, reason)
    labels = np.array([file.label for file in good], np.int64)
    return Images(pixels[: len(good)], labels, classes, [file.path for file in good], skipped)


def scan_images(folder: str | os.PathLike[str]) -> tuple[tuple[str, ...], list[Clip]]:
    """Classes and labelled files of a folder with one sub-folder of pictures per class."""
    found = labelled_files(folder, PICTURE_SUFFIXES)
    assert found.labels is not None
    pairs = zip(found.paths, found.labels.tolist(), strict=True)
    return found.class_names, [Clip(path, label) for path, label in pairs]
