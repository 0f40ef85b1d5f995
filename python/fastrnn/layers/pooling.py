"""Pooling of windows: the largest value in each, or the mean."""

from __future__ import annotations

from typing import Any, ClassVar

from fastrnn.layers.convolution_base import PerAxis
from fastrnn.layers.layer import Array
from fastrnn.layers.spatial import Sizes, Spatial, check_padding, per_axis, window_sizes
from fastrnn.ops.bound import BoundPooling


class Pooling(Spatial):
    """Base of the layers that pool windows."""

    # What becomes of each window, as the core calls it.
    kind: ClassVar[str]

    def __init__(
        self,
        pool_size: PerAxis = 2,
        strides: PerAxis | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.pool_size = per_axis(self.name, self.rank, pool_size=pool_size)
        self.strides = self.pool_size
        if strides is not None:
            self.strides = per_axis(self.name, self.rank, strides=strides)
        self.padding = check_padding(self.name, padding)
        self._bound = BoundPooling(self.kind, self.pool_size, self.strides, self.padding)

    def output_sizes(self, sizes: Sizes) -> Sizes:
        once = (1,) * self.rank
        return window_sizes(self.name, sizes, self.pool_size, self.strides, once, self.padding)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        y = self._bound.forward(x)
        if training:
            self.saved = x, y if self.kind == "max" else None
        return y

    def backward(self, dy: Any) -> Any:
        if not self.need_dx:
            return None
        return self._bound.backward(dy, *self.saved)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }


class MaxPooling(Pooling):
    """Base of `MaxPooling1D`, `MaxPooling2D` and `MaxPooling3D`."""

    kind = "max"


class AveragePooling(Pooling):
    """Base of `AveragePooling1D`, `AveragePooling2D` and `AveragePooling3D`."""

    kind = "mean"


class MaxPooling1D(MaxPooling):
    """Largest value of each window of sequences (N, T, C).

    Parameters
    ----------
    pool_size : int
    strides : int, optional
        The size of the window where None.
    padding : {"valid", "same"}
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.MaxPooling1D(2)(np.ones((2, 7, 5))).shape
    (2, 3, 5)
    """

    rank = 1


class MaxPooling2D(MaxPooling):
    """Largest value of each window of images (N, H, W, C) or frames (N, T, H, W, C).

    Parameters
    ----------
    pool_size : int or two
    strides : int or two, optional
        The size of the window where None.
    padding : {"valid", "same"}
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.MaxPooling2D(2)(np.ones((2, 8, 7, 5))).shape
    (2, 4, 3, 5)
    """

    rank = 2


class MaxPooling3D(MaxPooling):
    """Largest value of each window of volumes (N, D, H, W, C).

    Parameters
    ----------
    pool_size : int or three
    strides : int or three, optional
        The size of the window where None.
    padding : {"valid", "same"}
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.MaxPooling3D(2)(np.ones((2, 4, 8, 7, 5))).shape
    (2, 2, 4, 3, 5)
    """

    rank = 3


class AveragePooling1D(AveragePooling):
    """Mean of each window of sequences (N, T, C).

    Parameters
    ----------
    pool_size : int
    strides : int, optional
        The size of the window where None.
    padding : {"valid", "same"}
        Padding counts as no pixels: a mean is over those there are.
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.AveragePooling1D(2)(np.ones((2, 7, 5))).shape
    (2, 3, 5)
    """

    rank = 1


class AveragePooling2D(AveragePooling):
    """Mean of each window of images (N, H, W, C) or frames (N, T, H, W, C).

    Parameters
    ----------
    pool_size : int or two
    strides : int or two, optional
        The size of the window where None.
    padding : {"valid", "same"}
        Padding counts as no pixels: a mean is over those there are.
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.AveragePooling2D(2)(np.ones((2, 8, 7, 5))).shape
    (2, 4, 3, 5)
    """

    rank = 2


class AveragePooling3D(AveragePooling):
    """Mean of each window of volumes (N, D, H, W, C).

    Parameters
    ----------
    pool_size : int or three
    strides : int or three, optional
        The size of the window where None.
    padding : {"valid", "same"}
        Padding counts as no pixels: a mean is over those there are.
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.AveragePooling3D(2)(np.ones((2, 4, 8, 7, 5))).shape
    (2, 2, 4, 3, 5)
    """

    rank = 3
