"""Layers that put arrays together along an axis, or multiply them along one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from fastrnn.config import epsilon
from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.merging import Merge


class Concatenate(Merge):
    """The inputs one behind the other.

    Parameters
    ----------
    axis : int
        Not that of the batch.
    name, dtype, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Concatenate()([np.ones((2, 5, 3)), np.ones((2, 5, 4))]).shape
    (2, 5, 7)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or axis == 0:
            raise ValueError(f"{self.name}: axis must be an integer, not the batch's, got {axis!r}")
        self.axis = int(axis)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.stepwise = self.axis % len(input_shape[0]) > 1

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        if training:
            ends = [0]
            for array in x:
                ends.append(ends[-1] + array.shape[self.axis])
            self.saved = ends
        return np.concatenate(x, axis=self.axis)

    def backward(self, dy: Any) -> Any:
        if not self.need_dx:
            return None
        before = (slice(None),) * (self.axis % dy.ndim)
        return [
            np.ascontiguousarray(dy[(*before, slice(start, end))])
            for start, end in pairwise(self.saved)
        ]

    def compute_output_shape(self, input_shape: Any) -> Any:
        axes = len(input_shape[0])
        given = ", ".join(str(tuple(shape)) for shape in input_shape)
        if any(len(shape) != axes for shape in input_shape) or not -axes < self.axis < axes:
            raise ValueError(
                f"{self.name}: inputs must have as many axes, and axis {self.axis}, got {given}"
            )
        axis = self.axis % axes
        merged: list[int | None] = []
        for number, sizes in enumerate(zip(*input_shape, strict=True)):
            known = {size for size in sizes if size is not None}
            if number == axis:
                merged.append(None if None in sizes else sum(sizes))
            elif len(known) > 1:
                raise ValueError(
                    f"{self.name}: inputs must be of one shape but for axis {axis}, got {given}"
                )
            else:
                merged.append(known.pop() if known else None)
        return tuple(merged)

    def compute_mask(self, x: Any, mask: Any) -> Any:
        given = [] if mask is None else [one for one in mask if one is not None]
        if not given:
            return None
        parts = []
        for array, one in zip(x, mask, strict=True):
            valid = (
                np.True_
                if one is None
                else one.reshape(*one.shape, *(1,) * (array.ndim - one.ndim))
            )
            parts.append(np.broadcast_to(valid, array.shape))
        whole = np.concatenate(parts, axis=self.axis)
        return whole.any(axis=tuple(range(given[0].ndim, whole.ndim)))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


class Dot(Merge):
    """Sums of products of two inputs along an axis of each.

    Parameters
    ----------
    axes : int or pair of int
        One for both inputs, or one for each; not that of the batch.
    normalize : bool
        Scale the inputs to length 1 along the axes first: the result is the cosine.
    name, dtype, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Dot(axes=(2, 1))([np.ones((2, 5, 3)), np.ones((2, 3, 4))]).shape
    (2, 5, 4)
    """

    least = most = 2
    stepwise = False

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = [axes, axes] if isinstance(axes, (int, np.integer)) else axes
        fits = isinstance(pair, (list, tuple)) and len(pair) == 2
        if not fits or not all(isinstance(axis, (int, np.integer)) and axis for axis in pair):
            raise ValueError(
                f"{self.name}: axes must be an integer or two, not the batch's, got {axes!r}"
            )
        self.axes = axes
        self.normalize = bool(normalize)
        self._pair = [int(axis) for axis in pair]

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        sizes = []
        for shape, axis in zip(input_shape, self._pair, strict=True):
            if not -len(shape) < axis < len(shape):
                raise ValueError(f"{self.name}: has no axis {axis} in an input of shape {shape}")
            sizes.append(shape[axis])
        if sizes[0] != sizes[1] and None not in sizes:
            raise ValueError(
                f"{self.name}: inputs must be of one size along axes {tuple(self._pair)}, got "
                f"{', '.join(str(tuple(shape)) for shape in input_shape)}"
            )

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        rows = [self._rows(array, axis) for array, axis in zip(x, self._pair, strict=True)]
        norms: list[Any] = [None, None]
        if self.normalize:
            norms = [_inverse_norm(array) for array in rows]
            rows = [array * norm for array, norm in zip(rows, norms, strict=True)]
        y = rows[0] @ rows[1].swapaxes(1, 2)
        if training:
            self.saved = rows, norms, [array.shape for array in x]
        shape = self.compute_output_shape([array.shape for array in x])
        return y.reshape(shape)

    def _rows(self, x: Array, axis: int) -> Array:
        """An input as (N, everything else, the axis)."""
        moved = np.moveaxis(x, axis, -1)
        return np.ascontiguousarray(moved).reshape(len(x), -1, x.shape[axis])

    def backward(self, dy: Any) -> Any:
        rows, norms, shapes = self.saved
        if not self.need_dx:
            return None
        one, other = rows
        dy = dy.reshape(len(one), one.shape[1], other.shape[1])
        pair = [dy @ other, dy.swapaxes(1, 2) @ one]
        result = []
        for dx, unit, norm, shape, axis in zip(pair, rows, norms, shapes, self._pair, strict=True):
            if norm is not None:  # where it was limited the length is no part of the result
                along = (dx * unit).sum(axis=-1, keepdims=True) * (norm < 1 / epsilon())
                dx = (dx - unit * along) * norm
            sizes = [size for number, size in enumerate(shape) if number != axis % len(shape)]
            moved = np.moveaxis(dx.reshape(*sizes, shape[axis]), -1, axis)
            result.append(np.ascontiguousarray(moved))
        return result

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes = []
        for shape, axis in zip(input_shape, self._pair, strict=True):
            left = list(shape[1:])
            del left[axis % len(shape) - 1]
            sizes += left
        return (input_shape[0][0], *(sizes or [1]))

    def compute_mask(self, x: Any, mask: Any) -> Any:
        return None

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axes": self.axes, "normalize": self.normalize}


class Identity(Layer):
    """The input itself.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Identity()(np.ones((1, 2)))
    array([[1., 1.]], dtype=float32)
    """

    supports_masking = True
    stepwise = True

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        return x

    def backward(self, dy: Any) -> Any:
        return dy if self.need_dx else None


class Lambda(Layer):
    """Refused: a function of arrays has no gradient here. Subclass `Layer` in its place."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            "Lambda: a function has no gradient without automatic differentiation; write a "
            "subclass of Layer with forward and backward, or use a layer that there is"
        )


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """``Concatenate(axis, **kwargs)(inputs)``."""
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """``Dot(axes, **kwargs)(inputs)``."""
    return Dot(axes, **kwargs)(inputs)


def _inverse_norm(rows: Array) -> Array:
    norm = np.sqrt(np.square(rows).sum(axis=-1, keepdims=True))
    inverse: Array = 1 / np.maximum(norm, epsilon())
    return inverse
