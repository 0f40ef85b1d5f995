"""Losses of probabilities or logits against integer labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn import ops
from fastrnn.config import epsilon
from fastrnn.losses.crossentropy import require_last_axis
from fastrnn.losses.loss import Array, Loss


class SparseCategoricalCrossentropy(Loss):
    """-log(y_pred[label]) against integer labels.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits: what a softmax would be applied to.
    ignore_class : int, optional
        Label whose samples do not count.
    reduction, axis, name, dtype :
        As in `CategoricalCrossentropy`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        require_last_axis(self.name, axis)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.fused_activation = None if from_logits else "softmax"

    def prepare(self, y_true: ArrayLike, y_pred: Array) -> Array:
        return class_numbers(self.name, y_true, y_pred, self.ignore_class)

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        if self.from_logits:
            return self.value_and_gradient_from_logits(y_true, y_pred)
        valid, labels = self._valid(y_true)
        total = y_pred.sum(axis=-1, keepdims=True)
        share = np.take_along_axis(y_pred, labels[..., None], axis=-1) / total
        clipped = np.clip(share, epsilon(), 1 - epsilon())
        values = -np.log(clipped)[..., 0]
        # d(-log(p_k / Σp)) = -1/p_k at the label, +1/Σp everywhere
        inside = share == clipped
        gradient = np.where(inside, 1 / total, 0).astype(y_pred.dtype) * np.ones_like(y_pred)
        at_label = np.where(inside, (1 - 1 / clipped) / total, 0).astype(y_pred.dtype)
        np.put_along_axis(gradient, labels[..., None], at_label, axis=-1)
        return self._without_ignored(values, gradient, valid)

    def value_and_gradient_from_logits(self, y_true: Array, logits: Array) -> tuple[Array, Array]:
        if self.ignore_class is None and logits.ndim == 2:
            return ops.softmax_cross_entropy(logits, y_true)
        valid, labels = self._valid(y_true)
        values, gradient = ops.softmax_cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
        )
        return self._without_ignored(
            values.reshape(labels.shape), gradient.reshape(logits.shape), valid
        )

    def valid(self, y_true: Array) -> Array | None:
        return None if self.ignore_class is None else y_true != self.ignore_class

    def _valid(self, labels: Array) -> tuple[Array | None, Array]:
        valid = self.valid(labels)
        return valid, labels if valid is None else np.where(valid, labels, 0)

    @staticmethod
    def _without_ignored(
        values: Array, gradient: Array, valid: Array | None
    ) -> tuple[Array, Array]:
        if valid is not None:
            values = np.where(valid, values, 0).astype(values.dtype)
            gradient[~valid] = 0
        return values, gradient

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
        }


class CategoricalGeneralizedCrossEntropy(Loss):
    """(1 - y_pred[label]^q) / q against integer labels, some of which may be wrong.

    Between the cross-entropy (q to 0) and the mean absolute error (q to 1), which heeds wrong
    labels less (Zhang & Sabuncu 2018).

    Parameters
    ----------
    q : float
        Between 0 and 1.
    reduction, name, dtype :
        As in `Loss`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> losses.CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]])
    1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        if not 0 < q < 1:
            raise ValueError(f"{self.name}: q must be between 0 and 1, got {q}")
        self.q = q

    def prepare(self, y_true: ArrayLike, y_pred: Array) -> Array:
        return class_numbers(self.name, y_true, y_pred)

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        index = y_true[..., None]
        own = np.take_along_axis(y_pred, index, axis=-1)
        gradient = np.zeros_like(y_pred)
        np.put_along_axis(gradient, index, -(own ** (self.q - 1)), axis=-1)
        return np.asarray((1 - own[..., 0] ** self.q) / self.q), gradient

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"q": self.q}


def class_numbers(name: str, y_true: ArrayLike, y_pred: Array, ignored: int | None = None) -> Array:
    """One integer per prediction, of the classes on its last axis."""
    labels = np.asarray(y_true)
    if labels.ndim == y_pred.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape[1:] != y_pred.shape[1:-1]:
        hint = (
            ", as loss='categorical_crossentropy' does with one-hot rows"
            if labels.shape[1:] == y_pred.shape[1:]
            else ""
        )
        raise ValueError(
            f"{name}: labels must be one integer per prediction, shape "
            f"{('N', *y_pred.shape[1:-1])}, got {('N', *labels.shape[1:])}{hint}"
        )
    if labels.dtype.kind not in "iub":
        labels = labels.astype(np.int64)
    labels = np.ascontiguousarray(labels, dtype=np.int64)
    known = labels if ignored is None else labels[labels != ignored]
    classes = y_pred.shape[-1]
    if known.size and (known.min() < 0 or known.max() >= classes):
        raise ValueError(
            f"{name}: labels must be from 0 to {classes - 1} for predictions of "
            f"{classes} classes, got {int(known.min())} to {int(known.max())}"
        )
    return labels


def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Array:
    """`SparseCategoricalCrossentropy`, one value per sample."""
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
    return loss.values(y_true, y_pred)


def categorical_generalized_cross_entropy(
    y_true: ArrayLike, y_pred: ArrayLike, q: float = 0.5
) -> Array:
    """`CategoricalGeneralizedCrossEntropy`, one value per sample."""
    return CategoricalGeneralizedCrossEntropy(q).values(y_true, y_pred)
