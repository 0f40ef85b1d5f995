"""Pictures of a folder, or of MNIST's files, as one array."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastrnn._files import check_output, files_under
from fastrnn.apps.run import Progress
from fastrnn.datasets.mnist import load_data, read_idx
from fastrnn.utils import load_img, save_img
from fastrnn.utils.images import PICTURE_SUFFIXES

Pixels = npt.NDArray[np.uint8]

FOLDER_SIZE = 32  # side of pictures from files, where nothing is said


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size.

    Attributes
    ----------
    pixels : ndarray
        (N, H, W, C) uint8, C being 1 or 3 (red, green, blue).
    labels : ndarray or None
        (N,) int64, where there are two classes or more.
    """

    pixels: Pixels
    labels: npt.NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.pixels)

    def part(self, numbers: npt.NDArray[np.int64]) -> Pictures:
        """Some of them."""
        labels = None if self.labels is None else self.labels[numbers]
        return Pictures(self.pixels[numbers], labels)


def read_pictures(
    data: str | os.PathLike[str],
    *,
    size: int | None = None,
    colour: bool = False,
    progress: Progress | None = None,
) -> Pictures:
    """Read all pictures of a folder.

    Parameters
    ----------
    data : path
        Keras' ``mnist.npz``; a folder with MNIST's ``train-images-idx3-ubyte``, compressed or
        not, and the labels beside it; or a folder with picture files, at any depth, whose labels
        are the names of its sub-folders.
    size : int, optional
        Side of the squares that picture files are cut and resized to, 32 if not given. MNIST's
        keep theirs.
    colour : bool
        Keep the colours.
    progress : Progress, optional
        Told of each file, and of those that are skipped because they cannot be read.

    Returns
    -------
    Pictures

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds no picture that can be read.
    """
    folder = Path(data)
    if folder.suffix == ".npz":
        (digits, names), _ = load_data(folder)
        return Pictures(digits[..., None], names.astype(np.int64))
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder: {folder}")
    images = sorted(folder.glob("train-images*idx3-ubyte*"))
    if images:
        labels = sorted(folder.glob("train-labels*idx1-ubyte*"))
        pixels = np.asarray(read_idx(images[0]), np.uint8)[..., None]
        return Pictures(pixels, read_idx(labels[0]).astype(np.int64) if labels else None)
    files = files_under(folder, PICTURE_SUFFIXES)
    pixels, kept = _read_files(files, size or FOLDER_SIZE, colour, progress or Progress())
    if not kept:
        raise ValueError(f"{folder}: holds no picture that can be read")
    places = [file.relative_to(folder).parts[0] for file in kept]
    numbers = np.unique(places, return_inverse=True)[1]
    classes = numbers.max() + 1
    return Pictures(pixels, numbers.astype(np.int64) if 1 < classes < len(kept) else None)


def _read_files(
    files: Sequence[Path], size: int, colour: bool, progress: Progress
) -> tuple[Pixels, list[Path]]:
    mode = "rgb" if colour else "grayscale"
    read: list[Pixels] = []
    kept: list[Path] = []
    for number, file in enumerate(files, 1):
        try:
            read.append(load_img(file, mode, (size, size), "box", keep_aspect_ratio=True))
            kept.append(file)
        except (ValueError, OSError) as error:
            progress.note(f"skipped {error}")
        progress.advance("reading pictures", number, len(files))
    return np.stack(read) if read else np.empty((0, size, size, 1), np.uint8), kept


def picture_grid(pixels: Pixels, columns: int | None = None) -> Pixels:
    """Lay pictures out row by row, one pixel apart, in as square a grid as may be.

    Parameters
    ----------
    pixels : ndarray
        (N, H, W, C) uint8.
    columns : int, optional
        Pictures in a row.

    Returns
    -------
    ndarray
        (H', W', C) uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.generation.pictures import picture_grid
    >>> picture_grid(np.zeros((5, 8, 9, 3), np.uint8)).shape
    (19, 31, 3)
    """
    count, height, width, channels = pixels.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    grid = np.zeros((rows * columns, height + 1, width + 1, channels), np.uint8)
    grid[:count, 1:, 1:] = pixels
    joined = grid.reshape(rows, columns, height + 1, width + 1, channels).swapaxes(1, 2)
    wide = joined.reshape(rows * (height + 1), columns * (width + 1), channels)
    return np.pad(wide, ((0, 1), (0, 1), (0, 0)))


def check_pictures(path: str | os.PathLike[str]) -> None:
    """Refuse a path that `save_pictures` cannot write to.

    Raises
    ------
    ValueError
        If its suffix is that of no picture.
    OSError
        If no file can be made there.
    """
    file = Path(path) if Path(path).suffix else Path(path, "0.png")
    check_output(file, "pictures", sorted(PICTURE_SUFFIXES))


def save_pictures(
    path: str | os.PathLike[str], pixels: Pixels, *, progress: Progress | None = None
) -> None:
    """Write pictures: in a grid, small ones enlarged, or singly.

    Parameters
    ----------
    path : path
        A picture file for the grid; a path without suffix is the folder of single pictures.
    pixels : ndarray
        (N, H, W, C) uint8.
    progress : Progress, optional
        Told of each single picture that is written.
    """
    check_pictures(path)
    if not Path(path).suffix:
        progress, digits = progress or Progress(), len(str(len(pixels) - 1))
        for number, picture in enumerate(pixels):
            save_img(Path(path, f"{number:0{digits}d}.png"), picture, scale=False)
            progress.advance("writing pictures", number + 1, len(pixels))
        return
    grid = picture_grid(pixels)
    factor = max(1, 480 // grid.shape[1])
    save_img(path, grid.repeat(factor, axis=0).repeat(factor, axis=1), scale=False)
