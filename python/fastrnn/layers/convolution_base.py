"""What all convolutions share: a kernel that runs over spatial axes, a bias, an activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

from fastrnn import initializers, ops
from fastrnn.layers.affine import Affine
from fastrnn.layers.layer import Array, refuse_options
from fastrnn.layers.spatial import Sizes, Spatial, check_padding, per_axis, window_sizes
from fastrnn.ops.bound import OwnGradients

PerAxis: TypeAlias = "int | Sequence[int]"

_UNSUPPORTED = ("lora_rank", "lora_alpha", "quantization_config")


class Windowed(Affine, Spatial):
    """Base of layers whose window has a size, strides and a dilation rate."""

    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")

    def __init__(
        self,
        kernel_size: PerAxis,
        strides: PerAxis,
        padding: str,
        dilation_rate: PerAxis,
        **kwargs: Any,
    ) -> None:
        refuse_options(type(self).__name__, kwargs, _UNSUPPORTED)
        super().__init__(**kwargs)
        self.kernel_size = per_axis(self.name, self.rank, kernel_size=kernel_size)
        self.strides = per_axis(self.name, self.rank, strides=strides)
        self.dilation_rate = per_axis(self.name, self.rank, dilation_rate=dilation_rate)
        self.padding = check_padding(self.name, padding, self.paddings)

    def output_sizes(self, sizes: Sizes) -> Sizes:
        return window_sizes(
            self.name, sizes, self.kernel_size, self.strides, self.dilation_rate, self.padding
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
        }


class KernelLayer(Windowed):
    """Base of convolutions with one kernel: which op they run, and the kernel's shape.

    Attributes
    ----------
    kernel : Variable
    """

    roles = ("kernel", "bias")
    # Name of the op in fastrnn.ops, where {} stands for the rank.
    op: ClassVar[str]

    def __init__(self, *, kernel_initializer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_initializer = initializers.get(kernel_initializer)
        name = self.op.format(self.rank)
        self._op, self._op_backward = getattr(ops, name), getattr(ops, f"{name}_backward")
        self._options = self.op_options()

    def op_options(self) -> dict[str, Any]:
        """Keyword arguments that the op and its gradient take."""
        return {"strides": self.strides, "padding": self.padding, "dilation": self.dilation_rate}

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Shape of the kernel for so many input channels."""
        raise TypeError(f"{type(self).__name__} must define kernel_shape(channels)")

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        channels = input_shape[-1]
        shape = self.kernel_shape(channels)
        self.kernel = self.add_weight(
            shape, self.kernel_initializer, name="kernel", **self.of_role(self.roles[0])
        )
        self.add_bias(self.output_channels(channels))

    def apply(self, x: Array, activation: Any) -> tuple[Array, Any]:
        y, kept = self.run(self.fold(x, x.shape), activation)
        return self.unfold(y, x.shape), (kept, x.shape)

    def gradients(
        self, dy: Array, saved: Any, y: Array | None, activation: Any, out: OwnGradients
    ) -> dict[str, Array]:
        kept, shape = saved
        y = None if y is None else self.fold(y, shape)
        grads = self.run_back(self.fold(dy, shape), kept, y, activation, out)
        if self.need_dx:
            grads["x"] = self.unfold(grads["x"], shape)
        return grads

    def run(self, images: Array, activation: Any) -> tuple[Array, Any]:
        """The op's output, and what `run_back` needs beside it."""
        weights = self.kernel.value, self.bias_value
        return self._op(images, *weights, activation=activation, **self._options), images

    def run_back(
        self, dy: Array, kept: Any, y: Array | None, activation: Any, out: OwnGradients
    ) -> dict[str, Array]:
        """Gradients as of `gradients`, of images."""
        grads: dict[str, Array] = self._op_backward(
            dy,
            kept,
            self.kernel.value,
            y=y,
            activation=activation,
            use_bias=self.bias is not None,
            need_dx=self.need_dx,
            out=out,
            **self._options,
        )
        return grads
