"""A layer applied to every step of a sequence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, cast

import numpy as np

from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.weighted import all_layers


class TimeDistributed(Layer):
    """Apply a layer to each step, with the same weights: (N, T, ...) to (N, T, ...).

    The steps become rows of one large batch, so this costs no more than the layer itself. Where
    rows of a batch act on each other in training (`BatchNormalization`), each step is a batch of
    its own, as in Keras.

    Parameters
    ----------
    layer : Layer
    name, dtype, input_shape, ... :
        As in `Layer`.

    Notes
    -----
    A mask (N, T, ...) goes on, and as (N, ...) for each step to the layer. Where that says nothing
    of what the layer reads, of (N, T) for an LSTM, the layer goes without; Keras fails there.

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
        self._find_mixing()

    def arrange_backward(self, need_dx: bool, trained: Collection[int] | None = None) -> None:
        self.need_dx = need_dx
        self.layer.arrange_backward(need_dx, trained)
        self._find_mixing()

    def _find_mixing(self) -> None:
        self._mixing = [layer for layer in all_layers(self.layer) if layer.mixes_rows]

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        return self._through(self.layer.forward, x, training, mask)

    def backward(self, dy: Any) -> Any:
        return self._back_through(self.layer.backward, dy)

    @property
    def final_activation(self) -> Any:
        """The activation that a loss may take over from the layer."""
        return getattr(self.layer, "final_activation", None)

    def forward_logits(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        """`forward` without the inner layer's activation."""
        return self._through(cast(Any, self.layer).forward_logits, x, training, mask)

    def backward_logits(self, dy: Any) -> Any:
        """`backward` without the inner layer's activation."""
        return self._back_through(cast(Any, self.layer).backward_logits, dy)

    def _through(self, forward: Any, x: Array, training: bool, mask: Array | None) -> Any:
        if mask is not None and mask.shape[:2] != x.shape[:2]:
            raise ValueError(
                f"{self.name}: mask must be (N, T) = {x.shape[:2]} or of more axes, "
                f"got {mask.shape}"
            )
        if training is True and any(layer.trainable for layer in self._mixing):
            return self._step_by_step(forward, x, mask)
        if training:
            self.saved = None
        return _unfold(forward(_fold(x), training, None if mask is None else _fold(mask)), x)

    def _step_by_step(self, forward: Any, x: Array, mask: Array | None) -> Array:
        family, outputs, self.saved = all_layers(self.layer), [], []
        for step in range(x.shape[1]):
            outputs.append(forward(_at(x, step), True, None if mask is None else _at(mask, step)))
            self.saved.append([layer.saved for layer in family])
        return np.stack(outputs, axis=1)

    def _back_through(self, backward: Any, dy: Array) -> Any:
        if self.saved is None:
            dx = backward(_fold(dy))
            return None if dx is None else _unfold(dx, dy)
        family, weights = all_layers(self.layer), self.layer.trainable_weights
        dxs: list[Any] = []
        sums: list[Any] = [0] * len(weights)
        for step, saved in enumerate(self.saved):
            for layer, kept in zip(family, saved, strict=True):
                layer.saved = kept
            dxs.append(backward(_at(dy, step)))
            grads = [0 if weight.grad is None else weight.grad for weight in weights]
            sums = [total + grad for total, grad in zip(sums, grads, strict=True)]
        for weight, total in zip(weights, sums, strict=True):
            if weight.grad is not None:
                weight.grad[...] = total
        return None if dxs[0] is None else np.stack(dxs, axis=1)

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


def _unfold(x: Any, like: Any) -> Any:
    return x.reshape(*like.shape[:2], *x.shape[1:])


def _at(x: Array, step: int) -> Array:
    return np.ascontiguousarray(x[:, step])
