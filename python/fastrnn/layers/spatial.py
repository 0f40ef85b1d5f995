"""Layers that run over the axes between the batch's and the channels'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from fastrnn.layers.layer import Array, Layer

Sizes: TypeAlias = "tuple[int | None, ...]"

AXES = {1: ("steps",), 2: ("height", "width"), 3: ("depth", "height", "width")}
_KINDS = {1: "sequences", 2: "images", 3: "volumes"}


class Spatial(Layer):
    """Base of the layers for sequences (rank 1), images (rank 2) and volumes (rank 3).

    Layers for images take frames (N, T, H, W, C), too: each frame is an image of its own, so the
    time axis goes into the batch, without a copy, and a mask of the steps goes on.

    A subclass says in `output_sizes` and `output_channels` how shapes change.
    """

    rank: ClassVar[int]

    def __init__(self, *, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_data_format(self.name, data_format, self.rank)

    def build(self, input_shape: Any) -> None:
        self.split_shape(input_shape)
        self.compute_output_shape(input_shape)

    # Shapes ----------------------------------------------------------------------------

    def output_sizes(self, sizes: Sizes) -> Sizes:
        """Sizes of the output's spatial axes; None where unknown."""
        return sizes

    def output_channels(self, channels: int) -> int:
        """Size of the output's last axis."""
        return channels

    def split_shape(self, shape: Any) -> tuple[tuple[Any, ...], Sizes, int]:
        """The axes in front, the spatial axes and the channels of an input's shape."""
        if len(shape) != self.rank + 2 and not self._has_time(shape):
            raise ValueError(f"{self.name}: {self._wanted()}, got {tuple(shape)}")
        if shape[-1] is None:
            raise ValueError(f"{self.name}: needs a known number of channels, got {tuple(shape)}")
        return tuple(shape[: -self.rank - 1]), tuple(shape[-self.rank - 1 : -1]), shape[-1]

    def compute_output_shape(self, input_shape: Any) -> Any:
        leading, sizes, channels = self.split_shape(input_shape)
        return (*leading, *self.output_sizes(sizes), self.output_channels(channels))

    def _has_time(self, shape: Any) -> bool:
        return self.rank == 2 and len(shape) == 5

    @property
    def over_frames(self) -> bool:  # type: ignore[override]
        """Whether the layer was built for frames."""
        return self.input_shape is not None and self._has_time(self.input_shape)

    def _wanted(self) -> str:
        axes = ", ".join((*AXES[self.rank], "channels"))
        wanted = f"needs {_KINDS[self.rank]} (N, {axes})"
        return wanted + (f" or frames (N, T, {axes})" if self.rank == 2 else "")

    # Frames ----------------------------------------------------------------------------

    def fold(self, array: Array, shape: Any) -> Array:
        """An array that belongs to inputs of a shape, without the time axis of frames."""
        if not self._has_time(shape):
            return array
        return array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])

    def unfold(self, array: Array, shape: Any) -> Array:
        """Undo `fold`."""
        return array.reshape(*shape[:2], *array.shape[1:]) if self._has_time(shape) else array

    def compute_mask(self, x: Any, mask: Array | None) -> Array | None:
        return mask if self._has_time(x.shape) else super().compute_mask(x, mask)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": "channels_last"}


def check_data_format(owner: str, data_format: Any, rank: int) -> None:
    """Raise ValueError for all but channels_last."""
    if data_format in (None, "channels_last"):
        return
    axes = ", ".join((*AXES[rank], "channels"))
    order = ", ".join(map(str, (0, *range(2, rank + 2), 1)))
    hint = f"; x.transpose({order}) puts the channels there" if data_format else ""
    raise ValueError(
        f"{owner}: data_format must be 'channels_last', (N, {axes}), got {data_format!r}{hint}"
    )


def check_padding(owner: str, padding: Any, names: Sequence[str] = ("valid", "same")) -> str:
    """A padding's name in lower case."""
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in names:
        known = " or ".join(map(repr, names))
        raise ValueError(
            f"{owner}: padding must be {known}, got {padding!r}; a ZeroPadding layer in front "
            "adds any number of pixels"
        )
    return str(name)


def per_axis(owner: str, rank: int, least: int = 1, **arguments: Any) -> tuple[int, ...]:
    """One integer for each axis of an argument, the same one where only one is given."""
    ((argument, value),) = arguments.items()
    values = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else (value,) * rank
    if len(values) != rank or not all(_is_integer(entry) and entry >= least for entry in values):
        several = f" or {rank} of them" if rank > 1 else ""
        raise ValueError(
            f"{owner}: {argument} must be an integer from {least}{several}, got {value!r}"
        )
    return tuple(int(entry) for entry in values)


def pairs_per_axis(owner: str, rank: int, **arguments: Any) -> tuple[tuple[int, int], ...]:
    """A (before, after) pair for each axis: from pairs, from an integer each, or from one."""
    ((argument, value),) = arguments.items()
    entries = value if isinstance(value, (tuple, list)) else (value,) * rank
    pairs = tuple(
        tuple(entry) if isinstance(entry, (tuple, list)) else (entry, entry) for entry in entries
    )
    fits = len(pairs) == rank and all(
        len(pair) == 2 and all(_is_integer(n) and n >= 0 for n in pair) for pair in pairs
    )
    if not fits:
        raise ValueError(
            f"{owner}: {argument} must be an integer from 0, one for each of {rank} axes, or a "
            f"(before, after) pair for each, got {value!r}"
        )
    return tuple((int(before), int(after)) for before, after in pairs)


def window_sizes(
    owner: str,
    sizes: Sizes,
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: str,
) -> Sizes:
    """How often windows fit on each axis; None where the axis' size is unknown.

    Raises
    ------
    ValueError
        If a window is larger than what it is to run over.
    """
    outputs: list[int | None] = []
    axes = zip(AXES[len(sizes)], sizes, window, strides, dilation, strict=True)
    for axis, n, k, s, d in axes:
        span = (k - 1) * d + 1
        if n is None:
            outputs.append(None)
        elif padding in ("same", "causal"):
            outputs.append(-(-n // s))
        elif n < span:
            reach = f"of {k}" if d == 1 else f"of {k}, which with dilation {d} reaches over {span},"
            raise ValueError(
                f"{owner}: a window {reach} does not fit into inputs of {axis} {n}; "
                "make it smaller, the inputs larger, or use padding='same'"
            )
        else:
            outputs.append((n - span) // s + 1)
    return tuple(outputs)


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
