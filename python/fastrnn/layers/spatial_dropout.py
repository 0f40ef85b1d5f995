"""Dropout of whole channels."""

from __future__ import annotations

from typing import Any, ClassVar

from fastrnn.layers.dropout import Dropout
from fastrnn.layers.spatial import check_data_format


class SpatialDropout(Dropout):
    """Base of `SpatialDropout1D`, `SpatialDropout2D` and `SpatialDropout3D`."""

    rank: ClassVar[int]

    def __init__(
        self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, None, seed, **kwargs)
        check_data_format(self.name, data_format, self.rank)

    def build(self, input_shape: Any) -> None:
        axes = len(input_shape)
        if axes != self.rank + 2 and (self.rank, axes) != (2, 5):
            raise ValueError(
                f"{self.name}: needs inputs of {self.rank + 2} axes, got {tuple(input_shape)}"
            )

    def drawn_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        # Each frame of a sequence draws for itself, as an image would.
        return (*shape[: len(shape) - self.rank - 1], *(1,) * self.rank, shape[-1])

    def get_config(self) -> dict[str, Any]:
        # All that Keras' layers take.
        config = super().get_config()
        kept = {key: config[key] for key in ("name", "dtype", "rate", "seed")}
        return kept | {"data_format": "channels_last"}


class SpatialDropout1D(SpatialDropout):
    """In training, set a share of the channels of sequences to 0.

    Parameters
    ----------
    rate : float
        Share of the channels that is set to 0; the others are scaled up to keep the sum.
    seed : int, optional
        Where None, draws depend on `fastrnn.utils.set_random_seed`.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.SpatialDropout1D(0.5)(np.ones((2, 7, 5))).shape
    (2, 7, 5)
    """

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, None, seed, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["data_format"]  # Keras' layer does not take it
        return config


class SpatialDropout2D(SpatialDropout):
    """In training, set a share of the channels of images or of each frame to 0.

    Parameters
    ----------
    rate : float
        Share of the channels that is set to 0; the others are scaled up to keep the sum.
    data_format : {"channels_last"}, optional
    seed : int, optional
        Where None, draws depend on `fastrnn.utils.set_random_seed`.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.SpatialDropout2D(0.5)(np.ones((2, 8, 7, 5))).shape
    (2, 8, 7, 5)
    """

    rank = 2


class SpatialDropout3D(SpatialDropout):
    """In training, set a share of the channels of volumes to 0.

    Parameters
    ----------
    rate : float
        Share of the channels that is set to 0; the others are scaled up to keep the sum.
    data_format : {"channels_last"}, optional
    seed : int, optional
        Where None, draws depend on `fastrnn.utils.set_random_seed`.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.SpatialDropout3D(0.5)(np.ones((2, 4, 8, 7, 5))).shape
    (2, 4, 8, 7, 5)
    """

    rank = 3
