"""The fully connected layer."""

from __future__ import annotations

from typing import Any

from fastrnn import initializers
from fastrnn.layers.affine import Affine
from fastrnn.layers.layer import Array, check_positive, refuse_options
from fastrnn.ops.bound import BoundDense, OwnGradients

_UNSUPPORTED = ("lora_rank", "lora_alpha", "quantization_config")


class Dense(Affine):
    """y = activation(x kernel + bias), over the last axis.

    Parameters
    ----------
    units : int
        Size of the output's last axis.
    activation : str or callable, optional
    use_bias : bool
    kernel_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, ... :
        As `fastrnn.regularizers.get` and `fastrnn.constraints.get` take them.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Attributes
    ----------
    kernel : Variable, shape (inputs, units)
    bias : Variable or None, shape (units,)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Dense(3, activation="softmax")(np.ones((2, 5))).shape
    (2, 3)
    """

    supports_masking = True
    stepwise = True
    roles = ("kernel", "bias")

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        refuse_options("Dense", kwargs, _UNSUPPORTED)
        super().__init__(activation, use_bias, bias_initializer, **kwargs)
        check_positive(self.name, units=units)
        self.units = int(units)
        self.kernel_initializer = initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"{self.name}: needs inputs whose last axis has a known size, got {input_shape}"
            )
        self.kernel = self.add_weight(
            (input_shape[-1], self.units),
            self.kernel_initializer,
            name="kernel",
            **self.of_role("kernel"),
        )
        self.add_bias(self.units)

    def apply(self, x: Array, activation: Any) -> tuple[Array, Any]:
        return self.bound().forward(x, activation), x

    def bind(self) -> BoundDense:
        return BoundDense(self.kernel.value, self.bias_value)

    def gradients(
        self, dy: Array, saved: Any, y: Array | None, activation: Any, out: OwnGradients
    ) -> dict[str, Array]:
        bound: BoundDense = self.bound()
        return bound.backward(dy, saved, y, activation, self.need_dx, out)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }
