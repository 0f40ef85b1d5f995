"""Plots of a run, drawn with OpenCV: training curves and the confusion matrix."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.video.draw import (
    BLACK,
    GREY,
    LIGHT,
    WHITE,
    Picture,
    draw_line,
    put_text,
    text_size,
    write_png,
)

BLUE = (180, 119, 31)  # blue, green, red, as OpenCV orders them
ORANGE = (14, 127, 255)

PANEL = (460, 320)  # width and height of one panel, in pixels
MARGIN = (58, 40, 18, 44)  # left, top, right, bottom
_PANELS_IN_A_ROW = 3
_NO_CURVE = ("epoch", "seconds", "busy")
_SHARES = ("accuracy", "iou")  # drawn from 0 to 1


def draw_curves(path: str | os.PathLike[str], history: Sequence[Mapping[str, Any]]) -> Picture:
    """Draw the loss and each metric over the epochs.

    Parameters
    ----------
    path : str or os.PathLike
        PNG file to write.
    history : sequence of mapping
        One row per epoch: its number ``epoch``, loss and metrics by name, those on the
        validation part with ``val_`` before it. Values that are None are left out.

    Returns
    -------
    ndarray
        (H, W, 3) uint8, what was written.

    Raises
    ------
    ValueError
        If there is no epoch.
    """
    if not history:
        raise ValueError("draw_curves: history must hold at least one epoch")
    epochs = [float(row["epoch"]) for row in history]
    names = [name for name in history[0] if name not in _NO_CURVE and name[:4] != "val_"]
    panels = [
        _panel(name, epochs, _series(history, name), top=1.0 if name in _SHARES else None)
        for name in names
    ]
    if len(panels) > _PANELS_IN_A_ROW:
        panels += [np.full_like(panels[0], 255)] * (-len(panels) % _PANELS_IN_A_ROW)
    rows = range(0, len(panels), _PANELS_IN_A_ROW)
    picture = np.vstack([np.hstack(panels[row : row + _PANELS_IN_A_ROW]) for row in rows])
    write_png(path, picture)
    return picture


def _series(history: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[float]]:
    def values(name: str) -> list[float]:
        column = [row.get(name) for row in history]
        return [math.nan if value is None else float(value) for value in column]

    series = {"training": values(key)}
    if any(row.get(f"val_{key}") is not None for row in history):
        series["validation"] = values(f"val_{key}")
    return series


def _panel(
    title: str, xs: Sequence[float], series: Mapping[str, Sequence[float]], top: float | None
) -> Picture:
    width, height = PANEL
    left, upper, right, lower = MARGIN
    picture = np.full((height, width, 3), 255, np.uint8)
    finite = [value for values in series.values() for value in values if math.isfinite(value)]
    high = top if top is not None else _nice_ceiling(max(finite, default=1.0))
    x_low, x_high = (min(xs), max(xs)) if len(xs) > 1 else (xs[0] - 1, xs[0] + 1)

    def place(x: float, y: float) -> tuple[int, int]:
        across = left + (width - left - right) * (x - x_low) / (x_high - x_low)
        share = min(max(y / high, 0.0), 1.0) if math.isfinite(y) else 1.0
        return round(across), round(height - lower - (height - lower - upper) * share)

    for step in range(6):
        value = high * step / 5
        start, end = place(x_low, value), place(x_high, value)
        draw_line(picture, start, end, LIGHT)
        label = f"{value:.3g}"
        put_text(picture, label, (left - 8 - text_size(label)[0], start[1] + 5), GREY)
    for tick in _ticks(min(xs), max(xs)):
        x, y = place(tick, 0.0)
        draw_line(picture, (x, y), (x, y + 4), GREY)
        label = f"{tick:g}"
        put_text(picture, label, (x - text_size(label)[0] // 2, y + 18), GREY)
    draw_line(picture, place(x_low, 0.0), place(x_high, 0.0), GREY)
    put_text(picture, title, (left, 24), BLACK, scale=0.55)
    put_text(picture, "epoch", (width - right - text_size("epoch")[0], height - 8), GREY)

    legend = left + text_size(title, scale=0.55)[0] + 30
    for (name, values), colour in zip(series.items(), (BLUE, ORANGE), strict=False):
        points = [place(x, y) for x, y in zip(xs, values, strict=True)]
        for start, end in zip(points, points[1:] or points, strict=False):
            draw_line(picture, start, end, colour, thickness=2)
        draw_line(picture, (legend, 20), (legend + 18, 20), colour, thickness=2)
        put_text(picture, name, (legend + 24, 24), BLACK)
        legend += 44 + text_size(name)[0]
    return picture


def _nice_ceiling(value: float) -> float:
    """Return the smallest of 1, 1.5, 2, 3, 5, 7.5 times a power of ten that is not below."""
    if value <= 0.0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    return next(step * scale for step in (1, 1.5, 2, 3, 5, 7.5, 10) if step * scale >= value)


def _ticks(low: float, high: float) -> list[float]:
    """The first epoch, and round numbers up to the last."""
    step = max(round(_nice_ceiling((high - low) / 6)), 1)
    round_ones = np.arange(step * math.floor(low / step + 1), high + 1e-9, step)
    return [low, *(float(tick) for tick in round_ones)]


def draw_confusion(
    path: str | os.PathLike[str], confusion: npt.NDArray[np.int64], classes: Sequence[str]
) -> Picture:
    """Draw a confusion matrix: rows are true classes, columns predicted ones.

    Parameters
    ----------
    path : str or os.PathLike
        PNG file to write.
    confusion : ndarray
        (classes, classes) of counts.
    classes : sequence of str
        Their names.

    Returns
    -------
    ndarray
        (H, W, 3) uint8, what was written.
    """
    count = len(classes)
    cell = 46 if count <= 16 else max(16, 736 // count)
    names = [name if len(name) <= 18 else name[:17] + "~" for name in classes]
    left = 40 + max(text_size(name)[0] for name in names)
    upper = 40 + max(text_size(name)[0] for name in names)
    size = count * cell
    picture = np.full((upper + size + 20, left + size + 20, 3), 255, np.uint8)
    put_text(picture, "true", (8, upper - 10), GREY)
    put_text(picture, "predicted", (left, 18), GREY)
    totals = np.maximum(confusion.sum(axis=1), 1)
    for row in range(count):
        y = upper + row * cell
        label_width = text_size(names[row])[0]
        put_text(picture, names[row], (left - 8 - label_width, y + cell // 2 + 5), BLACK)
        _put_upright(picture, names[row], left + row * cell + cell // 2, upper - 8)
        for column in range(count):
            x = left + column * cell
            share = float(confusion[row, column] / totals[row])
            picture[y : y + cell, x : x + cell] = _shade(share)
            number = str(int(confusion[row, column]))
            if number != "0" and cell >= 24:
                wide, high = text_size(number)
                place = (x + (cell - wide) // 2, y + (cell + high) // 2)
                put_text(picture, number, place, WHITE if share > 0.5 else BLACK)
    for edge in range(count + 1):
        x, y = left + edge * cell, upper + edge * cell
        draw_line(picture, (left, y), (left + size, y), LIGHT)
        draw_line(picture, (x, upper), (x, upper + size), LIGHT)
    write_png(path, picture)
    return picture


def _shade(share: float) -> tuple[int, int, int]:
    """Colour from white to blue."""
    blue, green, red = (round(255 + (end - 255) * share) for end in (140, 81, 8))
    return blue, green, red


def _put_upright(picture: Picture, text: str, x: int, bottom: int) -> None:
    wide, high = text_size(text)
    label = np.full((high + 8, wide + 4, 3), 255, np.uint8)
    put_text(label, text, (2, high + 2), BLACK)
    turned = np.rot90(label)
    rows, columns = turned.shape[:2]
    x -= columns // 2
    picture[bottom - rows : bottom, x : x + columns] = turned
