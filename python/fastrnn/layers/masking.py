"""A mask from a value that stands for a missing step."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn.layers.layer import Array, Layer


class Masking(Layer):
    """Steps all of whose features equal a value are masked: later layers skip them.

    Of frames (N, T, H, W, C), a step is masked where all pixels equal the value.

    Parameters
    ----------
    mask_value : float
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> masking = layers.Masking()
    >>> masking.compute_mask(np.array([[[1.0, 0.0], [0.0, 0.0]]]), None)
    array([[ True, False]])
    """

    supports_masking = True
    stepwise = True
    makes_mask = True
    needs_time = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self._last: tuple[Any, Array] | None = None

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 3:
            raise ValueError(
                f"{self.name}: needs inputs with a time axis, (N, T, ...), got {input_shape}"
            )

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        valid = self._valid(x)
        self._last = x, valid  # compute_mask comes next, with the same array
        if training:
            self.saved = valid
        # A masked step is zeros from here on, whatever its value was.
        return x if self.mask_value == 0 else x * _over_features(valid, x)

    def backward(self, dy: Any) -> Any:
        return dy * _over_features(self.saved, dy) if self.need_dx else None

    def compute_mask(self, x: Any, mask: Array | None) -> Array | None:
        last, self._last = self._last, None
        if last is not None and last[0] is x:
            return last[1]
        return self._valid(np.asarray(x))

    def _valid(self, x: Array) -> Array:
        valid: Array = (x != self.mask_value).any(axis=tuple(range(2, x.ndim)))
        return valid

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mask_value": self.mask_value}


def _over_features(valid: Array, x: Array) -> Array:
    """A mask (N, T) in a shape that multiplies x."""
    return valid.reshape(*valid.shape, *(1,) * (x.ndim - 2))
