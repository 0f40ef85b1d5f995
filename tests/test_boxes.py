"""Boxes: overlap, suppression, cutting out and drawing, against counting pixels and brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from fastrnn.apps.tracking import MultiTracker, assign
from fastrnn.video import box_iou, cut_out, draw_boxes, non_max_suppression, parse_box


def pixels(box: np.ndarray, side: int = 24) -> np.ndarray:
    """A mask of the pixels in a box of whole numbers."""
    mask = np.zeros((side, side), bool)
    x, y, w, h = box
    mask[y : y + h, x : x + w] = True
    return mask


def random_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.concatenate([rng.integers(0, 12, (count, 2)), rng.integers(1, 12, (count, 2))], 1)


def test_overlap_is_that_of_counted_pixels(rng: np.random.Generator) -> None:
    first, second = random_boxes(rng, 17), random_boxes(rng, 13)
    table = box_iou(first[:, None], second)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            one, other = pixels(a), pixels(b)
            assert table[i, j] == pytest.approx((one & other).sum() / (one | other).sum())


def test_overlap_with_what_is_no_box_is_zero() -> None:
    boxes = np.array([[np.nan] * 4, [0, 0, 0, 5], [3, 3, -1, 2], [9, 9, 2, 2]])
    assert box_iou([0, 0, 5, 5], boxes).tolist() == [0, 0, 0, 0]


def test_suppression_leaves_no_overlap_and_drops_only_what_a_better_one_covers(
    rng: np.random.Generator,
) -> None:
    boxes = random_boxes(rng, 40).astype(float)
    scores = rng.permutation(40) / 40
    kept = non_max_suppression(boxes, scores, 0.3)
    assert scores[kept].tolist() == sorted(scores[kept], reverse=True)
    for index in range(40):
        better = [k for k in kept if scores[k] > scores[index]]
        covered = any(box_iou(boxes[k], boxes[index]) > 0.3 for k in better)
        assert covered == (index not in kept)


def test_cutting_out_whole_pixels_copies_them(rng: np.random.Generator) -> None:
    frame = rng.integers(0, 256, (30, 40, 3), np.uint8)
    part = cut_out(frame, (12 + 9 / 2, 5 + 7 / 2), (9, 7), (7, 9))
    np.testing.assert_array_equal(part, frame[5:12, 12:21])


def test_cutting_out_repeats_the_edge_and_averages() -> None:
    frame = np.tile(np.arange(0, 240, 2, dtype=np.uint8), (80, 1))
    outside = cut_out(frame, (-20, 40), (10, 10), (5, 5))
    assert (outside == 0).all()
    small = cut_out(frame, (60, 40), (96, 48), (6, 12))  # 8 pixels become one
    expected = [frame[0, 12 + 8 * n : 20 + 8 * n].mean() for n in range(12)]
    np.testing.assert_allclose(small, np.tile(expected, (6, 1)), atol=1)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,x", "1,2,0,4", "1,2,3,nan", "1,2,3,-4"])
def test_a_wrong_box_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"box must be x,y,w,h with w and h positive, got"):
        parse_box(text)


def test_boxes_are_drawn_where_they_are() -> None:
    picture = np.zeros((60, 80, 3), np.uint8)
    boxes = [[20, 30, 40, 20], [np.nan] * 4, [1e12, 0, 3, 3]]
    draw_boxes(picture, boxes, ["cup"], colours=[(0, 0, 255)])
    assert picture[30:50, 20, 2].all()
    assert picture[30:50, 60, 2].all()
    assert not picture[34:46, 24:56].any()


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (3, 5), (5, 3), (2, 6)])
def test_the_assignment_is_the_cheapest_of_all(
    shape: tuple[int, int], rng: np.random.Generator
) -> None:
    for _ in range(20):
        cost = rng.normal(size=shape)
        pairs = assign(cost)
        rows, columns = zip(*pairs, strict=True)
        assert len(set(rows)) == len(set(columns)) == len(pairs) == min(shape)
        wide = cost if shape[0] <= shape[1] else cost.T
        best = min(
            sum(wide[row, column] for row, column in enumerate(order))
            for order in permutations(range(wide.shape[1]), len(wide))
        )
        assert sum(cost[row, column] for row, column in pairs) == pytest.approx(best)


def test_objects_keep_their_numbers_when_they_cross_and_are_missed() -> None:
    tracker, numbers = MultiTracker(), []
    for step in range(20):
        boxes = [[4.0 * step, 10, 12, 12], [76 - 4.0 * step, 16, 12, 12]]
        found = [box for index, box in enumerate(boxes) if not (index == 0 and 8 <= step < 11)]
        labels = [0] * len(found)
        objects = tracker.update(np.array(found), labels)
        numbers.append({each.number: each.box[0] for each in objects})
    assert numbers[0] == {}  # believed from the second detection on
    assert numbers[9] == {2: 76 - 36.0}
    assert numbers[-1] == {1: 76.0, 2: 0.0}


def test_an_object_is_given_up_and_classes_do_not_mix() -> None:
    tracker = MultiTracker(patience=2, confirm=1)
    box = np.array([[5.0, 5, 10, 10]])
    assert [each.number for each in tracker.update(box, [0])] == [1]
    assert [each.number for each in tracker.update(box, [1])] == [2]
    for _ in range(3):
        assert tracker.update(np.empty((0, 4)), []) == []
    assert [each.number for each in tracker.update(box, [0])] == [3]
