"""Pictures as arrays: reading, writing, conversion."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn._files import atomic_path
from fastrnn.utils.dtypes import floatx
from fastrnn.utils.naming import unknown

Picture = NDArray[np.uint8]

PICTURE_SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
)

_INTERPOLATIONS = {
    "nearest": "INTER_NEAREST_EXACT",
    "bilinear": "INTER_LINEAR",
    "bicubic": "INTER_CUBIC",
    "lanczos": "INTER_LANCZOS4",
    "box": "INTER_AREA",
}
# Colour mode: how OpenCV decodes, and from OpenCV's order of channels to ours, by their number.
_MODES: dict[str, tuple[str, dict[int, str]]] = {
    "grayscale": ("IMREAD_GRAYSCALE", {}),
    "rgb": ("IMREAD_COLOR", {3: "COLOR_BGR2RGB"}),
    "rgba": (
        "IMREAD_UNCHANGED",
        {1: "COLOR_GRAY2RGBA", 3: "COLOR_BGR2RGBA", 4: "COLOR_BGRA2RGBA"},
    ),
}


def load_img(
    path: str | os.PathLike[str] | BinaryIO,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Picture:
    """Read a picture.

    Parameters
    ----------
    path : str, os.PathLike or binary file
        PNG, JPEG, BMP, TIFF and whatever else OpenCV decodes.
    color_mode : {"rgb", "grayscale", "rgba"}
    target_size : tuple of int, optional
        (height, width) to resize to.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos", "box"}
        How to resize.
    keep_aspect_ratio : bool
        Cut the picture to the shape of `target_size`, about its centre, before it is resized.

    Returns
    -------
    ndarray of uint8, shape (H, W, C)
        C is 3, 1 or 4 by `color_mode`. Keras returns a Pillow image here; `img_to_array` takes
        either.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no picture, or an option is unknown.
    """
    from fastrnn.video._opencv import opencv

    cv2 = opencv()
    color_mode = "grayscale" if color_mode == "greyscale" else color_mode
    if color_mode not in _MODES:
        raise unknown("color_mode", color_mode, _MODES)
    data = Path(path).read_bytes() if isinstance(path, (str, os.PathLike)) else path.read()
    mode, orders = _MODES[color_mode]
    how = getattr(cv2, mode) | (cv2.IMREAD_IGNORE_ORIENTATION if color_mode != "rgba" else 0)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), how) if data else None
    if image is None:
        raise ValueError(f"load_img: {path} is no picture that can be decoded")
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    order = orders.get(1 if image.ndim == 2 else image.shape[2])
    if order is not None:
        image = cv2.cvtColor(image, getattr(cv2, order))
    if target_size is not None and image.shape[:2] != tuple(target_size):
        if interpolation not in _INTERPOLATIONS:
            raise unknown("interpolation", interpolation, _INTERPOLATIONS)
        height, width = map(int, target_size)
        if keep_aspect_ratio:
            image = _cut_to_ratio(image, height, width)
        how = getattr(cv2, _INTERPOLATIONS[interpolation])
        image = cv2.resize(image, (width, height), interpolation=how)
    return np.asarray(image[..., None] if image.ndim == 2 else image, np.uint8)


def img_to_array(img: ArrayLike, data_format: str | None = None, dtype: Any = None) -> NDArray[Any]:
    """A picture as an array of floats with an axis of channels.

    Parameters
    ----------
    img : array_like, shape (H, W) or (H, W, C)
        An array or a Pillow image.
    data_format : {"channels_last", "channels_first"}, optional
        Of the result.
    dtype : dtype, optional
        ``floatx()`` when not given.

    Returns
    -------
    ndarray, shape (H, W, C)
        A copy; (C, H, W) with "channels_first".

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.utils import img_to_array
    >>> img_to_array(np.array([[0, 255]], np.uint8))
    array([[[  0.],
            [255.]]], dtype=float32)
    """
    array = np.array(img, dtype or floatx())
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3:
        raise ValueError(f"img_to_array: a picture must be (H, W) or (H, W, C), got {array.shape}")
    return array.transpose(2, 0, 1) if _channels_first(data_format) else array


def array_to_img(
    x: ArrayLike, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Picture:
    """An array as a picture of bytes.

    Parameters
    ----------
    x : array_like, shape (H, W, C)
    data_format : {"channels_last", "channels_first"}, optional
        Of `x`.
    scale : bool
        Stretch the values to the range from 0 to 255; else they must lie in it.
    dtype : dtype, optional
        What to compute in.

    Returns
    -------
    ndarray of uint8, shape (H, W, C)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.utils import array_to_img
    >>> array_to_img(np.array([[[-1.0], [1.0]]])).ravel()
    array([  0, 255], dtype=uint8)
    """
    array = np.array(x, dtype or floatx())
    if array.ndim != 3:
        raise ValueError(f"array_to_img: x must be (H, W, C), got {array.shape}")
    if _channels_first(data_format):
        array = array.transpose(1, 2, 0)
    if scale and array.size:
        array -= array.min()
        highest = array.max()
        if highest:
            array *= 255 / highest
    picture: Picture = np.clip(array, 0, 255).astype(np.uint8)
    return picture


def save_img(
    path: str | os.PathLike[str],
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
) -> None:
    """Write a picture.

    Parameters
    ----------
    path : str or os.PathLike
    x : array_like, shape (H, W, C)
        Grey, RGB or RGBA.
    data_format, scale :
        As in `array_to_img`.
    file_format : str, optional
        ``"png"``, ``"jpg"``, ...; by the suffix of `path` when not given.

    Raises
    ------
    ValueError
        If the format is unknown or cannot hold the channels.
    """
    from fastrnn.video._opencv import opencv

    cv2 = opencv()
    image = array_to_img(x, data_format, scale)
    channels = image.shape[2]
    if channels in (3, 4):
        order = cv2.COLOR_RGB2BGR if channels == 3 else cv2.COLOR_RGBA2BGRA
        image = cv2.cvtColor(image, order)
    suffix = f".{file_format}" if file_format else Path(path).suffix
    try:
        done, data = cv2.imencode(suffix, image)
    except cv2.error:
        done = False
    if not done:
        raise ValueError(f"save_img: cannot write {channels} channels as {suffix or 'no suffix'!r}")
    with atomic_path(path) as partial:
        partial.write_bytes(data.tobytes())


def _channels_first(data_format: str | None) -> bool:
    if data_format not in (None, "channels_last", "channels_first"):
        raise unknown("data_format", data_format, ("channels_last", "channels_first"))
    return data_format == "channels_first"


def _cut_to_ratio(image: Picture, height: int, width: int) -> Picture:
    """The largest part about the centre whose sides are as `height` to `width`."""
    rows, columns = image.shape[:2]
    high = min(rows, max(columns * height // width, 1))
    wide = min(columns, max(rows * width // height, 1))
    top, left = (rows - high) // 2, (columns - wide) // 2
    return image[top : top + high, left : left + wide]
