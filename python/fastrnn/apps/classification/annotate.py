"""A copy of a clip with the classifier's opinion drawn into each frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fastrnn.apps.classification.prediction import FloatArray
from fastrnn.video._opencv import opencv
from fastrnn.video.draw import WHITE, Picture, put_text, text_size

SHOWN_CLASSES = 3
BAR_COLOUR = (80, 175, 76)
# Small clips are enlarged to at least this width, so that the text can be read.
MIN_WIDTH = 360
LINE_HEIGHT = 20


def annotate_frame(
    frame: Picture, classes: tuple[str, ...], probabilities: FloatArray | None
) -> Picture:
    """Draw the most probable classes into a copy of one frame.

    Parameters
    ----------
    frame : ndarray
        (H, W, 3) uint8.
    classes : tuple of str
        Their names.
    probabilities : ndarray or None
        (classes,) float32; with None nothing is drawn.

    Returns
    -------
    ndarray
        (H', W', 3) uint8, both sizes even; enlarged where `frame` is small.
    """
    if probabilities is None:
        return write_lines(frame, [], [])
    ranking = probabilities.argsort()[::-1][:SHOWN_CLASSES]
    texts = [f"{classes[index]} {probabilities[index]:.0%}" for index in ranking]
    return write_lines(frame, texts, probabilities[ranking])


def write_lines(frame: Picture, texts: Sequence[str], shares: npt.ArrayLike) -> Picture:
    """Write lines of text into the upper left corner of a copy of one frame.

    Parameters
    ----------
    frame : ndarray
        (H, W, 3) uint8.
    texts : sequence of str
        A line each.
    shares : array_like
        (lines,) from 0 to 1: how long the bar behind each line is.

    Returns
    -------
    ndarray
        (H', W', 3) uint8, both sizes even; enlarged where `frame` is small.
    """
    cv2 = opencv()
    height, width = frame.shape[:2]
    factor = max(1, -(-MIN_WIDTH // width))
    # Even sizes, which the encoders' subsampled colour needs.
    size = (max(width * factor // 2 * 2, 2), max(height * factor // 2 * 2, 2))
    picture = np.array(cv2.resize(frame, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    if not texts:
        return picture
    wide = min(max(max(text_size(text)[0] for text in texts) + 16, 150), size[0])
    high = min(LINE_HEIGHT * len(texts) + 6, size[1])
    picture[:high, :wide] = picture[:high, :wide] // 3
    for line, (text, share) in enumerate(zip(texts, np.asarray(shares), strict=True)):
        y = 4 + line * LINE_HEIGHT
        picture[y : y + LINE_HEIGHT - 3, 4 : 4 + round((wide - 8) * float(share))] = BAR_COLOUR
        put_text(picture, text, (8, y + 13), WHITE)
    return picture
