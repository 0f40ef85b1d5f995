"""What every loss has: a value per sample, its gradient, weights, masks and a reduction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn.utils.naming import to_snake_case, unknown

Array = NDArray[Any]

_REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean", "mean_with_sample_weight")


class Loss:
    """Base of losses.

    A subclass defines `value_and_gradient`; `call` alone is not enough, since there is no
    automatic differentiation.

    Parameters
    ----------
    name : str, optional
    reduction : {"sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None}
        How the samples' losses become one number.
    dtype : optional
        Accepted as Keras does; losses are computed in the predictions' own precision.

    Examples
    --------
    >>> from fastrnn import losses
    >>> class Quartic(losses.Loss):
    ...     def value_and_gradient(self, y_true, y_pred):
    ...         error = y_pred - y_true
    ...         return (error**4).mean(axis=-1), 4 * error**3 / error.shape[-1]
    >>> Quartic()([[0.0]], [[2.0]])
    16.0
    """

    # Name of the activation that the loss can take over from the last layer, for a result
    # that is exact where probabilities saturate; None where there is none.
    fused_activation: str | None = None

    # Whether value_and_gradient(y_true, y_pred, mask) heeds the predictions' mask itself.
    takes_mask = False

    # Axes of the predictions that one value is taken over; None for the last ones, as many as
    # the values lack.
    axis: int | tuple[int, ...] | None = None

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        reduction = "none" if reduction is None else reduction
        if reduction not in _REDUCTIONS:
            raise unknown("loss reduction", reduction, _REDUCTIONS)
        self.reduction = reduction
        self.name = name or to_snake_case(type(self).__name__)

    def __call__(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Any:
        """The reduced loss as a float, or the samples' losses with ``reduction=None``."""
        prediction = as_float(y_pred)
        targets = self.prepare(y_true, prediction)
        values, _ = self.value_and_gradient(targets, prediction)
        weights = None if sample_weight is None else np.asarray(sample_weight, values.dtype)
        if self.reduction == "none":
            return values if weights is None else values * fit_rank(weights, values)
        return self.reduce(values, None, weights, self.valid(targets))

    def values(self, y_true: ArrayLike, y_pred: ArrayLike) -> Array:
        """The samples' losses, neither weighted nor reduced."""
        prediction = as_float(y_pred)
        return self.value_and_gradient(self.prepare(y_true, prediction), prediction)[0]

    def valid(self, y_true: Array) -> Array | None:
        """Which samples count, as an array of bool; None where all do."""
        return None

    def prepare(self, y_true: ArrayLike, y_pred: Array) -> Array:
        """Targets in the type and rank that `value_and_gradient` works on.

        Training calls it once for all data, with any prediction of the right rank.
        """
        targets = np.ascontiguousarray(y_true, dtype=y_pred.dtype)
        if targets.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
            targets = targets[..., None]
        elif targets.ndim == y_pred.ndim + 1 and targets.shape[-1] == 1:
            targets = targets[..., 0]
        if targets.shape[1:] != y_pred.shape[1:]:
            raise ValueError(
                f"{self.name}: targets must be of shape {_sample_shape(y_pred)} as the "
                f"predictions are, got {_sample_shape(targets)}"
            )
        return targets

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """Losses of the samples, and the gradient of their sum.

        Parameters
        ----------
        y_true : ndarray
            From `prepare`.
        y_pred : ndarray, shape (N, ..., C)

        Returns
        -------
        values : ndarray, shape (N, ...)
        gradient : ndarray, shape of `y_pred`, writable and not shared
        """
        raise TypeError(f"{type(self).__name__} must define value_and_gradient(y_true, y_pred)")

    def value_and_gradient_from_logits(self, y_true: Array, logits: Array) -> tuple[Array, Array]:
        """As `value_and_gradient`, of what enters the `fused_activation`."""
        raise TypeError(f"{type(self).__name__} has no fused activation")

    def reduce(
        self,
        values: Array,
        gradient: Array | None,
        sample_weight: Array | None = None,
        mask: Array | None = None,
    ) -> float:
        """One number from the samples' losses; scales `gradient` in place to match.

        Parameters
        ----------
        values : ndarray, shape (N, ...)
        gradient : ndarray, shape (N, ..., C), or None
        sample_weight : ndarray, shape (N,) or of `values`, optional
        mask : ndarray of bool, shape of `values`, optional
            Where it is False a loss does not count, in the mean's divisor neither.
        """
        mean = self.reduction != "sum"
        if mask is None and sample_weight is None:
            scale = 1.0 / max(1, values.size) if mean else 1.0
            if gradient is not None:
                gradient *= scale
            return float(np.add.reduce(values, axis=None)) * scale
        weights: Array | None = None
        if mask is not None:
            if mask.ndim > values.ndim > 0:  # a sample of several steps counts if one of them does
                mask = np.asarray(mask.any(axis=tuple(range(values.ndim, mask.ndim))))
            weights = fit_rank(mask, values).astype(values.dtype)
            if mean and self.reduction != "mean_with_sample_weight":
                weights *= mask.size / max(1, int(np.count_nonzero(mask)))
        if sample_weight is not None:
            extra = fit_rank(sample_weight, values)
            weights = extra if weights is None else weights * extra
        assert weights is not None
        weighted = values * weights
        scale = 1.0
        if self.reduction == "mean_with_sample_weight":
            total = float(np.broadcast_to(weights, weighted.shape).sum())
            scale = 1.0 / total if total else 0.0
        elif mean:
            scale = 1.0 / max(1, weighted.size)
        if gradient is not None:
            factors = np.asarray(weights * scale, gradient.dtype)
            gradient *= factors.sum() if values.ndim == 0 else self._spread(factors, gradient.ndim)
        return float(weighted.sum()) * scale

    def _spread(self, factors: Array, rank: int) -> Array:
        """Factors of the values, with the axes that their gradient has more."""
        if factors.ndim < rank and self.axis is not None:
            return np.expand_dims(factors, self.axis)
        return factors.reshape(factors.shape + (1,) * (rank - factors.ndim))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same loss again."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Make a loss from what `get_config` returned."""
        return cls(**config)


class BuiltInLoss(Loss):
    """Base of the losses without arguments of their own: as Keras has them, the reduction first."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


def as_float(values: ArrayLike) -> Array:
    """An array of float32 or float64, as it is if it is one already."""
    array = np.asarray(values)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def fit_rank(weights: Array, values: Array) -> Array:
    """`weights` of one number per sample (or finer) with the axes that `values` has."""
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = weights[..., 0]
    if weights.ndim < values.ndim:
        weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
    return weights


def _sample_shape(array: Array) -> str:
    return f"(N, {', '.join(map(str, array.shape[1:]))})" if array.ndim > 1 else "(N,)"
