"""Weights of Keras 2 in the form that the same layers have now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn.formats.keras_config import Version
from fastrnn.layers import Layer, Recurrent
from fastrnn.layers.fused_cells import FusedCell
from fastrnn.layers.variable import Variable
from fastrnn.layers.weighted import all_layers

Array = NDArray[Any]

# Keras 2's hard_sigmoid is clip(0.2 x + 0.5), today's clip(x / 6 + 0.5): the old one of x is
# the new one of 1.2 x, so what makes x takes the factor.
_HARD_SIGMOID = 1.2
_KERAS_3 = (3,)


def converted(
    layer: Layer, variables: Sequence[Variable], values: Sequence[Array], version: Version
) -> tuple[list[Array], bool]:
    """Values for a layer's variables, and whether any of them has changed.

    Parameters
    ----------
    layer : Layer
    variables, values : sequence
        In one order.
    version : tuple of int
        Of the Keras that wrote them.
    """
    result = list(values)
    place = {id(variable): index for index, variable in enumerate(variables)}
    for part in (p.layer if isinstance(p, FusedCell) else p for p in all_layers(layer)):
        indices = [place[id(v)] for v in part._variables if id(v) in place]
        before = [result[index] for index in indices]
        after = _recurrent(part, before) if isinstance(part, Recurrent) else before
        if version < _KERAS_3:
            after = _hard_sigmoid(part, after)
        for index, value in zip(indices, after, strict=True):
            result[index] = value
    return result, any(one is not other for one, other in zip(result, values, strict=True))


def _recurrent(layer: Recurrent, values: list[Array]) -> list[Array]:
    """The weights of a cuDNN layer, told by its two biases, as those of a plain one."""
    if len(values) != 3:
        return values
    kernel, recurrent_kernel, bias = values
    columns = layer.gates * layer.units
    if bias.shape != (2 * columns,) or kernel.ndim != 2:
        return values
    both = bias.reshape(2, columns)
    wants_both = layer.bias is not None and layer.bias.shape == both.shape
    return [
        _transposed(kernel, layer.gates),
        _transposed(recurrent_kernel, layer.gates),
        both if wants_both else both.sum(axis=0),
    ]


def _transposed(kernel: Array, gates: int) -> Array:
    """CuDNN's matrices lie in memory as (units, inputs), one a gate."""
    parts = np.split(kernel, gates, axis=1)
    return np.concatenate([part.reshape(part.shape[::-1]).T for part in parts], axis=1)


def _hard_sigmoid(layer: Layer, values: list[Array]) -> list[Array]:
    if isinstance(layer, Recurrent):
        if layer.activation == "hard_sigmoid":
            raise ValueError(f"{layer.name}: activation='hard_sigmoid' is another than in Keras 3")
        if getattr(layer, "recurrent_activation", None) != "hard_sigmoid":
            return values
        # All gates but that of the candidate: i, f, (g), o of the LSTM; z, r, (n) of the GRU.
        factors = np.ones(layer.gates)
        factors[[0, 1, 3] if layer.gates == 4 else [0, 1]] = _HARD_SIGMOID
        factors = factors.repeat(layer.units)
        return [(value * factors).astype(value.dtype) for value in values]
    if getattr(layer, "activation", None) != "hard_sigmoid":
        return values
    if not values:
        raise ValueError(
            f"{layer.name}: Keras 2's hard_sigmoid is another than Keras 3's, and there are no "
            "weights that could make up for it"
        )
    names = [variable.name for variable in layer._variables]
    first = "depthwise_kernel" if "pointwise_kernel" in names else None  # the second one will do
    return [
        value if name == first else (value * _HARD_SIGMOID).astype(value.dtype)
        for name, value in zip(names, values, strict=True)
    ]
