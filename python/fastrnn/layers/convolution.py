"""Convolution over sequences, images and volumes."""

from __future__ import annotations

from typing import Any

from fastrnn import initializers
from fastrnn.layers.convolution_base import KernelLayer, PerAxis
from fastrnn.layers.layer import Array, check_positive
from fastrnn.ops.bound import BoundConvolution, OwnGradients


class Convolution(KernelLayer):
    """Base of `Conv1D`, `Conv2D` and `Conv3D`.

    Attributes
    ----------
    kernel : Variable, shape (*kernel_size, channels / groups, filters)
    bias : Variable or None, shape (filters,)
    """

    op = "conv{}d"

    def __init__(
        self,
        filters: int,
        kernel_size: PerAxis,
        strides: PerAxis = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: PerAxis = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        check_positive(type(self).__name__, filters=filters, groups=groups)
        if filters % groups:
            raise ValueError(
                f"{type(self).__name__}: filters must be a multiple of groups={groups}, "
                f"got {filters}"
            )
        self.filters = int(filters)
        self.groups = int(groups)
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            **kwargs,
        )

    def op_options(self) -> dict[str, Any]:
        return super().op_options() | {"groups": self.groups}

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        if channels % self.groups:
            raise ValueError(
                f"{self.name}: groups={self.groups} must divide the input's channels, "
                f"got {channels}"
            )
        return (*self.kernel_size, channels // self.groups, self.filters)

    def output_channels(self, channels: int) -> int:
        return self.filters

    def bind(self) -> BoundConvolution:
        return BoundConvolution(self.kernel.value, self.bias_value, **self._options)

    def apply(self, x: Array, activation: Any) -> tuple[Array, Any]:
        return self.bound().forward(x, activation), x

    def gradients(
        self, dy: Array, saved: Any, y: Array | None, activation: Any, out: OwnGradients
    ) -> dict[str, Array]:
        bound: BoundConvolution = self.bound()
        return bound.backward(dy, saved, y, activation, self.need_dx, out)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "groups": self.groups,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }


class Conv1D(Convolution):
    """Convolution over the steps of sequences: (N, T, C) to (N, T', filters).

    Parameters
    ----------
    filters : int
    kernel_size : int
    strides, dilation_rate : int
    padding : {"valid", "same", "causal"}
        "same" keeps the number of steps at stride 1; "causal" does so, too, and looks back only.
    data_format : {"channels_last"}, optional
    groups : int
        Channels and filters fall into so many parts that are convolved apart.
    activation : str or callable, optional
    use_bias : bool
    kernel_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Conv1D(4, 3, padding="causal", activation="relu")(np.ones((2, 7, 5))).shape
    (2, 7, 4)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(Convolution):
    """Convolution over images (N, H, W, C), or over each of the frames (N, T, H, W, C).

    Parameters
    ----------
    filters : int
    kernel_size : int or two
        Height and width of the window.
    strides, dilation_rate : int or two
    padding : {"valid", "same"}
        "same" keeps height and width at stride 1.
    data_format : {"channels_last"}, optional
    groups : int
        Channels and filters fall into so many parts that are convolved apart.
    activation : str or callable, optional
    use_bias : bool
    kernel_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layer = layers.Conv2D(4, (3, 3), activation="relu")
    >>> layer(np.ones((2, 8, 6, 3))).shape
    (2, 6, 4, 4)
    >>> layer(np.ones((2, 10, 8, 6, 3))).shape  # ten frames each
    (2, 10, 6, 4, 4)
    """

    rank = 2


class Conv3D(Convolution):
    """Convolution over volumes or clips: (N, D, H, W, C) to (N, D', H', W', filters).

    Parameters
    ----------
    filters : int
    kernel_size : int or three
        Depth, height and width of the window.
    strides, dilation_rate : int or three
    padding : {"valid", "same"}
        "same" keeps depth, height and width at stride 1.
    data_format : {"channels_last"}, optional
    groups : int
        Channels and filters fall into so many parts that are convolved apart.
    activation : str or callable, optional
    use_bias : bool
    kernel_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Conv3D(4, 3, strides=(1, 2, 2))(np.ones((2, 5, 9, 7, 3))).shape
    (2, 3, 4, 3, 4)
    """

    rank = 3
