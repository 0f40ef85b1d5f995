"""Layers on images, sequences and volumes: shapes, gradients, configurations, errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers, reference
from gradient_checks import check_gradients
from layer_cases import CASES, CONVOLUTIONS, IMAGE, SEQUENCE

Array = np.ndarray[Any, Any]

N = 3


class Doubles:
    """fastrnn.layers, each of which computes in float64."""

    def __getattr__(self, name: str) -> Callable[..., layers.Layer]:
        cls = getattr(layers, name)
        return lambda *arguments, **options: cls(*arguments, **options, dtype="float64")


def model_of(*stack: layers.Layer, shape: tuple[int | None, ...]) -> fastrnn.Sequential:
    return fastrnn.Sequential([layers.Input(shape, dtype="float64"), *stack])


@pytest.mark.parametrize("name", CASES)
def test_shapes(name: str, rng: np.random.Generator) -> None:
    case = CASES[name]
    layer = case.make(layers)
    x = rng.normal(size=(N, *case.shape)).astype(np.float32)
    y = layer(x)
    assert y.shape == (N, *case.output)
    assert layer.compute_output_shape((None, *case.shape)) == (None, *case.output)
    assert y.dtype == np.float32
    assert y.flags.c_contiguous
    trained = layer(x, training=True)
    if not name.startswith("batch"):
        np.testing.assert_allclose(trained, y, rtol=1e-6, atol=1e-6)
    dx = layer.backward(np.ones_like(trained))
    assert dx.shape == x.shape
    assert dx.dtype == np.float32
    assert layer(x[:0]).shape == (0, *case.output)


@pytest.mark.parametrize("name", CASES)
def test_gradients(name: str, rng: np.random.Generator) -> None:
    case = CASES[name]
    model = model_of(case.make(Doubles()), shape=case.shape)
    check_gradients(model, rng.normal(size=(N, *case.shape)), rng)


@pytest.mark.parametrize("name", CASES)
def test_configurations_make_the_same_layer(name: str, rng: np.random.Generator) -> None:
    case = CASES[name]
    layer = case.make(layers)
    config = layer.get_config()
    again = layers.deserialize({"class_name": type(layer).__name__, "config": config})
    assert again.get_config() == config
    x = rng.normal(size=(N, *case.shape)).astype(np.float32)
    y = layer(x)
    again(x)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), y)


@pytest.mark.parametrize("name", [name for name in CONVOLUTIONS if "separable" not in name])
def test_convolutions_are_those_of_the_reference(name: str, rng: np.random.Generator) -> None:
    case = CONVOLUTIONS[name]
    layer: Any = case.make(Doubles())
    x = rng.normal(size=(N, *case.shape))
    layer(x)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    options = {
        "strides": layer.strides,
        "padding": layer.padding,
        "dilation": layer.dilation_rate,
        "activation": layer.activation,
    }
    for option in ("groups", "output_padding"):
        if hasattr(layer, option):
            options[option] = getattr(layer, option)
    op = getattr(reference, layer.op.format(layer.rank))
    np.testing.assert_allclose(layer(x), op(x, *layer.get_weights(), **options), atol=1e-11)


@pytest.mark.parametrize(
    ("name", "shape", "output"),
    [
        ("conv2d", (None, None, 4), (None, None, 5)),
        ("conv2d_same", (None, 8, 4), (None, 8, 5)),
        ("conv2d_transpose", (9, None, 4), (19, None, 3)),
        ("max2d", (None, 8, 4), (None, 4, 4)),
        ("zero_padding2d", (9, None, 4), (10, None, 4)),
        ("cropping2d", (None, 8, 4), (None, 3, 4)),
        ("up_sampling2d", (None, 8, 4), (None, 24, 4)),
        ("global_max2d", (None, None, 4), (4,)),
    ],
)
def test_sizes_may_be_unknown(
    name: str, shape: tuple[int | None, ...], output: tuple[int | None, ...]
) -> None:
    layer = CASES[name].make(layers)
    model = model_of(layer, shape=shape)
    assert model.output_shape == (None, *output)
    sizes = tuple(size or 11 for size in shape)
    assert layer(np.zeros((2, *sizes))).ndim == len(output) + 1


Broken = tuple[Callable[[], Any], str]
ERRORS: dict[str, Broken] = {
    "channels_first": (
        lambda: layers.Conv2D(3, 3, data_format="channels_first", name="c"),
        r"c: data_format must be 'channels_last', \(N, height, width, channels\), got "
        r"'channels_first'; x.transpose\(0, 2, 3, 1\) puts the channels there",
    ),
    "kernel_sizes": (
        lambda: layers.Conv2D(3, (3, 3, 3), name="c"),
        r"c: kernel_size must be an integer from 1 or 2 of them, got \(3, 3, 3\)",
    ),
    "strides": (lambda: layers.Conv1D(3, 3, 0), "strides must be an integer from 1, got 0"),
    "dilation": (
        lambda: layers.Conv2D(3, 3, dilation_rate=1.5),
        "dilation_rate must be an integer from 1 or 2 of them, got 1.5",
    ),
    "padding": (
        lambda: layers.Conv2D(3, 3, padding="causal"),
        "padding must be 'valid' or 'same', got 'causal'; a ZeroPadding layer in front adds any",
    ),
    "filters": (lambda: layers.Conv2D(0, 3), "filters must be a positive integer, got 0"),
    "filters_of_groups": (
        lambda: layers.Conv2D(5, 3, groups=2),
        "filters must be a multiple of groups=2, got 5",
    ),
    "channels_of_groups": (
        lambda: model_of(layers.Conv2D(6, 3, groups=3), shape=IMAGE),
        "groups=3 must divide the input's channels, got 4",
    ),
    "window": (
        lambda: model_of(layers.Conv2D(6, (3, 9), name="c"), shape=IMAGE),
        "c: a window of 9 does not fit into inputs of width 8; make it smaller, the inputs "
        "larger, or use padding='same'",
    ),
    "dilated_window": (
        lambda: model_of(layers.Conv1D(6, 5, dilation_rate=3), shape=SEQUENCE),
        "a window of 5, which with dilation 3 reaches over 13, does not fit into inputs of steps",
    ),
    "pool": (
        lambda: model_of(layers.MaxPooling2D(10), shape=IMAGE),
        "a window of 10 does not fit into inputs of height 9",
    ),
    "axes": (
        lambda: model_of(layers.Conv2D(3, 3, name="c"), shape=SEQUENCE),
        r"c: needs images \(N, height, width, channels\) or frames \(N, T, height, width, "
        r"channels\), got \(None, 11, 4\)",
    ),
    "channels": (
        lambda: model_of(layers.Conv2D(3, 3), shape=(9, 8, None)),
        "needs a known number of channels",
    ),
    "output_padding": (
        lambda: layers.Conv2DTranspose(3, 3, 2, output_padding=2),
        r"output_padding must be less than strides=\(2, 2\), got \(2, 2\)",
    ),
    "cropping": (
        lambda: model_of(layers.Cropping2D(4), shape=IMAGE),
        r"cropping \(4, 4\) leaves nothing of inputs of width 8",
    ),
    "zero_padding": (
        lambda: layers.ZeroPadding2D(-1),
        r"padding must be an integer from 0, one for each of 2 axes, or a \(before, after\) pair",
    ),
    "interpolation": (
        lambda: layers.UpSampling2D(interpolation="bicubic"),
        "interpolation must be 'nearest' or 'bilinear', got 'bicubic'",
    ),
    "dims": (lambda: layers.Permute((1, 3)), r"dims must hold each number from 1"),
    "n": (lambda: layers.RepeatVector(0), "n must be a positive integer"),
    "scale": (
        lambda: model_of(layers.Rescaling([1, 2], name="r"), shape=IMAGE),
        r"r: scale has shape \(2,\), which must be 1 or the sizes of the last axes of the input",
    ),
    "slope": (lambda: layers.LeakyReLU(-1.0), "negative_slope must be a number from 0, got -1.0"),
    "shared_axes": (
        lambda: model_of(layers.PReLU(shared_axes=[4]), shape=IMAGE),
        "shared_axes must be from 1 to 3, got 4",
    ),
    "batch_axis": (
        lambda: model_of(layers.BatchNormalization(axis=1), shape=IMAGE),
        "axis must be the last one, -1 or 3, got 1",
    ),
    "layer_axis": (
        lambda: model_of(layers.LayerNormalization(axis=1), shape=IMAGE),
        "axis must be the last one or several up to the last",
    ),
    "momentum": (lambda: layers.BatchNormalization(momentum=2), "momentum must be from 0 to 1"),
    "rows": (lambda: layers.Embedding(0, 3), "input_dim must be a positive integer, got 0"),
    "many_rows": (lambda: layers.Embedding(2**25, 3), "use dtype='float64'"),
    "lora_rank": (
        lambda: layers.Conv2D(3, 3, lora_rank=4),
        "lora_rank is not supported, leave it None",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_does_not_fit(name: str) -> None:
    make, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        make()


def test_misspelt_arguments_are_named() -> None:
    with pytest.raises(TypeError, match="Conv2D: unexpected argument 'stride'; did you mean 'stri"):
        layers.Conv2D(3, 3, stride=2)


def test_a_mask_does_not_pass_a_convolution_over_steps() -> None:
    layer = layers.Conv1D(3, 2, name="c")
    x, mask = np.ones((2, 5, 3), np.float32), np.ones((2, 5), bool)
    with pytest.warns(UserWarning, match="c: does not pass masks on"):
        assert layer.compute_mask(x, mask) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert layers.GlobalAveragePooling1D().compute_mask(x, mask) is None


def test_average_over_the_steps_that_a_mask_leaves(rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 6, 3))
    x[0, 4:], x[1, :2], x[2] = 0, 0, 0
    layer = layers.GlobalAveragePooling1D(dtype="float64")
    y = layer(x, mask=(x != 0).any(-1))
    np.testing.assert_allclose(y[0], x[0, :4].mean(axis=0))
    np.testing.assert_allclose(y[1], x[1, 2:].mean(axis=0))
    np.testing.assert_array_equal(y[2], 0)
    x[2, 3] = 1
    masking = layers.Masking(dtype="float64")
    check_gradients(model_of(masking, layer, shape=(6, 3)), x, rng)


def test_softmax_leaves_masked_entries_out(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 5)).astype(np.float32)
    mask = np.array([[True, False, True, True, False], [False] * 5])
    y = layers.Softmax()(x, mask=mask)
    np.testing.assert_allclose(y[0, mask[0]], reference.activation(x[0, mask[0]], "softmax"), 1e-6)
    np.testing.assert_array_equal(y[~mask], 0)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_spatial_dropout_drops_whole_channels(rank: int, rng: np.random.Generator) -> None:
    layer = getattr(layers, f"SpatialDropout{rank}D")(0.5, seed=1)
    x = np.ones((4, *(3, 5, 2)[:rank], 6), np.float32)
    y = layer(x, training=True)
    assert set(np.unique(y)) == {0.0, 2.0}
    over = tuple(range(1, rank + 1))
    np.testing.assert_array_equal(y.min(axis=over), y.max(axis=over))
    np.testing.assert_array_equal(layer.backward(x), y)
    np.testing.assert_array_equal(layer(x), x)


def test_rescaling_takes_pixels_and_numbers() -> None:
    pixels = np.array([[[0, 51, 255]]], np.uint8)
    y = layers.Rescaling(np.array([1 / 255, 2, 0.5]), 1)(pixels)
    np.testing.assert_allclose(y, [[[1, 103, 128.5]]])
    with pytest.raises(TypeError, match="r: offset must be a number or numbers, got 'x'"):
        layers.Rescaling(1, "x", name="r")


def test_noise_has_its_deviation() -> None:
    x = np.zeros((200, 50), np.float32)
    noise = layers.GaussianNoise(0.5, seed=3)
    assert noise(x, training=True).std() == pytest.approx(0.5, rel=0.02)
    assert noise(x) is not None
    np.testing.assert_array_equal(noise(x), x)


def test_embedding_looks_rows_up_and_masks_zeros(rng: np.random.Generator) -> None:
    layer = layers.Embedding(6, 3, mask_zero=True, dtype="float64")
    ids = np.array([[1, 5, 0, 0], [2, 1, 1, 0]])
    rows = layer(ids, training=True)
    np.testing.assert_array_equal(rows, layer.embeddings.value[ids])
    np.testing.assert_array_equal(layer.compute_mask(ids, None), ids != 0)
    dy = rng.normal(size=rows.shape)
    layer.need_dx = False
    assert layer.backward(dy) is None
    expected = np.zeros((6, 3))
    np.add.at(expected, ids, dy)
    np.testing.assert_allclose(layer.embeddings.grad, expected)
    table = rng.normal(size=(6, 3))
    given = layers.Embedding(6, 3, weights=[table], dtype="float64")
    np.testing.assert_array_equal(given(ids), table[ids])


def test_embedding_trains_in_a_model(rng: np.random.Generator) -> None:
    fastrnn.utils.set_random_seed(1)
    ids = rng.integers(1, 8, (64, 5))
    y = (ids == 3).any(axis=1).astype(np.float32)
    model = fastrnn.Sequential(
        [
            layers.Input((5,), dtype="int32"),
            layers.Embedding(8, 4, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(fastrnn.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    model.fit(ids, y, epochs=30, verbose=0)
    assert model.evaluate(ids, y, verbose=0)[1] > 0.95
    with pytest.raises(ValueError, match="embedding"):
        model.predict(ids + 8, verbose=0)


def test_a_loss_takes_over_the_final_activation(rng: np.random.Generator) -> None:
    """Per-pixel probabilities: the gradient is that of the logits, exact where they saturate."""
    images = rng.normal(size=(2, 5, 4, 3)).astype(np.float32)
    labels = rng.integers(0, 2, (2, 5, 4, 1)).astype(np.float32)
    fused = fastrnn.Sequential([layers.Input((5, 4, 3))])
    fused.add(layers.Conv2D(1, 3, padding="same", activation="sigmoid"))
    apart = fastrnn.Sequential([layers.Input((5, 4, 3)), layers.Conv2D(1, 3, padding="same")])
    apart.add(layers.Activation("sigmoid"))
    apart.add(layers.Reshape((5, 4, 1)))  # no loss reaches through this one
    apart.set_weights(fused.get_weights())
    for model in (fused, apart):
        model.compile("sgd", "binary_crossentropy")
        model.train_on_batch(images, labels)
    for one, other in zip(fused.get_weights(), apart.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_weights_keep_keras_places() -> None:
    """Order and names of the weights, and the classes' names in files."""
    expected = {
        "Conv2D": ("conv2d", ["kernel", "bias"]),
        "Conv3DTranspose": ("conv3d_transpose", ["kernel", "bias"]),
        "DepthwiseConv2D": ("depthwise_conv2d", ["kernel", "bias"]),
        "SeparableConv2D": (
            "separable_conv2d",
            ["depthwise_kernel", "pointwise_kernel", "bias"],
        ),
        "BatchNormalization": (
            "batch_normalization",
            ["gamma", "beta", "moving_mean", "moving_variance"],
        ),
        "LayerNormalization": ("layer_normalization", ["gamma", "beta"]),
        "PReLU": ("p_re_lu", ["alpha"]),
    }
    for name, (place, weights) in expected.items():
        arguments: tuple[int, ...] = (3, 3) if "Conv" in name else ()
        arguments = arguments[:1] if "Depthwise" in name else arguments
        layer = getattr(layers, name)(*arguments)
        model = model_of(layer, shape=(6, 9, 8, 4) if "3D" in name else IMAGE)
        assert [weight.name for weight in layer.weights] == weights
        assert [path for path, _ in model.sublayers()] == [f"layers/{place}"]


def test_cases_make_every_layer() -> None:
    """No layer of this file's kinds is left out of the table."""
    made = {type(case.make(layers)).__name__ for case in CASES.values()}
    wanted = ("Conv", "Pooling", "Sampling", "Padding", "Cropping", "Normalization", "SpatialDrop")
    names = [name for name in layers.__all__ if any(part in name for part in wanted)]
    names.remove("ConvLSTM2D")  # a recurrent layer: tests/test_conv_lstm.py
    aliases = {name for name in names if getattr(layers, name).__name__ != name}
    assert set(names) - aliases <= made
