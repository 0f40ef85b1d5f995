"""Connectionist temporal classification, by products with a matrix of allowed transitions."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .activations import ACTIVATIONS, Array

# What ctc_loss_forward leaves: dlogits of each loss.
Cache = Array


def ctc_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    logit_lengths: ArrayLike | None = None,
    label_lengths: ArrayLike | None = None,
    blank: int = 0,
    *,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Return -log p(labels): (N,), given logits (N, T, C) and labels (N, L)."""
    return ctc_loss_forward(logits, labels, logit_lengths, label_lengths, blank, dtype=dtype)[0]


def ctc_loss_forward(
    logits: ArrayLike,
    labels: ArrayLike,
    logit_lengths: ArrayLike | None = None,
    label_lengths: ArrayLike | None = None,
    blank: int = 0,
    *,
    dtype: DTypeLike = np.float64,
) -> tuple[Array, Cache]:
    """Return the losses and what `ctc_loss_backward` needs."""
    z, y = np.asarray(logits, dtype), np.asarray(labels)
    steps = np.full(len(z), z.shape[1]) if logit_lengths is None else np.asarray(logit_lengths)
    counts = np.full(len(z), y.shape[1]) if label_lengths is None else np.asarray(label_lengths)
    losses, dlogits = np.empty(len(z), z.dtype), np.zeros_like(z)
    for n, (t, count) in enumerate(zip(steps, counts, strict=True)):
        losses[n], dlogits[n, :t] = _sequence(z[n, :t], y[n, :count], blank)
    return losses, dlogits


def ctc_loss_backward(cache: Cache, dlosses: ArrayLike) -> Array:
    """Return dlogits (N, T, C), given dlosses (N,)."""
    return np.asarray(cache * np.asarray(dlosses, cache.dtype)[:, None, None])


def _sequence(logits: Array, labels: Array, blank: int) -> tuple[float, Array]:
    """Return the loss of one sequence, and its gradient.

    States s are blank, label 0, blank, label 1, ..., blank; A[s, s'] = 1 where s' may follow s.
    With p[t, s] the softmax of the class of s at step t, alpha[t] = (alpha[t - 1] A) p[t] and
    beta[t] = A (beta[t + 1] p[t + 1]), each scaled to the sum 1.
    """
    classes = np.full(2 * len(labels) + 1, blank)
    classes[1::2] = labels
    size = len(classes)
    allowed = np.eye(size) + np.eye(size, k=1)
    for s in range(3, size, 2):
        allowed[s - 2, s] = classes[s] != classes[s - 2]
    allowed = allowed.astype(logits.dtype)
    softmax = np.exp(ACTIVATIONS["log_softmax"].forward(logits))
    p = softmax[:, classes]
    start, end = np.zeros(size, p.dtype), np.zeros(size, p.dtype)
    start[:2], end[-2:] = 1, 1
    if not len(p):
        return (np.inf if len(labels) else 0.0), softmax
    alphas, betas = np.empty_like(p), np.empty_like(p)
    log_p = 0.0
    row = start * p[0]
    for t in range(len(p)):
        if t:
            row = (row @ allowed) * p[t]
        total = row.sum()
        if total == 0:
            return np.inf, np.zeros_like(logits)
        log_p += float(np.log(total))
        row = row / total
        alphas[t] = row
    log_p += float(np.log(row @ end)) if row @ end > 0 else -np.inf
    if log_p == -np.inf:
        return np.inf, np.zeros_like(logits)
    row = end
    for t in range(len(p) - 1, -1, -1):
        betas[t] = row
        row = allowed @ (row * p[t])
        row = row / row.sum()
    shares = alphas * betas
    shares /= shares.sum(axis=1, keepdims=True)
    gradient = softmax.copy()
    for s, c in enumerate(classes):
        gradient[:, c] -= shares[:, s]
    return -log_p, gradient


def ctc_decode(
    logits: ArrayLike,
    lengths: ArrayLike | None = None,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    blank: int = 0,
    *,
    dtype: DTypeLike = np.float64,
) -> tuple[Array, Array]:
    """Return labels (top_paths, N, T), -1 past their ends, and log-probabilities (N, top_paths)."""
    log_p = ACTIVATIONS["log_softmax"].forward(np.asarray(logits, dtype))
    rows, steps, _ = log_p.shape
    ends = np.full(rows, steps) if lengths is None else np.asarray(lengths)
    paths = np.full((top_paths, rows, steps), -1)
    scores = np.full((rows, top_paths), -np.inf, log_p.dtype)
    for n in range(rows):
        p = log_p[n, : ends[n]]
        if strategy == "greedy":
            best = p.argmax(axis=1)
            new = np.concatenate([[True], best[1:] != best[:-1]])[: len(best)]
            found = [(best[(best != blank) & (new | (not merge_repeated))], p.max(axis=1).sum())]
        else:
            found = _prefixes(p, beam_width, blank)[:top_paths]
        for k, (labels, score) in enumerate(found):
            paths[k, n, : len(labels)] = labels
            scores[n, k] = score
    return paths, scores


def _prefixes(log_p: Array, beam_width: int, blank: int) -> list[tuple[Array, float]]:
    """Return the likeliest prefixes and their log-probabilities, the best first."""
    # Log p of the alignments that end in a blank, and of the others.
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for row in log_p:
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-np.inf, -np.inf])
        for prefix, (in_blank, in_label) in beam.items():
            total = np.logaddexp(in_blank, in_label)
            for c, log_c in enumerate(row):
                if c == blank:
                    grown[prefix][0] = np.logaddexp(grown[prefix][0], total + log_c)
                    continue
                again = bool(prefix) and prefix[-1] == c
                if again:
                    grown[prefix][1] = np.logaddexp(grown[prefix][1], in_label + log_c)
                longer = grown[(*prefix, c)]
                longer[1] = np.logaddexp(longer[1], (in_blank if again else total) + log_c)
        best = sorted(grown.items(), key=lambda item: -np.logaddexp(item[1][0], item[1][1]))
        beam = {prefix: (scores[0], scores[1]) for prefix, scores in best[:beam_width]}
    found = [(np.array(prefix, int), float(np.logaddexp(*p))) for prefix, p in beam.items()]
    return sorted(found, key=lambda item: -item[1])
