"""A layer that only adds a penalty."""

from __future__ import annotations

from typing import Any

from fastrnn.layers.layer import Array, Layer
from fastrnn.regularizers import L1L2


class ActivityRegularization(Layer):
    """Outputs its inputs, and adds ``l1 sum |x| + l2 sum x²``, per sample, to the loss.

    Parameters
    ----------
    l1, l2 : float
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.ActivityRegularization(l2=0.1)(np.ones((1, 2)))
    array([[1., 1.]], dtype=float32)
    """

    supports_masking = True
    stepwise = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=L1L2(l1, l2), **kwargs)
        self.l1 = l1
        self.l2 = l2

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        return x

    def backward(self, dy: Any) -> Any:
        return dy if self.need_dx else None

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]
        return config | {"l1": self.l1, "l2": self.l2}
