"""Models that are graphs: gradients, structures of inputs and outputs, parts of models, errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import Model, Sequential, layers, losses
from fastrnn.layers import Input
from functional_cases import GRAPHS, two_and_two

Array = np.ndarray[Any, Any]
N = 5


@pytest.fixture
def double() -> Iterator[None]:
    fastrnn.utils.set_floatx("float64")
    yield
    fastrnn.utils.set_floatx("float32")


def inputs_of(model: Any, rng: np.random.Generator) -> list[Array]:
    x = [rng.normal(size=(N, *tensor.shape[1:])) for tensor in model.inputs]
    for index, tensor in enumerate(model.inputs):
        if tensor.name == "words":
            x[index] = np.where(rng.random(x[index].shape) < 0.3, 0.0, 2.0)
        elif tensor.name == "states":
            x[index][rng.random(x[index].shape[:2]) < 0.3] = 0
    return x


def weighted_sum(outputs: Any, dy: list[Array]) -> float:
    listed = outputs if isinstance(outputs, list) else [outputs]
    return float(sum(np.vdot(one, two) for one, two in zip(listed, dy, strict=True)))


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", list(GRAPHS))
def test_gradients_are_those_of_the_graph(name: str, training: bool) -> None:
    """Of weights and inputs, along random directions, against central differences."""
    rng = np.random.default_rng(5)
    model = Model(*GRAPHS[name].make(fastrnn))
    model.set_weights([w + 0.1 * np.abs(rng.normal(size=w.shape)) for w in model.get_weights()])
    x = inputs_of(model, rng)
    dy = [rng.normal(size=(N, *tensor.shape[1:])) for tensor in model.outputs]
    start = model.get_weights()

    def value(weights: list[Array], inputs: list[Array]) -> float:
        model.set_weights(weights)
        outputs = model(inputs if len(inputs) > 1 else inputs[0], training=training)
        return weighted_sum(outputs, dy)

    given = x if len(x) > 1 else x[0]
    arguments = {"training": training, "need_dx": True}
    out, grads, dx = model.gradients(given, dy=dy if len(dy) > 1 else dy[0], **arguments)
    model.set_weights(start)
    assert weighted_sum(out, dy) == pytest.approx(value(start, x), rel=1e-12)
    step = 1e-6
    trained = {id(w): g for w, g in zip(model.trainable_weights, grads, strict=True)}
    for index, weight in enumerate(model.weights):
        if id(weight) not in trained:
            continue
        u = rng.normal(size=weight.shape)
        moved = [[*start[:index], start[index] + s * u, *start[index + 1 :]] for s in (step, -step)]
        slope = (value(moved[0], x) - value(moved[1], x)) / (2 * step)
        assert np.vdot(trained[id(weight)], u) == pytest.approx(slope, rel=2e-6, abs=2e-7)
    for index, gradient in enumerate(dx if isinstance(dx, list) else [dx]):
        if gradient is None or model.inputs[index].name == "words":
            continue
        u = rng.normal(size=x[index].shape) * (x[index] != 0)
        sides = [[*x[:index], x[index] + s * u, *x[index + 1 :]] for s in (step, -step)]
        slope = (value(start, sides[0]) - value(start, sides[1])) / (2 * step)
        assert np.vdot(gradient, u) == pytest.approx(slope, rel=2e-6, abs=2e-7)


MERGES: dict[str, Any] = {
    "add": layers.add,
    "average": layers.average,
    "multiply": layers.multiply,
    "maximum": layers.maximum,
    "minimum": layers.minimum,
    "concatenate": lambda x: layers.concatenate(x, axis=1),
    "subtract": lambda x: layers.subtract(x[:2]),
    "dot": lambda x: layers.dot(x[:2], axes=(2, 2)),
    "dot_normalized": lambda x: layers.dot(x[:2], axes=1, normalize=True),
}


STRETCHED = [
    (name, other)
    for name in MERGES
    for other in ((4, 3), (1, 3), (3,))
    if other == (4, 3) or not name.startswith(("dot", "concatenate"))
]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("name", "other"), STRETCHED)
def test_merging_layers(name: str, other: tuple[int, ...]) -> None:
    rng = np.random.default_rng(6)
    tensors = [Input((4, 3)), Input(other), Input((4, 3))]
    used = tensors[:2] if "dot" in name or name == "subtract" else tensors
    model = Model(used, MERGES[name](tensors))
    x = [rng.normal(size=(N, *tensor.shape[1:])) for tensor in used]
    dy = rng.normal(size=(N, *model.output_shape[1:]))
    _, _, dx = model.gradients(x, dy=dy, need_dx=True)
    for index, gradient in enumerate(dx):
        u = 1e-6 * rng.normal(size=x[index].shape)
        one, two = (model([*x[:index], x[index] + s * u, *x[index + 1 :]]) for s in (1, -1))
        assert np.vdot(gradient, u) == pytest.approx(np.vdot(dy, one - two) / 2, rel=1e-6)


def test_inputs_and_targets_in_lists_and_dicts() -> None:
    rng = np.random.default_rng(7)
    model = Model(*two_and_two(fastrnn))
    a, b = rng.normal(size=(20, 4)), rng.normal(size=(20, 5))
    number, label = rng.normal(size=(20, 2)), rng.integers(0, 3, 20)
    weights = {"number": rng.random(20), "label": np.ones(20)}
    by_name = {"number": "mse", "label": "sparse_categorical_crossentropy"}
    by_factor = {"number": 0.5, "label": 2.0}
    results = []
    start = model.get_weights()
    for x, y, loss, factors, sample_weight in (
        ([a, b], [number, label], list(by_name.values()), [0.5, 2.0], list(weights.values())),
        ({"b": b, "a": a}, {"label": label, "number": number}, by_name, by_factor, weights),
    ):
        model.set_weights(start)
        model.compile("sgd", loss, factors, metrics={"number": ["mae"], "label": ["accuracy"]})
        results.append(model.train_on_batch(x, y, sample_weight=sample_weight, return_dict=True))
        history = model.fit(
            x, y, validation_split=0.25, epochs=2, batch_size=4, verbose=0, shuffle=False
        )
        names = ["label_accuracy", "label_loss", "loss", "number_loss", "number_mae"]
        assert list(history.history) == names + [f"val_{name}" for name in names]
        results.append({name: values[-1] for name, values in history.history.items()})
        total, first, second, mae, accuracy = model.evaluate(x, y, verbose=0)
        assert total == pytest.approx(0.5 * first + 2 * second)
        assert 0 <= accuracy <= 1 < 10 * mae
        predicted = model.predict(x, batch_size=3, verbose=0)
        assert [part.shape for part in predicted] == [(20, 2), (20, 3)]
        np.testing.assert_allclose(predicted[0], model.predict_on_batch(x)[0], rtol=1e-5)
    assert results[0] == results[2]
    assert results[1] == results[3]


def test_outputs_in_a_dict() -> None:
    x = Input((3,))
    model = Model({"x": x}, {"b": layers.Dense(1)(x), "a": layers.Dense(2)(x)})
    data = np.ones((4, 3))
    out = model.predict({"x": data}, verbose=0)
    assert {name: part.shape for name, part in out.items()} == {"a": (4, 2), "b": (4, 1)}
    assert {name: part.shape for name, part in model(data).items()} == {"a": (4, 2), "b": (4, 1)}
    model.compile("sgd", {"b": "mse"})
    assert list(model.train_on_batch(data, {"b": np.ones((4, 1))}, return_dict=True)) == ["loss"]
    untouched = model.get_layer(name=model.outputs[0].node.layer.name).get_weights()
    model.fit(data, {"b": np.ones((4, 1))}, verbose=0)
    np.testing.assert_array_equal(
        untouched[0], model.get_layer(name=model.outputs[0].node.layer.name).get_weights()[0]
    )


def test_parts_of_trained_models() -> None:
    """A graph cut at its layers, at an inner tensor, and in a Sequential, shares the weights."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(N, 4)).astype(np.float32)
    tensor = Input((4,))
    hidden = layers.Dense(6, activation="tanh", name="hidden")(tensor)
    model = Model(tensor, layers.Dense(2, name="head")(hidden))
    front = Model(model.input, model.get_layer("hidden").output)
    back = Model(hidden, model.output)
    np.testing.assert_allclose(back(front(x)), model(x), rtol=1e-6)
    rebuilt = fastrnn.models.clone_model(back)
    rebuilt.set_weights(back.get_weights())
    np.testing.assert_array_equal(rebuilt(front(x)), back(front(x)))
    stack = Sequential([layers.Input((4,)), layers.Dense(6), layers.Dense(3)])
    features = Model(stack.inputs, stack.layers[0].output)
    np.testing.assert_array_equal(features(x), stack.layers[0](x))
    both = Model(stack.input, [stack.layers[0].output, stack.output])
    np.testing.assert_array_equal(both(x)[1], stack(x))
    stack.add(layers.Dense(2))
    longer = Model(stack.input, [stack.layers[1].output, stack.output])
    np.testing.assert_array_equal(longer(x)[0], both(x)[1])
    stack.pop()
    stack.compile("sgd", "mse")
    stack.fit(x, np.ones((N, 3)), verbose=0)
    np.testing.assert_array_equal(both(x)[1], stack(x))


