"""Lines, text and PNG files, over OpenCV."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from fastrnn._files import atomic_path
from fastrnn.video._opencv import opencv
from fastrnn.video.reader import VideoError

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

BLACK: Colour = (32, 32, 32)
GREY: Colour = (110, 110, 110)
LIGHT: Colour = (225, 225, 225)
WHITE: Colour = (255, 255, 255)

TEXT_SCALE = 0.42


def text_size(text: str, *, scale: float = TEXT_SCALE) -> tuple[int, int]:
    """Width and height of a line of text, in pixels."""
    cv2 = opencv()
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    return int(width), int(height)


def put_text(
    picture: Picture,
    text: str,
    place: tuple[int, int],
    colour: Colour,
    *,
    scale: float = TEXT_SCALE,
) -> None:
    """Write a line of text into `picture`, its lower left corner at `place` (x, y)."""
    cv2 = opencv()
    cv2.putText(
        picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, lineType=cv2.LINE_AA
    )


def draw_line(
    picture: Picture,
    start: tuple[int, int],
    end: tuple[int, int],
    colour: Colour,
    *,
    thickness: int = 1,
) -> None:
    """Draw a line into `picture` from `start` to `end`, both (x, y)."""
    cv2 = opencv()
    cv2.line(picture, start, end, colour, thickness, lineType=cv2.LINE_AA)


def as_gray(picture: Picture) -> Picture:
    """(H, W) of (H, W, 3) blue, green, red; a picture that is grey already stays as it is."""
    if picture.ndim == 2:
        return picture
    cv2 = opencv()
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def write_png(path: str | os.PathLike[str], picture: Picture) -> None:
    """Write `picture`, (H, W) grey or (H, W, 3) blue, green, red, to a PNG file.

    Raises
    ------
    VideoError
        If it cannot be encoded.
    """
    cv2 = opencv()
    encoded, data = cv2.imencode(".png", picture)
    if not encoded:
        raise VideoError(f"{path}: OpenCV cannot encode a PNG of shape {picture.shape}")
    with atomic_path(path) as partial:
        partial.write_bytes(data.tobytes())
