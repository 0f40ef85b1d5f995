"""The shape of a model's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.symbolic import Node, SymbolicTensor, connect


class InputLayer(Layer):
    """States the shape of the input; passes it on as it is.

    Parameters
    ----------
    shape : sequence of int or None, optional
        Shape of one sample; None where a size varies.
    batch_size : int, optional
    dtype : str, optional
        Type of the data; each is converted to that of the first layer.
    batch_shape : sequence, optional
        `shape` with the batch axis in front.
    name : str, optional
    """

    supports_masking = True

    def __init__(
        self,
        shape: Sequence[int | None] | int | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("sparse", None)
        kwargs.pop("ragged", None)
        kwargs.pop("optional", None)
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        shape = kwargs.pop("input_shape", shape)
        trainable = kwargs.pop("trainable", True)
        super().__init__(name=name, trainable=trainable, **kwargs)
        # Of the data, which may be integers; layers compute in types of their own.
        self.dtype = np.dtype(dtype or self.dtype)
        if isinstance(shape, int):
            shape = (shape,)
        if batch_shape is not None:
            self.batch_shape = tuple(batch_shape)
        elif shape is not None:
            self.batch_shape = (batch_size, *shape)
        else:
            raise ValueError(f"{self.name}: shape or batch_shape must be given")
        self.built = True
        connect(Node(self, (), {}), [self.batch_shape], name=self.name)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        return x

    def backward(self, dy: Any) -> Any:
        return dy

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": list(self.batch_shape or ()),
            "dtype": self.dtype.name,
            "sparse": False,
            "name": self.name,
        }


def Input(
    shape: Sequence[int | None] | int | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    **kwargs: Any,
) -> SymbolicTensor:
    """Where a model begins: a symbolic tensor for layers to be called on.

    A `Sequential` takes it as its first entry.

    Parameters
    ----------
    shape : sequence of int or None
    batch_size : int, optional
    dtype : str, optional
    batch_shape : sequence, optional
        `shape` with the batch axis in front.
    name : str, optional

    Examples
    --------
    >>> import fastrnn
    >>> model = fastrnn.Sequential([fastrnn.layers.Input((28, 28)), fastrnn.layers.LSTM(50)])
    >>> model.output_shape
    (None, 50)
    """
    tensor: SymbolicTensor = InputLayer(
        shape, batch_size, dtype, batch_shape, name, **kwargs
    ).output
    return tensor
