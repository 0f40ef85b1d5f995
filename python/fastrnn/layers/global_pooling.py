"""Global pooling: the mean or the largest of all pixels of a channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn import ops
from fastrnn.layers.layer import Array
from fastrnn.layers.spatial import Spatial


class GlobalPooling(Spatial):
    """Base of the layers that pool all pixels; from frames they make a vector for each step."""

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Any) -> Any:
        leading, _, channels = self.split_shape(input_shape)
        return (*leading, *((1,) * self.rank if self.keepdims else ()), channels)

    def _arranged(self, y: Array, shape: Any) -> Array:
        """(N, C) results in the shape of the output."""
        leading = shape[: len(shape) - self.rank - 1]
        return y.reshape(*leading, *((1,) * self.rank if self.keepdims else ()), shape[-1])

    def _rows(self, dy: Array, shape: Any) -> Array:
        """The output's gradient as (N, C)."""
        count = shape[0] * shape[1] if len(shape) == self.rank + 3 else shape[0]
        return dy.reshape(count, shape[-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"keepdims": self.keepdims}


class GlobalAveragePooling(GlobalPooling):
    """Base of `GlobalAveragePooling1D`, `GlobalAveragePooling2D` and `GlobalAveragePooling3D`."""

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        images = self.fold(x, x.shape)
        if training:
            self.saved = x.shape, images.shape
        return self._arranged(ops.global_average_pool(images), x.shape)

    def backward(self, dy: Any) -> Any:
        if not self.need_dx:
            return None
        shape, image_shape = self.saved
        dx = ops.global_average_pool_backward(self._rows(dy, shape), image_shape)
        return dx.reshape(shape)


class GlobalMaxPooling(GlobalPooling):
    """Base of `GlobalMaxPooling1D`, `GlobalMaxPooling2D` and `GlobalMaxPooling3D`."""

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        images = self.fold(x, x.shape)
        y = ops.global_max_pool(images)
        if training:
            self.saved = x.shape, images, y
        return self._arranged(y, x.shape)

    def backward(self, dy: Any) -> Any:
        if not self.need_dx:
            return None
        shape, images, y = self.saved
        dx = ops.global_max_pool_backward(self._rows(dy, shape), images, y=y)
        return dx.reshape(shape)


class GlobalAveragePooling1D(GlobalAveragePooling):
    """Mean over the steps of sequences, of those alone that a mask leaves: (N, T, C) to (N, C).

    A sequence of masked steps alone gives zeros.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool
        Keep the axis of steps, with size 1.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.GlobalAveragePooling1D()(np.array([[[1.0], [3.0], [8.0]]]), mask=[[1, 1, 0]])
    array([[2.]], dtype=float32)
    """

    rank = 1
    supports_masking = True

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if mask is None or mask.ndim == 1:  # one of rows, within TimeDistributed
            return super().forward(x, training)
        valid = mask[..., None]
        share = 1 / np.maximum(mask.sum(axis=1), 1).astype(x.dtype)[:, None]
        if training:
            self.saved = x.shape, (valid, share)
        return self._arranged(x.sum(axis=1, where=valid) * share, x.shape)

    def backward(self, dy: Any) -> Any:
        if not self.need_dx or len(self.saved[1]) != 2:
            return super().backward(dy)
        shape, (valid, share) = self.saved
        return valid * (self._rows(dy, shape) * share)[:, None]

    def compute_mask(self, x: Any, mask: Array | None) -> Array | None:
        return None


class GlobalAveragePooling2D(GlobalAveragePooling):
    """Mean over the pixels of images, or of those of each frame.

    (N, H, W, C) to (N, C); frames: (N, T, H, W, C) to (N, T, C).

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool
        Keep the pooled axes, with size 1.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.GlobalAveragePooling2D()(np.ones((2, 8, 7, 5))).shape
    (2, 5)
    """

    rank = 2


class GlobalAveragePooling3D(GlobalAveragePooling):
    """Mean over the voxels of volumes.

    (N, D, H, W, C) to (N, C).

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool
        Keep the pooled axes, with size 1.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.GlobalAveragePooling3D()(np.ones((2, 4, 8, 7, 5))).shape
    (2, 5)
    """

    rank = 3


class GlobalMaxPooling1D(GlobalMaxPooling):
    """Largest over the steps of sequences.

    (N, T, C) to (N, C).

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool
        Keep the pooled axes, with size 1.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.GlobalMaxPooling1D()(np.ones((2, 7, 5))).shape
    (2, 5)
    """

    rank = 1


class GlobalMaxPooling2D(GlobalMaxPooling):
    """Largest over the pixels of images, or of those of each frame.

    (N, H, W, C) to (N, C); frames: (N, T, H, W, C) to (N, T, C).

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool
        Keep the pooled axes, with size 1.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.GlobalMaxPooling2D()(np.ones((2, 8, 7, 5))).shape
    (2, 5)
    """

    rank = 2


class GlobalMaxPooling3D(GlobalMaxPooling):
    """Largest over the voxels of volumes.

    (N, D, H, W, C) to (N, C).

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool
        Keep the pooled axes, with size 1.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.GlobalMaxPooling3D()(np.ones((2, 4, 8, 7, 5))).shape
    (2, 5)
    """

    rank = 3
