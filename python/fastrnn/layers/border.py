"""Layers that add a border of zeros, or crop one."""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias

import numpy as np

from fastrnn.layers.layer import Array
from fastrnn.layers.spatial import AXES, Sizes, Spatial, pairs_per_axis

Pairs: TypeAlias = "tuple[tuple[int, int], ...]"


class Bordered(Spatial):
    """Base of layers that add or take away a border, whose width is a pair for each axis."""

    # What Keras calls the width of the border.
    argument: ClassVar[str]

    def __init__(self, width: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.rank == 1 and isinstance(width, (tuple, list)) and len(width) == 2:
            width = (width,)
        self._width: Pairs = pairs_per_axis(self.name, self.rank, **{self.argument: width})

    def _inside(self, sizes: Any) -> tuple[Any, ...]:
        """Where, in an array with the border, what lies within it is."""
        pairs = zip(self._width, sizes, strict=True)
        return (..., *(slice(a, n - b) for (a, b), n in pairs), slice(None))

    def _added(self, x: Array) -> Array:
        """A copy with a border of zeros."""
        sizes = tuple(
            n + a + b for n, (a, b) in zip(x.shape[-self.rank - 1 : -1], self._width, strict=True)
        )
        result = np.zeros((*x.shape[: -self.rank - 1], *sizes, x.shape[-1]), x.dtype)
        result[self._inside(sizes)] = x
        return result

    def _removed(self, x: Array) -> Array:
        """A copy without the border."""
        return np.ascontiguousarray(x[self._inside(x.shape[-self.rank - 1 : -1])])

    def get_config(self) -> dict[str, Any]:
        width = self._width[0] if self.rank == 1 else self._width
        return super().get_config() | {self.argument: width}


class ZeroPadding(Bordered):
    """Base of `ZeroPadding1D`, `ZeroPadding2D` and `ZeroPadding3D`."""

    argument = "padding"

    def __init__(self, padding: Any = 1, **kwargs: Any) -> None:
        super().__init__(padding, **kwargs)
        self.padding = self._width

    def output_sizes(self, sizes: Sizes) -> Sizes:
        pairs = zip(sizes, self._width, strict=True)
        return tuple(None if n is None else n + a + b for n, (a, b) in pairs)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        return self._added(x)

    def backward(self, dy: Any) -> Any:
        return self._removed(dy) if self.need_dx else None


class Cropping(Bordered):
    """Base of `Cropping1D`, `Cropping2D` and `Cropping3D`."""

    argument = "cropping"

    def __init__(self, cropping: Any, **kwargs: Any) -> None:
        super().__init__(cropping, **kwargs)
        self.cropping = self._width

    def output_sizes(self, sizes: Sizes) -> Sizes:
        for axis, n, (a, b) in zip(AXES[self.rank], sizes, self._width, strict=True):
            if n is not None and n <= a + b:
                raise ValueError(
                    f"{self.name}: cropping {(a, b)} leaves nothing of inputs of {axis} {n}"
                )
        pairs = zip(sizes, self._width, strict=True)
        return tuple(None if n is None else n - a - b for n, (a, b) in pairs)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        self.compute_output_shape(x.shape)
        return self._removed(x)

    def backward(self, dy: Any) -> Any:
        return self._added(dy) if self.need_dx else None


class ZeroPadding1D(ZeroPadding):
    """Add steps of zeros before and after sequences (N, T, C).

    Parameters
    ----------
    padding : int or (before, after)
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.ZeroPadding1D((1, 2))(np.ones((2, 7, 5))).shape
    (2, 10, 5)
    """

    rank = 1


class ZeroPadding2D(ZeroPadding):
    """Add zeros around images (N, H, W, C), or around each of the frames (N, T, H, W, C).

    Parameters
    ----------
    padding : int, one an axis, or a (before, after) pair an axis
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.ZeroPadding2D((1, 2))(np.ones((2, 8, 7, 5))).shape
    (2, 10, 11, 5)
    """

    rank = 2


class ZeroPadding3D(ZeroPadding):
    """Add zeros around volumes (N, D, H, W, C).

    Parameters
    ----------
    padding : int, one an axis, or a (before, after) pair an axis
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.ZeroPadding3D(((0, 1), (1, 1), (2, 0)))(np.ones((2, 4, 8, 7, 5))).shape
    (2, 5, 10, 9, 5)
    """

    rank = 3


class Cropping1D(Cropping):
    """Take away steps at the ends of sequences (N, T, C).

    Parameters
    ----------
    cropping : int or (before, after)
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Cropping1D((1, 2))(np.ones((2, 7, 5))).shape
    (2, 4, 5)
    """

    rank = 1

    def __init__(self, cropping: Any = 1, **kwargs: Any) -> None:
        super().__init__(cropping, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["data_format"]  # Keras' layer does not take it
        return config


class Cropping2D(Cropping):
    """Take away the border of images (N, H, W, C), or of each of the frames (N, T, H, W, C).

    Parameters
    ----------
    cropping : int, one an axis, or a (before, after) pair an axis
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Cropping2D((1, 2))(np.ones((2, 8, 7, 5))).shape
    (2, 6, 3, 5)
    """

    rank = 2

    def __init__(self, cropping: Any = 0, **kwargs: Any) -> None:
        super().__init__(cropping, **kwargs)


class Cropping3D(Cropping):
    """Take away the border of volumes (N, D, H, W, C).

    Parameters
    ----------
    cropping : int, one an axis, or a (before, after) pair an axis
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Cropping3D(((0, 1), (1, 1), (2, 0)))(np.ones((2, 4, 8, 7, 5))).shape
    (2, 3, 6, 5, 5)
    """

    rank = 3

    def __init__(self, cropping: Any = 1, **kwargs: Any) -> None:
        super().__init__(cropping, **kwargs)
