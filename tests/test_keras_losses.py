"""Losses give what Keras' give: values, reductions, weights, gradients by TensorFlow."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from fastrnn import config, losses

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras", reason="Keras is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

N, T, C = 7, 5, 4
Array = np.ndarray[Any, Any]

# Class, arguments, and what targets are.
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("MeanSquaredError", {}, "number"),
    ("MeanAbsoluteError", {}, "number"),
    ("MeanAbsolutePercentageError", {}, "number"),
    ("MeanSquaredLogarithmicError", {}, "number"),
    ("Huber", {}, "number"),
    ("Huber", {"delta": 0.3}, "number"),
    ("LogCosh", {}, "number"),
    ("CosineSimilarity", {}, "number"),
    ("CosineSimilarity", {"axis": 1}, "number"),
    ("Hinge", {}, "one-hot"),
    ("Hinge", {}, "number"),
    ("SquaredHinge", {}, "one-hot"),
    ("CategoricalHinge", {}, "one-hot"),
    ("KLDivergence", {}, "one-hot"),
    ("KLDivergence", {}, "share"),
    ("Poisson", {}, "share"),
    ("BinaryCrossentropy", {}, "one-hot"),
    ("BinaryFocalCrossentropy", {}, "one-hot"),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "gamma": 1.5}, "one-hot"),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "one-hot"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2}, "share"),
    ("CategoricalFocalCrossentropy", {}, "one-hot"),
    ("CategoricalFocalCrossentropy", {"alpha": 0.5, "gamma": 3.0}, "share"),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "one-hot"),
    ("SparseCategoricalCrossentropy", {}, "integer"),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, "integer"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.3}, "integer"),
    ("Dice", {}, "one-hot"),
    ("Dice", {"axis": (1, 2)}, "share"),
    ("Tversky", {"alpha": 0.3, "beta": 0.8}, "one-hot"),
    ("Tversky", {"alpha": 0.3, "beta": 0.8, "axis": (1, 2)}, "one-hot"),
]


def data(rng: np.random.Generator, kind: str, logits: bool, steps: int) -> tuple[Array, Array]:
    shape = (N, steps, C) if steps else (N, C)
    classes = rng.integers(0, C, shape[:-1])
    y_true = {
        "number": rng.normal(size=shape),
        "one-hot": np.eye(C)[classes],
        "share": rng.dirichlet(np.ones(C), shape[:-1]),
        "integer": classes,
    }[kind]
    y_pred = rng.normal(size=shape) * 3
    if not logits and kind != "number":
        y_pred = np.exp(y_pred) / np.exp(y_pred).sum(-1, keepdims=True)
    return y_true if kind == "integer" else y_true.astype(np.float32), y_pred.astype(np.float32)


@pytest.mark.parametrize("steps", [0, T])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "arguments", "kind"), CASES)
def test_losses_as_keras(
    name: str, arguments: dict[str, Any], kind: str, weighted: bool, steps: int
) -> None:
    if "axis" in arguments and not steps:
        pytest.skip("the axis is that of steps")
    import tensorflow as tf

    rng = np.random.default_rng(3)
    y_true, y_pred = data(rng, kind, arguments.get("from_logits", False), steps)
    ours = getattr(losses, name)(**arguments)
    theirs = getattr(keras.losses, name)(**arguments)
    values, gradient = ours.value_and_gradient(ours.prepare(y_true, y_pred), y_pred.copy())
    assert values.dtype == gradient.dtype == np.float32
    weights = rng.random(values.shape).astype(np.float32) if weighted and values.ndim else None
    prediction = tf.convert_to_tensor(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        other = theirs(y_true, prediction, weights)
    assert ours(y_true, y_pred, weights) == pytest.approx(float(other), rel=2e-5)
    ours.reduce(values, gradient, weights, ours.valid(ours.prepare(y_true, y_pred)))
    expected = tape.gradient(other, prediction).numpy()
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=2e-5 * np.abs(expected).max())
    config, wanted = ours.get_config(), theirs.get_config()
    assert config.keys() >= wanted.keys()
    assert config["name"] == wanted["name"]


@pytest.mark.parametrize("remove_diagonal", [True, False])
def test_circle_as_keras(remove_diagonal: bool) -> None:
    rng = np.random.default_rng(4)
    embeddings = rng.normal(size=(9, 3)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = np.array([0, 1, 0, 2, 1, 0, 3, 3, 3])
    arguments = {"gamma": 20.0, "margin": 0.3, "remove_diagonal": remove_diagonal}
    mine = losses.Circle(**arguments)(labels, embeddings)  # type: ignore[arg-type]
    assert mine == pytest.approx(
        float(keras.losses.Circle(**arguments)(labels, embeddings)), rel=1e-4
    )


def test_ctc_as_keras() -> None:
    import tensorflow as tf

    from fastrnn import ops

    rng = np.random.default_rng(5)
    logits = rng.normal(size=(4, 21, 6)).astype(np.float32)
    labels = rng.integers(1, 6, (4, 7)) * (np.arange(7) < np.array([[7], [3], [5], [1]]))
    weights = rng.random(4).astype(np.float32)
    ours, theirs = losses.CTC(), keras.losses.CTC()
    values, gradient = ours.value_and_gradient(ours.prepare(labels, logits), logits)
    prediction = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        other = theirs(labels, prediction, weights)
    assert ours.reduce(values, gradient, weights) == pytest.approx(float(other), rel=1e-5)
    np.testing.assert_allclose(gradient, tape.gradient(other, prediction), atol=1e-5)
    for strategy in ("greedy", "beam_search"):
        mine, _ = ops.ctc_decode(logits, np.array([21, 15, 9, 3]), strategy, beam_width=20)
        best, _ = keras.ops.ctc_decode(
            logits, np.array([21, 15, 9, 3]), strategy, beam_width=20, mask_index=0
        )
        np.testing.assert_array_equal(mine, best)


def test_names_and_functions_as_keras() -> None:
    exported = [name for name in dir(keras.losses) if not name.startswith("_")]
    assert [name for name in exported if not hasattr(losses, name)] == []
    for name, known in keras.src.losses.ALL_OBJECTS_DICT.items():
        if name not in ("Loss", "LossFunctionWrapper"):
            ours = type(losses.get(name)).__name__
            assert not isinstance(known, type) or ours == known.__name__


def test_epsilon_as_keras() -> None:
    y_true, y_pred = np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[[1, 2, 2]]
    names = ("BinaryCrossentropy", "CategoricalCrossentropy", "KLDivergence", "Dice", "Tversky")
    assert config.epsilon() == keras.config.epsilon()
    try:
        config.set_epsilon(0.05)
        keras.config.set_epsilon(0.05)
        for name in names:
            mine = getattr(losses, name)()(y_true, y_pred)
            assert mine == pytest.approx(float(getattr(keras.losses, name)()(y_true, y_pred)))
    finally:
        config.set_epsilon(1e-7)
        keras.config.set_epsilon(1e-7)
    with pytest.raises(ValueError, match="must be above 0, got 0"):
        config.set_epsilon(0)


@pytest.mark.parametrize("reduction", ["sum", "mean", "mean_with_sample_weight", None])
@pytest.mark.parametrize(("name", "arguments", "kind"), CASES)
def test_reductions_as_keras(
    name: str, arguments: dict[str, Any], kind: str, reduction: str | None
) -> None:
    rng = np.random.default_rng(6)
    y_true, y_pred = data(rng, kind, arguments.get("from_logits", False), T)
    ours = getattr(losses, name)(**arguments, reduction=reduction)
    theirs = getattr(keras.losses, name)(**arguments, reduction=reduction)
    values = ours.values(y_true, y_pred)
    for weights in (None, rng.random(values.shape).astype(np.float32)):
        if weights is None or values.ndim:
            mine, other = ours(y_true, y_pred, weights), theirs(y_true, y_pred, weights)
            np.testing.assert_allclose(mine, np.asarray(other), rtol=2e-5, atol=1e-6)
