"""Transposed convolution, which makes images larger as strides make them smaller."""

from __future__ import annotations

from typing import Any

from fastrnn import initializers
from fastrnn.layers.convolution_base import KernelLayer, PerAxis
from fastrnn.layers.layer import check_positive
from fastrnn.layers.spatial import Sizes, per_axis


class ConvolutionTranspose(KernelLayer):
    """Base of `Conv1DTranspose`, `Conv2DTranspose` and `Conv3DTranspose`.

    Attributes
    ----------
    kernel : Variable, shape (*kernel_size, filters, channels)
    bias : Variable or None, shape (filters,)
    """

    op = "conv{}d_transpose"

    def __init__(
        self,
        filters: int,
        kernel_size: PerAxis,
        strides: PerAxis = 1,
        padding: str = "valid",
        output_padding: PerAxis | None = None,
        data_format: str | None = None,
        dilation_rate: PerAxis = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        check_positive(owner, filters=filters)
        self.filters = int(filters)
        self.output_padding: tuple[int, ...] | None = None
        if output_padding is not None:
            self.output_padding = per_axis(owner, self.rank, 0, output_padding=output_padding)
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
        pairs = zip(self.output_padding or (), self.strides, strict=False)
        if any(added >= stride for added, stride in pairs):
            raise ValueError(
                f"{self.name}: output_padding must be less than strides={self.strides}, "
                f"got {self.output_padding}"
            )

    def op_options(self) -> dict[str, Any]:
        return super().op_options() | {"output_padding": self.output_padding}

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, self.filters, channels)

    def output_channels(self, channels: int) -> int:
        return self.filters

    def output_sizes(self, sizes: Sizes) -> Sizes:
        added = self.output_padding or (None,) * self.rank
        axes = zip(sizes, self.kernel_size, self.strides, self.dilation_rate, added, strict=True)
        return tuple(
            None if n is None else self._output_size(n, (k - 1) * d + 1, s, a)
            for n, k, s, d, a in axes
        )

    def _output_size(self, n: int, span: int, stride: int, added: int | None) -> int:
        if self.padding == "same":
            return n * stride if added is None else (n - 1) * stride + span % 2 + added
        return (n - 1) * stride + (max(span, stride) if added is None else span + added)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "output_padding": self.output_padding,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }


class Conv1DTranspose(ConvolutionTranspose):
    """Transposed convolution of sequences: (N, T, C) to (N, T', filters).

    Parameters
    ----------
    filters : int
    kernel_size : int
    strides, dilation_rate : int
        Strides make the output so many times as large.
    padding : {"valid", "same"}
        Of n inputs, "same" makes n strides; "valid" adds what the window reaches beyond that.
    output_padding : int, optional
        Less than strides: chooses among the sizes whose convolution has n outputs.
    data_format : {"channels_last"}, optional
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
    >>> layers.Conv1DTranspose(4, 3, strides=2, padding="same")(np.ones((2, 7, 5))).shape
    (2, 14, 4)
    """

    rank = 1


class Conv2DTranspose(ConvolutionTranspose):
    """Transposed convolution of images (N, H, W, C), or of each of the frames (N, T, H, W, C).

    Parameters
    ----------
    filters : int
    kernel_size : int or two
    strides, dilation_rate : int or two
        Strides make the output so many times as large.
    padding : {"valid", "same"}
        Of n inputs, "same" makes n strides; "valid" adds what the window reaches beyond that.
    output_padding : int or two, optional
        Less than strides: chooses among the sizes whose convolution has n outputs.
    data_format : {"channels_last"}, optional
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
    >>> layers.Conv2DTranspose(4, 3, strides=2, padding="same")(np.ones((2, 5, 6, 3))).shape
    (2, 10, 12, 4)
    """

    rank = 2


class Conv3DTranspose(ConvolutionTranspose):
    """Transposed convolution of volumes: (N, D, H, W, C) to (N, D', H', W', filters).

    Parameters
    ----------
    filters : int
    kernel_size : int or three
    strides, dilation_rate : int or three
        Strides make the output so many times as large.
    padding : {"valid", "same"}
        Of n inputs, "same" makes n strides; "valid" adds what the window reaches beyond that.
    output_padding : int or three, optional
        Less than strides: chooses among the sizes whose convolution has n outputs.
    data_format : {"channels_last"}, optional
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
    >>> layers.Conv3DTranspose(4, 2, strides=2)(np.ones((2, 3, 4, 5, 3))).shape
    (2, 6, 8, 10, 4)
    """

    rank = 3
