"""Layers that make one array of several: sums, products, extremes."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from fastrnn.layers.layer import Array, Layer
from fastrnn.ops._arrays import LARGE, room


class Merge(Layer):
    """Base of layers that combine arrays entry by entry.

    Sizes of 1 stretch to those of the others; where there are fewer axes, more follow the batch
    axis. A step is masked where it is in all inputs.

    A subclass defines `combine` and `gradients`.
    """

    supports_masking = True
    stepwise = True
    # How many inputs there must be at least, and at most.
    least, most = 1, 1 << 30

    def combine(self, inputs: list[Array], training: bool) -> Array:
        """The output; in training, keep in ``saved`` what `gradients` needs."""
        raise TypeError(f"{type(self).__name__} must define combine(inputs, training)")

    def gradients(self, dy: Array, count: int) -> list[Array]:
        """The gradient of each of `count` inputs, stretched as the output is."""
        raise TypeError(f"{type(self).__name__} must define gradients(dy, count)")

    def build(self, input_shape: Any) -> None:
        self.check_shapes(input_shape)
        self.compute_output_shape(input_shape)

    def check_shapes(self, input_shape: Any) -> None:
        """Raise ValueError unless these are the shapes of a list of inputs."""
        listed = bool(input_shape) and isinstance(input_shape[0], (list, tuple))
        if not listed or not self.least <= len(input_shape) <= self.most:
            exactly = self.most == self.least
            wanted = f"{self.least}" if exactly else f"at least {self.least}"
            given = f"{len(input_shape)}" if listed else f"one of shape {input_shape}"
            raise ValueError(f"{self.name}: needs a list of {wanted} inputs, got {given}")

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        axes = max(array.ndim for array in x)
        if any(array.ndim < axes for array in x):
            inputs = [array.reshape(_with_axes(array.shape, axes)) for array in x]
        else:
            inputs = x
        y = self.combine(inputs, training)
        if training:
            self.saved = self.saved, [array.shape for array in x]
        return y

    def backward(self, dy: Any) -> Any:
        self.saved, shapes = self.saved
        if not self.need_dx:
            return None
        parts = self.gradients(dy, len(shapes))
        return [_shrunk(part, shape) for part, shape in zip(parts, shapes, strict=True)]

    def compute_output_shape(self, input_shape: Any) -> Any:
        axes = max(map(len, input_shape))
        shapes = [_with_axes(shape, axes) for shape in input_shape]
        merged: list[int | None] = []
        for sizes in zip(*shapes, strict=True):
            known = {size for size in sizes if size not in (1, None)}
            if len(known) > 1:
                raise ValueError(
                    f"{self.name}: inputs must be of one shape, or sizes 1, got "
                    f"{', '.join(str(tuple(shape)) for shape in input_shape)}"
                )
            merged.append(known.pop() if known else None if None in sizes else 1)
        return tuple(merged)

    def compute_mask(self, x: Any, mask: Any) -> Any:
        if mask is None or any(one is None for one in mask):
            return None
        return reduce(np.logical_or, mask)


class Add(Merge):
    """The sum of the inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Add()([np.ones((1, 2)), np.ones((1, 2))])
    array([[2., 2.]], dtype=float32)
    """

    def combine(self, inputs: list[Array], training: bool) -> Array:
        return _reduced(np.add, inputs)

    def gradients(self, dy: Array, count: int) -> list[Array]:
        return [dy] * count


class Average(Add):
    """The mean of the inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Average()([np.zeros((1, 2)), np.ones((1, 2))])
    array([[0.5, 0.5]], dtype=float32)
    """

    def combine(self, inputs: list[Array], training: bool) -> Array:
        return super().combine(inputs, training) / len(inputs)

    def gradients(self, dy: Array, count: int) -> list[Array]:
        return [dy / count] * count


class Subtract(Merge):
    """The first input less the second.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Subtract()([np.ones((1, 2)), np.ones((1, 2))])
    array([[0., 0.]], dtype=float32)
    """

    least = most = 2

    def combine(self, inputs: list[Array], training: bool) -> Array:
        return _reduced(np.subtract, inputs)

    def gradients(self, dy: Array, count: int) -> list[Array]:
        return [dy, -dy]


class Multiply(Merge):
    """The product of the inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Multiply()([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
    array([[6., 6.]], dtype=float32)
    """

    def combine(self, inputs: list[Array], training: bool) -> Array:
        if training:
            self.saved = inputs
        return _reduced(np.multiply, inputs)

    def gradients(self, dy: Array, count: int) -> list[Array]:
        inputs = self.saved
        return [_reduced(np.multiply, [dy, *inputs[:i], *inputs[i + 1 :]]) for i in range(count)]


class Extreme(Merge):
    """Base of Maximum and Minimum. Of equal entries, the first has the gradient."""

    def extreme(self, one: Array, other: Array) -> Array:
        """The larger, or the smaller, of two."""
        raise TypeError(f"{type(self).__name__} must define extreme(one, other)")

    def combine(self, inputs: list[Array], training: bool) -> Array:
        y = inputs[0]
        later = []
        for other in inputs[1:]:
            so_far, y = y, self.extreme(y, other)
            later.append(y != so_far)  # where the later one prevails
        if training:
            self.saved = later
        return y

    def gradients(self, dy: Array, count: int) -> list[Array]:
        parts = []
        for later in reversed(self.saved):
            parts.append(dy * later)
            dy = dy * ~later
        return [dy, *reversed(parts)]


class Maximum(Extreme):
    """The largest of the inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Maximum()([np.array([[1.0, 4.0]]), np.array([[2.0, 3.0]])])
    array([[2., 4.]], dtype=float32)
    """

    def extreme(self, one: Array, other: Array) -> Array:
        return np.maximum(one, other)


class Minimum(Extreme):
    """The smallest of the inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Minimum()([np.array([[1.0, 4.0]]), np.array([[2.0, 3.0]])])
    array([[1., 3.]], dtype=float32)
    """

    def extreme(self, one: Array, other: Array) -> Array:
        return np.minimum(one, other)


def add(inputs: Any, **kwargs: Any) -> Any:
    """``Add(**kwargs)(inputs)``."""
    return Add(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """``Average(**kwargs)(inputs)``."""
    return Average(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """``Subtract(**kwargs)(inputs)``."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """``Multiply(**kwargs)(inputs)``."""
    return Multiply(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """``Maximum(**kwargs)(inputs)``."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """``Minimum(**kwargs)(inputs)``."""
    return Minimum(**kwargs)(inputs)


def _reduced(combine: np.ufunc, arrays: list[Array]) -> Array:
    """The arrays one after the other combined, stretched as they need be."""
    first, *others = arrays
    out = None
    if others and first.nbytes >= LARGE:
        out = room(np.broadcast_shapes(*(array.shape for array in arrays)), first.dtype)
    for other in others:
        first = combine(first, other, out=out)
    return first


def _with_axes(shape: Any, axes: int) -> tuple[Any, ...]:
    """A shape with axes of size 1 after that of the batch."""
    return (shape[0], *(1,) * (axes - len(shape)), *shape[1:])


def _shrunk(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of an input that was stretched from this shape."""
    if gradient.shape == shape:
        return gradient
    padded = _with_axes(shape, gradient.ndim)
    axes = tuple(axis for axis, size in enumerate(padded) if size != gradient.shape[axis])
    total: Array = gradient.sum(axis=axes, keepdims=True)
    return total.reshape(shape)
