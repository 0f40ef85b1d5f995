"""What layers share that multiply by a kernel, add a bias and apply an activation."""

from __future__ import annotations

from typing import Any

from fastrnn import activations, initializers, ops
from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.variable import Variable
from fastrnn.ops.bound import OwnGradients

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


class Affine(Layer):
    """Base of layers that end in ``activation(... + bias)``.

    A subclass defines `apply` and `gradients`. Where it can, the activation is part of the op;
    where its gradient needs what went into it, it is applied after.

    Attributes
    ----------
    bias : Variable or None
    """

    kernel: Variable

    def __init__(
        self,
        activation: Any = None,
        use_bias: bool = True,
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.activation = activations.resolve(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias: Variable | None = None
        self._bound: Any = None
        self._separate = self.activation not in _GRADIENT_FROM_OUTPUT
        self._fused = None if self._separate or self.activation == "linear" else self.activation

    def apply(self, x: Array, activation: Any) -> tuple[Array, Any]:
        """The output, and what `gradients` needs beside it."""
        raise TypeError(f"{type(self).__name__} must define apply(x, activation)")

    def gradients(
        self, dy: Array, saved: Any, y: Array | None, activation: Any, out: OwnGradients
    ) -> dict[str, Array]:
        """Gradients by the weights' names, written to `out`, and ``x`` if `need_dx`."""
        raise TypeError(f"{type(self).__name__} must define gradients(dy, saved, y, ...)")

    def add_bias(self, size: int) -> None:
        """Make the bias, if there is to be one."""
        if self.use_bias:
            self.bias = self.add_weight(
                (size,), self.bias_initializer, name="bias", **self.of_role("bias")
            )

    def bind(self) -> Any:
        """The op bound to the weights, where there is such a thing."""
        raise TypeError(f"{type(self).__name__} must define bind()")

    def bound(self) -> Any:
        """What `bind` returned, made anew where the weights have moved."""
        bound = self._bound
        if (
            bound is None
            or bound.kernel is not self.kernel.value
            or bound.bias is not self.bias_value
        ):
            bound = self._bound = self.bind()
        return bound

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_bound": None}  # a copy makes its own of its weights

    @property
    def bias_value(self) -> Array | None:
        """The bias as the ops take it."""
        return None if self.bias is None else self.bias.value

    # Passes ----------------------------------------------------------------------------

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        z, saved = self.apply(x, self._fused)
        if training:
            self.saved = saved, z
        return ops.activation(z, self.activation) if self._separate else z

    def backward(self, dy: Any) -> Any:
        saved, z = self.saved
        if self._separate:
            dy = ops.activation_backward(dy, self.activation, x=z)
        return self._backward(dy, saved, z, self._fused)

    @property
    def final_activation(self) -> activations.ActivationLike | None:
        """The activation that a loss may take over from the layer."""
        return self.activation if self.activity_regularizer is None else None

    def forward_logits(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        """`forward` without the activation."""
        z, saved = self.apply(x, None)
        if training:
            self.saved = saved, None
        return z

    def backward_logits(self, dy: Any) -> Any:
        """`backward` without the activation."""
        return self._backward(dy, self.saved[0], None, None)

    def _backward(self, dy: Array, saved: Any, y: Array | None, activation: Any) -> Any:
        return self.gradients(dy, saved, y, activation, self.gradient_arrays()).get("x")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }
