"""Where a window's positions fall on an image: the geometry of convolution and pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, TypeAlias

PerAxis: TypeAlias = "int | Sequence[int]"
Padding: TypeAlias = "str | int | Sequence[Any]"
Pairs: TypeAlias = "list[tuple[int, int]]"
Slices: TypeAlias = "tuple[slice, ...]"


def per_axis(value: PerAxis, rank: int) -> tuple[int, ...]:
    """Return one number for each axis, the same one where only one is given."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def span(size: int, dilation: int) -> int:
    """Return how many pixels a window reaches over."""
    return (size - 1) * dilation + 1


def padding_pairs(
    padding: Padding,
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Pairs:
    """Return how many zeros each axis gets before and after.

    "same" gives ceil(n / s) outputs, the odd zero coming after; "causal" looks back only.
    """
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "causal":
        return [(span(k, d) - 1, 0) for k, d in zip(window, dilation, strict=True)]
    if padding == "same":
        pairs = []
        for n, k, s, d in zip(sizes, window, strides, dilation, strict=True):
            outputs = -(-n // s)
            total = max((outputs - 1) * s + span(k, d) - n, 0)
            pairs.append((total // 2, total - total // 2))
        return pairs
    return explicit_pairs(padding, len(sizes))


def explicit_pairs(padding: Padding, rank: int) -> Pairs:
    """Return the pairs that one number, a number an axis or a pair an axis stands for."""
    entries: Sequence[Any] = (padding,) * rank if isinstance(padding, int) else tuple(padding)
    return [(p, p) if isinstance(p, int) else (int(p[0]), int(p[1])) for p in entries]


def output_sizes(
    sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> tuple[int, ...]:
    """Return how often a window fits on padded axes."""
    axes = zip(sizes, window, strides, dilation, strict=True)
    return tuple((n - span(k, d)) // s + 1 for n, k, s, d in axes)


def positions(
    window: Sequence[int], outputs: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], Slices]]:
    """Yield each position in a window, and the pixels (N, ..., C) that all windows have there."""
    for at in product(*map(range, window)):
        pixels = tuple(
            slice(i * d, i * d + (count - 1) * s + 1 if count else i * d, s)
            for i, count, s, d in zip(at, outputs, strides, dilation, strict=True)
        )
        yield at, (slice(None), *pixels)


def interior(pairs: Pairs, sizes: Sequence[int]) -> Slices:
    """Return where, in a padded (N, ..., C) array, the unpadded one lies."""
    inner = (slice(before, before + n) for (before, _), n in zip(pairs, sizes, strict=True))
    return (slice(None), *inner)
