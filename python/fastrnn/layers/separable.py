"""Separable convolution: each channel by itself, then a mixture of channels in each pixel."""

from __future__ import annotations

from typing import Any

from fastrnn import initializers, ops
from fastrnn.layers.convolution_base import PerAxis, Windowed
from fastrnn.layers.layer import Array, check_positive
from fastrnn.ops.bound import OwnGradients


class SeparableConvolution(Windowed):
    """Base of `SeparableConv1D` and `SeparableConv2D`.

    Attributes
    ----------
    depthwise_kernel : Variable, shape (*kernel_size, channels, depth_multiplier)
    pointwise_kernel : Variable, shape (1, ..., channels * depth_multiplier, filters)
    bias : Variable or None, shape (filters,)
    """

    roles = ("depthwise", "pointwise", "bias")

    def __init__(
        self,
        filters: int,
        kernel_size: PerAxis,
        strides: PerAxis = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: PerAxis = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
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
            bias_initializer=bias_initializer,
            **kwargs,
        )
        check_positive(self.name, filters=filters, depth_multiplier=depth_multiplier)
        self.filters = int(filters)
        self.depth_multiplier = int(depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        name = f"depthwise_conv{self.rank}d"
        self._depthwise, self._depthwise_backward = (
            getattr(ops, name),
            getattr(ops, f"{name}_backward"),
        )
        self._options = {
            "strides": self.strides,
            "padding": self.padding,
            "dilation": self.dilation_rate,
        }

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        channels = input_shape[-1]
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            name="depthwise_kernel",
            **self.of_role("depthwise"),
        )
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            name="pointwise_kernel",
            **self.of_role("pointwise"),
        )
        self.add_bias(self.filters)

    def output_channels(self, channels: int) -> int:
        return self.filters

    def apply(self, x: Array, activation: Any) -> tuple[Array, Any]:
        images = self.fold(x, x.shape)
        between = self._depthwise(images, self.depthwise_kernel.value, **self._options)
        # A mixture of the channels of each pixel is a dense layer over the last axis.
        y = ops.dense(between, self._mixture(), self.bias_value, activation=activation)
        return self.unfold(y, x.shape), (images, between, x.shape)

    def gradients(
        self, dy: Array, saved: Any, y: Array | None, activation: Any, out: OwnGradients
    ) -> dict[str, Array]:
        images, between, shape = saved
        mixed = ops.dense_backward(
            self.fold(dy, shape),
            between,
            self._mixture(),
            y=None if y is None else self.fold(y, shape),
            activation=activation,
            use_bias=self.bias is not None,
            out=OwnGradients(
                {"kernel": out["pointwise_kernel"]}
                | ({} if self.bias is None else {"bias": out["bias"]})
            ),
        )
        alone = self._depthwise_backward(
            mixed["x"],
            images,
            self.depthwise_kernel.value,
            use_bias=False,
            need_dx=self.need_dx,
            out=OwnGradients({"kernel": out["depthwise_kernel"]}),
            **self._options,
        )
        if self.need_dx:
            out["x"] = self.unfold(alone["x"], shape)
        return out

    def _mixture(self) -> Array:
        kernel = self.pointwise_kernel.value
        return kernel.reshape(kernel.shape[-2:])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
            "pointwise_initializer": initializers.serialize(self.pointwise_initializer),
        }


class SeparableConv1D(SeparableConvolution):
    """Depthwise convolution of sequences and a mixture of channels at each step.

    (N, T, C) to (N, T', filters).

    Parameters
    ----------
    filters : int
    kernel_size : int
    strides, dilation_rate : int
    padding : {"valid", "same"}
    data_format : {"channels_last"}, optional
    depth_multiplier : int
        Number of filters of each channel in the depthwise part.
    activation : str or callable, optional
    use_bias : bool
    depthwise_initializer, pointwise_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.SeparableConv1D(4, 3)(np.ones((2, 7, 5))).shape
    (2, 5, 4)
    """

    rank = 1


class SeparableConv2D(SeparableConvolution):
    """Depthwise convolution of images and a mixture of channels in each pixel.

    (N, H, W, C) to (N, H', W', filters); frames (N, T, H, W, C) keep their time axis.

    Parameters
    ----------
    filters : int
    kernel_size : int or two
    strides, dilation_rate : int or two
    padding : {"valid", "same"}
    data_format : {"channels_last"}, optional
    depth_multiplier : int
        Number of filters of each channel in the depthwise part.
    activation : str or callable, optional
    use_bias : bool
    depthwise_initializer, pointwise_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.SeparableConv2D(4, 3, depth_multiplier=2)(np.ones((2, 8, 6, 3))).shape
    (2, 6, 4, 4)
    """

    rank = 2
