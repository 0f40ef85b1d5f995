"""Optimizers and learning rate schedules step as in Keras; their state and configs go both ways."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras", minversion="3.0", reason="Keras 3 is not installed")

from fastrnn import constraints, optimizers  # noqa: E402
from fastrnn.layers.variable import Storage, Variable  # noqa: E402

Array = np.ndarray[Any, Any]
SHAPES = {"kernel": (4, 5), "bias": (6,)}
STEPS = 20

OWN: dict[str, list[dict[str, Any]]] = {
    "SGD": [{"learning_rate": 0.05}, {"momentum": 0.9}, {"momentum": 0.8, "nesterov": True}],
    "RMSprop": [{}, {"momentum": 0.8}, {"centered": True, "rho": 0.8, "momentum": 0.5}],
    "Adam": [{"learning_rate": 0.02}, {"amsgrad": True, "beta_2": 0.9}, {"beta_1": 0.0}],
    "AdamW": [{"learning_rate": 0.02}, {"weight_decay": 0.1, "amsgrad": True}],
    "Adagrad": [{"learning_rate": 0.1}, {"initial_accumulator_value": 0.5, "epsilon": 0.01}],
    "Adadelta": [{"learning_rate": 1.0}, {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-3}],
    "Nadam": [{"learning_rate": 0.02}, {"beta_1": 0.8, "beta_2": 0.95}],
    "Adamax": [{"learning_rate": 0.02}, {"beta_1": 0.8, "beta_2": 0.9}],
    "Ftrl": [
        {"learning_rate": 0.1},
        {"learning_rate": 0.1, "learning_rate_power": -0.7, "l1_regularization_strength": 0.2},
        {
            "learning_rate": 0.05,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.2,
            "beta": 0.3,
        },
    ],
    "Lion": [{"learning_rate": 0.01}, {"beta_1": 0.7, "beta_2": 0.9}],
}
SHARED: list[dict[str, Any]] = [
    {"weight_decay": 0.05},
    {"clipnorm": 0.7},
    {"clipvalue": 0.2},
    {"global_clipnorm": 0.9, "weight_decay": 0.03},
    {"use_ema": True, "ema_momentum": 0.7},
    {"use_ema": True, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3, "clipnorm": 0.5, "use_ema": True},
    {"loss_scale_factor": 4.0},
]
CASES = [(name, options) for name, cases in OWN.items() for options in cases] + [
    (name, options) for name in ("SGD", "Adam") for options in SHARED
]


def variables(seed: int = 1) -> tuple[list[Variable], list[Any]]:
    """The same weights, ours and Keras', one of them constrained."""
    rng, storage = np.random.default_rng(seed), Storage()
    ours, theirs = [], []
    for name, shape in SHAPES.items():
        value = rng.normal(size=shape).astype(np.float32)
        limit = 0.9 if name == "bias" else None
        ours.append(
            Variable(
                name,
                value.copy(),
                storage,
                constraint=None if limit is None else constraints.MaxNorm(limit),
            )
        )
        theirs.append(keras.Variable(value, name=name))
        if limit is not None:
            theirs[-1].constraint = keras.constraints.MaxNorm(limit)
    return ours, theirs


def run(ours: Any, theirs: Any, mine: Any, other: Any, steps: int = STEPS, seed: int = 2) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        grads = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES.values()]
        ours.apply_gradients(zip(grads, mine, strict=True))
        theirs.apply_gradients(zip([keras.ops.array(g) for g in grads], other, strict=True))
    for one, two in zip(mine, other, strict=True):
        np.testing.assert_allclose(one.value, two.numpy(), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: str(value))
def test_steps_as_keras(name: str, options: dict[str, Any]) -> None:
    ours = getattr(optimizers, name)(**options)
    theirs = getattr(keras.optimizers, name)(**options)
    mine, other = variables()
    run(ours, theirs, mine, other)
    state = theirs.variables
    assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in state]
    for one, two in zip(ours.variables, state, strict=True):
        np.testing.assert_allclose(one, two.numpy(), rtol=2e-4, atol=2e-5)
    # From Keras' state, ours goes on as Keras does.
    fresh = optimizers.deserialize(keras.optimizers.serialize(theirs))
    for one, two in zip(mine, other, strict=True):
        one.assign(two.numpy())
    fresh.build(mine)
    fresh.set_weights([v.numpy() for v in state])
    assert fresh.iterations == ours.iterations
    run(fresh, theirs, mine, other, steps=4, seed=3)
    theirs.finalize_variable_values(other)
    fresh.finalize()
    for one, two in zip(mine, other, strict=True):
        np.testing.assert_allclose(one.value, two.numpy(), rtol=1e-4, atol=2e-5)


