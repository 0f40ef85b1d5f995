"""Functions of the user's as losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn.losses.loss import Array, Loss


class LossFunctionWrapper(Loss):
    """A function as a loss.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **kwargs)`` returns the samples' losses and the gradient of their sum
        with respect to `y_pred`: there is no automatic differentiation that could find it.
    reduction, name, dtype :
        As in `Loss`; the name is the function's when not given.
    **kwargs
        Passed on to `fn`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import losses
    >>> def quartic(y_true, y_pred):
    ...     error = y_pred - y_true
    ...     return (error**4).mean(axis=-1), 4 * error**3 / error.shape[-1]
    >>> losses.get(quartic)(np.array([[0.0]]), np.array([[2.0]]))
    16.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self._kwargs = kwargs

    def prepare(self, y_true: ArrayLike, y_pred: Array) -> Array:
        """Targets in the predictions' type; their shape is the function's business."""
        targets = np.ascontiguousarray(y_true, dtype=y_pred.dtype)
        if targets.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
            targets = targets[..., None]
        return targets

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        result = self.fn(y_true, y_pred, **self._kwargs)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"loss {self.name}: the function must return (values, gradient), the gradient "
                "with respect to y_pred of the sum of the samples' losses, since there is no "
                f"automatic differentiation; got {type(result).__name__}"
            )
        values = np.asarray(result[0], y_pred.dtype)
        gradient = np.array(result[1], y_pred.dtype)  # a copy, which training may scale
        if gradient.shape != y_pred.shape:
            raise ValueError(
                f"loss {self.name}: the gradient must be of the predictions' shape "
                f"{y_pred.shape}, got {gradient.shape}"
            )
        if values.shape != y_pred.shape[: values.ndim]:
            raise ValueError(
                f"loss {self.name}: values must be one per sample of predictions "
                f"{y_pred.shape}, got {values.shape}"
            )
        return values, gradient

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"fn": self.fn} | self._kwargs
