"""What a model says: its summary, its progress, its errors."""

from __future__ import annotations

import numpy as np
import pytest

import fastrnn
from fastrnn import layers
from small_models import Array, C, F, N, T, model_of, problem


@pytest.fixture
def data() -> tuple[Array, Array]:
    return problem()


def test_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    model = model_of(layers.LSTM(8, name="memory"), layers.Dense(C, name="classes"))
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    text = "".join(lines)
    assert f'Model: "{model.name}"' in text
    assert "memory (LSTM)" in text
    assert "(None, 8)" in text
    assert "416" in text
    assert " Total params: 443 (1.73 KB)" in text
    assert " Non-trainable params: 0 (0.00 B)" in text
    model.layers[0].trainable = False
    lines.clear()
    model.summary(print_fn=lines.append, show_trainable=True)
    assert "Trainable params: 27" in lines[0]


def test_progress_of_fit(data: tuple[Array, Array], capsys: pytest.CaptureFixture[str]) -> None:
    x, y = data
    model = model_of()
    model.fit(x, y, epochs=2, verbose=2, validation_data=(x, y))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2"
    assert lines[1].startswith("2/2 - 0s - ")
    names = [part.split(":")[0] for part in lines[1].split(" - ")[3:]]
    assert names == ["accuracy", "loss", "val_accuracy", "val_loss"]
    model.fit(x, y, verbose=1)
    bar = capsys.readouterr().out
    assert "━" * 20 in bar
    assert bar.endswith("\n")
    model.fit(x, y, verbose=0)
    assert capsys.readouterr().out == ""


def test_a_bar_shows_means_over_the_steps_unless_told(capsys: pytest.CaptureFixture[str]) -> None:
    for options, shown in (
        ({}, "a: 3.0000 - b: 30.0000"),
        ({"stateful_metrics": ["a"]}, "a: 4.0000 - b: 30.0000"),
        ({"stateless_metrics": ["a"]}, "a: 3.0000 - b: 40.0000"),
    ):
        bar = fastrnn.utils.Progbar(9, interval=0, **options)
        bar.update(1, [("a", 1.0), ("b", 10.0)])
        bar.add(2, [("a", 4.0), ("b", 40.0)])
        assert capsys.readouterr().out.rstrip().endswith(shown)
        bar.update(9, [("a", 7.0), ("b", 70.0)])
        assert capsys.readouterr().out.rstrip().endswith("a: 7.0000 - b: 70.0000")
    with pytest.raises(ValueError, match="only one of stateful_metrics and stateless_metrics"):
        fastrnn.utils.Progbar(9, stateful_metrics=[], stateless_metrics=[])


def test_errors_say_what_to_change(data: tuple[Array, Array]) -> None:
    x, y = data
    with pytest.raises(ValueError, match="compile the model first"):
        fastrnn.Sequential([layers.Input((T, F)), layers.LSTM(3)]).fit(x, y)
    model = model_of(layers.LSTM(8, name="first"), layers.Dense(C, activation="softmax"))
    with pytest.raises(
        ValueError, match=r"first: inputs must be of shape \(N, 6, 4\), got \(40, 6, 2\)"
    ):
        model.predict(x[:, :, :2])
    with pytest.raises(ValueError, match=r"needs a batch axis: x\[None\]"):
        model.predict(x[0])
    with pytest.raises(ValueError, match="x has 40 samples, but y has 39"):
        model.fit(x, y[:-1])
    with pytest.raises(ValueError, match="needs targets y"):
        model.fit(x)
    with pytest.raises(TypeError, match="x must be an array of numbers"):
        model.predict(np.full((2, T, F), "a"))
    with pytest.raises(ValueError, match="not both"):
        model.fit(x, y, sample_weight=np.ones(N), class_weight={0: 1.0})
    with pytest.raises(ValueError, match="class_weight needs labels from 0, got -1"):
        model.fit(x, y, class_weight={-1: 2.0, 1: 0.5})
    with pytest.raises(ValueError, match="validation_split must be between 0 and 1"):
        model.fit(x, y, validation_split=1.5)
    with pytest.raises(ValueError, match="x has no samples"):
        model.fit(x[:0], y[:0])
    with pytest.raises(ValueError, match="labels must be from 0 to 2"):
        model.fit(x, y + 1)
    with pytest.raises(ValueError, match="unknown loss 'categorical_crossentrpy'; did you mean"):
        model.compile("adam", "categorical_crossentrpy")
    with pytest.raises(TypeError, match="callbacks must be"):
        model.fit(x, y, callbacks=[print], verbose=0)
    model.compile("adam")
    with pytest.raises(ValueError, match="compile the model with a loss"):
        model.fit(x, y)
    mixed = fastrnn.Sequential(
        [layers.Input((T, F)), layers.LSTM(3), layers.Dense(2, dtype="float64")]
    )
    with pytest.raises(ValueError, match="must have one dtype, got float32, float64"):
        mixed.compile("adam", "mse")


def test_labels() -> None:
    one_hot = fastrnn.utils.to_categorical([[2], [0]], 4)
    np.testing.assert_array_equal(one_hot, [[0, 0, 1, 0], [1, 0, 0, 0]])
    assert one_hot.dtype == np.float32
    assert fastrnn.utils.to_categorical(np.zeros((3, 2))).shape == (3, 2, 1)
    with pytest.raises(ValueError, match="labels must be from 0 to 1"):
        fastrnn.utils.to_categorical([0, 2], 2)
    with pytest.raises(ValueError, match="labels must be integers"):
        fastrnn.utils.to_categorical([0.5])


def test_the_only_input_and_output_may_be_in_a_list_or_dict() -> None:
    random = np.random.default_rng(0)
    x, y = random.random((7, F), np.float32), random.random((7, 2))
    clip = layers.Input((F,), name="clip")
    graph = fastrnn.Model(clip, layers.Dense(2, name="speed")(clip))
    graph.compile("sgd", "mse")
    stack = fastrnn.Sequential(graph.layers)
    expected = graph.predict(x, verbose=0)
    for model, given in ((graph, {"clip": x, "other": "unread"}), (graph, [x]), (stack, [x])):
        assert np.array_equal(model.predict(given, verbose=0), expected)
    assert np.array_equal(stack.predict([x[0]], verbose=0), stack.predict(x[:1], verbose=0))
    losses = [graph.evaluate(x, given, verbose=0) for given in (y, [y], {"speed": y})]
    assert losses == losses[:1] * 3
    with pytest.raises(ValueError, match="x has no 'clip', needed are clip"):
        graph.predict({"klip": x}, verbose=0)
    with pytest.raises(ValueError, match="y has the key 'sped', known are speed"):
        graph.fit(x, {"sped": y}, verbose=0)
