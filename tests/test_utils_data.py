"""Data divided in two, and windows of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers
from fastrnn.utils import split_dataset, timeseries_dataset_from_array


def test_rows_are_divided(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(11, 3)), np.arange(11)
    left, right = split_dataset({"x": x, "y": (y, y)}, left_size=4, right_size=5)
    np.testing.assert_equal(left, {"x": x[:4], "y": (y[:4], y[:4])})
    np.testing.assert_equal(right, {"x": x[4:9], "y": (y[4:9], y[4:9])})
    (x_left, y_left), (x_right, y_right) = split_dataset(
        [x, y], right_size=0.3, shuffle=True, seed=3
    )
    assert (len(y_left), len(y_right)) == (8, 3)
    assert sorted([*y_left, *y_right]) == list(y)
    assert list(y_left) != sorted(y_left)
    np.testing.assert_equal(np.concatenate([x_left, x_right]), x[[*y_left, *y_right]])
    again = split_dataset([x, y], right_size=0.3, shuffle=True, seed=3)
    np.testing.assert_equal(again[0], [x_left, y_left])
    with pytest.raises(ValueError, match="a list or dict of arrays, got a single number"):
        split_dataset([1, 2, 3], 1)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({}, "give left_size or right_size"),
        ({"left_size": 11}, "11 rows cannot be divided by left_size=11, right_size=None"),
        ({"left_size": 0.01}, "cannot be divided"),
        ({"left_size": 6, "right_size": 6}, "cannot be divided"),
        ({"left_size": -1}, "cannot be divided"),
    ],
)
def test_sizes_that_do_not_divide(sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_dataset(np.arange(11), **sizes)
    with pytest.raises(ValueError, match=r"as many rows, got \[2, 3\]"):
        split_dataset((np.arange(2), np.arange(3)), 1)


def test_windows_are_trained_on(rng: np.random.Generator) -> None:
    series = rng.normal(size=(50, 2)).astype(np.float32)
    windows = timeseries_dataset_from_array(
        series[:-5], series[5:], 5, batch_size=7, shuffle=True, seed=1
    )
    model = fastrnn.Sequential([layers.Input((5, 2)), layers.LSTM(3), layers.Dense(2)])
    model.compile("adam", "mse")
    seen = [batch[1] for batch in windows]
    assert len(model.fit(windows, epochs=2, verbose=0).epoch) == 2
    later = [batch[1] for batch in windows]
    assert not np.array_equal(seen[0], later[0])
    sort = [np.sort(np.concatenate(part), axis=0) for part in (seen, later)]
    np.testing.assert_equal(sort[0], sort[1])
    np.testing.assert_equal(sort[0], np.sort(series[5:46], axis=0))
    for change, message in (
        ({"sequence_length": 60}, "no window of 60 steps, 1 apart, fits into 50 steps"),
        ({"sampling_rate": 0}, "sampling_rate must be positive, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            timeseries_dataset_from_array(series, None, **{"sequence_length": 5} | change)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("seed", range(8))
def test_windows_are_those_of_keras(seed: int, rng: np.random.Generator) -> None:
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    draw = np.random.default_rng(seed)
    # Keras fails where targets end before the windows and start_index is given.
    start = (None, 3)[int(draw.integers(2))]
    rows = 40 if start else int(draw.integers(30, 40))
    data, targets = rng.normal(size=(40, 2)), rng.normal(size=(rows, 3))
    arguments = {
        "sequence_length": int(draw.integers(1, 6)),
        "sequence_stride": int(draw.integers(1, 4)),
        "sampling_rate": int(draw.integers(1, 4)),
        "batch_size": int(draw.integers(1, 9)) if seed else None,
        "start_index": start,
        "end_index": (None, 29)[int(draw.integers(2))],
    }
    for given in (targets, None):
        theirs = list(keras.utils.timeseries_dataset_from_array(data, given, **arguments))
        ours = list(timeseries_dataset_from_array(data, given, **arguments))
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            pairs = [(one, other)] if given is None else zip(one, other, strict=True)
            for mine, expected in pairs:
                np.testing.assert_array_equal(mine, expected)
