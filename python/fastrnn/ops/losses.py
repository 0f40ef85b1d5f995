"""Losses on logits, each with its gradient in the same pass."""

from __future__ import annotations

import numpy as np

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core, floats

__all__ = ["distance_loss", "sigmoid_cross_entropy", "softmax_cross_entropy"]


def softmax_cross_entropy(logits: object, labels: object) -> tuple[Array, Array]:
    """Cross-entropy between labels and the softmax of each row of logits.

    Parameters
    ----------
    logits : array (rows, C)
        float32 or float64.
    labels : array (rows,) or (rows, C)
        Integers from 0 to C - 1, or probabilities p that sum to 1 (one-hot rows among them).

    Returns
    -------
    loss : array (rows,)
        ``-log(softmax(logits)[label])``, or ``-sum(p * log(softmax(logits)))``.
    dlogits : array (rows, C)
        Its gradient, ``softmax(logits) - p``; not divided by the number of rows.

    Raises
    ------
    ValueError
        If shapes do not agree or a label lies outside of its range.
    TypeError
        If labels of one axis are no integers, or dtypes differ.

    Notes
    -----
    Logits of any size give finite losses: the largest of each row is subtracted first.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> loss, dlogits = ops.softmax_cross_entropy(np.zeros((1, 4)), [2])
    >>> loss.round(4).tolist(), dlogits.tolist()
    ([1.3863], [[0.25, 0.25, -0.75, 0.25]])
    """
    op = "softmax_cross_entropy"
    z = floats(op, "logits", logits)
    if z.ndim != 2 or z.shape[1] == 0:
        raise ValueError(f"{op}: logits must be (rows, C) with C >= 1, got {z.shape}")
    rows, classes = z.shape
    targets = _arrays.to_array(op, "labels", labels)
    if targets.ndim == 1:
        name, targets = "label_cross_entropy", _label_numbers(op, targets, rows, classes)
    else:
        name = "softmax_cross_entropy"
        targets = _arrays.shaped(
            op, "labels", labels, z.dtype, z.shape, f"(rows,) = ({rows},) or (rows, C)"
        )
    loss, dlogits = np.empty(rows, z.dtype), np.empty(z.shape, z.dtype)
    core(name, z.dtype)(z, targets, loss, dlogits)
    return loss, dlogits


def _label_numbers(op: str, labels: Array, rows: int, classes: int) -> Array:
    if labels.dtype.kind not in "iub":
        raise TypeError(f"{op}: labels of one axis must be integers, got {labels.dtype}")
    if labels.shape != (rows,):
        raise ValueError(f"{op}: labels must be (rows,) = ({rows},), got {labels.shape}")
    # A copy: the core indexes with these, and nobody may change them between check and use.
    labels = labels.copy()
    if rows and (labels.min() < 0 or labels.max() >= classes):
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise ValueError(f"{op}: labels must lie in 0..C-1 = 0..{classes - 1}, got {wrong}")
    return _arrays.contiguous(labels, np.dtype(np.int64))


def sigmoid_cross_entropy(logits: object, targets: object) -> tuple[Array, Array]:
    """Cross-entropy between targets and the sigmoid of each logit.

    Parameters
    ----------
    logits : array of any shape
        float32 or float64.
    targets : array of the same shape
        Probabilities p in [0, 1].

    Returns
    -------
    loss : array of that shape
        ``-p * log(s) - (1 - p) * log(1 - s)`` with s = sigmoid(logits).
    dlogits : array of that shape
        Its gradient, ``s - p``.

    Raises
    ------
    ValueError
        If the shapes differ.
    TypeError
        If the dtypes differ.

    Notes
    -----
    Computed as softplus(logits) - p * logits, without overflow.

    Examples
    --------
    >>> from fastrnn import ops
    >>> loss, dlogits = ops.sigmoid_cross_entropy([0.0], [1.0])
    >>> loss.round(4).tolist(), dlogits.tolist()
    ([0.6931], [-0.5])
    """
    op = "sigmoid_cross_entropy"
    z = floats(op, "logits", logits)
    p = _arrays.shaped(op, "targets", targets, z.dtype, z.shape, "of the shape of logits")
    loss, dlogits = np.empty(z.shape, z.dtype), np.empty(z.shape, z.dtype)
    core(op, z.dtype)(z, p, loss, dlogits)
    return loss, dlogits


_DISTANCES = {"squared": 0, "absolute": 1, "huber": 2, "log_cosh": 3}  # Distance of elementwise.h


def distance_loss(
    y_true: object, y_pred: object, distance: str = "squared", delta: float = 1.0
) -> tuple[Array, Array]:
    """Mean distance of predictions from targets over the last axis, and its gradient.

    Parameters
    ----------
    y_true : array (..., C)
        Of the predictions' dtype.
    y_pred : array (..., C)
        float32 or float64.
    distance : {"squared", "absolute", "huber", "log_cosh"}
        Of an error e: ``e**2``; ``abs(e)``; ``e**2 / 2`` up to `delta` and ``delta * (abs(e) -
        delta / 2)`` beyond; ``log(cosh(e))``.
    delta : float
        Of "huber".

    Returns
    -------
    loss : array (...)
    gradient : array (..., C)
        Of each loss with respect to its predictions; not divided by the number of losses.

    Raises
    ------
    ValueError
        If the shapes differ, or there is no such distance.
    TypeError
        If the dtypes differ.

    Notes
    -----
    One pass over the arrays, shared among threads.

    Examples
    --------
    >>> from fastrnn import ops
    >>> loss, gradient = ops.distance_loss([[0.0, 1.0]], [[2.0, 1.0]])
    >>> loss.tolist(), gradient.tolist()
    ([2.0], [[2.0, 0.0]])
    """
    op = "distance_loss"
    prediction = floats(op, "y_pred", y_pred)
    if not prediction.ndim:
        raise ValueError(f"{op}: y_pred must have an axis, got a scalar")
    truth = _arrays.shaped(
        op, "y_true", y_true, prediction.dtype, prediction.shape, "of the shape of y_pred"
    )
    if distance not in _DISTANCES:
        names = ", ".join(_DISTANCES)
        raise ValueError(f"{op}: distance must be one of {names}, got {distance!r}")
    if not prediction.size:
        return np.zeros(prediction.shape[:-1], prediction.dtype), np.empty_like(prediction)
    loss = _arrays.empty(op, "the losses", prediction.shape[:-1], prediction.dtype)
    gradient = _arrays.empty(op, "the gradient", prediction.shape, prediction.dtype)
    core(op, prediction.dtype)(
        _DISTANCES[distance], float(delta), truth, prediction, loss, gradient
    )
    return loss, gradient
