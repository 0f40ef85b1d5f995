"""Values brought into another range."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn.layers.layer import Array, Layer


class Rescaling(Layer):
    """Outputs ``x * scale + offset`` as floats, in training and in inference.

    Parameters
    ----------
    scale : float or array_like
        ``1 / 255`` brings pixels into [0, 1]; an array has the sizes of the last axes, or 1.
    offset : float or array_like
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Rescaling(1 / 127.5, offset=-1)(np.array([[0, 255]], np.uint8))
    array([[-1.,  1.]], dtype=float32)
    """

    supports_masking = True
    stepwise = True

    def __init__(self, scale: ArrayLike, offset: ArrayLike = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._scale = self._numbers("scale", scale)
        self._offset = self._numbers("offset", offset)
        self.scale = np.asarray(scale).tolist()
        self.offset = np.asarray(offset).tolist()

    def _numbers(self, argument: str, value: ArrayLike) -> Array:
        if np.asarray(value).dtype.kind not in "iuf":
            raise TypeError(f"{self.name}: {argument} must be a number or numbers, got {value!r}")
        return np.asarray(value, self.dtype)

    def build(self, input_shape: Any) -> None:
        for argument, numbers in (("scale", self._scale), ("offset", self._offset)):
            axes = input_shape[1:][::-1][: numbers.ndim]
            sizes = zip(numbers.shape[::-1], axes, strict=False)
            if numbers.ndim > len(axes) or any(size not in (1, axis) for size, axis in sizes):
                raise ValueError(
                    f"{self.name}: {argument} has shape {numbers.shape}, which must be 1 or the "
                    f"sizes of the last axes of the input, {input_shape}"
                )
            # Numbers for each step are of no use to a single one.
            self.stepwise = self.stepwise and numbers.ndim < len(input_shape) - 1

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        y = x * self._scale
        y += self._offset
        return y

    def backward(self, dy: Any) -> Any:
        return dy * self._scale if self.need_dx else None

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"scale": self.scale, "offset": self.offset}
