"""A layer applied to every step of a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastrnn.layers.layer import Array, Layer


class TimeDistributed(Layer):
    """Apply a layer to each step, with the same weights: (N, T, ...) to (N, T, ...).

    The steps become rows of one large batch, so this costs no more than the layer itself.

    Parameters
    ----------
    layer : Layer
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.TimeDistributed(layers.Dense(3))(np.ones((2, 7, 5))).shape
    (2, 7, 3)
    """

    supports_masking = True
    stepwise = True
    needs_time = True

    def __init__(self, layer: Layer | dict[str, Any], **kwargs: Any) -> None:
        if isinstance(layer, dict):
            from fastrnn.layers import deserialize

            layer = deserialize(layer)
        if not isinstance(layer, Layer):
            raise TypeError(
                f"TimeDistributed: layer must be a fastrnn layer, got {type(layer).__name__}"
            )
        if "dtype" not in kwargs:
            kwargs["dtype"] = layer.dtype
        super().__init__(**kwargs)
        if self.batch_shape is None and layer.batch_shape is not None:
            batch, *shape = layer.batch_shape
            self.batch_shape = (batch, None, *shape)
        self.layer = layer

    def sublayers(self) -> Iterator[tuple[str, Layer]]:
        yield "layer", self.layer

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 3:
            raise ValueError(
                f"{self.name}: needs inputs with a time axis, (N, T, ...), got {input_shape}; "
                "give the recurrent layer before it return_sequences=True, or use "
                f"{self.layer.name} without TimeDistributed"
            )
        self.layer.ensure_built(_without_time(input_shape))

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if training:
            self.saved = x.shape[:2]
        return _unfold(self.layer.forward(_fold(x), training), x.shape[:2])

    def backward(self, dy: Any) -> Any:
        self.layer.need_dx = self.need_dx
        dx = self.layer.backward(_fold(dy))
        return None if dx is None else _unfold(dx, self.saved)

    @property
    def final_activation(self) -> Any:
        """The activation that a loss may take over from the layer."""
        return getattr(self.layer, "final_activation", None)

    def forward_logits(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        """`forward` without the inner layer's activation."""
        if training:
            self.saved = x.shape[:2]
        inner: Any = self.layer
        return _unfold(inner.forward_logits(_fold(x), training), x.shape[:2])

    def backward_logits(self, dy: Any) -> Any:
        """`backward` without the inner layer's activation."""
        inner: Any = self.layer
        inner.need_dx = self.need_dx
        dx = inner.backward_logits(_fold(dy))
        return None if dx is None else _unfold(dx, self.saved)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, *sizes = self.layer.compute_output_shape(_without_time(input_shape))
        return (batch, input_shape[1], *sizes)

    def get_config(self) -> dict[str, Any]:
        from fastrnn.layers import serialize

        return super().get_config() | {"layer": serialize(self.layer)}


def _without_time(shape: Any) -> Any:
    return (shape[0], *shape[2:])


def _fold(x: Any) -> Any:
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def _unfold(x: Any, leading: tuple[int, int]) -> Any:
    return x.reshape(*leading, *x.shape[1:])
