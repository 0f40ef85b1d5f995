"""Metrics against counts made by hand, in training, and their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastrnn import Sequential, layers, metrics

N, C = 40, 3
Array = np.ndarray[Any, Any]


def in_batches(metric: metrics.Metric, *arrays: Array) -> Any:
    for part in np.array_split(np.arange(len(arrays[0])), 3):
        metric.update_state(*(array[part] for array in arrays))
    return metric.result()


def test_decisions_at_thresholds(rng: np.random.Generator) -> None:
    y_true, y_pred = rng.integers(0, 2, (N, C)), rng.random((N, C))
    weights = rng.random(N)
    w = np.repeat(weights[:, None], C, axis=1)
    above = y_pred > 0.3
    right, yes = (w * (above & (y_true == 1))).sum(), y_true == 1
    arrays = (y_true, y_pred, weights)
    for name, expected in {
        "TruePositives": right,
        "FalsePositives": (w * (above & ~yes)).sum(),
        "TrueNegatives": (w * (~above & ~yes)).sum(),
        "FalseNegatives": (w * (~above & yes)).sum(),
        "Precision": right / (w * above).sum(),
        "Recall": right / (w * yes).sum(),
    }.items():
        metric = getattr(metrics, name)(thresholds=0.3)
        assert in_batches(metric, *arrays) == pytest.approx(expected), name
        several = getattr(metrics, name)(thresholds=[0.9, 0.3])
        assert in_batches(several, *arrays)[1] == pytest.approx(expected), name


def test_area_under_the_roc_curve_is_the_share_of_ordered_pairs(rng: np.random.Generator) -> None:
    y_true = rng.integers(0, 2, 300)
    y_pred = np.clip(0.3 * rng.normal(size=300) + 0.2 * y_true + 0.4, 0, 1)
    yes, no = y_pred[y_true == 1], y_pred[y_true == 0]
    pairs = (yes[:, None] > no).mean() + 0.5 * (yes[:, None] == no).mean()
    assert in_batches(metrics.AUC(5001), y_true, y_pred) == pytest.approx(pairs, abs=1e-4)
    both = metrics.AUC(5001, multi_label=True)
    arrays = np.stack([y_true, 1 - y_true], 1), np.stack([y_pred, y_pred], 1)
    assert in_batches(both, *arrays) == pytest.approx(0.5, abs=1e-4)
    assert metrics.AUC()([0, 1], [0.0, 1.0]) == 1


def test_scores_of_classes(rng: np.random.Generator) -> None:
    classes, y_pred = rng.integers(0, C, N), rng.random((N, C))
    chosen = y_pred.argmax(1)
    f, iou = [], []
    for c in range(C):
        both = ((classes == c) & (chosen == c)).sum()
        f.append(2 * both / ((classes == c).sum() + (chosen == c).sum()))
        iou.append(both / ((classes == c) | (chosen == c)).sum())
    one_hot = np.eye(C)[classes]
    np.testing.assert_allclose(in_batches(metrics.F1Score(), one_hot, y_pred), f, rtol=1e-5)
    assert in_batches(metrics.F1Score("macro"), one_hot, y_pred) == pytest.approx(np.mean(f), 1e-5)
    assert in_batches(metrics.MeanIoU(C), classes, chosen) == pytest.approx(np.mean(iou))
    ones = metrics.OneHotIoU(C, [0, 2])
    assert in_batches(ones, one_hot, y_pred) == pytest.approx((iou[0] + iou[2]) / 2)


def test_share_of_variance(rng: np.random.Generator) -> None:
    y_true = rng.normal(size=(N, 2))
    y_pred = y_true + 0.3 * rng.normal(size=(N, 2))
    share = 1 - ((y_true - y_pred) ** 2).sum(0) / ((y_true - y_true.mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(in_batches(metrics.R2Score(None), y_true, y_pred), share)
    with pytest.warns(UserWarning, match="80 values are too few for 90 regressors"):
        in_batches(metrics.R2Score(num_regressors=90), y_true, y_pred)


def test_samples_of_any_length_count_alike(rng: np.random.Generator) -> None:
    long, short = rng.normal(size=(2, 4, 9, C)), rng.normal(size=(2, 6, 2, C))
    metric = metrics.MeanSquaredError()
    metric.update_state(*long)
    metric.update_state(*short)
    each = [((a - b) ** 2).mean() for pair in (long, short) for a, b in zip(*pair, strict=True)]
    assert metric.result() == pytest.approx(np.mean(each))


def test_whole_numbers_do_not_wrap_round(rng: np.random.Generator) -> None:
    y_true, y_pred = rng.integers(0, 256, (2, N, C), dtype=np.uint8)
    apart = y_pred.astype(float) - y_true
    rmse = in_batches(metrics.RootMeanSquaredError(), y_true, y_pred)
    assert rmse == pytest.approx(np.sqrt((apart**2).mean()))
    scores, labels = np.array([[0, 7, 3]]), np.array([[0, 1, 1]])
    for dtype in (np.uint8, np.int32):
        assert metrics.Recall(top_k=1)(labels, scores.astype(dtype)) == 0.5


def test_weights_in_a_column(rng: np.random.Generator) -> None:
    y_true, y_pred = rng.integers(0, C, (2, N))
    weights = rng.random(N)
    flat = metrics.MeanIoU(C)(y_true, y_pred, weights)
    assert metrics.MeanIoU(C)(y_true, y_pred, weights[:, None]) == flat


def test_metrics_in_training(rng: np.random.Generator, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = rng.normal(size=(N, 5)), np.eye(C)[rng.integers(0, C, N)]

    def worst(y_true: Array, y_pred: Array) -> Array:
        return np.asarray(np.abs(y_true - y_pred).max(axis=-1))

    model = Sequential([layers.Input((5,)), layers.Dense(C, activation="softmax")])
    watched = ["accuracy", "auc", metrics.Precision(top_k=1), metrics.F1Score(), worst]
    model.compile("adam", "categorical_crossentropy", metrics=watched)
    history = model.fit(x, y, epochs=2, batch_size=16, verbose=2).history
    assert sorted(history) == ["accuracy", "auc", "f1_score", "loss", "precision", "worst"]
    assert history["f1_score"][1].shape == (C,)
    values = dict(zip(model.metrics_names, model.evaluate(x, y, verbose=0), strict=True))
    y_pred = model.predict(x, verbose=0)
    assert values["precision"] == pytest.approx(values["accuracy"], abs=1e-6)
    assert values["worst"] == pytest.approx(worst(y, y_pred).mean(), rel=1e-5)
    assert f"f1_score: {history['f1_score'][0].mean():.4f}" in capsys.readouterr().out


ERRORS: list[tuple[Callable[[], object], str]] = [
    (lambda: metrics.Precision(1.5), "precision: thresholds must be from 0 to 1, got 1.5"),
    (
        lambda: metrics.Precision(class_id=3)(np.ones((2, 3)), np.ones((2, 3))),
        "class_id must be a class on the last axis of predictions (2, 3), got 3",
    ),
    (lambda: metrics.AUC(1), "auc: num_thresholds must be greater than 1, got 1"),
    (lambda: metrics.AUC(curve="P"), "auc: curve must be one of ROC, PR, PRGAIN, got 'P'"),
    (
        lambda: metrics.AUC(multi_label=True, num_labels=2)(np.eye(3), np.eye(3)),
        "auc: predictions must have 2 labels on the last axis, got (3, 3)",
    ),
    (
        lambda: metrics.PrecisionAtRecall(2),
        "precision_at_recall: recall must be from 0 to 1, got 2",
    ),
    (
        lambda: metrics.Recall()(np.ones((2, 3)), np.ones((2, 4))),
        "recall: labels must be of the predictions' shape (2, 4), got (2, 3)",
    ),
    (
        lambda: metrics.F1Score("mean"),
        "f1_score: average must be None, 'micro', 'macro' or 'weighted', got 'mean'",
    ),
    (
        lambda: metrics.F1Score()([1, 0], [0.5, 0.5]),
        "f1_score: labels and predictions must be (N, classes), got (2,) and (2,)",
    ),
    (lambda: metrics.IoU(3, [3]), "io_u: target_class_ids must be from 0 to 2, got 3"),
    (
        lambda: metrics.MeanIoU(3)([0, 1], [0, 1, 2]),
        "mean_io_u: labels and predictions must be as many, got (2,) and (3,)",
    ),
    (
        lambda: metrics.R2Score()([1.0], [2.0]),
        "r2_score: targets and predictions must be (N, outputs), got (1,) and (1,)",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[e[1][:40] for e in ERRORS])
def test_messages(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message
