"""Depthwise convolution, in which no channel knows of another."""

from __future__ import annotations

from typing import Any

from fastrnn import initializers
from fastrnn.layers.convolution_base import KernelLayer, PerAxis
from fastrnn.layers.layer import check_positive


class DepthwiseConvolution(KernelLayer):
    """Base of `DepthwiseConv1D` and `DepthwiseConv2D`.

    Attributes
    ----------
    kernel : Variable, shape (*kernel_size, channels, depth_multiplier)
    bias : Variable or None, shape (channels * depth_multiplier,)
    """

    op = "depthwise_conv{}d"
    roles = ("depthwise", "bias")

    def __init__(
        self,
        kernel_size: PerAxis,
        strides: PerAxis = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: PerAxis = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            **kwargs,
        )
        check_positive(self.name, depth_multiplier=depth_multiplier)
        self.depth_multiplier = int(depth_multiplier)

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, channels, self.depth_multiplier)

    def output_channels(self, channels: int) -> int:
        return channels * self.depth_multiplier

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.kernel_initializer),
        }


class DepthwiseConv1D(DepthwiseConvolution):
    """Convolution of each channel of sequences: (N, T, C) to (N, T', C * depth_multiplier).

    Parameters
    ----------
    kernel_size : int
    strides, dilation_rate : int
    padding : {"valid", "same"}
    depth_multiplier : int
        Number of filters of each channel; those of one channel lie side by side in the output.
    data_format : {"channels_last"}, optional
    activation : str or callable, optional
    use_bias : bool
    depthwise_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.DepthwiseConv1D(3, padding="same")(np.ones((2, 7, 5))).shape
    (2, 7, 5)
    """

    rank = 1


class DepthwiseConv2D(DepthwiseConvolution):
    """Convolution of each channel of images (N, H, W, C), or of each of the frames (N, T, H, W, C).

    Parameters
    ----------
    kernel_size : int or two
    strides, dilation_rate : int or two
    padding : {"valid", "same"}
    depth_multiplier : int
        Number of filters of each channel; those of one channel lie side by side in the output.
    data_format : {"channels_last"}, optional
    activation : str or callable, optional
    use_bias : bool
    depthwise_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.DepthwiseConv2D(3, depth_multiplier=2)(np.ones((2, 8, 6, 3))).shape
    (2, 6, 4, 6)
    """

    rank = 2
