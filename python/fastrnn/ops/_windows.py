"""Windows on images: how many pixels they reach over, where they fall, and what does not fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from fastrnn.ops._arrays import LARGEST, MOST_ELEMENTS

PerAxis: TypeAlias = "int | Sequence[int]"
Padding: TypeAlias = "str | int | Sequence[int] | Sequence[Sequence[int]]"

AXIS_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over the spatial axes of images, one entry an axis."""

    sizes: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    outputs: tuple[int, ...]

    def numbers(self) -> list[int]:
        """Return the core's list: sizes, outputs, window, strides, dilation, before, by three."""
        # A single output never takes a second step, so that its stride may be anything.
        steps = tuple(
            1 if out == 1 else s for out, s in zip(self.outputs, self.strides, strict=True)
        )
        rows = (
            (self.sizes, 1),
            (self.outputs, 1),
            (self.window, 1),
            (steps, 1),
            (self.dilation, 1),
            (self.before, 0),
        )
        missing = 3 - len(self.sizes)
        return [n for values, fill in rows for n in (*(fill,) * missing, *values)]


def per_axis(op: str, name: str, value: object, rank: int, least: int = 1) -> tuple[int, ...]:
    """Return one integer for each axis; the same one where only one is given."""
    values: Sequence[Any] = (value,) * rank
    if isinstance(value, (tuple, list, np.ndarray)):
        values = list(value)
    if len(values) != rank or not all(map(_is_integer, values)) or min(values, default=0) < least:
        raise ValueError(
            f"{op}: {name} must be an integer from {least} or {rank} of them, got {value!r}"
        )
    if max(values) > LARGEST:
        raise ValueError(f"{op}: {name} must be at most {LARGEST}, got {value!r}")
    return tuple(int(v) for v in values)


def as_key(op: str, name: str, value: Any, rank: int) -> Any:
    """Return sizes in plain types, for a memory that can't tell (2.0, 2) from (2, 2)."""
    if type(value) is int or (type(value) is tuple and {*map(type, value)} == {int}):
        return value
    return per_axis(op, name, value, rank)


def padding_pairs(
    op: str,
    padding: object,
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> list[tuple[int, int]]:
    """Return the pixels that padding adds before and after each axis."""
    rank = len(sizes)
    spans = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    if isinstance(padding, str):
        name = padding.lower()
        if name == "valid":
            return [(0, 0)] * rank
        if name == "same":
            return [_same(n, span, s) for n, span, s in zip(sizes, spans, strides, strict=True)]
        if name == "causal" and rank == 1:
            return [(spans[0] - 1, 0)]
        known = '"valid", "same"' + (', "causal"' if rank == 1 else "")
        raise ValueError(
            f"{op}: padding must be {known}, a number of pixels, one an axis, or a "
            f"(before, after) pair an axis, got {padding!r}"
        )
    return explicit_pairs(op, padding, rank)


def explicit_pairs(op: str, padding: object, rank: int) -> list[tuple[int, int]]:
    """Return the pairs that one number, a number an axis or a pair an axis stands for."""
    entries = list(padding) if isinstance(padding, (tuple, list, np.ndarray)) else [padding] * rank
    pairs = [tuple(e) if isinstance(e, (tuple, list, np.ndarray)) else (e, e) for e in entries]
    fits = len(pairs) == rank and all(
        len(p) == 2 and all(_is_integer(n) and 0 <= n <= LARGEST for n in p) for p in pairs
    )
    if not fits:
        raise ValueError(
            f"{op}: padding must be a number of pixels from 0, {rank} of them, or {rank} "
            f"(before, after) pairs, got {padding!r}"
        )
    return [(int(before), int(after)) for before, after in pairs]


def windows(
    op: str,
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: object,
    channels: int,
) -> Windows:
    """Place windows on images of these sizes, or say why they do not fit."""
    pairs = padding_pairs(op, padding, sizes, window, strides, dilation)
    outputs = []
    for i, (n, k, s, d, pair) in enumerate(
        zip(sizes, window, strides, dilation, pairs, strict=True)
    ):
        span = (k - 1) * d + 1
        padded = n + sum(pair)
        if span > padded:
            axis = AXIS_NAMES[len(sizes)][i]
            reach = f"{k}" if d == 1 else f"{k} with dilation {d} reaches over {span} pixels and"
            extra = f" with its padding {pair}" if sum(pair) else ""
            raise ValueError(
                f"{op}: a window of {reach} does not fit into {axis} {n}{extra}; make the "
                'window smaller, the input larger, or use padding="same"'
            )
        outputs.append((padded - span) // s + 1)
    check_extent(op, [n + sum(pair) for n, pair in zip(sizes, pairs, strict=True)], channels)
    before = tuple(pair[0] for pair in pairs)
    return Windows(
        tuple(sizes), tuple(window), tuple(strides), tuple(dilation), before, tuple(outputs)
    )


def check_extent(op: str, sizes: Sequence[int], channels: int) -> None:
    """Refuse padded images that the core can't count: rows in 31 bits, elements in 44."""
    rows = math.prod(sizes[:-1]) * 128  # as many small images are copied together
    if max(sizes) > LARGEST or rows > LARGEST or math.prod(sizes) * channels > MOST_ELEMENTS:
        raise ValueError(f"{op}: padding makes images of {tuple(sizes)} pixels, too many")


def _same(size: int, span: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
