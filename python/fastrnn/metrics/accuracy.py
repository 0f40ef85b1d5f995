"""The accuracies: how often a prediction is right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn.metrics.metric import FunctionMetric, same_rank


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[Any]:
    """Whether each prediction equals its label."""
    labels, predictions = same_rank(y_true, y_pred)
    return np.asarray(labels == predictions)


def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> NDArray[Any]:
    """Whether each prediction is on its label's side of `threshold`."""
    labels, predictions = same_rank(y_true, y_pred)
    return np.asarray(labels == (predictions > threshold))


def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[Any]:
    """Whether the likeliest class is the largest entry of the label's row."""
    return np.asarray(np.asarray(y_true).argmax(axis=-1) == np.asarray(y_pred).argmax(axis=-1))


def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[Any]:
    """Whether the likeliest class is the integer label."""
    predictions = np.asarray(y_pred)
    return np.asarray(_labels(y_true, predictions) == predictions.argmax(axis=-1))


def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> NDArray[Any]:
    """Whether the largest entry of the label's row is among the `k` likeliest classes."""
    return _among_top(np.asarray(y_true).argmax(axis=-1), np.asarray(y_pred), k)


def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> NDArray[Any]:
    """Whether the integer label is among the `k` likeliest classes.

    With `from_sorted_ids`, `y_pred` holds class numbers, the likeliest first.
    """
    predictions = np.asarray(y_pred)
    labels = _labels(y_true, predictions)
    if from_sorted_ids:
        return np.asarray((predictions[..., :k] == labels[..., None]).any(axis=-1))
    return _among_top(labels, predictions, k)


class Accuracy(FunctionMetric):
    """How often predictions equal labels.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.Accuracy()([[1], [2]], [[1], [3]])
    0.5
    """

    function = staticmethod(accuracy)


class BinaryAccuracy(FunctionMetric):
    """How often predictions are on their label's side of a threshold.

    Parameters
    ----------
    name : str
    dtype : optional
    threshold : float

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.BinaryAccuracy()([[1], [0]], [[0.9], [0.8]])
    0.5
    """

    function = staticmethod(binary_accuracy)

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype, threshold=threshold)


class CategoricalAccuracy(FunctionMetric):
    """How often the likeliest class is that of a one-hot label.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.CategoricalAccuracy()([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]])
    0.5
    """

    function = staticmethod(categorical_accuracy)


class SparseCategoricalAccuracy(FunctionMetric):
    """How often the likeliest class is the integer label.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.SparseCategoricalAccuracy()([1, 0], [[0.1, 0.9], [0.2, 0.8]])
    0.5
    """

    function = staticmethod(sparse_categorical_accuracy)


class TopKCategoricalAccuracy(FunctionMetric):
    """How often the class of a one-hot label is among the `k` likeliest.

    Parameters
    ----------
    k : int
    name : str
    dtype : optional
    """

    function = staticmethod(top_k_categorical_accuracy)

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype, k=k)


class SparseTopKCategoricalAccuracy(FunctionMetric):
    """How often the integer label is among the `k` likeliest classes.

    Parameters
    ----------
    k : int
    name : str
    dtype : optional
    from_sorted_ids : bool
        Whether predictions are class numbers, the likeliest first.
    """

    function = staticmethod(sparse_top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str | None = None,
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype, k=k, from_sorted_ids=from_sorted_ids)


def _labels(y_true: ArrayLike, predictions: NDArray[Any]) -> NDArray[Any]:
    labels = np.asarray(y_true)
    if labels.ndim == predictions.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    return labels


def _among_top(labels: NDArray[Any], predictions: NDArray[Any], k: int) -> NDArray[Any]:
    """Fewer than k classes are strictly likelier than the label's."""
    index = labels.astype(np.int64)[..., None]
    own = np.take_along_axis(predictions, index, axis=-1)
    return np.asarray((predictions > own).sum(axis=-1) < k)
