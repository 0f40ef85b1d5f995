"""Metrics give what Keras' give after several updates, with sample weights and without."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastrnn import metrics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras", reason="Keras is not installed")

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::RuntimeWarning"
)

C = 4
Array = np.ndarray[Any, Any]

# Class, arguments, and what data are: targets and predictions of (N, C) unless said otherwise.
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("Accuracy", {}, "classes"),
    ("BinaryAccuracy", {"threshold": 0.3}, "many-hot"),
    ("CategoricalAccuracy", {}, "one-hot"),
    ("SparseCategoricalAccuracy", {}, "integer"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one-hot"),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, "integer"),
    ("TruePositives", {}, "many-hot"),
    ("TruePositives", {"thresholds": [0.7, 0.2, 0.4]}, "many-hot"),
    ("FalsePositives", {"thresholds": 0.3}, "many-hot"),
    ("TrueNegatives", {"thresholds": [0.2, 0.7]}, "many-hot"),
    ("FalseNegatives", {}, "binary"),
    ("Precision", {}, "many-hot"),
    ("Precision", {"thresholds": [0.3, 0.8], "class_id": 2}, "many-hot"),
    ("Precision", {"top_k": 2}, "many-hot"),
    ("Recall", {}, "binary"),
    ("Recall", {"top_k": 2, "class_id": 1}, "many-hot"),
    ("Recall", {"thresholds": [0.0, 0.5, 1.0]}, "many-hot"),
    ("AUC", {}, "binary"),
    ("AUC", {"num_thresholds": 31, "curve": "PR"}, "binary"),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}, "many-hot"),
    ("AUC", {"curve": "PRGAIN", "num_thresholds": 15}, "binary"),
    ("AUC", {"summation_method": "minoring", "thresholds": [0.6, 0.2, 0.9]}, "binary"),
    ("AUC", {"multi_label": True}, "many-hot"),
    ("AUC", {"multi_label": True, "num_labels": C, "label_weights": [1, 2, 0, 4]}, "many-hot"),
    ("AUC", {"label_weights": [1.0, 2.0, 0.5, 4.0]}, "many-hot"),
    ("AUC", {"from_logits": True, "curve": "PR", "multi_label": True}, "logits"),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, "binary"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.4, "num_thresholds": 50}, "binary"),
    ("PrecisionAtRecall", {"recall": 0.3, "class_id": 1}, "many-hot"),
    ("RecallAtPrecision", {"precision": 0.45, "num_thresholds": 1}, "binary"),
    ("F1Score", {}, "one-hot"),
    ("F1Score", {"average": "macro"}, "one-hot"),
    ("F1Score", {"average": "micro", "threshold": 0.4}, "many-hot"),
    ("FBetaScore", {"average": "weighted", "beta": 2.0, "threshold": 0.4}, "many-hot"),
    ("IoU", {"num_classes": C, "target_class_ids": [0, 2]}, "classes"),
    ("IoU", {"num_classes": C, "target_class_ids": [1], "ignore_class": 3}, "classes"),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.4}, "binary"),
    ("MeanIoU", {"num_classes": C}, "classes"),
    ("OneHotIoU", {"num_classes": C, "target_class_ids": [0, 1]}, "one-hot"),
    ("OneHotMeanIoU", {"num_classes": C}, "one-hot"),
    ("MeanSquaredError", {}, "number"),
    ("RootMeanSquaredError", {}, "number"),
    ("MeanAbsoluteError", {}, "steps"),
    ("MeanAbsolutePercentageError", {}, "number"),
    ("MeanSquaredLogarithmicError", {}, "number"),
    ("LogCoshError", {}, "number"),
    ("CosineSimilarity", {}, "number"),
    ("R2Score", {}, "number"),
    ("R2Score", {"class_aggregation": None}, "number"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "number"),
    ("R2Score", {"num_regressors": 3}, "number"),
    ("PearsonCorrelation", {}, "number"),
    ("ConcordanceCorrelation", {"axis": 0}, "number"),
    ("Hinge", {}, "many-hot"),
    ("SquaredHinge", {}, "many-hot"),
    ("CategoricalHinge", {}, "one-hot"),
    ("KLDivergence", {}, "one-hot"),
    ("Poisson", {}, "one-hot"),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "many-hot"),
    ("CategoricalCrossentropy", {"from_logits": True}, "one-hot"),
    ("SparseCategoricalCrossentropy", {}, "integer"),
]


def batch(kind: str, rng: np.random.Generator) -> tuple[Array, Array]:
    rows = int(rng.integers(5, 13))
    shape = (rows, C)
    if kind == "steps":  # as many in a batch as it happens
        return rng.normal(size=(2, rows, int(rng.integers(2, 7)), C)).astype(np.float32)
    if kind == "number":
        return rng.normal(size=(2, *shape)).astype(np.float32)
    if kind == "binary":
        return rng.integers(0, 2, rows), rng.random(rows).astype(np.float32)
    if kind == "classes":
        return rng.integers(0, C, rows), rng.integers(0, C, rows)
    if kind == "logits":
        return rng.integers(0, 2, shape), 2 * rng.normal(size=shape).astype(np.float32)
    y_pred = rng.dirichlet(np.ones(C), rows).astype(np.float32)
    classes = rng.integers(0, C, rows)
    y_true = {
        "integer": classes,
        "one-hot": np.eye(C, dtype=np.float32)[classes],
        "many-hot": rng.integers(0, 2, shape),
    }[kind]
    return y_true, y_pred


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "arguments", "kind"), CASES)
def test_metrics_as_keras(name: str, arguments: dict[str, Any], kind: str, weighted: bool) -> None:
    rng = np.random.default_rng(5)
    ours, theirs = getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)
    assert ours.name == theirs.name or theirs.name.startswith(f"{ours.name}_")
    assert ours.get_config().keys() | {"dtype"} >= theirs.get_config().keys()
    for _ in ("afresh", "after a reset"):
        for _batch in range(3):
            y_true, y_pred = batch(kind, rng)
            weights = None
            if weighted:  # Keras counts pixels by whole weights alone
                drawn = rng.integers(0, 4, len(y_pred))
                weights = drawn if "IoU" in name else drawn.astype(np.float32) / 3
                if name == "ConcordanceCorrelation":
                    weights = np.ones(C, np.float32)
            ours.update_state(y_true, y_pred, weights)
            theirs.update_state(y_true, y_pred, weights)
            mine, other = ours.result(), np.asarray(theirs.result())
            assert isinstance(mine, float) == (other.ndim == 0)
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
        ours.reset_state()
        theirs.reset_state()
    again = metrics.deserialize(metrics.serialize(ours))
    again.update_state(*batch(kind, rng))
    assert again.get_config() == ours.get_config()


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
def test_means_of_values_as_keras(name: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(6)
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    for weights in (None, *(rng.random(shape[:n]) for n in range(1, len(shape) + 1))):
        values = rng.random(shape)
        ours.update_state(values, weights)
        theirs.update_state(values, weights)
        assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-5)


def test_names_and_functions_as_keras() -> None:
    exported = [name for name in dir(keras.metrics) if not name.startswith("_")]
    assert [name for name in exported if not hasattr(metrics, name)] == []
    made: dict[str, Callable[[], Any]] = {
        name: cls
        for name, cls in keras.src.metrics.ALL_OBJECTS_DICT.items()
        if name.lower() not in ("metric", "mean_metric_wrapper", "meanmetricwrapper")
    }
    for name, cls in made.items():
        try:
            cls()
        except TypeError:  # needs arguments
            continue
        assert type(metrics.get(name)).__name__ == cls.__name__  # type: ignore[attr-defined]
