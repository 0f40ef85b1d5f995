"""Edit distances between sequences of labels, and the error rate of CTC predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastrnn import ops
from fastrnn.metrics.metric import Metric


def edit_distance(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Fewest insertions, deletions and substitutions that make one sequence the other.

    Parameters
    ----------
    first, second : sequence
        Of labels that can be compared: words, characters, numbers.

    Returns
    -------
    int
        The Levenshtein distance.

    Examples
    --------
    >>> from fastrnn import metrics
    >>> metrics.edit_distance("lay red at a".split(), "lay red by a two".split())
    2
    """
    row = list(range(len(second) + 1))
    for number, one in enumerate(first, 1):
        diagonal, row[0] = row[0], number
        for column, other in enumerate(second, 1):
            best = min(row[column] + 1, row[column - 1] + 1, diagonal + (one != other))
            diagonal, row[column] = row[column], best
    return row[-1]


class LabelErrorRate(Metric):
    """Edits that CTC predictions need, per true label: the word error rate where labels are words.

    Over all sequences since the last reset, the insertions, deletions and substitutions between
    the decoded and the true labels, divided by the number of true labels; above 1 where too many
    labels come out. Labels (N, L) are padded with zeros, predictions are logits (N, T, C) with the
    blank as class 0, as of `fastrnn.losses.CTC`; weights (N, T) are the mask. The best class of
    each step is decoded, not the likeliest labels.

    Parameters
    ----------
    name : str
    dtype : optional

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import metrics
    >>> said = np.eye(4)[[[0, 2, 2, 0, 3]]]
    >>> metrics.LabelErrorRate()([[2, 3, 1, 1]], said)
    0.5
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.reset_state()

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        labels = np.asarray(y_true)
        steps = None if sample_weight is None else np.count_nonzero(sample_weight, axis=1)
        decoded = ops.ctc_decode(y_pred, steps)[0][0]
        for true, said in zip(labels, decoded, strict=True):
            words = true[true > 0].tolist()
            self._edits += edit_distance(words, said[said >= 0].tolist())
            self._labels += len(words)

    def result(self) -> float:
        return self._edits / self._labels if self._labels else 0.0

    def reset_state(self) -> None:
        self._edits = self._labels = 0
