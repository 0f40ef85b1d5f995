"""Layers that change the shape alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn.layers.layer import Array, Layer, check_positive


class Flatten(Layer):
    """All axes but the batch's in one.

    Where a model has it between frames (N, T, H, W, C) and a recurrent layer, each frame becomes
    a row of its own: (N, T, H * W * C).

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    name, dtype, input_shape, ... :
        As in `Layer`.

    Attributes
    ----------
    keeps_time : bool
        Whether the second axis stays as well; set by the model.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last"):
            raise ValueError(
                f"{self.name}: data_format must be 'channels_last', got {data_format!r}"
            )
        self.keeps_time = False

    @property
    def over_frames(self) -> bool:  # type: ignore[override]
        """Whether each frame is flattened by itself."""
        return self.keeps_time

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if training:
            self.saved = x.shape
        kept = 2 if self.keeps_time else 1
        return x.reshape(*x.shape[:kept], math.prod(x.shape[kept:]))

    def backward(self, dy: Any) -> Any:
        return dy.reshape(self.saved) if self.need_dx else None

    def compute_mask(self, x: Any, mask: Array | None) -> Array | None:
        return mask if self.keeps_time else super().compute_mask(x, mask)

    def compute_output_shape(self, input_shape: Any) -> Any:
        kept = 2 if self.keeps_time else 1
        sizes = input_shape[kept:]
        return (*input_shape[:kept], None if None in sizes else math.prod(sizes))


class Reshape(Layer):
    """Another shape of each sample.

    Parameters
    ----------
    target_shape : sequence of int
        Without the batch axis; one size may be -1 and follows from the others.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Reshape((-1, 2))(np.ones((5, 6))).shape
    (5, 3, 2)
    """

    def __init__(self, target_shape: Sequence[int] | int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(target_shape, int):
            target_shape = (target_shape,)
        self.target_shape = tuple(int(size) for size in target_shape)
        if self.target_shape.count(-1) > 1 or any(size < -1 for size in self.target_shape):
            raise ValueError(
                f"{self.name}: target_shape may hold one -1 and no other negative size, "
                f"got {self.target_shape}"
            )

    def build(self, input_shape: Any) -> None:
        steps = self.compute_output_shape(input_shape)[1:2]
        self.stepwise = tuple(input_shape[1:2]) == steps != (None,)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if training:
            self.saved = x.shape
        return x.reshape(len(x), *self._sizes(x.shape[1:]))

    def backward(self, dy: Any) -> Any:
        return dy.reshape(self.saved)

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes = input_shape[1:]
        if None in sizes:
            return (
                input_shape[0],
                *(None if size == -1 else size for size in self.target_shape),
            )
        return (input_shape[0], *self._sizes(sizes))

    def _sizes(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The target shape with its -1 worked out."""
        total = math.prod(sizes)
        known = math.prod(size for size in self.target_shape if size != -1)
        missing = total // known if known else 0
        target = tuple(missing if size == -1 else size for size in self.target_shape)
        if math.prod(target) != total:
            raise ValueError(
                f"{self.name}: samples of shape {sizes} hold {total} values, "
                f"which do not fill {self.target_shape}"
            )
        return target

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"target_shape": list(self.target_shape)}


class Permute(Layer):
    """The axes of each sample in another order.

    Parameters
    ----------
    dims : sequence of int
        Which axis comes first, second, ...; the first axis after the batch's has number 1.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Permute((2, 1))(np.ones((5, 3, 4))).shape
    (5, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"{self.name}: dims must hold each number from 1 to that of the axes once, "
                f"got {self.dims}"
            )

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != len(self.dims) + 1:
            raise ValueError(
                f"{self.name}: needs inputs of {len(self.dims)} axes and the batch's, "
                f"got {tuple(input_shape)}"
            )
        self.stepwise = self.dims[:1] == (1,)

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        return np.ascontiguousarray(x.transpose(0, *self.dims))

    def backward(self, dy: Any) -> Any:
        if not self.need_dx:
            return None
        return np.ascontiguousarray(dy.transpose(np.argsort((0, *self.dims))))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *(input_shape[dim] for dim in self.dims))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"dims": self.dims}


class RepeatVector(Layer):
    """The same vector at each of n steps: (N, F) to (N, n, F).

    Parameters
    ----------
    n : int
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.RepeatVector(3)(np.array([[1.0, 2.0]]))
    array([[[1., 2.],
            [1., 2.],
            [1., 2.]]], dtype=float32)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(self.name, n=n)
        self.n = int(n)

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2:
            raise ValueError(f"{self.name}: needs vectors (N, F), got {tuple(input_shape)}")

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        return np.repeat(x[:, None], self.n, axis=1)

    def backward(self, dy: Any) -> Any:
        return dy.sum(axis=1) if self.need_dx else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"n": self.n}
