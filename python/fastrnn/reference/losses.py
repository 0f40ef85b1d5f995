"""Cross-entropies on logits, and distances, with their gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import ACTIVATIONS, Array


def softmax_cross_entropy(
    logits: ArrayLike, labels: ArrayLike, *, dtype: DTypeLike = np.float64
) -> tuple[Array, Array]:
    """Return -Σ p·log softmax(logits) of every row, and its gradient softmax(logits) - p.

    Parameters
    ----------
    logits : (rows, C)
    labels : (rows,) integers in [0, C), or (rows, C) probabilities p that sum to 1
    dtype : precision of the computation and of the results

    Returns
    -------
    loss : (rows,)
    dlogits : (rows, C), not divided by the number of rows
    """
    z, targets = np.asarray(logits, dtype), np.asarray(labels)
    if targets.ndim == 1:
        targets = np.arange(z.shape[1]) == targets[:, None]
    p = targets.astype(z.dtype)
    log_softmax = ACTIVATIONS["log_softmax"].forward(z)
    return -(p * log_softmax).sum(axis=1), np.exp(log_softmax) - p


def sigmoid_cross_entropy(
    logits: ArrayLike, targets: ArrayLike, *, dtype: DTypeLike = np.float64
) -> tuple[Array, Array]:
    """Return -p·log s - (1 - p)·log(1 - s) with s = sigmoid(logits), and its gradient s - p.

    Parameters
    ----------
    logits, targets : arrays of one shape; targets p in [0, 1]
    dtype : precision of the computation and of the results

    Returns
    -------
    loss, dlogits : arrays of that shape, elementwise
    """
    z, p = np.asarray(logits, dtype), np.asarray(targets, dtype)
    # log s = z - softplus(z) and log(1 - s) = -softplus(z)
    loss = ACTIVATIONS["softplus"].forward(z) - p * z
    return loss, ACTIVATIONS["sigmoid"].forward(z) - p


def distance_loss(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    distance: str = "squared",
    delta: float = 1.0,
    *,
    dtype: DTypeLike = np.float64,
) -> tuple[Array, Array]:
    """Return the mean distance over the last axis (...), and its gradient (..., C)."""
    e = np.asarray(y_pred, dtype) - np.asarray(y_true, dtype)
    size = np.abs(e)
    if distance == "squared":
        value, slope = e * e, 2 * e
    elif distance == "absolute":
        value, slope = size, np.sign(e)
    elif distance == "huber":
        near = size <= delta
        value = np.where(near, e * e / 2, delta * (size - e.dtype.type(delta) / 2))
        slope = np.where(near, e, delta * np.sign(e)).astype(e.dtype)
    else:
        value, slope = np.logaddexp(e, -e) - np.log(e.dtype.type(2)), np.tanh(e)
    return value.mean(axis=-1), slope / e.dtype.type(e.shape[-1])
