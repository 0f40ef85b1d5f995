"""Optimizers: steps against their formulas, options, slots, the flat buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastrnn import optimizers
from fastrnn.layers.variable import Storage, Variable
from fastrnn.optimizers.parameters import FlatParameters

Array = np.ndarray[Any, Any]
SHAPES = ((3, 5), (5,), (2, 2, 3))
STEPS = 5


def buffer(rng: np.random.Generator, dtype: str = "float64") -> FlatParameters:
    storage = Storage()
    return FlatParameters(
        [
            Variable(f"w{i}", rng.normal(size=shape).astype(dtype), storage)
            for i, shape in enumerate(SHAPES)
        ]
    )


def run(
    optimizer: optimizers.Optimizer, rng: np.random.Generator, dtype: str = "float64"
) -> tuple[Array, list[Array], Array]:
    """Weights before, gradients of each step, weights after."""
    parameters = buffer(rng, dtype)
    optimizer.build(parameters)
    before = parameters.weights.copy()
    gradients = []
    for _ in range(STEPS):
        for variable in parameters.variables:
            assert variable.grad is not None
            variable.grad[...] = rng.normal(size=variable.shape)
        gradients.append(parameters.grads.copy())
        optimizer.step()
    return before, gradients, parameters.weights


def sgd(w: Array, gradients: list[Array], lr: float, momentum: float, nesterov: bool) -> Array:
    v = np.zeros_like(w)
    for g in gradients:
        v = momentum * v - lr * g
        w = w + (momentum * v - lr * g if nesterov else v)
    return w


def rmsprop(
    w: Array, gradients: list[Array], lr: float, rho: float, momentum: float, centered: bool
) -> Array:
    v, mean, moment = np.zeros((3, *w.shape))
    for g in gradients:
        v = rho * v + (1 - rho) * g * g
        mean = rho * mean + (1 - rho) * g
        moment = momentum * moment + lr * g / np.sqrt(v - mean**2 * centered + 1e-7)
        w = w - moment
    return w


def adam(w: Array, gradients: list[Array], lr: float, amsgrad: bool) -> Array:
    m, v, highest = np.zeros((3, *w.shape))
    for t, g in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        highest = np.maximum(highest, v)
        rate = lr * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        w = w - rate * m / (np.sqrt(highest if amsgrad else v) + 1e-7)
    return w


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("optimizer", "formula", "arguments"),
    [
        (optimizers.SGD(0.1), sgd, (0.1, 0.0, False)),
        (optimizers.SGD(0.1, momentum=0.8), sgd, (0.1, 0.8, False)),
        (optimizers.SGD(0.1, momentum=0.8, nesterov=True), sgd, (0.1, 0.8, True)),
        (optimizers.RMSprop(0.02), rmsprop, (0.02, 0.9, 0.0, False)),
        (optimizers.RMSprop(0.02, 0.7, momentum=0.5), rmsprop, (0.02, 0.7, 0.5, False)),
        (optimizers.RMSprop(0.02, centered=True), rmsprop, (0.02, 0.9, 0.0, True)),
        (optimizers.Adam(0.05), adam, (0.05, False)),
        (optimizers.Adam(0.05, amsgrad=True), adam, (0.05, True)),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_steps(
    optimizer: Any, formula: Any, arguments: tuple[Any, ...], dtype: str, rng: Any
) -> None:
    fresh = type(optimizer).from_config(optimizer.get_config())
    before, gradients, after = run(fresh, rng, dtype)
    assert after.dtype == dtype
    expected = formula(
        before.astype(np.float64), [g.astype(np.float64) for g in gradients], *arguments
    )
    np.testing.assert_allclose(
        after, expected, rtol=2e-4 if dtype == "float32" else 1e-9, atol=1e-6
    )
    assert fresh.iterations == STEPS


def test_clipping(rng: np.random.Generator) -> None:
    for options in ({"clipvalue": 0.1}, {"clipnorm": 0.5}, {"global_clipnorm": 0.5}):
        parameters = buffer(rng)
        optimizer = optimizers.SGD(1.0, **options)
        optimizer.build(parameters)
        parameters.grads[:3] = [3.0, -4.0, 0.01]
        first, second, _ = parameters.variables
        second.grad[0] = 12.0  # type: ignore[index]
        before = parameters.weights.copy()
        optimizer.step()
        moved = before - parameters.weights
        (name, limit), *_ = options.items()
        if name == "clipvalue":
            np.testing.assert_allclose(moved[:3], [0.1, -0.1, 0.01])
        elif name == "clipnorm":
            assert np.linalg.norm(moved[: first.size]) == pytest.approx(limit)
            assert np.linalg.norm(moved) == pytest.approx(limit * np.sqrt(2))
        else:
            assert np.linalg.norm(moved) == pytest.approx(limit)


def test_weight_decay_and_schedule(rng: np.random.Generator) -> None:
    parameters = buffer(rng)
    optimizer = optimizers.SGD(lambda step: 0.1 / (step + 1), weight_decay=0.5)
    optimizer.build(parameters)
    before = parameters.weights.copy()
    optimizer.step()
    np.testing.assert_allclose(parameters.weights, before * 0.95)
    optimizer.step()
    np.testing.assert_allclose(parameters.weights, before * 0.95 * 0.975)


def test_moving_average_of_weights(rng: np.random.Generator) -> None:
    parameters = buffer(rng)
    optimizer = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    optimizer.build(parameters)
    start = parameters.weights.copy()
    parameters.grads[...] = 1
    optimizer.step()
    np.testing.assert_allclose(parameters.weights, start - 0.1)
    optimizer.step()
    np.testing.assert_allclose(parameters.weights, start - 0.2)
    optimizer.finalize()  # the average starts from the first update's weights
    np.testing.assert_allclose(parameters.weights, start - 0.15)


def test_slots_follow_parameters_to_another_buffer(rng: np.random.Generator) -> None:
    parameters = buffer(rng)
    optimizer = optimizers.Adam()
    optimizer.build(parameters)
    parameters.grads[...] = rng.normal(size=parameters.grads.shape)
    optimizer.step()
    last = parameters.variables[-1]
    kept = optimizer.slots["momentum"][parameters.spans[-1][1]].copy()
    other = FlatParameters([last, parameters.variables[0]])
    optimizer.build(other)
    np.testing.assert_array_equal(optimizer.slots["momentum"][other.spans[0][1]], kept)
    assert not parameters.holds(parameters.variables)
    assert other.holds([last, parameters.variables[0]])


def test_buffer_keeps_values_and_aligns(rng: np.random.Generator) -> None:
    values = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]
    storage = Storage()
    variables = [Variable("w", value.copy(), storage) for value in values]
    parameters = FlatParameters(variables)
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable.value, value)
        assert variable.grad is not None
        assert np.shares_memory(variable.value, parameters.weights)
        assert np.shares_memory(variable.grad, parameters.grads)
        assert variable.value.ctypes.data % 64 == variable.grad.ctypes.data % 64 == 0
    version = variables[0].storage.version
    variables[1].assign(values[1] * 2)
    assert variables[0].storage.version != version


def test_gaps_of_the_buffer_stay_zero(rng: np.random.Generator) -> None:
    names = ("SGD", "RMSprop", "Adam", "Adadelta", "Adagrad", "Adamax", "Ftrl", "Lion", "Nadam")
    for name in names:
        parameters = buffer(rng)
        used = np.zeros(parameters.weights.shape, bool)
        for _, span in parameters.spans:
            used[span] = True
        optimizer = optimizers.get(name)
        optimizer.build(parameters)
        for _ in range(3):
            for variable in parameters.variables:
                assert variable.grad is not None
                variable.grad[...] = rng.normal(size=variable.shape)
            optimizer.step()
        assert not parameters.weights[~used].any()


def test_gradients_accumulate(rng: np.random.Generator) -> None:
    parameters = buffer(rng)
    optimizer = optimizers.SGD(0.5, gradient_accumulation_steps=3, clipvalue=0.8)
    optimizer.build(parameters)
    start = parameters.weights.copy()
    grads = rng.normal(size=(6, start.size))
    expected = start
    for step, grad in enumerate(grads, 1):
        parameters.grads[...] = grad
        optimizer.step()
        if step % 3 == 0:
            expected = expected - 0.5 * grads[step - 3 : step].mean(0).clip(-0.8, 0.8)
        np.testing.assert_allclose(parameters.weights, expected)
        assert optimizer.iterations == step // 3


def test_optimizers_of_ones_own_find_gradients_clipped_and_weights_shrunk() -> None:
    class Own(optimizers.Optimizer):
        def update(self, weights: Array, grads: Array, learning_rate: float, step: int) -> None:
            weights -= learning_rate * grads

    for options in ({"clipvalue": 0.5}, {"clipnorm": 0.5}, {"global_clipnorm": 0.5}, {}):
        ends = []
        for make in (Own, optimizers.SGD):
            rng = np.random.default_rng(3)
            parameters = buffer(rng)
            optimizer = make(0.1, weight_decay=0.2, **options)
            optimizer.build(parameters)
            parameters.grads[...] = rng.normal(size=parameters.grads.shape)
            optimizer.step()
            ends.append(parameters.weights)
        np.testing.assert_allclose(*ends, rtol=1e-12)


def test_weights_left_out_of_the_decay(rng: np.random.Generator) -> None:
    parameters = buffer(rng)
    first, second, third = parameters.variables
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([first], var_names=["1$"])
    optimizer.build(parameters)
    before = [v.value.copy() for v in parameters.variables]
    optimizer.step()
    np.testing.assert_array_equal(first.value, before[0])
    np.testing.assert_array_equal(second.value, before[1])
    np.testing.assert_allclose(third.value, before[2] * 0.95)
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


def test_gradients_that_are_given(rng: np.random.Generator) -> None:
    storage = Storage()
    weights = [Variable(f"w{i}", np.ones(shape), storage) for i, shape in enumerate(SHAPES)]
    grads = [rng.normal(size=shape) for shape in SHAPES]
    optimizer = optimizers.SGD(0.5, loss_scale_factor=4.0)
    assert optimizer.apply_gradients(zip(grads, weights, strict=True)) == 1
    optimizer.apply(grads)
    for weight, grad in zip(weights, grads, strict=True):
        np.testing.assert_allclose(weight.value, 1 - 0.25 * grad)
    strange = Variable("strange", np.ones(5), storage)
    with pytest.raises(ValueError, match="was built for other variables than strange"):
        optimizer.apply(grads[1:2], [strange])
    with pytest.raises(ValueError, match="there is a gradient for none of the variables"):
        optimizer.apply([None, None], weights[:2])
    assert optimizer.apply_gradients([]) == 2
    with pytest.raises(ValueError, match=r"gradient of w1 must be of shape \(5,\), got \(3, 5\)"):
        optimizer.apply([grads[0], grads[0], grads[2]])
    with pytest.raises(ValueError, match="give the variables that the gradients are for"):
        optimizers.SGD().apply(grads)


def test_clipping_by_norm_spreads_what_is_no_number(rng: np.random.Generator) -> None:
    parameters = buffer(rng)
    optimizer = optimizers.SGD(global_clipnorm=1.0)
    optimizer.build(parameters)
    parameters.grads[:2] = np.inf, 1
    optimizer.step()
    assert np.isnan(parameters.weights).all()


def test_learning_rates() -> None:
    assert optimizers.SGD(lambda: 0.25).learning_rate == 0.25
    old = optimizers.Adam(lr=0.5, decay=0.25)  # as Keras 2 has it
    assert old.learning_rate == 0.5
    old._iterations = 4
    assert old.learning_rate == 0.25
    again = optimizers.deserialize(optimizers.serialize(old))
    assert isinstance(again._schedule, optimizers.schedules.InverseTimeDecay)
    with pytest.raises(ValueError, match="ExponentialDecay: decay_steps must be positive, got 0"):
        optimizers.schedules.ExponentialDecay(0.1, 0, 0.5)
    with pytest.raises(ValueError, match="one value more than boundaries, got 2 values and 2"):
        optimizers.schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
    with pytest.raises(ValueError, match="unknown learning rate schedule 'CosinDecay'; did you"):
        optimizers.SGD({"class_name": "CosinDecay", "config": {}})


def test_a_learning_rate_of_zero_changes_nothing(rng: np.random.Generator) -> None:
    for name in ("SGD", "RMSprop", "Adam", "Adadelta", "Adagrad", "Adamax", "Lion", "Nadam"):
        parameters = buffer(rng)
        optimizer = getattr(optimizers, name)(0.0)
        optimizer.build(parameters)
        before = parameters.weights.copy()
        parameters.grads[...] = 1
        optimizer.step()
        np.testing.assert_array_equal(parameters.weights, before)


def test_state_is_set_whole_or_not_at_all(rng: np.random.Generator) -> None:
    one = optimizers.Nadam(0.01, use_ema=True)
    one.build(buffer(rng))
    one.step()
    state = [array.copy() for array in one.variables]
    two = optimizers.Nadam(0.02, use_ema=True)
    two.build(buffer(rng))
    before = [array.copy() for array in two.variables]
    for wrong in (state[:-1], [*state[:3], state[4], *state[4:]]):
        with pytest.raises(ValueError, match="arrays, got|must be of shape"):
            two.set_weights(wrong)
        assert all(map(np.array_equal, two.variables, before))
    two.set_weights(state)
    assert all(map(np.array_equal, two.variables, state))
    assert two.learning_rate == 0.01


def test_names_and_errors() -> None:
    assert isinstance(optimizers.get("Adam"), optimizers.Adam)
    assert isinstance(optimizers.get("RMSPROP"), optimizers.RMSprop)
    assert optimizers.Adam(lr=0.5).lr == 0.5
    described = {"class_name": "SGD", "config": {"learning_rate": 0.5, "momentum": 0.9}}
    assert optimizers.get(described).get_config()["momentum"] == 0.9
    with pytest.raises(ValueError, match="unknown optimizer 'adams'; did you mean 'adam'"):
        optimizers.get("adams")
    with pytest.raises(TypeError, match="Adam: unexpected argument 'betas'"):
        optimizers.Adam(betas=(0.9, 0.99))
    with pytest.raises(ValueError, match="learning_rate must be a finite number"):
        optimizers.SGD(-1.0)
    with pytest.raises(ValueError, match="momentum must be from 0 to 1"):
        optimizers.SGD(momentum=2)
    with pytest.raises(ValueError, match="only one of clipnorm"):
        optimizers.SGD(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ValueError, match="gradient_accumulation_steps must be an integer from 2"):
        optimizers.SGD(gradient_accumulation_steps=1)
    with pytest.raises(ValueError, match="beta_1 must be from 0 to below 1, got 1"):
        optimizers.Nadam(beta_1=1)
    with pytest.raises(ValueError, match="weight_decay must be a number, got None"):
        optimizers.AdamW(weight_decay=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="l1_regularization_strength must be at least 0, got -1"):
        optimizers.Ftrl(l1_regularization_strength=-1)
    with pytest.raises(ValueError, match="build the optimizer"):
        optimizers.SGD().step()
    with pytest.raises(TypeError, match="an optimizer must be a name"):
        optimizers.get(3)
