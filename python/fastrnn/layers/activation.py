"""An activation as a layer."""

from __future__ import annotations

from typing import Any

from fastrnn import activations, ops
from fastrnn.layers.layer import Array, Layer


class Activation(Layer):
    """Apply an activation.

    Parameters
    ----------
    activation : str or callable
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Activation("relu")(np.array([[-1.0, 2.0]]))
    array([[0., 2.]], dtype=float32)
    """

    supports_masking = True
    stepwise = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.resolve(activation)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        y = ops.activation(x, self.activation)
        if training:
            self.saved = x, y
        return y

    def backward(self, dy: Any) -> Any:
        if not self.need_dx:
            return None
        x, y = self.saved
        return ops.activation_backward(dy, self.activation, x=x, y=y)

    @property
    def final_activation(self) -> activations.ActivationLike | None:
        """The activation that a loss may take over from the layer."""
        return self.activation if self.activity_regularizer is None else None

    def forward_logits(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        """`forward` without the activation."""
        return x

    def backward_logits(self, dy: Any) -> Any:
        """`backward` without the activation."""
        return dy

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.activation == "glu":
            return (*input_shape[:-1], input_shape[-1] // 2)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"activation": activations.serialize(self.activation)}
