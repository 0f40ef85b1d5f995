"""Vectors for integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn import initializers, ops
from fastrnn.layers.layer import Array, Layer, check_positive, refuse_options

_UNSUPPORTED = ("lora_rank", "lora_alpha", "quantization_config")


class Embedding(Layer):
    """Row i of a trained table for each integer i: (N, ...) to (N, ..., output_dim).

    Parameters
    ----------
    input_dim : int
        Number of rows: one more than the largest integer.
    output_dim : int
        Size of a row.
    embeddings_initializer :
        As `fastrnn.initializers.get` takes it.
    mask_zero : bool
        Whether 0 stands for a missing step, which later layers skip.
    weights : array or list of one array, optional
        The table.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Attributes
    ----------
    embeddings : Variable, shape (input_dim, output_dim)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> table = np.array([[0.0, 0.0], [1.0, 2.0]])
    >>> layers.Embedding(2, 2, weights=table)(np.array([[1, 0, 1]]))
    array([[[1., 2.],
            [0., 0.],
            [1., 2.]]], dtype=float32)
    """

    stepwise = True
    roles = ("embeddings",)

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        refuse_options("Embedding", kwargs, _UNSUPPORTED)
        input_length = kwargs.get("input_length")
        if input_length is not None and "input_shape" not in kwargs:
            kwargs.setdefault("batch_shape", (None, input_length))
        super().__init__(**kwargs)
        check_positive(self.name, input_dim=input_dim, output_dim=output_dim)
        # A model hands integers over in its own type.
        exact = 2 ** (np.finfo(self.dtype).nmant + 1)
        if input_dim > exact:
            raise ValueError(
                f"{self.name}: {self.dtype} holds integers up to {exact} exactly, got "
                f"input_dim={input_dim}; use dtype='float64'"
            )
        self.input_dim = int(input_dim)
        self.output_dim = int(output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.mask_zero = self.supports_masking = self.makes_mask = bool(mask_zero)
        self._given = weights

    def build(self, input_shape: Any) -> None:
        shape = (self.input_dim, self.output_dim)
        self.embeddings = self.add_weight(
            shape,
            self.embeddings_initializer,
            name="embeddings",
            **self.of_role("embeddings"),
        )
        if self._given is not None:
            table = self._given[0] if isinstance(self._given, list) else self._given
            self.embeddings.assign(table)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if training:
            self.saved = x
        return ops.embedding(x, self.embeddings.value)

    def backward(self, dy: Any) -> Any:
        x = self.saved
        self.set_gradient(self.embeddings, ops.embedding_backward(dy, x, self.input_dim))
        # A step from one integer to the next has no slope.
        return np.zeros(x.shape, dy.dtype) if self.need_dx else None

    def compute_mask(self, x: Any, mask: Array | None) -> Array | None:
        return np.not_equal(x, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "mask_zero": self.mask_zero,
        }
