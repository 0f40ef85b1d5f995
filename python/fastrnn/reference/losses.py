"""Cross-entropies on logits, with their gradients."""

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
