"""Cross-entropies of probabilities or logits against probabilities or one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn import ops
from fastrnn.config import epsilon
from fastrnn.losses.loss import Array, Loss


class Crossentropy(Loss):
    """Base of cross-entropies; not for direct use."""

    activation: str

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        require_last_axis(self.name, axis)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"{self.name}: label_smoothing must be from 0 to 1, got {label_smoothing}"
            )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.fused_activation = None if from_logits else self.activation

    def smoothed(self, y_true: Array) -> Array:
        """Targets of which a share is spread evenly over the classes."""
        share = self.label_smoothing
        even = 0.5 if self.activation == "sigmoid" else 1 / y_true.shape[-1]
        return y_true * (1 - share) + share * even if share else y_true

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": -1,
        }


class CategoricalCrossentropy(Crossentropy):
    """-Σ y_true log(y_pred) against one-hot rows or probabilities.

    Probabilities are divided by their sum and clipped to [1e-7, 1 - 1e-7]. In training, a
    softmax in the last layer is computed together with the loss, without clipping.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits: what a softmax would be applied to.
    label_smoothing : float
        Share of each label that is spread evenly over the classes, from 0 to 1.
    axis : int
        Axis of the classes; the last.
    reduction, name, dtype :
        As in `Loss`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.CategoricalCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)
    0.6931
    """

    activation = "softmax"

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        if self.from_logits:
            return self.value_and_gradient_from_logits(y_true, y_pred)
        y_true = self.smoothed(y_true)
        total = y_pred.sum(axis=-1, keepdims=True)
        share = y_pred / total
        clipped = np.clip(share, epsilon(), 1 - epsilon())
        values = -(y_true * np.log(clipped)).sum(axis=-1)
        dshare = np.where(share == clipped, -y_true / clipped, 0).astype(y_pred.dtype)
        return np.asarray(values), through_shares(dshare, share, total)

    def value_and_gradient_from_logits(self, y_true: Array, logits: Array) -> tuple[Array, Array]:
        classes = logits.shape[-1]
        y_true = self.smoothed(y_true)
        if logits.ndim == 2:
            return ops.softmax_cross_entropy(logits, y_true)
        values, gradient = ops.softmax_cross_entropy(
            logits.reshape(-1, classes), y_true.reshape(-1, classes)
        )
        return values.reshape(logits.shape[:-1]), gradient.reshape(logits.shape)


class BinaryCrossentropy(Crossentropy):
    """-y_true log(y_pred) - (1 - y_true) log(1 - y_pred), the mean over the last axis.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits: what a sigmoid would be applied to.
    label_smoothing : float
        How far labels are moved towards 0.5, from 0 to 1.
    axis, reduction, name, dtype :
        As in `CategoricalCrossentropy`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.BinaryCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)
    0.6931
    """

    activation = "sigmoid"

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        if self.from_logits:
            return self.value_and_gradient_from_logits(y_true, y_pred)
        y_true = self.smoothed(y_true)
        clipped = np.clip(y_pred, epsilon(), 1 - epsilon())
        values = -(y_true * np.log(clipped) + (1 - y_true) * np.log(1 - clipped))
        gradient = (clipped - y_true) / (clipped * (1 - clipped)) / y_pred.shape[-1]
        gradient = np.where(clipped == y_pred, gradient, 0).astype(y_pred.dtype)
        return np.asarray(values.mean(axis=-1)), gradient

    def value_and_gradient_from_logits(self, y_true: Array, logits: Array) -> tuple[Array, Array]:
        values, gradient = ops.sigmoid_cross_entropy(logits, self.smoothed(y_true))
        if logits.shape[-1] == 1:
            return values[..., 0], gradient
        gradient /= logits.shape[-1]
        return values.mean(axis=-1), gradient


def require_last_axis(name: str, axis: int) -> None:
    """Refuse classes on any axis but the last."""
    if axis != -1:
        raise ValueError(f"{name}: axis must be -1, the last, got {axis}")


def through_shares(dshare: Array, share: Array, total: Array) -> Array:
    """Gradient of y_pred from that of its shares, y_pred / total; overwrites `dshare`."""
    dshare -= (dshare * share).sum(axis=-1, keepdims=True)
    dshare /= total
    return dshare


def categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """`CategoricalCrossentropy`, one value per sample."""
    return CategoricalCrossentropy(from_logits, label_smoothing, axis).values(y_true, y_pred)


def binary_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """`BinaryCrossentropy`, one value per sample."""
    return BinaryCrossentropy(from_logits, label_smoothing, axis).values(y_true, y_pred)
