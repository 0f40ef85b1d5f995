"""Layers that enlarge images."""

from __future__ import annotations

from typing import Any

from fastrnn import ops
from fastrnn.layers.convolution_base import PerAxis
from fastrnn.layers.layer import Array
from fastrnn.layers.spatial import Sizes, Spatial, per_axis


class UpSampling(Spatial):
    """Base of `UpSampling1D`, `UpSampling2D` and `UpSampling3D`."""

    interpolation = "nearest"

    def __init__(self, size: PerAxis = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = per_axis(self.name, self.rank, size=size)

    def output_sizes(self, sizes: Sizes) -> Sizes:
        pairs = zip(sizes, self.size, strict=True)
        return tuple(None if n is None else n * factor for n, factor in pairs)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if training:
            self.saved = x.shape
        images = self.fold(x, x.shape)
        y = ops.up_sampling(images, self.size, interpolation=self.interpolation)
        return self.unfold(y, x.shape)

    def backward(self, dy: Any) -> Any:
        if not self.need_dx:
            return None
        shape = self.saved
        images = self.fold(dy, shape)
        dx = ops.up_sampling_backward(images, self.size, interpolation=self.interpolation)
        return self.unfold(dx, shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size}


class UpSampling1D(UpSampling):
    """Repeat each step: (N, T, C) to (N, T * size, C).

    Parameters
    ----------
    size : int
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.UpSampling1D(2)(np.array([[[1.0], [2.0]]])).ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """

    rank = 1

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"size": self.size[0]}
        del config["data_format"]  # Keras' layer does not take it
        return config


class UpSampling2D(UpSampling):
    """Enlarge images (N, H, W, C), or each of the frames (N, T, H, W, C).

    Parameters
    ----------
    size : int or two
        Factors of height and width.
    data_format : {"channels_last"}, optional
    interpolation : {"nearest", "bilinear"}
        Repeat pixels, or go from one to the next in a line.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.UpSampling2D((1, 2))(np.array([[[[1.0], [2.0]]]])).ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """

    rank = 2

    def __init__(
        self,
        size: PerAxis = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(size, data_format=data_format, **kwargs)
        name = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if name not in ("nearest", "bilinear"):
            raise ValueError(
                f"{self.name}: interpolation must be 'nearest' or 'bilinear', got {interpolation!r}"
            )
        self.interpolation = name

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"interpolation": self.interpolation}


class UpSampling3D(UpSampling):
    """Repeat each voxel of volumes (N, D, H, W, C).

    Parameters
    ----------
    size : int or three
        Factors of depth, height and width.
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.UpSampling3D((1, 2, 3))(np.ones((2, 5, 4, 3, 1))).shape
    (2, 5, 8, 9, 1)
    """

    rank = 3

    def __init__(self, size: PerAxis = 2, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(size, data_format=data_format, **kwargs)
