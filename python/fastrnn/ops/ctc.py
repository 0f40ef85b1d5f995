"""Connectionist temporal classification: losses of unaligned labels, and their decoding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import core, floats

__all__ = ["CtcCache", "ctc_decode", "ctc_loss", "ctc_loss_backward", "ctc_loss_forward"]

_INDEX = np.dtype(np.int64)


@dataclass(frozen=True)
class CtcCache:
    """What :func:`ctc_loss_forward` leaves for :func:`ctc_loss_backward`."""

    dlogits: Array  # (N, T, C): gradient of each sequence's loss


def ctc_loss(
    logits: object,
    labels: object,
    logit_lengths: object = None,
    label_lengths: object = None,
    blank: int = 0,
) -> Array:
    """Loss of sequences whose labels are known, but not at which steps they lie.

    Parameters
    ----------
    logits : array (N, T, C)
        float32 or float64; a softmax makes the probabilities of the C classes at each step.
    labels : array (N, L) of integers
        From 0 to C - 1 and not `blank`; what lies past a sequence's `label_lengths` is not read.
    logit_lengths : array (N,) of integers, optional
        Steps of each sequence; T when not given.
    label_lengths : array (N,) of integers, optional
        Labels of each sequence; L when not given.
    blank : int
        The class that stands for no label.

    Returns
    -------
    array (N,)
        -log p, p being the probability of all alignments together: a class for each step, which
        gives the labels when repeated classes are merged and blanks left out.

    Raises
    ------
    ValueError
        If shapes do not agree or a label or a length lies outside of its range.
    TypeError
        If labels or lengths are no integers.

    Notes
    -----
    The loss is infinite where no alignment exists: where there are more labels, counting the
    blanks that must lie between equal ones, than steps. Its gradient is zero then. Computed in
    log space with sums relative to the largest of each step, in float32 to about 1e-6 relative.
    Sequences are shared among threads.

    References
    ----------
    Graves et al. 2006, "Connectionist temporal classification".

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> ops.ctc_loss(np.zeros((1, 2, 3)), [[1]]).round(4).tolist()
    [1.0986]
    """
    return _loss("ctc_loss", logits, labels, logit_lengths, label_lengths, blank, False)[0]


def ctc_loss_forward(
    logits: object,
    labels: object,
    logit_lengths: object = None,
    label_lengths: object = None,
    blank: int = 0,
) -> tuple[Array, CtcCache]:
    """:func:`ctc_loss`, and what its gradient needs.

    Parameters
    ----------
    logits, labels, logit_lengths, label_lengths, blank :
        As of :func:`ctc_loss`.

    Returns
    -------
    losses : array (N,)
    cache : CtcCache
        For :func:`ctc_loss_backward`.
    """
    losses, dlogits = _loss(
        "ctc_loss_forward", logits, labels, logit_lengths, label_lengths, blank, True
    )
    assert dlogits is not None
    return losses, CtcCache(dlogits)


def ctc_loss_backward(cache: CtcCache, dlosses: object) -> Array:
    """Gradient of :func:`ctc_loss` with respect to the logits.

    Parameters
    ----------
    cache : CtcCache
        From :func:`ctc_loss_forward`.
    dlosses : array (N,)
        Gradient with respect to the losses.

    Returns
    -------
    array (N, T, C)
        Zero past a sequence's length, and where its loss is infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> losses, cache = ops.ctc_loss_forward(np.zeros((1, 2, 3)), [[1]])
    >>> ops.ctc_loss_backward(cache, [1.0])[0, 0].round(3).tolist()
    [0.0, -0.333, 0.333]
    """
    op = "ctc_loss_backward"
    if not isinstance(cache, CtcCache):
        raise TypeError(f"{op}: cache must be what ctc_loss_forward returned, got {type(cache)}")
    dlogits = cache.dlogits
    factors = _arrays.shaped(op, "dlosses", dlosses, dlogits.dtype, dlogits.shape[:1], "(N,)")
    return np.asarray(dlogits * factors[:, None, None])


def ctc_decode(
    logits: object,
    lengths: object = None,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    blank: int = 0,
) -> tuple[Array, Array]:
    """The likeliest labels of sequences.

    Parameters
    ----------
    logits : array (N, T, C)
        float32 or float64.
    lengths : array (N,) of integers, optional
        Steps of each sequence; T when not given.
    strategy : {"greedy", "beam_search"}
        The best class of each step; or a search for the likeliest labels, whose alignments are
        added up.
    beam_width : int
        Prefixes that the search keeps at each step.
    top_paths : int
        Answers of the search, the likeliest first; at most `beam_width`.
    merge_repeated : bool
        Whether, in "greedy", classes that follow each other count once.
    blank : int
        The class that stands for no label.

    Returns
    -------
    labels : array (top_paths, N, T) of int64
        -1 past their ends.
    scores : array (N, top_paths)
        Log-probabilities: of the chosen classes in "greedy", of the labels in the search; -inf
        where there are fewer answers.

    Raises
    ------
    ValueError, TypeError
        If an argument is of the wrong shape, type or size.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> best = np.array([[0, 2, 2, 0, 2, 1]])
    >>> ops.ctc_decode(9 * np.eye(3)[best])[0].tolist()
    [[[2, 2, 1, -1, -1, -1]]]
    """
    op = "ctc_decode"
    z = _logits(op, logits)
    rows, steps, classes = z.shape
    blank = _blank(op, blank, classes)
    ends = _lengths(op, "lengths", lengths, rows, steps, "T")
    if strategy not in ("greedy", "beam_search"):
        raise ValueError(f"{op}: strategy must be 'greedy' or 'beam_search', got {strategy!r}")
    width = 0 if strategy == "greedy" else _positive(op, "beam_width", beam_width, 2**16)
    paths = _positive(op, "top_paths", top_paths, max(1, width))
    labels = np.full((paths, rows, steps), -1, _INDEX)
    scores = np.zeros((rows, paths), z.dtype)
    if rows:
        core(op, z.dtype)(z, ends, blank, width, bool(merge_repeated), labels, scores)
    return labels, scores


def _loss(
    op: str,
    logits: object,
    labels: object,
    logit_lengths: object,
    label_lengths: object,
    blank: int,
    differentiate: bool,
) -> tuple[Array, Array | None]:
    z = _logits(op, logits)
    rows, steps, classes = z.shape
    blank = _blank(op, blank, classes)
    y = _arrays.to_array(op, "labels", labels)
    if y.dtype.kind not in "iu" and y.size:
        raise TypeError(f"{op}: labels must be integers, got dtype {y.dtype}")
    if y.ndim != 2 or len(y) != rows:
        raise ValueError(f"{op}: labels must be (N, L) = ({rows}, L), got {y.shape}")
    if (steps + 1) * (y.shape[1] + 1) > _arrays.MOST_ELEMENTS:
        raise ValueError(
            f"{op}: T x L must be at most {_arrays.MOST_ELEMENTS}, got {steps} x {y.shape[1]}"
        )
    ends = _lengths(op, "logit_lengths", logit_lengths, rows, steps, "T")
    counts = _lengths(op, "label_lengths", label_lengths, rows, y.shape[1], "L")
    # A copy: the core indexes with these, and nobody may change them between check and use.
    y = np.array(y, _INDEX, order="C")
    wrong = ((y < 0) | (y >= classes) | (y == blank)) & (np.arange(y.shape[1]) < counts[:, None])
    if wrong.any():
        raise ValueError(
            f"{op}: labels must lie in 0..C-1 = 0..{classes - 1} and not be blank = {blank}, "
            f"got {y[wrong][0]}"
        )
    losses = np.empty(rows, z.dtype)
    dlogits = _arrays.empty(op, "the gradient", z.shape, z.dtype) if differentiate else None
    if rows:
        core("ctc_loss", z.dtype)(z, y, ends, counts, blank, losses, dlogits)
    return losses, dlogits


def _logits(op: str, value: object) -> Array:
    logits = floats(op, "logits", value)
    if logits.ndim != 3 or not logits.shape[2]:
        raise ValueError(f"{op}: logits must be (N, T, C) with C >= 1, got {logits.shape}")
    _arrays.check_sizes(op, N=logits.shape[0], T=logits.shape[1], C=logits.shape[2])
    return logits


def _blank(op: str, blank: int, classes: int) -> int:
    if not isinstance(blank, (int, np.integer)) or not -classes <= blank < classes:
        raise ValueError(f"{op}: blank must be a class, 0..{classes - 1}, got {blank!r}")
    return int(blank) % classes


def _lengths(op: str, name: str, value: object, rows: int, most: int, symbol: str) -> Array:
    if value is None:
        return np.full(rows, most, _INDEX)
    lengths = _arrays.to_array(op, name, value)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"{op}: {name} must be integers, got dtype {lengths.dtype}")
    if lengths.shape != (rows,):
        raise ValueError(f"{op}: {name} must be (N,) = ({rows},), got {lengths.shape}")
    lengths = np.array(lengths, _INDEX)
    if rows and not 0 <= lengths.min() <= lengths.max() <= most:
        wrong = lengths[(lengths < 0) | (lengths > most)][0]
        raise ValueError(f"{op}: {name} must lie in 0..{symbol} = 0..{most}, got {wrong}")
    return lengths


def _positive(op: str, name: str, value: int, most: int) -> int:
    if not isinstance(value, (int, np.integer)) or not 1 <= value <= most:
        raise ValueError(f"{op}: {name} must be an integer from 1 to {most}, got {value!r}")
    return int(value)