def gan(conv: bool) -> tuple[Any, Any, Any]:
    if conv:
        generator = Sequential(
            [
                layers.Input((5,)),
                layers.Dense(3 * 3 * 4, activation="relu"),
                layers.Reshape((3, 3, 4)),
                layers.BatchNormalization(),
                layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
            ]
        )
        head = [layers.Conv2D(4, 3, strides=2), layers.LeakyReLU(0.2), layers.Flatten()]
        shape: tuple[int, ...] = (6, 6, 1)
    else:
        generator = Sequential([layers.Input((5,)), layers.Dense(8, "relu"), layers.Dense(6)])
        head, shape = [layers.Dense(7, activation="tanh")], (6,)
    discriminator = Sequential([layers.Input(shape), *head, layers.Dense(1, activation="sigmoid")])
    discriminator.compile("adam", "binary_crossentropy")
    discriminator.trainable = False
    noise = layers.Input((5,))
    combined = Model(noise, discriminator(generator(noise)))
    combined.compile("adam", "binary_crossentropy")
    return generator, discriminator, combined


@pytest.mark.parametrize("conv", [False, True])
def test_a_frozen_part_lets_gradients_through(conv: bool) -> None:
    rng = np.random.default_rng(9)
    generator, discriminator, combined = gan(conv)
    assert len(combined.trainable_weights) == len(generator.trainable_weights)
    for _ in range(3):
        real = rng.normal(size=(4, *discriminator.input_shape[1:]))
        before = [discriminator.get_weights(), generator.get_weights()]
        discriminator.train_on_batch(real, np.ones((4, 1)))
        discriminator.train_on_batch(
            generator.predict(rng.normal(size=(4, 5)), verbose=0), np.zeros((4, 1))
        )
        after = [discriminator.get_weights(), generator.get_weights()]
        assert all((a != b).any() for a, b in zip(before[0], after[0], strict=True))
        assert all((a == b).all() for a, b in zip(before[1], after[1], strict=True))
        combined.train_on_batch(rng.normal(size=(4, 5)), np.ones((4, 1)))
        last = [discriminator.get_weights(), generator.get_weights()]
        assert all((a == b).all() for a, b in zip(after[0], last[0], strict=True))
        assert sum((a != b).any() for a, b in zip(after[1], last[1], strict=True)) >= 4


