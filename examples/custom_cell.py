"""A recurrent cell of one's own: its equations forward and back, run over time by `layers.RNN`."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import fastrnn
from fastrnn import layers, ops


class CandidateLSTMCell(layers.AbstractRNNCell):
    """An LSTM as some texts print it: all gates see the candidate g of the step before, not h.

    The output gate sees the new one::

        i, f = sigmoid(x W + g' R + b)      g = tanh(x W + g' R + b)
        o    = sigmoid(x W + g R + b)       c = f c' + i g       h = o tanh(c)
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, units]

    def build(self, input_shape: Any) -> None:
        columns = 4 * self.units
        self.kernel = self.add_weight((input_shape[-1], columns), name="kernel")
        self.recurrent = self.add_weight((self.units, columns), "orthogonal", name="recurrent")
        self.bias = self.add_weight((columns,), "zeros", name="bias")

    def forward(self, x: Any, states: Any, training: bool = False) -> Any:  # type: ignore[override]
        before, c_before = states
        recurrent, units = self.recurrent.value, self.units
        z = x @ self.kernel.value + self.bias.value
        z[:, : 3 * units] += before @ recurrent[:, : 3 * units]
        i, f, g = np.split(z[:, : 3 * units], 3, axis=1)
        i, f, g = ops.activation(i, "sigmoid"), ops.activation(f, "sigmoid"), np.tanh(g)
        o = ops.activation(z[:, 3 * units :] + g @ recurrent[:, 3 * units :], "sigmoid")
        c = f * c_before + i * g
        squashed = np.tanh(c)
        if training:
            self.saved = x, before, c_before, i, f, g, o, squashed
        return o * squashed, [g, c]

    def backward(self, dy: Any, dstates: Any) -> Any:  # type: ignore[override]
        x, before, c_before, i, f, g, o, squashed = self.saved
        recurrent, units = self.recurrent.value, self.units
        dg, dc = dstates
        dc = dc + dy * o * (1 - squashed**2)
        dzo = dy * squashed * o * (1 - o)
        dg = dg + dc * i + dzo @ recurrent[:, 3 * units :].T
        dz = np.concatenate(
            [dc * g * i * (1 - i), dc * c_before * f * (1 - f), dg * (1 - g**2), dzo], axis=1
        )
        first = dz[:, : 3 * units]
        self.set_gradient(self.kernel, x.T @ dz)
        self.set_gradient(self.recurrent, np.hstack([before.T @ first, g.T @ dzo]))
        self.set_gradient(self.bias, dz.sum(axis=0))
        return dz @ self.kernel.value.T, [first @ recurrent[:, : 3 * units].T, dc * f]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}


def main() -> None:
    """Train on sequences whose class is whether their first feature's sum is positive."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(512, 12, 4)).astype("float32")
    y = (x[:, :, 0].sum(axis=1) > 0).astype("int64")
    model = fastrnn.Sequential(
        [layers.Input((12, 4)), layers.RNN(CandidateLSTMCell(16)), layers.Dense(2, "softmax")]
    )
    model.compile(fastrnn.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=8, validation_split=0.25, verbose=2)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
