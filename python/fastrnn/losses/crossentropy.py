"""Cross-entropies of probabilities or logits against labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn import ops
from fastrnn.losses.loss import Array, Loss, as_float

# Keras clips probabilities to [1e-7, 1 - 1e-7] before it takes logarithms.
_EPSILON = 1e-7


class CategoricalCrossentropy(Loss):
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
    reduction, name :
        As in `Loss`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.CategoricalCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        if axis != -1:
            raise ValueError(f"{self.name}: axis must be -1, the last, got {axis}")
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"{self.name}: label_smoothing must be from 0 to 1, got {label_smoothing}"
            )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.fused_activation = None if from_logits else "softmax"

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        if self.from_logits:
            return self.value_and_gradient_from_logits(y_true, y_pred)
        y_true = self._smoothed(y_true)
        total = y_pred.sum(axis=-1, keepdims=True)
        share = y_pred / total
        clipped = np.clip(share, _EPSILON, 1 - _EPSILON)
        values = -(y_true * np.log(clipped)).sum(axis=-1)
        dshare = np.where(share == clipped, -y_true / clipped, 0).astype(y_pred.dtype)
        dshare -= (dshare * share).sum(axis=-1, keepdims=True)
        dshare /= total
        return np.asarray(values), dshare

    def value_and_gradient_from_logits(self, y_true: Array, logits: Array) -> tuple[Array, Array]:
        classes = logits.shape[-1]
        y_true = self._smoothed(y_true)
        if logits.ndim == 2:
            return ops.softmax_cross_entropy(logits, y_true)
        values, gradient = ops.softmax_cross_entropy(
            logits.reshape(-1, classes), y_true.reshape(-1, classes)
        )
        return values.reshape(logits.shape[:-1]), gradient.reshape(logits.shape)

    def _smoothed(self, y_true: Array) -> Array:
        share = self.label_smoothing
        return y_true * (1 - share) + share / y_true.shape[-1] if share else y_true

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": -1,
        }


class SparseCategoricalCrossentropy(Loss):
    """-log(y_pred[label]) against integer labels.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits: what a softmax would be applied to.
    ignore_class : int, optional
        Label whose samples do not count.
    reduction, axis, name :
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
    ) -> None:
        super().__init__(reduction, name)
        if axis != -1:
            raise ValueError(f"{self.name}: axis must be -1, the last, got {axis}")
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.fused_activation = None if from_logits else "softmax"

    def prepare(self, y_true: ArrayLike, y_pred: Array) -> Array:
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
                f"{self.name}: labels must be one integer per prediction, shape "
                f"{('N', *y_pred.shape[1:-1])}, got {('N', *labels.shape[1:])}{hint}"
            )
        if labels.dtype.kind not in "iub":
            labels = labels.astype(np.int64)
        labels = np.ascontiguousarray(labels, dtype=np.int64)
        known = labels if self.ignore_class is None else labels[labels != self.ignore_class]
        classes = y_pred.shape[-1]
        if known.size and (known.min() < 0 or known.max() >= classes):
            raise ValueError(
                f"{self.name}: labels must be from 0 to {classes - 1} for predictions of "
                f"{classes} classes, got {int(known.min())} to {int(known.max())}"
            )
        return labels

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        if self.from_logits:
            return self.value_and_gradient_from_logits(y_true, y_pred)
        valid, labels = self._valid(y_true)
        total = y_pred.sum(axis=-1, keepdims=True)
        share = np.take_along_axis(y_pred, labels[..., None], axis=-1) / total
        clipped = np.clip(share, _EPSILON, 1 - _EPSILON)
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


class BinaryCrossentropy(Loss):
    """-y_true log(y_pred) - (1 - y_true) log(1 - y_pred), the mean over the last axis.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits: what a sigmoid would be applied to.
    label_smoothing : float
        How far labels are moved towards 0.5, from 0 to 1.
    axis, reduction, name :
        As in `CategoricalCrossentropy`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.BinaryCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        if axis != -1:
            raise ValueError(f"{self.name}: axis must be -1, the last, got {axis}")
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"{self.name}: label_smoothing must be from 0 to 1, got {label_smoothing}"
            )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.fused_activation = None if from_logits else "sigmoid"

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        if self.from_logits:
            return self.value_and_gradient_from_logits(y_true, y_pred)
        y_true = self._smoothed(y_true)
        clipped = np.clip(y_pred, _EPSILON, 1 - _EPSILON)
        values = -(y_true * np.log(clipped) + (1 - y_true) * np.log(1 - clipped))
        gradient = (clipped - y_true) / (clipped * (1 - clipped)) / y_pred.shape[-1]
        gradient = np.where(clipped == y_pred, gradient, 0).astype(y_pred.dtype)
        return np.asarray(values.mean(axis=-1)), gradient

    def value_and_gradient_from_logits(self, y_true: Array, logits: Array) -> tuple[Array, Array]:
        values, gradient = ops.sigmoid_cross_entropy(logits, self._smoothed(y_true))
        if logits.shape[-1] == 1:
            return values[..., 0], gradient
        gradient /= logits.shape[-1]
        return values.mean(axis=-1), gradient

    def _smoothed(self, y_true: Array) -> Array:
        share = self.label_smoothing
        return y_true * (1 - share) + 0.5 * share if share else y_true

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": -1,
        }


def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0
) -> NDArray[Any]:
    """`CategoricalCrossentropy`, one value per sample."""
    return _values(CategoricalCrossentropy(from_logits, label_smoothing), y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
) -> NDArray[Any]:
    """`SparseCategoricalCrossentropy`, one value per sample."""
    return _values(SparseCategoricalCrossentropy(from_logits, ignore_class), y_true, y_pred)


def binary_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0
) -> NDArray[Any]:
    """`BinaryCrossentropy`, one value per sample."""
    return _values(BinaryCrossentropy(from_logits, label_smoothing), y_true, y_pred)


def _values(loss: Loss, y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[Any]:
    prediction = as_float(y_pred)
    return loss.value_and_gradient(loss.prepare(y_true, prediction), prediction)[0]
