"""Where PyTorch has the weights of a layer: which names, and which entry of ours is where.

PyTorch's matrices are (outputs, inputs) and its kernels (outputs, inputs, height, width); its
GRU has the gates r, z, n, its recurrent layers two biases, and its ``Flatten`` runs over
channels first. All of that is one permutation for each weight, kept as indices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    ConvLSTM2D,
    Dense,
    Embedding,
    Flatten,
    Layer,
    LayerNormalization,
    PReLU,
    Recurrent,
    SimpleRNN,
    TimeDistributed,
)
from fastrnn.layers.convolution import Convolution
from fastrnn.layers.convolution_transpose import ConvolutionTranspose
from fastrnn.layers.depthwise import DepthwiseConvolution
from fastrnn.layers.spatial import Spatial
from fastrnn.layers.variable import Variable

Array = NDArray[Any]
Indices = NDArray[np.intp]

_VECTORS = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "embeddings": "weight",
}


@dataclass(frozen=True)
class Part:
    """An array of PyTorch's, and the weight that it is, or is added to.

    Attributes
    ----------
    name : str
        Within the module: ``"weight_ih"``.
    variable : Variable
    indices : ndarray of int, shape of PyTorch's array
        Which entry of the flat weight each of its entries is.
    second : bool
        Whether it is added to a first one, and zeros when written.
    """

    name: str
    variable: Variable
    indices: Indices
    second: bool = False

    def to_torch(self) -> Array:
        """The array as PyTorch has it."""
        if self.second:
            return np.zeros(self.indices.shape, self.variable.value.dtype)
        return self.variable.value.reshape(-1)[self.indices]

    def add_to(self, value: Array, array: Array) -> None:
        """Add PyTorch's array to the weight's value."""
        value.reshape(-1)[self.indices] += array


def parts_of_layers(model: Any) -> Iterator[tuple[Layer, list[Part]]]:
    """All layers that have weights, in order, with PyTorch's arrays of them."""
    rows: Indices | None = None
    channels_first = True
    for layer in _leaves(model):
        if isinstance(layer, (Spatial, Flatten)):
            if isinstance(layer, Flatten):
                rows = _flattened(layer.input_shape[1 + layer.keeps_time :], channels_first)
            channels_first = True
        shape = layer.input_shape
        if isinstance(layer, (Recurrent, Bidirectional)) and not isinstance(layer, ConvLSTM2D):
            if rows is None and len(shape) > 3:
                rows = _flattened(shape[2:], channels_first)
            channels_first = False
        if layer.weights:
            yield layer, list(_parts(layer, rows))
            if not isinstance(layer, (BatchNormalization, LayerNormalization, PReLU)):
                rows = None


def _leaves(model: Any) -> Iterator[Layer]:
    for layer in model.layers:
        while isinstance(layer, TimeDistributed):
            layer = layer.layer
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


def _flattened(shape: tuple[int, ...], channels_first: bool) -> Indices | None:
    """Where PyTorch, channels first, has each entry of a flattened sample; None: where we do."""
    if len(shape) < 2 or None in shape or (len(shape) == 2 and not channels_first):
        return None
    places = np.arange(math.prod(shape)).reshape(shape[-1], *shape[:-1])
    return np.moveaxis(places, 0, -1).reshape(-1)


def _parts(layer: Layer, rows: Indices | None) -> Iterator[Part]:
    if isinstance(layer, Bidirectional):
        yield from _parts(layer.forward_layer, rows)
        for part in _parts(layer.backward_layer, rows):
            yield replace(part, name=f"{part.name}_reverse")
    elif type(layer) in (LSTM, GRU, SimpleRNN):
        yield from _recurrent(layer, rows)  # type: ignore[arg-type]
    elif isinstance(layer, (Dense, Convolution, ConvolutionTranspose, DepthwiseConvolution)):
        yield from _affine(layer, rows)
    elif isinstance(layer, (BatchNormalization, LayerNormalization, Embedding, PReLU)):
        for variable in layer.weights:
            indices = _indices(variable)
            if isinstance(layer, PReLU):
                indices = indices.reshape(-1)
            elif rows is not None and indices.shape == rows.shape:
                indices = _unordered(indices, rows)
            yield Part(_VECTORS.get(variable.name, "weight"), variable, indices)
    else:
        raise ValueError(f"{layer.name}: PyTorch has no counterpart of {type(layer).__name__}")


def _indices(variable: Variable) -> Indices:
    return np.arange(variable.size).reshape(variable.shape)


def _unordered(ours: Indices, rows: Indices) -> Indices:
    """Rows in PyTorch's order."""
    theirs = np.empty_like(ours)
    theirs[rows] = ours
    return theirs


def _affine(layer: Any, rows: Indices | None) -> Iterator[Part]:
    """A kernel whose last two axes are inputs and outputs (or outputs and inputs), a bias."""
    indices = _indices(layer.kernel)
    if rows is not None and isinstance(layer, Dense):
        indices = _unordered(indices, rows)
    rank = indices.ndim - 2
    if isinstance(layer, DepthwiseConvolution):
        outputs = indices.shape[-2] * indices.shape[-1]
        kernel = indices.reshape(*indices.shape[:rank], 1, outputs)
    else:
        kernel = indices
    yield Part("weight", layer.kernel, kernel.transpose(rank + 1, rank, *range(rank)))
    if layer.bias is not None:
        yield Part("bias", layer.bias, _indices(layer.bias))


def _recurrent(layer: Recurrent, rows: Indices | None) -> Iterator[Part]:
    order = [1, 0, 2] if isinstance(layer, GRU) else range(layer.gates)
    gates = np.concatenate([np.arange(layer.units) + gate * layer.units for gate in order])
    kernel = _indices(layer.kernel)
    if rows is not None:
        kernel = _unordered(kernel, rows)
    yield Part("weight_ih", layer.kernel, kernel.T[gates])
    yield Part("weight_hh", layer.recurrent_kernel, _indices(layer.recurrent_kernel).T[gates])
    if isinstance(layer, GRU) and not layer.reset_after:
        raise ValueError(f"{layer.name}: PyTorch's GRU is that with reset_after=True")
    if layer.bias is None:
        return
    both = _indices(layer.bias)[..., gates]
    own = both.ndim == 2  # the GRU keeps the two biases apart
    yield Part("bias_ih", layer.bias, both[0] if own else both)
    yield Part("bias_hh", layer.bias, both[1] if own else both, second=not own)
