"""Losses of the angles between vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn import ops
from fastrnn.config import epsilon
from fastrnn.losses.loss import Array, Loss


class CosineSimilarity(Loss):
    """Minus the cosine between y_true and y_pred: -1 where they point the same way.

    Parameters
    ----------
    axis : int
        Axis of the vectors.
    reduction, name, dtype :
        As in `Loss`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.CosineSimilarity()([[3.0, 4.0]], [[6.0, 8.0]]), 4)
    -1.0
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        truth, _ = _unit(y_true, self.axis)
        unit, length = _unit(y_pred, self.axis)
        cosine = (truth * unit).sum(axis=self.axis, keepdims=True)
        gradient = (unit * cosine - truth) / length * (length > epsilon())
        return -np.squeeze(cosine, axis=self.axis), gradient

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


class Circle(Loss):
    """Circle loss of embeddings of length 1 against integer labels (Sun et al. 2020).

    Draws samples of one label together and others apart, the more the further they are from
    where they should be; within a batch every sample meets every other. The samples whose loss
    is not 0 are averaged. Samples cannot be weighted.

    Parameters
    ----------
    gamma : float
        Scale of the similarities.
    margin : float
    remove_diagonal : bool
        Whether a sample is kept from being its own partner.
    reduction, name, dtype :
        As in `Loss`.

    Examples
    --------
    >>> from fastrnn import losses
    >>> round(losses.Circle()([1, 1, 2], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]), 2)
    19.2
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.gamma = gamma
        self.margin = margin
        self.remove_diagonal = remove_diagonal

    def prepare(self, y_true: ArrayLike, y_pred: Array) -> Array:
        labels = np.asarray(y_true)
        if y_pred.ndim != 2 or labels.shape[1:] not in ((), (1,)):
            raise ValueError(
                f"{self.name}: predictions must be (N, D) and labels (N,), "
                f"got {y_pred.shape} and {labels.shape}"
            )
        return labels.reshape(-1).astype(np.int64)

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        m = self.margin
        raw = 1 - y_pred @ y_pred.T
        distance = np.maximum(raw, 0)
        same = y_true[:, None] == y_true
        other = ~same
        if self.remove_diagonal:
            np.fill_diagonal(same, False)
        near, dnear = _weighted(self.gamma, m + distance, distance - m, 1)
        far, dfar = _weighted(self.gamma, 1 + m - distance, 1 - m - distance, -1)
        pull, dpull = _log_sum_exp(near, same)
        push, dpush = _log_sum_exp(far, other)
        total = pull + push
        values = np.logaddexp(0, total)
        slope = ops.activation(total, "sigmoid")[:, None]
        ddistance = slope * (dpull * dnear + dpush * dfar) * (raw > 0)
        return values, -(ddistance + ddistance.T) @ y_pred

    def reduce(
        self,
        values: Array,
        gradient: Array | None,
        sample_weight: Array | None = None,
        mask: Array | None = None,
    ) -> float:
        if sample_weight is not None or mask is not None:
            raise ValueError(f"{self.name}: samples meet each other and cannot be weighted")
        count = max(1, int(np.count_nonzero(values > 0)))
        scale = 1.0 if self.reduction == "sum" else 1.0 / count
        if gradient is not None:
            gradient *= scale
        return float(values.sum()) * scale

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "gamma": self.gamma,
            "margin": self.margin,
            "remove_diagonal": self.remove_diagonal,
        }


def _unit(vectors: Array, axis: Any) -> tuple[Array, Array]:
    """Vectors of length 1, and the lengths they had."""
    length = np.sqrt(np.square(vectors).sum(axis=axis, keepdims=True))
    length = np.maximum(length, epsilon()).astype(vectors.dtype)
    return vectors / length, length


def _weighted(gamma: float, weight: Array, distance: Array, sign: int) -> tuple[Array, Array]:
    """Of gamma max(weight, 0) distance: the value, and the derivative if both grow by `sign`."""
    weight = np.maximum(weight, 0)
    return gamma * weight * distance, gamma * sign * ((weight > 0) * distance + weight)


def _log_sum_exp(x: Array, among: Array) -> tuple[Array, Array]:
    """Of each row log Σ e^x of the chosen ones (-inf of none), and its gradient."""
    chosen = np.where(among, x, -np.inf)
    top = np.maximum(chosen.max(axis=1, keepdims=True), np.finfo(x.dtype).min)
    e = np.exp(chosen - top)
    total = e.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        return (top + np.log(total))[:, 0], e / np.maximum(total, np.finfo(x.dtype).tiny)


def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Minus the cosine between y_true and y_pred, one value per sample."""
    return CosineSimilarity(axis).values(y_true, y_pred)


def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Array:
    """`Circle`, one value per sample."""
    return Circle(gamma, margin, remove_diagonal).values(y_true, y_pred)
