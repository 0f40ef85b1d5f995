"""F scores: the harmonic mean of precision and recall."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn.config import epsilon
from fastrnn.metrics.metric import Array, Metric


class FBetaScore(Metric):
    """Harmonic mean of precision and recall, recall counting `beta` times as much.

    Of predictions and one-hot or multi-hot labels (N, classes).

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        One score per class; or that of all classes together, the mean over the classes, the
        mean weighted by how often each class occurs.
    beta : float
    threshold : float, optional
        Predictions above it are positive; when not given, the largest of each row.
    name : str
    dtype : optional

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metric = metrics.FBetaScore(beta=2.0, threshold=0.5)
    >>> metric([[1, 0], [1, 1], [0, 1]], [[0.9, 0.1], [0.4, 0.8], [0.6, 0.7]]).round(4).tolist()
    [0.5, 1.0]
    """

    _sums: Array  # weights of what is chosen rightly, chosen, and should be

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"{self.name}: average must be None, 'micro', 'macro' or 'weighted', "
                f"got {average!r}"
            )
        if beta <= 0:
            raise ValueError(f"{self.name}: beta must be positive, got {beta}")
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(
                f"{self.name}: threshold must be greater than 0 and at most 1, got {threshold}"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.reset_state()

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        labels, predictions = np.asarray(y_true, np.float64), np.asarray(y_pred)
        if labels.ndim != 2 or labels.shape != predictions.shape:
            raise ValueError(
                f"{self.name}: labels and predictions must be (N, classes), "
                f"got {labels.shape} and {predictions.shape}"
            )
        if self.threshold is None:
            largest = predictions >= predictions.max(axis=-1, keepdims=True)
            chosen = largest & (np.abs(predictions) > 1e-9)
        else:
            chosen = predictions > self.threshold
        weight = np.ones(1) if sample_weight is None else np.asarray(sample_weight, np.float64)
        weight = weight.reshape(-1, 1)
        parts = np.stack([chosen * labels * weight, chosen * weight, labels * weight])
        sums = parts.sum(axis=1)
        micro = self.average == "micro"
        self._sums = self._sums + (sums.sum(axis=1, keepdims=True) if micro else sums)

    def result(self) -> Any:
        right, chosen, wanted = self._sums
        precision, recall = right / (chosen + epsilon()), right / (wanted + epsilon())
        square = self.beta**2
        scores = (1 + square) * precision * recall / (square * precision + recall + epsilon())
        if self.average is None:
            return np.asarray(scores)
        if self.average == "weighted":
            return float((scores * wanted / (wanted.sum() + epsilon())).sum())
        return float(np.mean(scores))

    def reset_state(self) -> None:
        self._sums = np.zeros((3, 1))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall; arguments of `FBetaScore`.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metric = metrics.F1Score("macro")
    >>> round(metric([[1, 0], [1, 0], [0, 1]], [[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]]), 4)
    0.6667
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
