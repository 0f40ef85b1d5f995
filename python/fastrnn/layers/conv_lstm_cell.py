"""One step of the convolutional LSTM with dropout for each gate, which no kernel does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn import ops
from fastrnn.layers.cell import AbstractRNNCell
from fastrnn.layers.layer import Array


class DroppedConvLSTMCell(AbstractRNNCell):
    """A step of `ConvLSTM2D` in training where its state drops out.

    Each gate has a mask of its own, so that the four of them see four inputs: a convolution in
    four groups.

    Parameters
    ----------
    layer : ConvLSTM2D
        Whose weights and options the cell has.
    image : tuple of int
        Shape of a state, without the batch axis.
    x_mask, h_mask : ndarray
        Factors of the inputs, (4, N, H, W, C), or 1, and of the state.
    """

    def __init__(self, layer: Any, image: Any, x_mask: Any, h_mask: Array) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype)
        self.state_size = [image, image]
        self._options = layer.cell_options()
        self._activations = [self._options.pop(f"{of}activation") for of in ("recurrent_", "")]
        self._x_mask, self._h_mask = x_mask, h_mask
        self._variables = layer._variables
        self._by_name = {variable.name: variable for variable in layer._variables}

    def _value(self, name: str) -> Any:
        variable = self._by_name.get(name)
        return None if variable is None else variable.value

    def forward(  # type: ignore[override]
        self, x: Any, states: Sequence[Array], training: bool = False
    ) -> tuple[Array, list[Array]]:
        (h, before), (gate, activation) = states, self._activations
        xs, hs = _grouped(x * self._x_mask), _grouped(h * self._h_mask)
        z = ops.conv2d(xs, self._value("kernel"), self._value("bias"), groups=4, **self._options)
        z += ops.conv2d(hs, self._value("recurrent_kernel"), padding="same", groups=4)
        z_i, z_f, z_g, z_o = np.split(z, 4, axis=-1)
        p_i, p_f, p_o = peephole = self._peephole()
        i, f = (ops.activation(v, gate) for v in (z_i + p_i * before, z_f + p_f * before))
        g = ops.activation(z_g, activation)
        c = f * before + i * g
        o = ops.activation(z_o + p_o * c, gate)
        squashed = ops.activation(c, activation)
        if training:
            self.saved = xs, hs, before, peephole, i, f, g, o, c, squashed
        return o * squashed, [o * squashed, c]

    def _peephole(self) -> Any:
        value = self._value("peephole")
        return np.zeros(3, self.dtype) if value is None else value

    def backward(  # type: ignore[override]
        self, dy: Array, dstates: Sequence[Array]
    ) -> tuple[Array | None, list[Array]]:
        xs, hs, before, (p_i, p_f, p_o), i, f, g, o, c, squashed = self.saved
        gate, activation = self._activations
        dh, dc = dy + dstates[0], dstates[1]
        d_o = ops.activation_backward(dh * squashed, gate, y=o)
        dc = dc + ops.activation_backward(dh * o, activation, y=squashed) + d_o * p_o
        d_i = ops.activation_backward(dc * g, gate, y=i)
        d_f = ops.activation_backward(dc * before, gate, y=f)
        d_g = ops.activation_backward(dc * i, activation, y=g)
        dz = np.concatenate([d_i, d_f, d_g, d_o], axis=-1)
        by_state = ops.conv2d_backward(
            dz, hs, self._value("recurrent_kernel"), padding="same", groups=4, use_bias=False
        )
        use_bias = "bias" in self._by_name
        by_input = ops.conv2d_backward(
            dz, xs, self._value("kernel"), groups=4, use_bias=use_bias, need_dx=self.need_dx,
            **self._options,
        )  # fmt: skip
        slopes = by_input | {"recurrent_kernel": by_state["kernel"]}
        peepholes = d_i * before, d_f * before, d_o * c
        slopes["peephole"] = np.stack([part.sum(axis=0) for part in peepholes])
        for name, variable in self._by_name.items():
            self.set_gradient(variable, slopes[name])
        dx = (_parted(by_input["x"]) * self._x_mask).sum(0) if self.need_dx else None
        dh_before = (_parted(by_state["x"]) * self._h_mask).sum(0)
        return dx, [dh_before, dc * f + d_i * p_i + d_f * p_f]


def _grouped(parts: Array) -> Array:
    """(4, N, ..., C) as the groups (N, ..., 4 C) of a convolution; one input stands for all."""
    four = parts if parts.ndim == 5 else np.broadcast_to(parts, (4, *parts.shape))
    return np.concatenate(list(four), axis=-1)


def _parted(groups: Array) -> Array:
    """Undo `_grouped`."""
    return np.stack(np.split(groups, 4, axis=-1))
