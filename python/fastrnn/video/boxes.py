"""Boxes (x, y, width, height) in pixels: overlap, suppression, cutting out and drawing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.video._opencv import opencv
from fastrnn.video.draw import BLACK, Colour, Picture, put_text, text_size

# (..., 4) x, y of the upper left corner, width, height; x grows to the right, y downwards.
Boxes = npt.NDArray[np.float64]

_FARTHEST = 2**15  # pixels; OpenCV refuses to draw to 2**31

PALETTE: tuple[Colour, ...] = (
    (80, 175, 76),
    (54, 127, 255),
    (230, 159, 0),
    (90, 90, 230),
    (190, 110, 190),
    (200, 200, 40),
)


def box_iou(first: npt.ArrayLike, second: npt.ArrayLike) -> Boxes:
    """Intersection over union of boxes, element by element under NumPy's broadcasting.

    Parameters
    ----------
    first, second : array_like
        (..., 4) x, y, width, height. ``box_iou(a[:, None], b)`` is the table of all pairs.

    Returns
    -------
    ndarray
        (...) float64 in [0, 1]; 0 where a box has no area or is not a number.

    Examples
    --------
    >>> from fastrnn.video import box_iou
    >>> float(box_iou([0, 0, 2, 2], [1, 0, 2, 2]).round(3))
    0.333
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    shared = np.maximum(high - low, 0.0).prod(axis=-1)
    union = a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - shared
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where((shared > 0) & (union > 0), shared / union, 0.0))


def non_max_suppression(boxes: Boxes, scores: npt.ArrayLike, threshold: float = 0.5) -> list[int]:
    """Greedy suppression: of boxes that overlap, the one with the highest score stays.

    Parameters
    ----------
    boxes : ndarray
        (N, 4).
    scores : array_like
        (N,).
    threshold : float
        Overlap (IoU) above which the lower score goes.

    Returns
    -------
    list of int
        Indices that stay, the highest score first.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.video import non_max_suppression
    >>> boxes = np.array([[0, 0, 4, 4], [0, 1, 4, 4], [8, 8, 4, 4]])
    >>> non_max_suppression(boxes, [0.5, 0.9, 0.3])
    [1, 2]
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    kept: list[int] = []
    while len(order):
        best, rest = int(order[0]), order[1:]
        kept.append(best)
        order = rest[box_iou(boxes[best], boxes[rest]) <= threshold]
    return kept


def cut_out(
    frame: Picture, centre: npt.ArrayLike, size: npt.ArrayLike, shape: tuple[int, int]
) -> Picture:
    """Cut a rectangle out of a frame and resize it; outside the frame its edge is repeated.

    Parameters
    ----------
    frame : ndarray
        (H, W) or (H, W, C) uint8.
    centre, size : array_like
        x, y of the middle, and width, height of the rectangle, in pixels of the frame.
    shape : tuple of int
        Height and width of the result.

    Returns
    -------
    ndarray
        (height, width) or (height, width, C) uint8.
    """
    cv2 = opencv()
    (x, y), (wide, high) = np.asarray(centre, float), np.asarray(size, float)
    across, down = wide / shape[1], high / shape[0]
    # The middles of pixels, at half numbers, are what is mapped onto each other.
    warp = np.array(
        [
            [across, 0.0, x - wide / 2 + across / 2 - 0.5],
            [0.0, down, y - high / 2 + down / 2 - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if max(across, down) > 2:  # averages before it drops pixels, in whole steps
        step = int(max(across, down))
        left, top = max(int(x - wide / 2) - step, 0), max(int(y - high / 2) - step, 0)
        part = frame[top : int(y + high / 2) + 2 * step, left : int(x + wide / 2) + 2 * step]
        if min(part.shape[:2]) >= step:
            count = (part.shape[0] // step, part.shape[1] // step)
            part = part[: count[0] * step, : count[1] * step]
            frame = cv2.resize(part, count[::-1], interpolation=cv2.INTER_AREA)
            warp[:, 2] = (warp[:, 2] + 0.5 - (left, top)) / step - 0.5
            warp[:, :2] /= step
    return np.asarray(
        cv2.warpAffine(frame, warp, shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def draw_boxes(
    picture: Picture,
    boxes: Iterable[npt.ArrayLike],
    labels: Iterable[str] = (),
    *,
    colours: Iterable[Colour] = PALETTE,
) -> None:
    """Draw boxes into `picture`, each with its label; boxes that are not numbers are left out.

    Parameters
    ----------
    picture : ndarray
        (H, W, 3) uint8, drawn into.
    boxes : iterable of array_like
        x, y, width, height each.
    labels : iterable of str
        A text for each box; none where it ends early.
    colours : iterable of tuple of int
        Blue, green, red for each box, from the first again where it ends.
    """
    cv2 = opencv()
    shades, texts = list(colours), iter(labels)
    for number, values in enumerate(boxes):
        box, text = np.asarray(values, float), next(texts, "")
        if not np.isfinite(box).all():
            continue
        corners = np.clip([*box[:2], *(box[:2] + box[2:])], -_FARTHEST, _FARTHEST)
        left, top, right, bottom = (int(v) for v in np.round(corners))
        colour = shades[number % len(shades)]
        cv2.rectangle(picture, (left, top), (right, bottom), colour, 2)
        if text:
            wide, high = text_size(text)
            base = top - 4 if top > high + 8 else bottom + high + 4
            sheet = (left - 1, base - high - 3), (left + wide + 3, base + 4)
            cv2.rectangle(picture, *sheet, colour, -1)
            put_text(picture, text, (left + 1, base), BLACK)


def parse_box(text: str) -> Boxes:
    """Read ``x,y,w,h``.

    Raises
    ------
    ValueError
        If it is not four numbers, the last two positive.

    Examples
    --------
    >>> from fastrnn.video import parse_box
    >>> parse_box("10,20,30,40").tolist()
    [10.0, 20.0, 30.0, 40.0]
    """
    try:
        box = np.array([float(part) for part in text.split(",")])
    except ValueError:
        box = np.empty(0)
    return check_box(box, text)


def check_box(box: npt.ArrayLike, shown: Any = None) -> Boxes:
    """Return `box` as an array, if it is four finite numbers with positive sizes.

    Raises
    ------
    ValueError
        If it is not.
    """
    values = np.asarray(box, np.float64)
    if values.shape != (4,) or not np.isfinite(values).all() or (values[2:] <= 0).any():
        shown = values.tolist() if shown is None else shown
        raise ValueError(f"box must be x,y,w,h with w and h positive, got {shown!r}")
    return values