def test_custom_loops_train_as_fit_does() -> None:
    rng = np.random.default_rng(10)
    x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 2))
    make = lambda: Sequential(  # noqa: E731
        [
            layers.Input((4,)),
            layers.Dense(5, activation="tanh", kernel_regularizer="l2"),
            layers.Dense(2),
        ]
    )
    one, other = make(), make()
    other.set_weights(one.get_weights())
    one.compile("adam", "mse")
    other.compile("adam", "mse")
    optimizer = fastrnn.optimizers.Adam()
    for _ in range(4):
        value = one.train_on_batch(x, y)
        same, grads, dx = other.gradients(x, y)
        assert dx is None
        assert same == pytest.approx(value, rel=1e-6)
        optimizer.apply_gradients(zip(grads, other.trainable_weights, strict=True))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    value, grads, _ = other.gradients(x, dy=lambda out: 2 * (out - y) / y.size)
    _, same_grads, _ = other.gradients(x, y, loss=losses.MeanSquaredError())
    for a, b in zip(grads, same_grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    other.optimizer.apply(grads, other.trainable_weights)
    with pytest.raises(ValueError, match="was built for other variables"):
        optimizer.apply_gradients(zip(grads[:1], one.trainable_weights[:1], strict=True))
    with pytest.raises(ValueError, match=r"the gradient of kernel must be of shape \(4, 5\)"):
        optimizer.apply_gradients([(np.ones(3), other.trainable_weights[0])])


def test_gradients_in_inference_are_those_of_evaluate() -> None:
    """No dropout, running averages in place of the batch's, and they stay as they are."""
    rng = np.random.default_rng(12)
    x, y = rng.normal(size=(6, 5, 4)), rng.normal(size=(6, 2))
    stack = [
        layers.BatchNormalization(),
        layers.GaussianNoise(0.5),
        layers.LSTM(6, dropout=0.4, recurrent_dropout=0.3, return_sequences=True),
        layers.SpatialDropout1D(0.5),
        layers.GRU(3, dropout=0.5),
        layers.Dropout(0.5),
        layers.Dense(2),
    ]
    model = Sequential([layers.Input((5, 4)), *stack])
    model.compile("sgd", "mse")
    start = model.get_weights()
    value, grads, _ = model.gradients(x, y, training=False)
    assert value == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)
    _, again, _ = model.gradients(x, y, training=False)
    for one, other in zip(grads, again, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(start, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert model.gradients(x, y)[0] != model.gradients(x, y)[0]


class Gated(layers.Layer):
    """A layer of layers: tanh(xA) * sigmoid(xB)."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = [
            layers.Dense(units, activation="tanh"),
            layers.Dense(units, activation="sigmoid"),
        ]

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        one, other = (part(x, training=training) for part in self.parts)
        if training:
            self.saved = one, other
        return one * other

    def backward(self, dy: Any) -> Any:
        one, other = self.saved
        return self.parts[0].backward(dy * other) + self.parts[1].backward(dy * one)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.parts[0].units)

    def build(self, input_shape: Any) -> None:
        for part in self.parts:
            part.ensure_built(input_shape)


class TwoHeads(Model):
    """A model of one's own with two inputs and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gated(4)
        self.heads = {"one": layers.Dense(2), "two": layers.Dense(3)}

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        z = self.gate(x[0] + x[1], training=training)
        return [head(z, training=training) for head in self.heads.values()]

    def backward(self, dy: Any) -> Any:
        pairs = zip(self.heads.values(), dy, strict=True)
        dz = self.gate.backward(sum(head.backward(part) for head, part in pairs))
        return [dz, dz]


def test_subclasses_of_model_and_layer(tmp_path: Any) -> None:
    rng = np.random.default_rng(11)
    x = [rng.normal(size=(12, 3)) for _ in range(2)]
    y = [rng.normal(size=(12, 2)), rng.normal(size=(12, 3))]
    model = TwoHeads()
    model.compile("adam", ["mse", "mae"])
    first = model.train_on_batch(x, y)
    assert len(first) == 3
    model.fit(x, y, epochs=30, batch_size=6, verbose=0)
    assert model.evaluate(x, y, verbose=0)[0] < first[0]
    assert len(model.weights) == 8
    model.save_weights(tmp_path / "own.weights.h5")
    copy = TwoHeads()
    copy.build([(None, 3), (None, 3)])
    copy.load_weights(tmp_path / "own.weights.h5")
    for one, other in zip(copy.predict(x, verbose=0), model.predict(x, verbose=0), strict=True):
        np.testing.assert_array_equal(one, other)
    one_loss = TwoHeads()
    one_loss.compile("adam", "mse", loss_weights=[1, 0.5])
    assert len(one_loss.fit(x, y, epochs=2, verbose=0).history) == 3
    total, *parts = one_loss.evaluate(x, y, verbose=0)
    assert total == pytest.approx(parts[0] + 0.5 * parts[1])
    names = [metric.name for metric in one_loss.metrics]
    assert names == ["loss", "output_1_loss", "output_2_loss"]
    _, _, dx = model.gradients(x, y, need_dx=True)
    assert [part.shape for part in dx] == [(12, 3), (12, 3)]
    graph_in = Input((3,))
    graph = Model(graph_in, layers.Add()([Gated(3)(graph_in), graph_in]))
    graph.compile("sgd", "mse")
    assert len(graph.trainable_weights) == 4
    graph.train_on_batch(x[0], x[1])


def test_models_inside_a_model_of_ones_own_are_trained() -> None:
    class Own(Model):
        def __init__(self) -> None:
            super().__init__()
            x = Input((5,))
            self.first = fastrnn.Sequential([layers.Dense(5, "tanh"), layers.Dense(5)])
            self.second = Model(x, layers.Dense(2)(layers.Dense(3, "tanh")(x)))

        def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
            return self.second(self.first(x, training=training), training=training)

        def backward(self, dy: Any) -> Any:
            return self.first.backward(self.second.backward(dy))

    rng = np.random.default_rng(3)
    x, y = rng.random((6, 4)), rng.random((6, 2))
    own = Own()
    own.build((None, 4))
    flat = fastrnn.Sequential([*own.first.layers, *own.second.layers[1:]])
    ends = []
    for model in (own, flat):
        ends.append(model.gradients(x, y, "mse", need_dx=True))
        model.compile("sgd", "mse")
        before = model.get_weights()
        ends[-1] += (model.fit(x, y, epochs=2, shuffle=False, verbose=0).history["loss"],)
        model.set_weights(before)
    for mine, other in zip(*ends, strict=True):
        np.testing.assert_equal(mine, other)
    assert all(np.abs(gradient).max() > 0 for gradient in ends[0][1])


def test_a_subclass_may_be_a_graph() -> None:
    class Encoder(Model):
        def __init__(self, units: int) -> None:
            x = Input((4,))
            self.units = units
            super().__init__(inputs=x, outputs=layers.Dense(units)(x), name="encoder")

        def describe(self) -> str:
            return f"{self.name} of {self.units}"

    model = Encoder(3)
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 3)))
    assert isinstance(model, Encoder)
    assert isinstance(model, fastrnn.models.Functional)
    assert model.describe() == "encoder of 3"
    assert model(Input((4,))).shape == (None, 3)


