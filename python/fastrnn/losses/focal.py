"""Focal cross-entropies, in which what is already predicted well counts less (Lin et al. 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn import ops
from fastrnn.config import epsilon
from fastrnn.losses.crossentropy import Crossentropy, through_shares
from fastrnn.losses.loss import Array


class BinaryFocalCrossentropy(Crossentropy):
    """Binary cross-entropy times (1 - p)^gamma, p the probability given to the label.

    Parameters
    ----------
    apply_class_balancing : bool
        Whether class 1 counts `alpha` and class 0 counts 1 - `alpha`.
    alpha : float
    gamma : float
    from_logits, label_smoothing, axis, reduction, name, dtype :
        As in `BinaryCrossentropy`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.BinaryFocalCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)
    0.1733
    """

    activation = "sigmoid"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.fused_activation = None
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        p = ops.activation(y_pred, "sigmoid") if self.from_logits else y_pred
        y = self.smoothed(y_true)
        clipped = np.clip(p, epsilon(), 1 - epsilon())
        entropy = -(y * np.log(clipped) + (1 - y) * np.log(1 - clipped))
        dentropy = np.where(clipped == p, (clipped - y) / (clipped * (1 - clipped)), 0)
        miss = y + p - 2 * y * p
        factor = miss**self.gamma
        dfactor = self.gamma * np.maximum(miss, epsilon()) ** (self.gamma - 1) * (1 - 2 * y)
        if self.apply_class_balancing:
            weight = y * self.alpha + (1 - y) * (1 - self.alpha)
            entropy, dentropy = weight * entropy, weight * dentropy
        gradient = (factor * dentropy + dfactor * entropy) / y_pred.shape[-1]
        if self.from_logits:
            gradient *= p * (1 - p)
        return np.asarray((factor * entropy).mean(axis=-1)), gradient.astype(p.dtype, copy=False)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "apply_class_balancing": self.apply_class_balancing,
            "alpha": self.alpha,
            "gamma": self.gamma,
        }


class CategoricalFocalCrossentropy(Crossentropy):
    """-alpha Σ y_true (1 - y_pred)^gamma log(y_pred).

    Parameters
    ----------
    alpha : float or list of float
        Weight, of all classes or of each.
    gamma : float
    from_logits, label_smoothing, axis, reduction, name, dtype :
        As in `CategoricalCrossentropy`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.CategoricalFocalCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)
    0.0433
    """

    activation = "softmax"

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.fused_activation = None
        self.alpha = alpha
        self.gamma = gamma

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        p = ops.activation(y_pred, "softmax") if self.from_logits else y_pred
        total = p.sum(axis=-1, keepdims=True)
        share = p / total
        clipped = np.clip(share, epsilon(), 1 - epsilon())
        weight = self.smoothed(y_true) * np.asarray(self.alpha, y_true.dtype)
        miss, log = 1 - clipped, np.log(clipped)
        factor = miss**self.gamma
        values = -(weight * factor * log).sum(axis=-1)
        gradient = weight * (self.gamma * factor / miss * log - factor / clipped)
        gradient = through_shares(gradient * (clipped == share), share, total)
        if self.from_logits:
            gradient = ops.activation_backward(gradient, "softmax", y=p)
        return np.asarray(values), gradient

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"alpha": self.alpha, "gamma": self.gamma}


def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """`BinaryFocalCrossentropy`, one value per sample."""
    loss = BinaryFocalCrossentropy(
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
    )
    return loss.values(y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """`CategoricalFocalCrossentropy`, one value per sample."""
    loss = CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis)
    return loss.values(y_true, y_pred)
