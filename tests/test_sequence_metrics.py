"""Edit distance, error rate of CTC predictions and scores of segments, against slow definitions."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from fastrnn import Sequential, layers, losses, metrics, ops

Array = np.ndarray[Any, Any]


def slow_distance(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """The recursive definition."""

    @functools.cache
    def between(a: int, b: int) -> int:
        if not a or not b:
            return a + b
        same = between(a - 1, b - 1) + (first[a - 1] != second[b - 1])
        return min(between(a - 1, b) + 1, between(a, b - 1) + 1, same)

    return between(len(first), len(second))


def test_edit_distance_is_the_recursive_definition(rng: np.random.Generator) -> None:
    for _ in range(60):
        first, second = (tuple(rng.integers(0, 3, rng.integers(0, 9)).tolist()) for _ in range(2))
        assert metrics.edit_distance(first, second) == slow_distance(first, second)
    assert metrics.edit_distance("kitten", "sitting") == 3


def test_label_error_rate_counts_edits_per_true_label(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(7, 11, 4))
    labels = rng.integers(1, 4, (7, 5))
    labels[np.arange(5) >= rng.integers(1, 6, 7)[:, None]] = 0
    lengths = rng.integers(3, 12, 7)
    edits = 0
    for row, true, length in zip(logits, labels, lengths, strict=True):
        path = row[:length].argmax(1)
        said = [c for c, before in zip(path, [0, *path[:-1]], strict=True) if c and c != before]
        edits += slow_distance(tuple(true[true > 0].tolist()), tuple(map(int, said)))
    metric = metrics.LabelErrorRate()
    mask = np.arange(11) < lengths[:, None]
    for part in np.array_split(np.arange(7), 3):
        metric.update_state(labels[part], logits[part], mask[part])
    assert metric.result() == pytest.approx(edits / np.count_nonzero(labels))
    assert metric.result() > 0.3
    metric.reset_state()
    assert metric.result() == 0


def test_fit_reports_the_error_rate_of_masked_sequences(rng: np.random.Generator) -> None:
    """What `evaluate` says is what decoding the predictions by hand gives."""
    x = rng.normal(size=(6, 9, 3)).astype("f4")
    lengths = rng.integers(4, 10, 6)
    x[np.arange(9) >= lengths[:, None]] = 0
    labels = rng.integers(1, 5, (6, 3))
    model = Sequential(
        [
            layers.Input((None, 3)),
            layers.Masking(),
            layers.GRU(8, return_sequences=True),
            layers.Dense(5),
        ]
    )
    model.compile("adam", losses.CTC(), metrics=[metrics.LabelErrorRate(name="wer")])
    said = ops.ctc_decode(model.predict(x, verbose=0), lengths)[0][0]
    edits = sum(
        metrics.edit_distance(true.tolist(), row[row >= 0].tolist())
        for true, row in zip(labels, said, strict=True)
    )
    assert model.evaluate(x, labels, verbose=0, return_dict=True)["wer"] == pytest.approx(
        edits / 18
    )


def one_hot(classes: list[list[int]]) -> Array:
    return np.eye(4)[np.array(classes)]


def test_segments_are_matched_by_class_and_overlap() -> None:
    true = [[0, 1, 1, 1, 1, 2, 2, 2, 2, 0, 3, 3]]
    # 1 is found (3 of 4 steps), 2 is cut in two halves of which one is enough, 3 is missed.
    said = [[0, 1, 1, 1, 0, 2, 2, 0, 2, 0, 0, 0]]
    f1 = metrics.SegmentF1(0.5, ignore_class=0)
    assert f1(true, one_hot(said)) == pytest.approx(2 * 2 / (3 + 3))
    strict = metrics.SegmentF1(0.75, ignore_class=0)
    assert strict(true, one_hot(said)) == pytest.approx(2 * 1 / 6)
    edit = metrics.SegmentEditScore(ignore_class=0)
    assert edit(true, one_hot(said)) == pytest.approx(1 - 1 / 3)  # 1 2 3 and 1 2 2
    edit.update_state(true, one_hot(true))
    assert edit.result() == pytest.approx((2 / 3 + 1) / 2)


def test_masked_steps_are_no_part_of_a_segment() -> None:
    true, said = [[1, 1, 2, 2, 3, 3]], [[1, 1, 2, 2, 1, 2]]
    mask = [[True, True, True, True, False, False]]
    assert metrics.SegmentF1()(true, one_hot(said), mask) == 1
    assert metrics.SegmentEditScore()(true, one_hot(said), mask) == 1
    assert metrics.SegmentEditScore()(true, one_hot(said)) == pytest.approx(1 - 2 / 4)


def test_segment_metrics_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"threshold must be in \(0, 1\], got 0"):
        metrics.SegmentF1(0)
    with pytest.raises(ValueError, match=r"labels must be \(N, T\) and predictions \(N, T, C\)"):
        metrics.SegmentF1()([1, 2], np.eye(3))
    again = metrics.SegmentF1.from_config(metrics.SegmentF1(0.25, 2).get_config())
    assert (again.threshold, again.ignore_class) == (0.25, 2)
