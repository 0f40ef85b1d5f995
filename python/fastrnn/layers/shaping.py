"""Layers that change the shape alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastrnn.layers.layer import Array, Layer


class Flatten(Layer):
    """All axes but the batch's in one.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last"):
            raise ValueError(
                f"{self.name}: data_format must be 'channels_last', got {data_format!r}"
            )

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if training:
            self.saved = x.shape
        return x.reshape(len(x), -1) if x.size else x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dy: Any) -> Any:
        return dy.reshape(self.saved)

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))


class Reshape(Layer):
    """Another shape of each sample.

    Parameters
    ----------
    target_shape : sequence of int
        Without the batch axis; one size may be -1 and follows from the others.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Reshape((-1, 2))(np.ones((5, 6))).shape
    (5, 3, 2)
    """

    def __init__(self, target_shape: Sequence[int] | int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(target_shape, int):
            target_shape = (target_shape,)
        self.target_shape = tuple(int(size) for size in target_shape)
        if self.target_shape.count(-1) > 1 or any(size < -1 for size in self.target_shape):
            raise ValueError(
                f"{self.name}: target_shape may hold one -1 and no other negative size, "
                f"got {self.target_shape}"
            )

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if training:
            self.saved = x.shape
        return x.reshape(len(x), *self._sizes(x.shape[1:]))

    def backward(self, dy: Any) -> Any:
        return dy.reshape(self.saved)

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes = input_shape[1:]
        if None in sizes:
            return (
                input_shape[0],
                *(None if size == -1 else size for size in self.target_shape),
            )
        return (input_shape[0], *self._sizes(sizes))

    def _sizes(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The target shape with its -1 worked out."""
        total = math.prod(sizes)
        known = math.prod(size for size in self.target_shape if size != -1)
        missing = total // known if known else 0
        target = tuple(missing if size == -1 else size for size in self.target_shape)
        if math.prod(target) != total:
            raise ValueError(
                f"{self.name}: samples of shape {sizes} hold {total} values, "
                f"which do not fill {self.target_shape}"
            )
        return target

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"target_shape": list(self.target_shape)}