CHANGING: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"momentum": 0.9, "global_clipnorm": 0.8}),
    ("Adam", {"learning_rate": 0.02, "weight_decay": 0.05, "clipnorm": 0.7}),
    ("Adam", {"learning_rate": 0.02, "use_ema": True, "ema_overwrite_frequency": 3}),
    ("RMSprop", {"gradient_accumulation_steps": 3, "global_clipnorm": 0.5}),
    ("Nadam", {"learning_rate": 0.02}),
]


@pytest.mark.parametrize(("name", "options"), CHANGING, ids=lambda value: str(value))
def test_some_of_the_variables_step_as_keras(name: str, options: dict[str, Any]) -> None:
    """As where parts are frozen and trained in turn; one constraint changes weights each time."""
    ours = getattr(optimizers, name)(**options)
    theirs = getattr(keras.optimizers, name)(**options)
    mine, other = variables()
    mine[0].constraint, other[0].constraint = (
        module.MinMaxNorm(0.5, 0.6, rate=0.1) for module in (constraints, keras.constraints)
    )
    ours.build(mine)
    theirs.build(other)
    rng = np.random.default_rng(6)
    for step in range(STEPS):
        chosen = [(0,), (0, 1), (1,), (1, 0)][step % 4]
        grads = [rng.normal(size=mine[i].shape).astype(np.float32) for i in chosen]
        ours.apply_gradients([(g, mine[i]) for g, i in zip(grads, chosen, strict=True)])
        theirs.apply_gradients(
            [(keras.ops.array(g), other[i]) for g, i in zip(grads, chosen, strict=True)]
        )
        for one, two in zip(mine, other, strict=True):
            np.testing.assert_allclose(one.value, two.numpy(), rtol=1e-4, atol=2e-5)
    for one, two in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(one, two.numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("excluded", ["var_names", "var_list"])
def test_weights_without_decay_as_keras(excluded: str) -> None:
    ours, theirs = optimizers.AdamW(0.01, 0.3), keras.optimizers.AdamW(0.01, 0.3)
    mine, other = variables()
    if excluded == "var_names":
        ours.exclude_from_weight_decay(var_names=["bias", "^ern"])
        theirs.exclude_from_weight_decay(var_names=["bias", "^ern"])
    else:
        ours.exclude_from_weight_decay(mine[1:])
        theirs.exclude_from_weight_decay(other[1:])
    run(ours, theirs, mine, other)


SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"decay_steps": 7, "decay_rate": 0.6}),
    ("ExponentialDecay", {"decay_steps": 7, "decay_rate": 0.6, "staircase": True}),
    ("InverseTimeDecay", {"decay_steps": 7, "decay_rate": 0.6}),
    ("InverseTimeDecay", {"decay_steps": 7, "decay_rate": 0.6, "staircase": True}),
    ("PolynomialDecay", {"decay_steps": 11, "end_learning_rate": 0.02, "power": 1.7}),
    ("PolynomialDecay", {"decay_steps": 11, "power": 0.5, "cycle": True}),
    ("CosineDecay", {"decay_steps": 13, "alpha": 0.1}),
    ("CosineDecay", {"decay_steps": 13, "warmup_target": 0.9, "warmup_steps": 5}),
    ("CosineDecayRestarts", {"first_decay_steps": 6, "m_mul": 0.8, "alpha": 0.05}),
    ("CosineDecayRestarts", {"first_decay_steps": 6, "t_mul": 1.0, "m_mul": 0.7}),
    ("CosineDecayRestarts", {"first_decay_steps": 6, "t_mul": 1.5}),
    ("PiecewiseConstantDecay", {"boundaries": [3, 9, 20], "values": [0.4, 0.3, 0.2, 0.1]}),
]


@pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=lambda value: str(value))
def test_schedules_as_keras(name: str, options: dict[str, Any]) -> None:
    first = {} if "values" in options else {"initial_learning_rate": 0.3}
    ours = getattr(optimizers.schedules, name)(**first, **options)
    theirs = getattr(keras.optimizers.schedules, name)(**first, **options)
    assert optimizers.schedules.serialize(ours) == keras.optimizers.schedules.serialize(theirs)
    for step in range(40):
        assert ours(step) == pytest.approx(float(theirs(step)), rel=1e-5, abs=1e-6), step
    one = optimizers.Adam(ours, name="adam", gradient_accumulation_steps=2)
    two = keras.optimizers.Adam(theirs, name="adam", gradient_accumulation_steps=2)
    again = optimizers.deserialize(keras.optimizers.serialize(two))
    described = optimizers.serialize(again)
    assert described == keras.optimizers.serialize(two)
    assert keras.optimizers.deserialize(optimizers.serialize(one)).get_config() == two.get_config()
    run(again, two, *variables())


@pytest.mark.parametrize("name", OWN)
def test_configurations_as_keras(name: str) -> None:
    mine = optimizers.get(name.lower()).get_config()
    theirs = keras.optimizers.get(name.lower()).get_config()
    del mine["name"], theirs["name"]
    assert list(mine) == list(theirs)
    assert mine == pytest.approx(theirs)
