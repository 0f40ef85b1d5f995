"""Dropout of inputs in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn.layers.layer import Array, Layer, check_rate
from fastrnn.utils.random import generator


class Dropout(Layer):
    """In training, set a share of the inputs to 0 and scale the others up to keep the sum.

    Parameters
    ----------
    rate : float
        Share that is set to 0, from 0 to 1.
    noise_shape : sequence of int or None, optional
        Shape of what is drawn; axes of size 1 share their fate, None is the input's size.
    seed : int, optional
        Where None, draws depend on `fastrnn.utils.set_random_seed`.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Dropout(0.5)(np.ones((1, 2)))
    array([[1., 1.]], dtype=float32)
    """

    supports_masking = True
    stepwise = True

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_rate(self.name, rate=rate)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        self._rng = generator(seed)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if not training:
            return x
        if training is not True or not self.rate:
            self.saved = None
            return x
        self.saved = keep = kept(self._rng, self.drawn_shape(x.shape), self.rate, x.dtype)
        return x * keep

    def drawn_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of what is drawn for inputs of a shape."""
        if self.noise_shape is None:
            return shape
        pairs = zip(self.noise_shape, shape, strict=True)
        return tuple(size if wanted is None else wanted for wanted, size in pairs)

    def backward(self, dy: Any) -> Any:
        if not self.need_dx:
            return None
        return dy if self.saved is None else dy * self.saved

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "rate": self.rate,
            "seed": self.seed,
            "noise_shape": self.noise_shape,
        }


def kept(rng: np.random.Generator, shape: tuple[int, ...], rate: float, dtype: Any) -> Array:
    """Factors of dropout: 0 with probability `rate`, else 1 / (1 - rate)."""
    if rate >= 1:
        return np.zeros(shape, dtype)
    drawn = rng.random(shape, dtype=np.float32)
    result: Array = (drawn >= np.float32(rate)).astype(dtype)
    result *= 1.0 / (1.0 - rate)
    return result
