"""Functional models with Keras' weights give what Keras gives: outputs, training, descriptions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from functional_cases import GRAPHS

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras", reason="Keras is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

N = 7
TOLERANCE = {"rtol": 3e-4, "atol": 3e-5}
Array = np.ndarray[Any, Any]


def pair(name: str) -> tuple[Any, Any]:
    """A model of ours and one of Keras' with the same weights and the same names."""
    fastrnn.utils.clear_session()
    keras.utils.clear_session()
    ours, theirs = (k.Model(*GRAPHS[name].make(k)) for k in (fastrnn, keras))
    theirs.set_weights(ours.get_weights())
    return ours, theirs


def data_of(model: Any, losses: tuple[str, ...], rng: np.random.Generator) -> tuple[Any, Any]:
    """Inputs, and targets that fit the losses."""
    x = []
    for tensor in model.inputs:
        part = rng.normal(size=(N, *tensor.shape[1:])).astype(np.float32)
        if tensor.name == "words":
            part = np.where(rng.random(part.shape) < 0.3, 0, rng.integers(1, 9, part.shape))
        elif tensor.name == "states":
            part[rng.random(part.shape[:2]) < 0.3] = 0
        x.append(part)
    y: list[Array] = []
    for tensor, loss in zip(model.outputs, losses, strict=True):
        shape = (N, *tensor.shape[1:])
        if loss.startswith("sparse"):
            y.append(rng.integers(0, shape[-1], shape[:-1]))
        elif loss.startswith("binary"):
            y.append(rng.integers(0, 2, shape).astype(np.float32))
        else:
            y.append(rng.normal(size=shape).astype(np.float32))
    return (x if len(x) > 1 else x[0]), (y if len(y) > 1 else y[0])


@pytest.mark.parametrize("name", list(GRAPHS))
def test_outputs_layers_and_training_as_keras(name: str) -> None:
    rng = np.random.default_rng(11)
    ours, theirs = pair(name)
    assert [layer.name.split("_")[0] for layer in ours.layers] == [
        layer.name.split("_")[0] for layer in theirs.layers
    ]
    losses = GRAPHS[name].losses
    x, y = data_of(ours, losses, rng)
    mine, other = ours.predict(x, verbose=0), theirs.predict_on_batch(x)
    for one, two in zip(*([r] if len(losses) == 1 else r for r in (mine, other)), strict=True):
        np.testing.assert_allclose(one, two, **TOLERANCE)
    for model in (ours, theirs):
        loss = list(losses) if len(losses) > 1 else losses[0]
        model.compile("sgd", loss, jit_compile=False)
        model.optimizer.learning_rate = 0.05
    for _ in range(20):
        one, two = (model.train_on_batch(x, y, return_dict=True) for model in (ours, theirs))
        assert sorted(one) == sorted(two)
        np.testing.assert_allclose([one[k] for k in two], list(two.values()), **TOLERANCE)
    for one, two in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, **TOLERANCE)


@pytest.mark.parametrize("name", list(GRAPHS))
def test_descriptions_and_files_go_both_ways(name: str, tmp_path: Path) -> None:
    ours, theirs = pair(name)
    x, _ = data_of(ours, GRAPHS[name].losses, np.random.default_rng(12))
    expected = outputs_of(ours, x)
    revived = fastrnn.layers.deserialize(keras.saving.serialize_keras_object(theirs))
    revived.set_weights(ours.get_weights())
    np.testing.assert_allclose(outputs_of(revived, x), expected, **TOLERANCE)
    ours.save(tmp_path / "ours.keras")
    loaded = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(outputs_of(loaded, x), expected, **TOLERANCE)
    theirs.save(tmp_path / "theirs.keras")
    again = fastrnn.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(outputs_of(again, x), expected, **TOLERANCE)


def outputs_of(model: Any, x: Any) -> Array:
    outputs = model(x, training=False)
    listed = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return np.hstack([np.ravel(y) for y in listed])


MERGES: dict[str, tuple[Any, ...]] = {
    "dot_vectors": (lambda k: k.Dot(1), (3, 4), (3, 4)),
    "dot_cosine": (lambda k: k.Dot((1, 2), normalize=True), (3, 4, 5), (3, 6, 4)),
    "dot_images": (lambda k: k.Dot((3, 1)), (3, 2, 6, 4), (3, 4, 5, 7)),
    "dot_matrix_vector": (lambda k: k.Dot((2, 1)), (3, 6, 4), (3, 4)),
    "add_stretched": (lambda k: k.Add(), (3, 4, 5), (3, 5), (3, 1, 5)),
    "maximum_stretched": (lambda k: k.Maximum(), (3, 4, 5), (3, 5)),
    "average_one": (lambda k: k.Average(), (3, 4)),
    "concatenate": (lambda k: k.Concatenate(1), (3, 4, 5), (3, 2, 5)),
    "additive_attention": (lambda k: k.AdditiveAttention(use_scale=False), (3, 4, 5), (3, 6, 5)),
    "subtract": (lambda k: k.Subtract(), (3, 4, 5), (3, 4, 1)),
    "attention_concat": (
        lambda k: k.Attention(score_mode="concat"),
        (3, 4, 5),
        (3, 6, 7),
        (3, 6, 5),
    ),
}


@pytest.mark.parametrize("name", list(MERGES))
def test_merging_as_keras(name: str) -> None:
    rng = np.random.default_rng(13)
    make, *shapes = MERGES[name]
    x = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    mine, other = (make(k)(x) for k in (fastrnn.layers, keras.layers))
    assert mine.shape == other.shape
    np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_masked_attention_as_keras(causal: bool) -> None:
    rng = np.random.default_rng(14)
    x = [rng.normal(size=(3, steps, 5)).astype(np.float32) for steps in (4, 6)]
    masks = [rng.random((3, steps)) < 0.7 for steps in (4, 6)]
    masks[1][0, 0] = False  # the first query sees nothing before it
    options = {"mask": masks, "use_causal_mask": causal, "return_attention_scores": True}
    for mine, other in zip(
        *(k.Attention()(x, **options) for k in (fastrnn.layers, keras.layers)), strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


def own_model(k: Any, layer: type) -> Any:
    """A model of one's own, with layers as attributes, in a list and in a dict."""

    class Inner(layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.stack = [k.layers.Dense(4), k.layers.Dense(3)]

        def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
            return self.stack[1](self.stack[0](x))

        call = forward

    class Own(k.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.second = k.layers.Dense(5)
            self.gate = Inner()
            self.heads = {"a": k.layers.Dense(1), "b": k.layers.Dense(2)}

        def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
            x = self.second(self.gate(x))
            return [self.heads["a"](x), self.heads["b"](x)]

        call = forward

    return Own()


def test_weights_of_subclasses_as_keras(tmp_path: Path) -> None:
    x = np.random.default_rng(15).normal(size=(N, 3)).astype(np.float32)
    ours, theirs = (own_model(k, k.layers.Layer) for k in (fastrnn, keras))
    before = outputs_of(ours, x)
    outputs_of(theirs, x)
    theirs.save_weights(tmp_path / "own.weights.h5")
    ours.load_weights(tmp_path / "own.weights.h5")
    np.testing.assert_allclose(outputs_of(ours, x), outputs_of(theirs, x), **TOLERANCE)
    assert np.abs(outputs_of(ours, x) - before).max() > 0.01
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
