"""Losses and metrics: values against formulas, gradients by finite differences, reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastrnn import Sequential, layers, losses, metrics, optimizers

N, T, C = 6, 3, 4

Array = np.ndarray[Any, Any]


def labels(rng: np.random.Generator, *shape: int) -> Array:
    return rng.integers(0, C, shape)


def one_hot(values: Array) -> Array:
    return np.eye(C)[values]


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


CASES: dict[str, tuple[losses.Loss, str]] = {
    "categorical": (losses.CategoricalCrossentropy(), "one-hot"),
    "categorical_logits": (losses.CategoricalCrossentropy(from_logits=True), "one-hot"),
    "categorical_smooth": (losses.CategoricalCrossentropy(label_smoothing=0.2), "one-hot"),
    "sparse": (losses.SparseCategoricalCrossentropy(), "integer"),
    "sparse_logits": (losses.SparseCategoricalCrossentropy(from_logits=True), "integer"),
    "sparse_ignoring": (losses.SparseCategoricalCrossentropy(ignore_class=1), "integer"),
    "sparse_logits_ignoring": (
        losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1),
        "integer",
    ),
    "binary": (losses.BinaryCrossentropy(), "one-hot"),
    "binary_logits": (losses.BinaryCrossentropy(from_logits=True), "one-hot"),
    "binary_smooth": (losses.BinaryCrossentropy(label_smoothing=0.1), "one-hot"),
    "generalized": (losses.CategoricalGeneralizedCrossEntropy(0.7), "integer"),
    "binary_focal": (losses.BinaryFocalCrossentropy(True, 0.3, 1.5, False, 0.1), "one-hot"),
    "binary_focal_logits": (losses.BinaryFocalCrossentropy(from_logits=True), "one-hot"),
    "focal": (losses.CategoricalFocalCrossentropy([0.1, 0.4, 0.2, 0.3], 1.5), "one-hot"),
    "focal_logits": (losses.CategoricalFocalCrossentropy(from_logits=True), "one-hot"),
    "kl": (losses.KLDivergence(), "one-hot"),
    "poisson": (losses.Poisson(), "one-hot"),
    "mse": (losses.MeanSquaredError(), "number"),
    "mae": (losses.MeanAbsoluteError(), "number"),
    "mape": (losses.MeanAbsolutePercentageError(), "number"),
    "msle": (losses.MeanSquaredLogarithmicError(), "one-hot"),
    "huber": (losses.Huber(0.8), "number"),
    "log_cosh": (losses.LogCosh(), "number"),
    "hinge": (losses.Hinge(), "one-hot"),
    "squared_hinge": (losses.SquaredHinge(), "one-hot"),
    "categorical_hinge": (losses.CategoricalHinge(), "one-hot"),
    "cosine": (losses.CosineSimilarity(), "number"),
    "tversky": (losses.Tversky(0.3, 0.6, axis=-1), "one-hot"),
    "dice": (losses.Dice(axis=-1), "one-hot"),
}


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_gradients(case: str, rank: int, rng: np.random.Generator) -> None:
    loss, kind = CASES[case]
    shape = (N, C) if rank == 2 else (N, T, C)
    y_pred = softmax(rng.normal(size=shape))
    if "logits" in case:
        y_pred = rng.normal(size=shape)
    classes = labels(rng, *shape[:-1])
    y_true = {"one-hot": one_hot(classes), "integer": classes, "number": rng.normal(size=shape)}
    target = loss.prepare(y_true[kind], y_pred)
    weights = rng.random(shape[:-1])
    mask = rng.random(shape[:-1]) > 0.3
    values, gradient = loss.value_and_gradient(target, y_pred.copy())
    assert values.shape == shape[:-1]
    reduced = loss.reduce(values, gradient, weights, mask)
    direction = rng.normal(size=shape)
    step = 1e-6

    def value(prediction: Array) -> float:
        return loss.reduce(loss.value_and_gradient(target, prediction)[0], None, weights, mask)

    assert value(y_pred) == pytest.approx(reduced)
    slope = (value(y_pred + step * direction) - value(y_pred - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", ["categorical", "sparse", "binary"])
def test_fused_activation_is_the_same_function(name: str, rng: np.random.Generator) -> None:
    loss, kind = CASES[name]
    logits = rng.normal(size=(N, C))
    activated = softmax(logits) if name != "binary" else 1 / (1 + np.exp(-logits))
    classes = labels(rng, N)
    target = loss.prepare(one_hot(classes) if kind == "one-hot" else classes, logits)
    fused, _ = loss.value_and_gradient_from_logits(target, logits)
    plain, _ = loss.value_and_gradient(target, activated)
    np.testing.assert_allclose(fused, plain, rtol=1e-6)


def test_fused_loss_is_exact_where_probabilities_saturate() -> None:
    logits = np.array([[200.0, 0.0]], np.float32)
    loss = losses.SparseCategoricalCrossentropy()
    values, gradient = loss.value_and_gradient_from_logits(np.array([1]), logits)
    assert values[0] == pytest.approx(200)
    np.testing.assert_allclose(gradient, [[1, -1]])
    binary, slope = losses.BinaryCrossentropy().value_and_gradient_from_logits(
        np.array([[0.0]], np.float32), np.array([[90.0]], np.float32)
    )
    assert binary[0] == pytest.approx(90)
    assert slope[0, 0] == pytest.approx(1)


def test_reductions(rng: np.random.Generator) -> None:
    y_true, y_pred = rng.normal(size=(2, N, T, C))
    each = ((y_true - y_pred) ** 2).mean(-1)
    weights = rng.random((N, T))
    for reduction, expected in {
        "sum_over_batch_size": (each * weights).sum() / (N * T),
        "sum": (each * weights).sum(),
        "mean_with_sample_weight": (each * weights).sum() / weights.sum(),
    }.items():
        loss = losses.MeanSquaredError(reduction=reduction)
        assert loss(y_true, y_pred, weights) == pytest.approx(expected)
    unreduced = losses.MeanSquaredError(reduction=None)
    np.testing.assert_allclose(unreduced(y_true, y_pred), each)
    np.testing.assert_allclose(unreduced(y_true, y_pred, weights), each * weights)
    per_sample = rng.random(N)
    assert losses.MeanSquaredError()(y_true, y_pred, per_sample) == pytest.approx(
        (each * per_sample[:, None]).mean()
    )


def test_masked_steps_are_left_out_of_the_mean(rng: np.random.Generator) -> None:
    each = rng.random((N, T))
    mask = rng.random((N, T)) > 0.5
    assert losses.MeanSquaredError().reduce(each, None, None, mask) == pytest.approx(
        each[mask].mean()
    )
    assert losses.MeanSquaredError().reduce(each, None, None, np.zeros((N, T), bool)) == 0


@pytest.mark.parametrize("axis", [None, 1, (0, 2), (1, 2)])
@pytest.mark.parametrize("make", [losses.Dice, losses.Tversky])
def test_gradients_over_other_axes(make: Any, axis: Any, rng: np.random.Generator) -> None:
    check_reduced_gradient(make(axis=axis), rng.random((N, T, C)), rng.random((N, T, C)), rng)


@pytest.mark.parametrize("axis", [0, 1])
def test_gradients_of_vectors_on_other_axes(axis: int, rng: np.random.Generator) -> None:
    y_true, y_pred = rng.normal(size=(2, N, T, C))
    check_reduced_gradient(losses.CosineSimilarity(axis), y_true, y_pred, rng)


def check_reduced_gradient(
    loss: losses.Loss, y_true: Array, y_pred: Array, rng: np.random.Generator
) -> None:
    """With random weights of the values, against a difference along a random direction."""
    target = loss.prepare(y_true, y_pred)
    values, gradient = loss.value_and_gradient(target, y_pred)
    weights = rng.random(values.shape)
    loss.reduce(values, gradient, weights)
    direction, step = rng.normal(size=y_pred.shape), 1e-6
    ends = [
        loss.reduce(loss.value_and_gradient(target, y_pred + s * direction)[0], None, weights)
        for s in (step, -step)
    ]
    slope = (ends[0] - ends[1]) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("remove_diagonal", [True, False])
def test_circle_gradient(remove_diagonal: bool, rng: np.random.Generator) -> None:
    loss = losses.Circle(8.0, 0.3, remove_diagonal)
    y_pred = rng.normal(size=(7, 5))
    y_pred /= np.linalg.norm(y_pred, axis=1, keepdims=True)
    target = loss.prepare([0, 1, 0, 2, 1, 0, 3], y_pred)  # labels 2 and 3 have no partner
    values, gradient = loss.value_and_gradient(target, y_pred)
    assert np.isfinite(values).all()
    direction, step = rng.normal(size=y_pred.shape), 1e-6

    def value(prediction: Array) -> float:
        return float(loss.value_and_gradient(target, prediction)[0].sum())

    slope = (value(y_pred + step * direction) - value(y_pred - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-6)
    with pytest.raises(ValueError, match="circle: samples meet each other and cannot be weighted"):
        loss(target, y_pred, np.ones(7))


def test_functions_of_ones_own(rng: np.random.Generator) -> None:
    def quartic(y_true: Array, y_pred: Array, scale: float = 1.0) -> tuple[Array, Array]:
        error = y_pred - y_true
        return scale * (error**4).mean(-1), 4 * scale * error**3 / C

    y_true, y_pred = rng.normal(size=(2, N, C))
    check_reduced_gradient(losses.get(quartic), y_true, y_pred, rng)
    assert losses.get(quartic).name == "quartic"
    doubled = losses.LossFunctionWrapper(quartic, scale=2.0)
    assert doubled(y_true, y_pred) == pytest.approx(2 * ((y_pred - y_true) ** 4).mean())
    for wrong, kind, message in (
        (lambda t, p: ((t - p) ** 2).mean(-1), TypeError, r"must return \(values, gradient\)"),
        (lambda t, p: (p[..., 0], p[..., 0]), ValueError, "gradient must be of the predictions'"),
        (lambda t, p: (p[:2, 0], p), ValueError, "values must be one per sample"),
    ):
        with pytest.raises(kind, match=message):
            losses.get(wrong)(y_true, y_pred)


def test_a_model_trains_with_a_function_of_ones_own(rng: np.random.Generator) -> None:
    def halved(y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        error = y_pred - y_true
        return 0.5 * (error**2).mean(-1), error / error.shape[-1]

    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    fitted = []
    for loss in (halved, losses.MeanSquaredError()):
        model = Sequential([layers.Input((3,)), layers.Dense(2, kernel_initializer="ones")])
        model.compile(optimizers.SGD(0.2 if loss is halved else 0.1), loss)
        model.fit(x, y, epochs=3, verbose=0, shuffle=False)
        fitted.append(model.predict(x, verbose=0))
    np.testing.assert_allclose(*fitted, rtol=1e-5)
    model.compile("sgd", lambda y_true, y_pred: y_pred)
    with pytest.raises(TypeError, match=r"loss <lambda>: the function must return \(values"):
        model.fit(x, y, verbose=0)


def test_functions_and_names(rng: np.random.Generator) -> None:
    y_true, y_pred = rng.normal(size=(2, N, C))
    np.testing.assert_allclose(
        losses.mean_squared_error(y_true, y_pred), ((y_true - y_pred) ** 2).mean(-1)
    )
    for identifier in ("mse", "mean_squared_error", "MeanSquaredError", losses.mean_squared_error):
        assert isinstance(losses.get(identifier), losses.MeanSquaredError)
    described = {"class_name": "BinaryCrossentropy", "config": {"from_logits": True}}
    assert losses.get(described).get_config()["from_logits"]
    for loss, _ in CASES.values():
        assert type(loss).from_config(loss.get_config()).get_config() == loss.get_config()
        again = losses.deserialize(losses.serialize(loss))
        assert type(again) is type(loss)
        assert again.get_config() == loss.get_config()


def test_errors_of_losses(rng: np.random.Generator) -> None:
    y_pred = softmax(rng.normal(size=(N, C)))
    with pytest.raises(ValueError, match="unknown loss 'categorical_crosentropy'; did you mean"):
        losses.get("categorical_crosentropy")
    with pytest.raises(TypeError, match="a loss must be a name"):
        losses.get(3)
    with pytest.raises(ValueError, match="delta must not be negative"):
        losses.Huber(-1)
    with pytest.raises(ValueError, match="labels must be from 0 to 3 .* got 0 to 7"):
        losses.SparseCategoricalCrossentropy()([0, 7, 0, 0, 0, 0], y_pred)
    with pytest.raises(ValueError, match="one integer per prediction.*categorical_crossentropy"):
        losses.SparseCategoricalCrossentropy()(one_hot(labels(rng, N)), y_pred)
    with pytest.raises(ValueError, match=r"targets must be of shape \(N, 4\).*got \(N, 3\)"):
        losses.MeanSquaredError()(np.zeros((N, 3)), y_pred)
    with pytest.raises(ValueError, match="label_smoothing must be from 0 to 1"):
        losses.BinaryCrossentropy(label_smoothing=2)
    with pytest.raises(ValueError, match="unknown loss reduction 'summ'"):
        losses.MeanSquaredError(reduction="summ")


def test_accuracies(rng: np.random.Generator) -> None:
    y_pred = rng.random((N, C))
    classes = labels(rng, N)
    right = y_pred.argmax(-1) == classes
    assert metrics.SparseCategoricalAccuracy()(classes, y_pred) == pytest.approx(right.mean())
    assert metrics.SparseCategoricalAccuracy()(classes[:, None], y_pred) == pytest.approx(
        right.mean()
    )
    assert metrics.CategoricalAccuracy()(one_hot(classes), y_pred) == pytest.approx(right.mean())
    rank = (y_pred > y_pred[np.arange(N), classes][:, None]).sum(-1)
    assert metrics.SparseTopKCategoricalAccuracy(k=2)(classes, y_pred) == (rank < 2).mean()
    assert metrics.TopKCategoricalAccuracy(k=3)(one_hot(classes), y_pred) == (rank < 3).mean()
    order = np.argsort(-y_pred)
    assert (
        metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)(classes, order)
        == (rank < 2).mean()
    )
    yes = rng.integers(0, 2, (N, 1))
    expected = (yes == (y_pred[:, :1] > 0.7)).mean()
    assert metrics.BinaryAccuracy(threshold=0.7)(yes, y_pred[:, :1]) == pytest.approx(expected)
    assert metrics.BinaryAccuracy(threshold=0.7)(yes[:, 0], y_pred[:, :1]) == pytest.approx(
        expected
    )
    assert metrics.Accuracy()([1, 2, 3], [1, 2, 4]) == pytest.approx(2 / 3)


def test_metrics_run_on_and_weigh(rng: np.random.Generator) -> None:
    y_true, y_pred = rng.normal(size=(2, N, C))
    weights = rng.random(N)
    each = np.abs(y_true - y_pred).mean(-1)
    metric = metrics.MeanAbsoluteError()
    metric.update_state(y_true[:2], y_pred[:2], weights[:2])
    metric.update_state(y_true[2:], y_pred[2:], weights[2:])
    assert metric.result() == pytest.approx((each * weights).sum() / weights.sum())
    metric.reset_state()
    assert metric.result() == 0
    squared = ((y_true - y_pred) ** 2).mean()
    assert metrics.RootMeanSquaredError()(y_true, y_pred) == pytest.approx(np.sqrt(squared))
    assert metrics.get("mse")(y_true, y_pred) == pytest.approx(squared)


def test_names_of_metrics() -> None:
    assert metrics.get("mae").name == "mae"
    assert metrics.get(metrics.CategoricalAccuracy).name == "categorical_accuracy"
    assert metrics.get(metrics.categorical_accuracy).name == "categorical_accuracy"
    with pytest.raises(ValueError, match="unknown metric 'acuracy'; did you mean 'accuracy'"):
        metrics.get("acuracy")
    with pytest.raises(TypeError, match="a metric must be a name"):
        metrics.get(3)
