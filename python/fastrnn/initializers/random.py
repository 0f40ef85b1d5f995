"""Initializers that draw random numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn.initializers.constant import Initializer
from fastrnn.utils.dtypes import floatx
from fastrnn.utils.naming import unknown
from fastrnn.utils.random import generator

# Standard deviation of a standard normal distribution that is cut off at two deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class RandomInitializer(Initializer):
    """Base of the initializers with a `seed`: equal seeds give equal values.

    Parameters
    ----------
    seed : int, optional
        Where None, values come from the generator that `set_random_seed` seeds.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> NDArray[Any]:
        values = self.draw(generator(self.seed), tuple(shape))
        return np.ascontiguousarray(values, dtype=dtype or floatx())

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """The values, in double precision."""
        raise TypeError(f"{type(self).__name__} must define draw(rng, shape)")

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class RandomNormal(RandomInitializer):
    """Normal distribution.

    Parameters
    ----------
    mean, stddev : float
    seed : int, optional
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return rng.normal(self.mean, self.stddev, shape)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class TruncatedNormal(RandomNormal):
    """Normal distribution without what lies more than two standard deviations off the mean."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return self.mean + self.stddev * _truncated_normal(rng, shape)


class RandomUniform(RandomInitializer):
    """Uniform distribution from `minval` to `maxval`.

    Parameters
    ----------
    minval, maxval : float
    seed : int, optional
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return rng.uniform(self.minval, self.maxval, shape)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class VarianceScaling(RandomInitializer):
    """Values whose variance is `scale` divided by the number of inputs, outputs or their mean.

    Parameters
    ----------
    scale : float
    mode : {"fan_in", "fan_out", "fan_avg"}
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
    seed : int, optional
    input_axes, output_axes : sequence of int, optional
        Axes of a weight that count its inputs and outputs; the last two unless given.

    References
    ----------
    Glorot and Bengio 2010; He et al. 2015; LeCun et al. 1998.
    """

    _MODES = ("fan_in", "fan_out", "fan_avg")
    _DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        if (input_axes is None) != (output_axes is None):
            raise ValueError(f"{type(self).__name__}: give input_axes and output_axes, or neither")
        if scale <= 0:
            raise ValueError(f"VarianceScaling: scale must be positive, got {scale}")
        if mode not in self._MODES:
            raise unknown("VarianceScaling mode", mode, self._MODES)
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in self._DISTRIBUTIONS:
            raise unknown("VarianceScaling distribution", distribution, self._DISTRIBUTIONS)
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        if self.input_axes is None or self.output_axes is None:
            fan_in, fan_out = fans(shape)
        else:
            fan_in, fan_out = (
                math.prod(shape[axis] for axis in axes)
                for axes in (self.input_axes, self.output_axes)
            )
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return rng.normal(0.0, math.sqrt(variance), shape)
        return math.sqrt(variance) / _TRUNCATED_STDDEV * _truncated_normal(rng, shape)

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self.seed,
            **self._axes_config(),
        }

    def _axes_config(self) -> dict[str, Any]:
        # Keras before 3.15 knows no axes.
        if self.input_axes is None:
            return {}
        return {"input_axes": self.input_axes, "output_axes": self.output_axes}


class _NamedScaling(VarianceScaling):
    """`VarianceScaling` with fixed numbers, which only the seed is left to choose for."""

    _scale: float
    _mode: str
    _distribution: str

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        numbers = self._scale, self._mode, self._distribution
        super().__init__(*numbers, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, **self._axes_config()}


class GlorotUniform(_NamedScaling):
    """Uniform within ±√(6 / (fan_in + fan_out))."""

    _scale, _mode, _distribution = 1.0, "fan_avg", "uniform"


class GlorotNormal(_NamedScaling):
    """Truncated normal of variance 2 / (fan_in + fan_out)."""

    _scale, _mode, _distribution = 1.0, "fan_avg", "truncated_normal"


class HeUniform(_NamedScaling):
    """Uniform within ±√(6 / fan_in)."""

    _scale, _mode, _distribution = 2.0, "fan_in", "uniform"


class HeNormal(_NamedScaling):
    """Truncated normal of variance 2 / fan_in."""

    _scale, _mode, _distribution = 2.0, "fan_in", "truncated_normal"


class LecunUniform(_NamedScaling):
    """Uniform within ±√(3 / fan_in)."""

    _scale, _mode, _distribution = 1.0, "fan_in", "uniform"


class LecunNormal(_NamedScaling):
    """Truncated normal of variance 1 / fan_in."""

    _scale, _mode, _distribution = 1.0, "fan_in", "truncated_normal"


class Orthogonal(RandomInitializer):
    """Orthonormal rows or columns, from one QR factorisation of the whole matrix.

    A weight of more than two axes counts as a matrix of its last axis against the others.

    Parameters
    ----------
    gain : float
    seed : int, optional

    References
    ----------
    Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning".
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: needs a shape of two axes or more, got {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))  # without this the factorisation's signs are not random
        return np.asarray(self.gain * (q.T if rows < columns else q).reshape(shape))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": self.seed}


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Inputs and outputs of one unit of a weight: (..., inputs, outputs)."""
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Standard normal numbers, drawn again until none is beyond two."""
    values = rng.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = rng.standard_normal(int(outside.sum()))
        outside = np.abs(values) > 2
    return values
