"""Connectionist temporal classification as a loss of models."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastrnn import ops
from fastrnn.losses.loss import Array, BuiltInLoss


class CTC(BuiltInLoss):
    """Loss of sequences whose labels are known, but not at which steps they lie.

    Predictions are logits (N, T, C), C counting the blank, class 0. Labels are (N, L): integers
    from 1 to C - 1, then zeros up to the common length. A mask of the predictions, such as
    Masking makes, gives the sequences' lengths. Where no alignment exists (more labels than
    steps), the loss is infinite and the gradient zero. `fastrnn.ops.ctc_decode` turns predictions
    into labels.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import losses
    >>> round(losses.CTC()([[1, 0]], np.zeros((1, 2, 3))), 4)
    1.0986
    """

    takes_mask = True

    def prepare(self, y_true: ArrayLike, y_pred: Array) -> Array:
        labels = np.asarray(y_true)
        if y_pred.ndim != 3 or labels.ndim != 2:
            raise ValueError(
                f"{self.name}: predictions must be (N, T, C) and labels (N, L), "
                f"got {('N', *y_pred.shape[1:])} and {('N', *labels.shape[1:])}"
            )
        labels = np.ascontiguousarray(labels, np.int64)
        classes = y_pred.shape[-1]
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(
                f"{self.name}: labels must be from 1 to {classes - 1}, padded with 0, for "
                f"predictions of {classes} classes, got {labels.min()} to {labels.max()}"
            )
        if ((labels[:, :-1] == 0) & (labels[:, 1:] != 0)).any():
            raise ValueError(f"{self.name}: 0, the blank, may only stand behind the labels")
        return labels

    def value_and_gradient(
        self, y_true: Array, y_pred: Array, mask: Array | None = None
    ) -> tuple[Array, Array]:
        steps = None
        if mask is not None:
            steps = np.count_nonzero(mask, axis=1)
            if (mask[:, 1:] > mask[:, :-1]).any():
                raise ValueError(f"{self.name}: masked steps must be the last of a sequence")
        counts = np.count_nonzero(y_true, axis=1)
        values, cache = ops.ctc_loss_forward(y_pred, y_true, steps, counts)
        return values, cache.dlogits


def ctc(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """`CTC`, one value per sequence."""
    return CTC().values(y_true, y_pred)