def test_masks_go_along() -> None:
    x = Input((4, 2))
    masked = layers.Masking()(x)
    summed = layers.Add()([layers.Dense(3)(masked), layers.Dense(3)(masked)])
    model = Model(x, layers.LSTM(5, return_sequences=True)(summed))
    data = np.ones((2, 4, 2), np.float32)
    data[0, 2:] = 0
    out, mask = model.propagate(data, False)
    np.testing.assert_array_equal(mask, data[..., 0] != 0)
    np.testing.assert_array_equal(out[0, 1], out[0, 3])
    joined = Model(x, layers.Concatenate(axis=1)([masked, x]))
    np.testing.assert_array_equal(
        joined.propagate(data, False)[1], np.hstack([data[..., 0] != 0, np.ones((2, 4), bool)])
    )


def test_summary_shows_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines: list[str] = []
    Model(*two_and_two(fastrnn)).summary(print_fn=lines.append)
    rows = [
        line for line in lines[0].splitlines() if "(Concatenate)" in line or "(Subtract)" in line
    ]
    assert "(None, 11)" in rows[0]
    assert "left[0][0]" in rows[0]
    assert "right[0][0]" in rows[0]
    assert "narrow[0][0], a[0][0]" in rows[1]
    x = Input((3,))
    lines.clear()
    Model(x, layers.Dense(2)(layers.Dense(4)(x))).summary(print_fn=lines.append)
    assert "Connected to" not in lines[0]


