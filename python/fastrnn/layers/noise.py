"""Noise on inputs in training."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn.layers.layer import Array, Layer, check_rate
from fastrnn.utils.random import generator


class GaussianNoise(Layer):
    """In training, add normally distributed noise.

    Parameters
    ----------
    stddev : float
        Standard deviation of the noise, from 0 to 1.
    seed : int, optional
        Where None, draws depend on `fastrnn.utils.set_random_seed`.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.GaussianNoise(0.1)(np.ones((1, 2)))
    array([[1., 1.]], dtype=float32)
    """

    supports_masking = True
    stepwise = True

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_rate(self.name, stddev=stddev)
        self.stddev = stddev
        self.seed = seed
        self._rng = generator(seed)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if training is not True or not self.stddev:
            return x
        noise = self._rng.standard_normal(x.shape, np.float32)
        noise *= np.float32(self.stddev)
        return x + noise

    def backward(self, dy: Any) -> Any:
        return dy if self.need_dx else None

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"stddev": self.stddev, "seed": self.seed}
