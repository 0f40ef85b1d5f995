"""The grid that a detector predicts, and its loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn import ops
from fastrnn.losses import Loss
from fastrnn.video.boxes import Boxes

FloatArray = npt.NDArray[np.float32]

STRIDE = 8  # pixels of the picture along a side of a cell
# Channels of a cell: whether the middle of a box lies in it; where, from the cell's middle, in
# cells; the logarithm of its width and height in cells; then one for each class.
OBJECT, PLACE, CLASSES = 0, slice(1, 5), slice(5, None)


def encode_boxes(
    boxes: Boxes, labels: npt.ArrayLike, shape: tuple[int, int], classes: int
) -> FloatArray:
    """The grid that a detector should predict for a picture.

    Parameters
    ----------
    boxes : ndarray
        (N, 4) x, y, width, height in pixels. Of two boxes whose middles lie in one cell the
        larger is kept; one whose middle lies outside of the picture is left out.
    labels : array_like
        (N,) class numbers.
    shape : tuple of int
        Rows and columns of the grid.
    classes : int

    Returns
    -------
    ndarray
        (rows, columns, 5 + classes) float32; classes are one-hot.
    """
    grid = np.zeros((*shape, 5 + classes), np.float32)
    order = np.argsort(boxes[:, 2] * boxes[:, 3], kind="stable")
    for (x, y, wide, high), label in zip(boxes[order], np.asarray(labels)[order], strict=True):
        across, down = (x + wide / 2) / STRIDE, (y + high / 2) / STRIDE
        row, column = int(np.floor(down)), int(np.floor(across))
        if not (0 <= row < shape[0] and 0 <= column < shape[1]):
            continue
        cell = grid[row, column]
        cell[:] = 0
        cell[OBJECT] = 1
        cell[PLACE] = (
            *(across - column - 0.5, down - row - 0.5),
            *np.log(np.maximum([wide, high], 1.0) / STRIDE),
        )
        cell[5 + int(label)] = 1
    return grid


def decode_grid(grid: FloatArray, threshold: float) -> tuple[Boxes, FloatArray, Any]:
    """Boxes, scores and class numbers of the cells whose score is at least `threshold`.

    The score is the probability of an object times that of its class.

    Parameters
    ----------
    grid : ndarray
        (rows, columns, 5 + classes), as predicted: logits, and places as in `encode_boxes`.
    threshold : float

    Returns
    -------
    boxes : ndarray
        (N, 4) float64, in pixels.
    scores : ndarray
        (N,) float32.
    labels : ndarray
        (N,) int64.
    """
    logits = grid[..., CLASSES] - grid[..., CLASSES].max(axis=-1, keepdims=True)
    shares = np.exp(logits)
    shares /= shares.sum(axis=-1, keepdims=True)
    scores = shares.max(axis=-1) / (1 + np.exp(-grid[..., OBJECT]))
    rows, columns = np.nonzero(scores >= threshold)
    place = grid[rows, columns, PLACE].astype(np.float64)
    middle = np.stack([columns, rows], axis=-1) + 0.5 + place[:, :2]
    # No box is larger than e^6 cells, whatever a network that is not trained says.
    size = np.exp(np.minimum(place[:, 2:], 6.0))
    boxes = np.concatenate([middle - size / 2, size], axis=-1) * STRIDE
    return boxes, scores[rows, columns], shares.argmax(axis=-1)[rows, columns]


class GridLoss(Loss):
    """Loss of a detector's grid: is there an object, where and how large is it, what is it.

    The sum over the cells of the binary cross-entropy of the first channel, in which cells with
    an object count `positive` times, and in these cells the Huber loss of place and size,
    `place` times, and the categorical cross-entropy of the class. The predictions are logits and
    places, as `decode_grid` takes them.

    Parameters
    ----------
    positive, place : float
    reduction, name :
        As in `fastrnn.losses.Loss`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.detection import GridLoss, encode_boxes
    >>> grid = encode_boxes(np.array([[4.0, 2.0, 8.0, 8.0]]), [1], (2, 3), 2)
    >>> sure = np.where(grid == 1, 20, -20) * (np.arange(7) % 5 < 1) + grid * (np.arange(7) > 0)
    >>> sure[..., 5:] = 40 * grid[..., 5:]
    >>> round(GridLoss()(grid[None], sure[None]), 4)
    0.0
    """

    def __init__(
        self,
        positive: float = 3.0,
        place: float = 3.0,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
    ) -> None:
        super().__init__(name, reduction)
        self.positive = positive
        self.place = place

    def value_and_gradient(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """As every loss has it."""
        gradient = np.zeros_like(y_pred)
        present = y_true[..., OBJECT] > 0
        logits = np.ascontiguousarray(y_pred[..., OBJECT])
        losses, slopes = ops.sigmoid_cross_entropy(
            logits, np.ascontiguousarray(y_true[..., OBJECT])
        )
        weights = np.where(present, self.positive, 1.0).astype(y_pred.dtype)
        values = (losses * weights).sum(axis=(1, 2))
        gradient[..., OBJECT] = slopes * weights
        samples = np.nonzero(present)[0]
        if len(samples):
            true, said = y_true[present], y_pred[present]
            error = said[:, PLACE] - true[:, PLACE]
            bounded = np.clip(error, -1, 1)
            # The Huber loss: quadratic up to an error of one, linear beyond.
            huber = (bounded * (error - bounded / 2)).sum(axis=-1)
            kinds, dkinds = ops.softmax_cross_entropy(
                np.ascontiguousarray(said[:, CLASSES]), np.ascontiguousarray(true[:, CLASSES])
            )
            np.add.at(values, samples, self.place * huber + kinds)
            rest = np.concatenate([self.place * bounded, dkinds], axis=-1)
            gradient[present, 1:] = rest
        return values, gradient

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same loss again."""
        return super().get_config() | {"positive": self.positive, "place": self.place}
