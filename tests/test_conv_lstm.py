"""The convolutional LSTM against the reference, finite differences, the LSTM, and its layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import fastrnn
from fastrnn import layers, ops, reference
from fastrnn.testing import assert_close_to_reference, gradcheck, noncontiguous
from test_recurrent_states import check_slopes

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "same": {"padding": "same", "bias": True, "states": True},
    "strides": {"strides": (2, 1), "dilation": (1, 2), "bias": True, "reverse": True},
    "peephole": {"peephole": True, "bias": True, "states": True, "padding": (1, 0)},
    "mask": {"mask": True, "states": True, "peephole": True, "bias": True, "padding": "same"},
    "reversed_mask": {"mask": True, "states": True, "reverse": True},
    "mask_without_states": {"mask": True, "bias": True},
    "hard": {"activation": "relu", "recurrent_activation": "hard_sigmoid", "bias": True},
    "dropout": {"dropout_mask": True, "padding": "same"},
    "wide": {"filters": 37, "channels": 5, "bias": True, "window": (2, 4), "recurrent": (4, 1)},
}
DTYPES = [np.float32, np.float64]
STATES = ("h0", "c0")


def problem(
    rng: np.random.Generator, dtype: Any, **case: Any
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays that are differentiated by, and the other options."""
    n, t, h, w = 3, case.pop("steps", 5), 7, 8
    c, f = case.pop("channels", 3), case.pop("filters", 6)
    window, recurrent = case.pop("window", (3, 2)), case.pop("recurrent", (3, 3))
    given = {name: case.pop(name, False) for name in ("bias", "states", "peephole", "mask")}
    dropout = case.pop("dropout_mask", False)
    arrays = {
        "x": rng.standard_normal((n, t, h, w, c)),
        "kernel": rng.standard_normal((*window, c, 4 * f)) / math.sqrt(math.prod(window) * c),
        "recurrent_kernel": rng.standard_normal((*recurrent, f, 4 * f))
        / math.sqrt(math.prod(recurrent) * f),
    }
    places = {k: v for k, v in case.items() if k in ("strides", "padding", "dilation")}
    state = reference.conv2d(arrays["x"][:, 0], arrays["kernel"][..., :f], **places).shape
    if given["bias"]:
        arrays["bias"] = rng.standard_normal(4 * f)
    if given["states"]:
        arrays |= {name: rng.standard_normal(state) for name in STATES}
    if given["peephole"]:
        arrays["peephole"] = rng.standard_normal((3, *state[1:]))
    if given["mask"]:
        case["mask"] = np.array([[0, 1, 1, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
    if dropout:
        case["dropout_mask"] = rng.integers(0, 2, (n, h, w, c)).astype(dtype)
    return {name: array.astype(dtype) for name, array in arrays.items()}, case


def gradients(module: Any, arrays: Any, cotangents: Any, **options: Any) -> dict[str, np.ndarray]:
    *_, cache = module.conv_lstm2d_forward(**arrays, **options)
    result: dict[str, np.ndarray] = module.conv_lstm2d_backward(cache, *cotangents)
    return result


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_results_and_gradients_match_the_reference(
    name: str, dtype: Any, rng: np.random.Generator
) -> None:
    arrays, options = problem(rng, dtype, **CASES[name])
    wide = np.float64 if dtype == np.float32 else np.longdouble
    truths = reference.conv_lstm2d(**arrays, **options, dtype=wide)
    naives = reference.conv_lstm2d(**arrays, **options, dtype=dtype)
    strided = {key: noncontiguous(array) for key, array in arrays.items()}
    results = ops.conv_lstm2d(**strided, **options)
    steps = arrays["x"].shape[1]
    depth = steps * arrays["recurrent_kernel"][..., 0].size
    for key, result, truth, naive in zip(("y", "h", "c"), results, truths, naives, strict=True):
        assert result.dtype == dtype
        assert_close_to_reference(result, truth, naive, depth=depth, name=key)
    trained = ops.conv_lstm2d_forward(**arrays, **options)
    for result, same in zip(trained[:3], results, strict=True):
        np.testing.assert_array_equal(result, same)

    cotangents = [rng.standard_normal(r.shape).astype(dtype) for r in results]
    got = ops.conv_lstm2d_backward(trained[3], *map(noncontiguous, cotangents))
    truths = gradients(reference, arrays, cotangents, **options, dtype=wide)
    naives = gradients(reference, arrays, cotangents, **options, dtype=dtype)
    assert got.keys() == truths.keys() == {*arrays, *STATES}
    terms = depth * math.prod(results[0].shape[:-1])
    for key in truths:
        assert_close_to_reference(
            got[key], truths[key], naives[key], depth=terms, backward=True, name=key
        )
    again = ops.conv_lstm2d_backward(trained[3], *cotangents)
    for key in got:
        np.testing.assert_array_equal(again[key], got[key])


@pytest.mark.parametrize("name", [name for name in CASES if name != "wide"])
def test_gradients_are_those_of_the_function(name: str, rng: np.random.Generator) -> None:
    arrays, options = problem(rng, np.float64, **CASES[name])

    def backward(*cotangents: Any, **inputs: Any) -> Any:
        return gradients(ops, inputs, cotangents, **options)

    def forward(**inputs: Any) -> Any:
        return ops.conv_lstm2d(**inputs, **options)

    gradcheck(forward, backward, arrays)


@pytest.mark.parametrize(("sizes", "filters"), [((7, 8), 6), ((24, 25), 40), ((2, 3), 200)])
def test_results_do_not_depend_on_the_number_of_threads(
    sizes: tuple[int, int], filters: int, rng: np.random.Generator
) -> None:
    x = rng.standard_normal((3, 4, *sizes, 5), dtype=np.float32)
    kernel = rng.standard_normal((3, 3, 5, 4 * filters), dtype=np.float32) / 7
    recurrent = rng.standard_normal((3, 3, filters, 4 * filters), dtype=np.float32) / 30
    peephole = rng.standard_normal((3, *sizes, filters), dtype=np.float32)
    before = fastrnn.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            fastrnn.set_num_threads(threads)
            y, _, c_n, cache = ops.conv_lstm2d_forward(
                x, kernel, recurrent, padding="same", peephole=peephole
            )
            results.append(ops.conv_lstm2d_backward(cache, np.cos(y)) | {"y": y, "c": c_n})
    finally:
        fastrnn.set_num_threads(before)
    for result in results[1:]:
        for name, array in result.items():
            assert np.array_equal(array, results[0][name]), name
    truth = reference.conv_lstm2d(x, kernel, recurrent, padding="same", peephole=peephole)
    np.testing.assert_allclose(results[0]["y"], truth[0], atol=1e-5)
    arrays = {"x": x, "kernel": kernel, "recurrent_kernel": recurrent, "peephole": peephole}
    for name, array in gradients(reference, arrays, [np.cos(truth[0])], padding="same").items():
        np.testing.assert_allclose(results[0][name], array, rtol=1e-4, atol=1e-4, err_msg=name)


def test_images_of_one_pixel_are_an_lstm(rng: np.random.Generator) -> None:
    x = rng.standard_normal((4, 6, 3))
    kernel, recurrent = rng.standard_normal((3, 20)), rng.standard_normal((5, 20))
    bias, peephole = rng.standard_normal(20), rng.standard_normal((3, 5))
    expected = ops.lstm(x, kernel, recurrent, bias, peephole=peephole)
    results = ops.conv_lstm2d(
        x[:, :, None, None],
        kernel[None, None],
        recurrent[None, None],
        bias,
        peephole=peephole[:, None, None],
    )
    for result, truth in zip(results, expected, strict=True):
        np.testing.assert_allclose(result.reshape(truth.shape), truth, rtol=1e-12)


def test_masked_steps_are_never_looked_at(rng: np.random.Generator) -> None:
    arrays, options = problem(rng, np.float32, **CASES["mask"])
    y, h_n, c_n = ops.conv_lstm2d(**arrays, **options)
    mask = options["mask"]
    np.testing.assert_array_equal(y[0, 3], y[0, 2])
    assert not y[~np.logical_or.accumulate(mask, axis=1)].any()
    np.testing.assert_array_equal(h_n[2], arrays["h0"][2])
    cotangents = [np.cos(a) for a in (y, h_n, c_n)]
    grads = gradients(ops, arrays, cotangents, **options)
    arrays["x"][~mask] = np.nan
    for name, array in gradients(ops, arrays, cotangents, **options).items():
        np.testing.assert_array_equal(array, grads[name])


@pytest.mark.parametrize(("batch", "steps"), [(0, 4), (3, 0)])
def test_nothing_gives_nothing(batch: int, steps: int) -> None:
    x = np.zeros((batch, steps, 5, 6, 2), np.float32)
    kernel, recurrent = np.ones((3, 3, 2, 16), np.float32), np.ones((3, 3, 4, 16), np.float32)
    h0 = np.ones((batch, 3, 4, 4), np.float32)
    y, h_n, c_n, cache = ops.conv_lstm2d_forward(x, kernel, recurrent, h0=h0)
    assert y.shape == (batch, steps, 3, 4, 4)
    np.testing.assert_array_equal(h_n, h0)
    assert not c_n.any()
    grads = ops.conv_lstm2d_backward(cache, y, h0)
    np.testing.assert_array_equal(grads["h0"], h0)
    assert grads["x"].shape == x.shape
    assert not grads["kernel"].any()


def test_gradients_go_where_they_are_wanted(rng: np.random.Generator) -> None:
    arrays, _ = problem(rng, np.float32)
    y, *_, cache = ops.conv_lstm2d_forward(**arrays)
    out = {"recurrent_kernel": np.empty_like(arrays["recurrent_kernel"])}
    got = ops.conv_lstm2d_backward(cache, y, need_dx=False, out=out)
    assert got["recurrent_kernel"] is out["recurrent_kernel"]
    assert "x" not in got
    with pytest.raises(ValueError, match="must not overlap"):
        ops.conv_lstm2d_backward(cache, y, out={"kernel": arrays["kernel"]})


X = np.ones((2, 3, 6, 5, 4), np.float32)
W = np.ones((3, 3, 4, 8), np.float32)
R = np.ones((3, 3, 2, 8), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.conv_lstm2d(X[0], W, R), ValueError, r"x must be \(N, T, H, W, C\)"),
        (lambda: ops.conv_lstm2d(X[..., :3], W, R), ValueError, r"\(N, T, H, W, 4\), got"),
        (lambda: ops.conv_lstm2d(X, W[..., :6], R), ValueError, "kernel must be"),
        (lambda: ops.conv_lstm2d(X, W, R[:, :, :1]), ValueError, "recurrent_kernel must be"),
        (lambda: ops.conv_lstm2d(X, W, R, W), ValueError, r"bias must be \(F,\)"),
        (lambda: ops.conv_lstm2d(X, W, R, h0=X), ValueError, r"h0 must be \(N, OH, OW, F\)"),
        (lambda: ops.conv_lstm2d(X, W, R, c0=X), ValueError, r"c0 must be \(N, OH, OW, F\)"),
        (lambda: ops.conv_lstm2d(X, W, R, peephole=X), ValueError, "peephole must be"),
        (lambda: ops.conv_lstm2d(X, W, R, dropout_mask=X), ValueError, "dropout_mask must be"),
        (lambda: ops.conv_lstm2d(X, W, R, mask=[[True]]), ValueError, r"mask must be \(N, T\)"),
        (lambda: ops.conv_lstm2d(X, W, R, activation="gelu"), ValueError, "must be one of"),
        (lambda: ops.conv_lstm2d(X, W, R, padding="full"), ValueError, "padding must be"),
        (lambda: ops.conv_lstm2d(X[:, :, :2], W, R), ValueError, "does not fit into height 2"),
        (lambda: ops.conv_lstm2d(X.astype(float), W, R), TypeError, "x must be float32"),
        (lambda: ops.conv_lstm2d(X, W, R.astype(float)), TypeError, "recurrent_kernel must be"),
        (lambda: ops.conv_lstm2d(X, W.astype(int), R), TypeError, "kernel must be float32 or"),
        (lambda: ops.conv_lstm2d_backward("no"), TypeError, "must come from conv_lstm2d_forward"),
        (
            lambda: ops.conv_lstm2d_backward(ops.conv_lstm2d_forward(X, W, R)[3], X),
            ValueError,
            r"dy must be \(N, T, OH, OW, F\)",
        ),
    ],
)
def test_what_does_not_fit_is_explained(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def frames(rng: np.random.Generator, dtype: Any = np.float64) -> np.ndarray:
    return rng.standard_normal((3, 5, 7, 6, 2)).astype(dtype)


LAYERS: dict[str, Callable[..., layers.Layer]] = {
    "last": lambda: layers.ConvLSTM2D(4, 3, dtype="float64"),
    "sequence": lambda: layers.ConvLSTM2D(
        4, (3, 2), padding="same", return_sequences=True, go_backwards=True, dtype="float64"
    ),
    "peepholes": lambda: layers.ConvLSTM2D(
        4, 3, strides=2, use_peepholes=True, return_sequences=True, dtype="float64"
    ),
    "both_ways": lambda: layers.Bidirectional(
        layers.ConvLSTM2D(3, 2, return_sequences=True, dtype="float64")
    ),
    "stateful": lambda: layers.ConvLSTM2D(4, 3, stateful=True, dtype="float64"),
    "dropped": lambda: layers.ConvLSTM2D(4, 3, dropout=0.5, dtype="float64"),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_the_layer(name: str, masked: bool, rng: np.random.Generator) -> None:
    x = frames(rng)
    mask = np.array([[0, 1, 0, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]], bool) if masked else None
    layer = LAYERS[name]()
    y = layer(x, mask=mask)
    assert layer.compute_output_shape((None, *x.shape[1:])) == (None, *y.shape[1:])
    if isinstance(layer, layers.ConvLSTM2D) and layer.peephole is not None:
        layer.peephole.assign(rng.standard_normal(layer.peephole.shape))
    variables = {str(i): weight for i, weight in enumerate(layer.weights)}

    def run(**inputs: Any) -> Any:
        for key, variable in variables.items():
            variable.assign(inputs[key])
        if getattr(layer, "stateful", False):
            layer.reset_states()  # type: ignore[attr-defined]
        if hasattr(layer, "_rng"):
            layer._rng = np.random.default_rng(7)
        return layer.forward(np.ascontiguousarray(inputs["x"]), True, mask)

    def backward(dy: Any, **inputs: Any) -> Any:
        run(**inputs)
        grads = {"x": layer.backward(np.ascontiguousarray(dy))}
        return grads | {key: variable.grad for key, variable in variables.items()}

    gradcheck(run, backward, {"x": x} | {k: v.numpy() for k, v in variables.items()})


def test_a_stateful_layer_goes_on(rng: np.random.Generator) -> None:
    x = frames(rng, np.float32)
    layer = layers.ConvLSTM2D(4, 3, stateful=True, return_sequences=True, return_state=True)
    parts = [layer(x[:, :2])[0], layer(x[:, 2:])[0]]
    plain = layers.ConvLSTM2D(4, 3, return_sequences=True)
    plain(x)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(np.concatenate(parts, axis=1), plain(x), atol=1e-6)
    with pytest.raises(ValueError, match="got a batch of 2"):
        layer(x[:2])


def test_a_model_learns_and_comes_back_from_its_file(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    x = frames(rng, np.float32)
    y = x[:, -1, :, :, :1] * 0.5
    model = fastrnn.Sequential(
        [
            layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True, input_shape=x.shape[1:]),
            layers.ConvLSTM2D(3, 3, padding="same", use_peepholes=True),
            layers.Conv2D(1, 1),
        ]
    )
    model.compile("adam", "mse")
    history = model.fit(x, y, epochs=12, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    copy = fastrnn.Sequential.from_config(model.get_config())
    copy.build(x.shape)
    copy.load_weights(path)
    np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))
    with h5py.File(path) as file:
        group = file["layers/conv_lstm2d/cell/vars"]
        assert [group[str(i)].shape for i in range(3)] == [(3, 3, 2, 16), (3, 3, 4, 16), (16,)]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.ConvLSTM2D(0, 3), "filters must be a positive integer"),
        (lambda: layers.ConvLSTM2D(2, (3, 3, 3)), "kernel_size must be"),
        (lambda: layers.ConvLSTM2D(2, 3, padding="causal"), "padding must be"),
        (lambda: layers.ConvLSTM2D(2, 3, data_format="channels_first"), "channels_last"),
        (lambda: layers.ConvLSTM2D(2, 3, recurrent_dropout=1.5), "recurrent_dropout must be from"),
        (lambda: layers.ConvLSTM2D(2, 3, activation="gelu"), "activation must be one of"),
        (lambda: layers.ConvLSTM2D(2, 3)(np.ones((2, 3, 4, 5))), r"needs frames \(N, T, height"),
        (
            lambda: layers.ConvLSTM2D(2, 3, use_peepholes=True).build((None, 3, None, 5, 1)),
            "frames of known size",
        ),
    ],
)
def test_the_layer_says_what_does_not_fit(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def dropping(rng: np.random.Generator, **options: Any) -> tuple[Any, list[np.ndarray]]:
    """A layer with both kinds of dropout, and inputs and states for it."""
    layer = layers.ConvLSTM2D(
        3, (3, 2), (2, 1), use_peepholes=True, recurrent_dropout=0.4, return_sequences=True,
        return_state=True, dtype="float64", **options,
    )  # fmt: skip
    layer.ensure_built((None, 4, 7, 6, 2))
    layer.set_weights([w + 0.2 * rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer, [rng.normal(size=(3, 4, 7, 6, 2)), *rng.normal(size=(2, 3, 3, 5, 3))]


@pytest.mark.parametrize("reverse", [False, True])
def test_dropout_of_the_state_leaves_the_rest_as_it_is(
    reverse: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With factors of 1 the loop over steps and the kernel agree."""
    layer, x = dropping(rng, go_backwards=reverse)
    mask = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
    monkeypatch.setattr("fastrnn.layers.conv_lstm.kept", lambda rng, shape, *_: np.ones(shape))
    results = []
    for rate in (0.4, 0.0):
        layer.recurrent_dropout = rate
        outputs = layer.forward(x, True, mask)
        dx = layer.backward([np.cos(part) for part in outputs])
        results.append([*outputs, *dx, *(weight.grad.copy() for weight in layer.weights)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_gradients_with_dropout_of_the_state(dropout: float, rng: np.random.Generator) -> None:
    layer, x = dropping(rng, dropout=dropout, seed=4)
    state, forward = layer._rng.bit_generator.state, layer.forward

    def repeatable(*arguments: Any) -> Any:
        layer._rng.bit_generator.state = state
        return forward(*arguments)

    layer.forward = repeatable
    check_slopes(layer, x, np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1] * 4], bool), rng)
    assert np.abs(forward(x)[0] - repeatable(x, True)[0]).max() > 0.01