def test_errors_say_what_to_change() -> None:
    x, other = Input((3,), name="x"), Input((3,), name="other")
    y = layers.Add()([layers.Dense(3, name="d")(x), other])
    with pytest.raises(
        ValueError, match=r"depend on 'other', which is not among the inputs \['x'\]"
    ):
        Model(x, y)
    with pytest.raises(ValueError, match="two layers are named 'd'"):
        Model([x, other], layers.Dense(2, name="d")(y))
    with pytest.raises(TypeError, match="outputs must be symbolic tensors.*got Dense"):
        Model(x, layers.Dense(2))
    with pytest.raises(TypeError, match="outputs"):
        Model(x)
    with pytest.raises(ValueError, match="an input is given twice"):
        Model([x, x], y)
    model = Model([x, other], y, name="m")
    with pytest.raises(ValueError, match=r"m.predict: x must have 2 entries, for x, other, got 3"):
        model.predict([np.ones((1, 3))] * 3)
    with pytest.raises(ValueError, match="m.predict: x has no 'other', needed are x, other"):
        model.predict({"x": np.ones((1, 3))})
    with pytest.raises(ValueError, match=r"other: inputs must be of shape \(N, 3\), got \(1, 4\)"):
        model.predict([np.ones((1, 3)), np.ones((1, 4))])
    with pytest.raises(ValueError, match=r"m.predict: the inputs x, other have \[1, 2\] samples"):
        model.predict([np.ones((1, 3)), np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"m: takes 2 inputs, got 3"):
        model([x, other, x])
    with pytest.raises(ValueError, match=r"m: other must be of shape \(None, 3\), got \(None, 4\)"):
        model([x, Input((4,))])
    with pytest.raises(TypeError, match="called on symbolic tensors and on ndarray"):
        layers.Add()([x, np.ones((1, 3))])
    with pytest.raises(TypeError, match="only another symbolic tensor .* got float"):
        x * 2.0
    with pytest.raises(TypeError, match="x: is symbolic and has no values"):
        np.asarray(x)
    with pytest.raises(TypeError, match="unexpected argument 'use_causal'.*use_causal_mask"):
        layers.Attention()([Input((3, 2)), Input((3, 2))], use_causal=True)
    with pytest.raises(ValueError, match=r"add.*: inputs must be of one shape"):
        layers.Add()([x, Input((4,))])
    with pytest.raises(ValueError, match="needs a list of 2 inputs, got 3"):
        layers.Subtract()([x, x, x])
    with pytest.raises(ValueError, match="needs a list of at least 1 inputs, got one of shape"):
        layers.Add()(x)
    with pytest.raises(TypeError, match="Lambda: a function has no gradient"):
        layers.Lambda(lambda a: a)
    two = Model(x, [x, layers.Dense(2, name="e")(x)], name="two")
    with pytest.raises(ValueError, match="two: loss has the key 'f', known are x, e"):
        two.compile("sgd", {"f": "mse"})
    two.compile("sgd", "mse")
    with pytest.raises(ValueError, match="two.fit: y must be a list or dict for x, e, got one"):
        two.fit(np.ones((4, 3)), np.ones((4, 3)))
    with pytest.raises(AttributeError, match="has no symbolic output"):
        _ = layers.Dense(2).output


@pytest.mark.parametrize(("name", "combine"), [("Add", np.add), ("Multiply", np.multiply)])
def test_large_arrays_are_merged_without_being_changed(name: str, combine: Any) -> None:
    rng = np.random.default_rng(16)
    x = [rng.normal(size=shape) for shape in ((4, 40, 50, 9), (4, 1, 50, 9), (4, 40, 50, 9))]
    before = [array.copy() for array in x]
    layer = getattr(layers, name)(dtype="float64")
    y = layer(x, training=True)
    np.testing.assert_allclose(y, combine(combine(x[0], x[1]), x[2]))
    dy = rng.normal(size=y.shape)
    others = [np.ones_like(y), np.ones_like(y)] if name == "Add" else [x[1] * x[2], x[0] * x[1]]
    first, _, last = layer.backward(dy)
    np.testing.assert_allclose(first, dy * others[0])
    np.testing.assert_allclose(last, dy * others[1])
    np.testing.assert_equal(x, before)
