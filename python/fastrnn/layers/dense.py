"""The fully connected layer."""

from __future__ import annotations

from typing import Any

from fastrnn import activations, initializers, ops
from fastrnn.layers.layer import Array, Layer, check_positive, refuse_options

# The gradient of other activations needs the value that goes into them.
_GRADIENT_FROM_OUTPUT = frozenset(
    (
        "linear",
        "tanh",
        "sigmoid",
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "exponential",
        "softplus",
        "softsign",
        "hard_sigmoid",
        "hard_tanh",
        "log_sigmoid",
        "softmax",
        "log_softmax",
    )
)
_UNSUPPORTED = (
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
    "lora_rank",
    "lora_alpha",
    "quantization_config",
)


class Dense(Layer):
    """y = activation(x kernel + bias), over the last axis.

    Parameters
    ----------
    units : int
        Size of the output's last axis.
    activation : str or callable, optional
    use_bias : bool
    kernel_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
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
        super().__init__(**kwargs)
        check_positive(self.name, units=units)
        self.units = int(units)
        self.activation = activations.resolve(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self._fused = self.activation if self.activation in _GRADIENT_FROM_OUTPUT else None
        if self._fused == "linear":
            self._fused = None
        self._separate = self.activation not in _GRADIENT_FROM_OUTPUT

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"{self.name}: needs inputs whose last axis has a known size, got {input_shape}"
            )
        self.kernel = self.add_weight(
            (input_shape[-1], self.units), self.kernel_initializer, name="kernel"
        )
        self.bias = (
            self.add_weight((self.units,), self.bias_initializer, name="bias")
            if self.use_bias
            else None
        )

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        bias = self.bias
        y = ops.dense(
            x, self.kernel.value, None if bias is None else bias.value, activation=self._fused
        )
        if self._separate:
            logits, y = y, ops.activation(y, self.activation)
            if training:
                self.saved = x, logits
        elif training:
            self.saved = x, y
        return y

    def backward(self, dy: Any) -> Any:
        x, y = self.saved
        if self._separate:
            dy = ops.activation_backward(dy, self.activation, x=y)
        return self._backward(dy, x, y, self._fused)

    @property
    def final_activation(self) -> activations.ActivationLike:
        """The activation that a loss may take over from the layer."""
        return self.activation

    def forward_logits(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        """`forward` without the activation."""
        bias = self.bias
        if training:
            self.saved = x, None
        return ops.dense(x, self.kernel.value, None if bias is None else bias.value)

    def backward_logits(self, dy: Any) -> Any:
        """`backward` without the activation."""
        return self._backward(dy, self.saved[0], None, None)

    def _backward(self, dy: Any, x: Array, y: Array | None, activation: Any) -> Any:
        bias, kernel = self.bias, self.kernel
        out = None
        if kernel.grad is not None:
            out = {"kernel": kernel.grad}
            if bias is not None and bias.grad is not None:
                out["bias"] = bias.grad
        grads = ops.dense_backward(
            dy,
            x,
            kernel.value,
            y=y,
            activation=activation,
            use_bias=bias is not None,
            need_dx=self.need_dx,
            out=out,
        )
        if out is None:
            kernel.grad = grads["kernel"]
            if bias is not None:
                bias.grad = grads["bias"]
        return grads.get("x")

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }
