"""Convolutions of all kinds against the reference, finite differences, and each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import ops, reference
from fastrnn.testing import assert_close_to_reference, gradcheck, noncontiguous


@dataclass(frozen=True)
class Case:
    """One call: the op, x's shape, the kernel's shape, and the options."""

    op: str
    x: tuple[int, ...]
    kernel: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        options = ",".join(f"{k}={v}" for k, v in self.options.items())
        return f"{self.op}-{self.x}-{self.kernel}-{options}".replace(" ", "")

    @property
    def filters(self) -> int:
        if "transpose" in self.op:
            return self.kernel[-2]
        return self.kernel[-2] * self.kernel[-1] if "depthwise" in self.op else self.kernel[-1]

    def arrays(self, rng: np.random.Generator, dtype: Any) -> dict[str, np.ndarray]:
        depth = math.prod(self.kernel[:-1])
        return {
            "x": rng.standard_normal(self.x).astype(dtype),
            "kernel": (rng.standard_normal(self.kernel) / math.sqrt(depth)).astype(dtype),
            "bias": rng.standard_normal(self.filters).astype(dtype),
        }


CASES = [
    Case("conv2d", (3, 9, 8, 5), (3, 2, 5, 7)),
    Case("conv2d", (2, 9, 8, 5), (3, 3, 5, 70), {"padding": "same"}),
    Case("conv2d", (2, 11, 10, 3), (5, 3, 3, 17), {"padding": "same", "strides": 2}),
    Case("conv2d", (2, 11, 10, 20), (2, 3, 20, 33), {"strides": (3, 2), "padding": (1, 2)}),
    Case("conv2d", (2, 13, 12, 6), (3, 2, 6, 9), {"dilation": (2, 3), "padding": "same"}),
    Case("conv2d", (2, 7, 6, 12), (3, 3, 4, 15), {"groups": 3, "padding": "same"}),
    Case("conv2d", (2, 7, 6, 40), (3, 1, 20, 66), {"groups": 2, "padding": ((0, 2), (3, 1))}),
    Case("conv2d", (4, 5, 6, 19), (1, 1, 19, 65)),
    Case("conv2d", (4, 9, 6, 19), (1, 1, 19, 8), {"strides": (2, 3)}),
    Case("conv2d", (3, 12, 13, 1), (7, 7, 1, 32), {"padding": "same"}),
    Case("conv2d", (40, 2, 3, 30), (2, 3, 30, 31), {"padding": "same"}),
    Case("conv2d", (1, 150, 140, 2), (3, 3, 2, 4), {"padding": "same"}),
    Case("conv2d", (1, 6, 7, 300), (3, 3, 300, 50), {"padding": "same"}),
    Case("conv2d", (3, 17, 14, 35), (3, 3, 35, 70), {"padding": "same"}),
    Case("conv2d", (2, 16, 21, 33), (3, 3, 33, 37), {"padding": ((0, 3), (5, 1))}),
    Case("conv2d", (2, 9, 8, 7), (3, 3, 1, 14), {"groups": 7, "padding": "same"}),
    Case("conv1d", (3, 20, 5), (4, 5, 9), {"padding": "causal", "dilation": 2}),
    Case("conv1d", (3, 21, 6), (3, 3, 8), {"padding": "same", "strides": 3, "groups": 2}),
    Case("conv1d", (1, 4300, 3), (5, 3, 9), {"padding": "same"}),
    Case("conv1d", (2, 2500, 20), (4, 20, 7), {"strides": 2, "padding": ((3, 5),)}),
    Case("conv3d", (2, 5, 6, 7, 4), (2, 3, 2, 4, 9), {"padding": "same", "strides": (1, 2, 3)}),
    Case("conv3d", (2, 6, 5, 8, 3), (3, 2, 3, 3, 10), {"dilation": (2, 1, 2)}),
    Case("conv2d_transpose", (3, 5, 4, 6), (3, 2, 7, 6)),
    Case("conv2d_transpose", (2, 5, 4, 20), (4, 3, 33, 20), {"strides": 2, "padding": "same"}),
    Case(
        "conv2d_transpose",
        (2, 4, 5, 6),
        (2, 3, 5, 6),
        {"strides": (3, 2), "padding": "same", "output_padding": (1, 1)},
    ),
    Case("conv2d_transpose", (2, 4, 5, 6), (2, 3, 5, 6), {"dilation": 2, "padding": 1}),
    Case("conv1d_transpose", (3, 7, 5), (2, 9, 5), {"strides": 3}),
    Case("conv3d_transpose", (2, 3, 4, 2, 5), (3, 2, 2, 6, 5), {"strides": (2, 1, 2)}),
    Case("depthwise_conv2d", (3, 9, 8, 21), (3, 2, 21, 1), {"padding": "same"}),
    Case("depthwise_conv2d", (2, 9, 11, 5), (3, 3, 5, 4), {"padding": "same", "strides": 2}),
    Case("depthwise_conv2d", (2, 13, 12, 34), (3, 4, 34, 1), {"dilation": (2, 1)}),
    Case("depthwise_conv1d", (3, 20, 6), (5, 6, 3), {"padding": "causal"}),
    Case("depthwise_conv1d", (1, 1300, 6), (3, 6, 2), {"padding": "same", "dilation": 3}),
    Case("conv1d_transpose", (1, 2100, 5), (4, 3, 5), {"strides": 2, "padding": "same"}),
]
DTYPES = [np.float32, np.float64]


def run(module: Any, case: Case, arrays: dict[str, np.ndarray], **more: Any) -> np.ndarray:
    call = getattr(module, case.op)
    result = call(arrays["x"], arrays["kernel"], arrays["bias"], **case.options, **more)
    return np.asarray(result)


def run_backward(
    module: Any, case: Case, arrays: dict[str, np.ndarray], dy: np.ndarray, **more: Any
) -> dict[str, np.ndarray]:
    call = getattr(module, f"{case.op}_backward")
    gradients: dict[str, np.ndarray] = call(
        dy, arrays["x"], arrays["kernel"], **case.options, **more
    )
    return gradients


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_results_and_gradients_match_the_reference(
    case: Case, dtype: Any, rng: np.random.Generator
) -> None:
    arrays = case.arrays(rng, dtype)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    depth = math.prod(case.kernel)
    truth = run(reference, case, arrays, activation="tanh", dtype=wide)
    naive = run(reference, case, arrays, activation="tanh", dtype=dtype)
    y = run(ops, case, {k: noncontiguous(v) for k, v in arrays.items()}, activation="tanh")
    assert_close_to_reference(y, truth, naive, depth=depth, name="y")
    assert y.dtype == dtype

    dy = rng.standard_normal(y.shape).astype(dtype)
    more = {"y": y, "activation": "tanh"}
    truths = run_backward(reference, case, arrays, dy, dtype=wide, **more)
    naives = run_backward(reference, case, arrays, dy, dtype=dtype, **more)
    got = run_backward(ops, case, arrays, noncontiguous(dy), **more)
    assert got.keys() == truths.keys() == {"x", "kernel", "bias"}
    pixels = math.prod(y.shape[:-1])
    for name in truths:
        summed = depth if name == "x" else pixels
        assert_close_to_reference(
            got[name], truths[name], naives[name], depth=summed, backward=True, name=name
        )


@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_gradients_are_those_of_the_function(case: Case, rng: np.random.Generator) -> None:
    arrays = case.arrays(rng, np.float64)

    def forward(x: Any, kernel: Any, bias: Any) -> Any:
        return run(ops, case, {"x": x, "kernel": kernel, "bias": bias})

    def backward(dy: Any, x: Any, kernel: Any, bias: Any) -> Any:
        return run_backward(ops, case, {"x": x, "kernel": kernel}, dy)

    gradcheck(forward, backward, arrays)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.op in ("conv1d", "conv2d", "conv3d")], ids=str
)
def test_algorithms_agree(case: Case, rng: np.random.Generator) -> None:
    arrays = case.arrays(rng, np.float64)
    direct = run(ops, case, arrays, algorithm="direct")
    np.testing.assert_allclose(run(ops, case, arrays, algorithm="im2col"), direct, rtol=1e-12)
    dy = rng.standard_normal(direct.shape)
    first = run_backward(ops, case, arrays, dy, algorithm="direct")
    second = run_backward(ops, case, arrays, dy, algorithm="im2col")
    for name in first:
        np.testing.assert_allclose(second[name], first[name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("x", "filters", "padding"),
    [
        ((3, 9, 8, 5), 7, "same"),
        ((2, 7, 7, 20), 70, "valid"),
        ((1, 5, 6, 33), 17, ((0, 2), (3, 1))),
        ((2, 6, 5, 16), 33, 5),
        ((5, 23, 22, 6), 3, "same"),
    ],
)
def test_winograds_algorithm_is_as_exact(
    x: tuple[int, ...], filters: int, padding: Any, dtype: Any, rng: np.random.Generator
) -> None:
    """Small and odd shapes, which it is not chosen for by itself."""
    case = Case("conv2d", x, (3, 3, x[-1], filters), {"padding": padding})
    arrays = case.arrays(rng, dtype)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    named = {"algorithm": "winograd", "activation": "relu"}
    y = run(ops, case, arrays, **named)
    truth = run(reference, case, arrays, activation="relu", dtype=wide)
    naive = run(reference, case, arrays, activation="relu", dtype=dtype)
    assert_close_to_reference(y, truth, naive, depth=9 * x[-1], name="y")
    dy = rng.standard_normal(y.shape).astype(dtype)
    more = {"y": y, "activation": "relu"}
    truths = run_backward(reference, case, arrays, dy, dtype=wide, **more)
    naives = run_backward(reference, case, arrays, dy, dtype=dtype, **more)
    got = run_backward(ops, case, arrays, dy, **named, y=y)
    for name in truths:
        depth = 9 * filters if name == "x" else math.prod(y.shape[:-1])
        assert_close_to_reference(
            got[name], truths[name], naives[name], depth=depth, backward=True, name=name
        )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_results_do_not_depend_on_the_number_of_threads(
    case: Case, rng: np.random.Generator
) -> None:
    arrays = case.arrays(rng, np.float32)
    before = fastrnn.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            fastrnn.set_num_threads(threads)
            y = run(ops, case, arrays)
            results.append({"y": y, **run_backward(ops, case, arrays, np.cos(y))})
    finally:
        fastrnn.set_num_threads(before)
    for result in results[1:]:
        for name, array in result.items():
            assert np.array_equal(array, results[0][name]), name


def test_more_work_than_a_thread_takes_alone_is_the_same_on_three(rng: np.random.Generator) -> None:
    """Shapes that are shared by bands, by panels, by slices and in parts of K."""
    shapes = [
        ((9, 30, 28, 3), (3, 3, 3, 24)),
        ((2, 14, 15, 130), (3, 3, 130, 140)),
        ((1, 9, 9, 520), (3, 3, 520, 70)),
    ]
    for x_shape, kernel_shape in shapes:
        case = Case("conv2d", x_shape, kernel_shape, {"padding": "same"})
        arrays = case.arrays(rng, np.float32)
        truth = run(reference, case, arrays)
        results = []
        before = fastrnn.get_num_threads()
        try:
            for threads in (1, 3):
                fastrnn.set_num_threads(threads)
                y = run(ops, case, arrays, activation="relu")
                results.append({"y": y, **run_backward(ops, case, arrays, np.cos(y))})
        finally:
            fastrnn.set_num_threads(before)
        np.testing.assert_allclose(results[0]["y"], np.maximum(truth, 0), atol=2e-5)
        for name in results[0]:
            assert np.array_equal(results[0][name], results[1][name]), name


def test_what_auto_stands_for_can_be_asked() -> None:
    assert ops.conv_algorithm((8, 28, 28, 64), (3, 3, 64, 64), padding="same") == "winograd"
    assert ops.conv_algorithm((8, 28, 28, 64), [3, 3, 64, 64], strides=[2, 2]) == "direct"
    assert ops.conv_algorithm((8, 28, 28, 3), (3, 3, 3, 64)) == "direct"
    assert ops.conv_algorithm((8, 28, 64), (3, 64, 64)) == "direct"
    assert ops.conv_algorithm((8, 28, 28, 64), (3, 3, 1, 64), groups=64) == "direct"
    with pytest.raises(ValueError, match="must have 64 channels"):
        ops.conv_algorithm((8, 28, 28, 3), (3, 3, 64, 64))


def test_an_empty_batch_gives_empty_results_and_zero_gradients() -> None:
    x, kernel = np.zeros((0, 5, 6, 2), np.float32), np.ones((3, 2, 2, 4), np.float32)
    y = ops.conv2d(x, kernel)
    assert y.shape == (0, 3, 5, 4)
    gradients = ops.conv2d_backward(y, x, kernel)
    assert gradients["x"].shape == x.shape
    assert not gradients["kernel"].any()
    assert ops.conv2d_transpose(x, np.ones((3, 2, 4, 2), np.float32)).shape == (0, 7, 7, 4)


def test_gradients_go_where_they_are_wanted(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 6, 5, 4), dtype=np.float32)
    kernel = rng.standard_normal((3, 3, 4, 1), dtype=np.float32)
    for op in (ops.conv2d, ops.depthwise_conv2d):
        y = op(x, kernel)
        backward = getattr(ops, f"{op.__name__}_backward")
        out = {"kernel": np.empty_like(kernel)}
        got = backward(y, x, kernel, need_dx=False, use_bias=False, out=out)
        assert got.keys() == {"kernel"}
        assert np.shares_memory(got["kernel"], out["kernel"])
        np.testing.assert_array_equal(out["kernel"], backward(y, x, kernel)["kernel"])
        with pytest.raises(ValueError, match="must not overlap"):
            backward(y, x, kernel, out={"kernel": kernel})
        fused = backward(y, x, kernel, y=y, activation="relu")
        wanted = backward(y * (y > 0), x, kernel)
        alone = backward(y, x, kernel, y=y, activation="relu", need_dx=False)
        for name, gradient in wanted.items():
            np.testing.assert_array_equal(fused[name], gradient)
        assert alone.keys() == {"kernel", "bias"}
        np.testing.assert_array_equal(alone["kernel"], wanted["kernel"])


W = np.ones((3, 3, 4, 6), np.float32)
X = np.ones((2, 8, 9, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.conv2d(X[0], W), ValueError, r"x must have 4 axes \(N, H, W, C\), got"),
        (lambda: ops.conv2d(X, W[0]), ValueError, "kernel must have 4 axes"),
        (lambda: ops.conv2d(X[..., :3], W), ValueError, "x must have 4 channels for a kernel"),
        (lambda: ops.conv2d(X, W, np.ones(5, np.float32)), ValueError, r"bias must be \(F,\)"),
        (lambda: ops.conv2d(X[:, :2], W), ValueError, "window of 3 does not fit into height 2"),
        (lambda: ops.conv2d(X, W, dilation=(1, 5)), ValueError, "reaches over 11 pixels"),
        (lambda: ops.conv2d(X, W, strides=0), ValueError, "strides must be an integer from 1"),
        (lambda: ops.conv2d(X, W, strides=(1, 2, 3)), ValueError, "or 2 of them"),
        (lambda: ops.conv2d(X, W, strides=2.0), ValueError, "strides must be an integer"),
        (lambda: ops.conv2d(X, W, padding="full"), ValueError, 'padding must be "valid"'),
        (lambda: ops.conv2d(X, W, padding="causal"), ValueError, 'padding must be "valid"'),
        (lambda: ops.conv2d(X, W, padding=-1), ValueError, "number of pixels from 0"),
        (lambda: ops.conv2d(X, W, padding=((1, 2), 3, 4)), ValueError, "number of pixels"),
        (lambda: ops.conv2d(X, W, padding=2**30), ValueError, "too many"),
        (lambda: ops.conv2d(X, W, groups=3), ValueError, "must have 12 channels"),
        (lambda: ops.conv2d(X, W[:, :, :2, :5], groups=2), ValueError, "can't be divided into 2"),
        (lambda: ops.conv2d(X, W, algorithm="fft"), ValueError, "algorithm must be one of"),
        (
            lambda: ops.conv2d(X, W, strides=2, algorithm="winograd"),
            ValueError,
            "3x3 kernel, strid",
        ),
        (lambda: ops.conv2d(X, W.astype(int)), TypeError, "kernel must be float32 or float64"),
        (lambda: ops.conv2d(X.astype(float), W), TypeError, "x must be float32"),
        (lambda: ops.conv2d("image", W), TypeError, "x must be an array"),
        (lambda: ops.conv2d(X[:, :0], W), ValueError, "x must have pixels"),
        (lambda: ops.conv2d(X, W[..., :0]), ValueError, "none of them empty"),
        (lambda: ops.conv2d_backward(X, X, W), ValueError, "dy must be as the output"),
        (lambda: ops.conv2d_transpose(X, W), ValueError, "x must have 6 channels"),
        (
            lambda: ops.conv2d_transpose(X, W.swapaxes(2, 3), padding=9),
            ValueError,
            "crops all of the",
        ),
        (lambda: ops.depthwise_conv2d(X[..., :3], W), ValueError, "x must have 4 channels"),
    ],
)
def test_what_does_not_fit_is_explained(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_a_window_that_steps_over_pixels_leaves_their_gradient_zero() -> None:
    x = np.ones((1, 7, 7, 2), np.float32)
    kernel = np.ones((1, 1, 2, 3), np.float32)
    dx = ops.conv2d_backward(np.ones((1, 3, 3, 3), np.float32), x, kernel, strides=3)["x"]
    expected = np.zeros_like(x)
    expected[:, ::3, ::3] = 3
    np.testing.assert_array_equal(dx, expected)


def test_long_runs_and_large_strides_stay_within_32_bits() -> None:
    x = np.ones((1, 131073, 1), np.float32)
    kernel = np.ones((131072, 1, 1), np.float32)
    gradients = ops.conv1d_backward(np.ones((1, 2, 1), np.float32), x, kernel, need_dx=False)
    assert (gradients["kernel"] == 2).all()
    one = np.ones((1, 1, 1, 1), np.float32)
    y = ops.conv2d_transpose(np.ones((1, 2, 2, 1), np.float32), one, strides=50000, padding=25000)
    np.testing.assert_array_equal(y, np.zeros((1, 1, 1, 1)))
    with pytest.raises(ValueError, match="too many"):
        ops.conv1d_transpose(one[0], np.ones((3, 1, 1), np.float32), dilation=2**30, padding=2**30)
    with pytest.raises(ValueError, match="too many"):
        ops.conv3d(one[None], one[None], strides=50000, padding=((0, 50000), (0, 50000), (0, 0)))


def test_what_was_accepted_once_does_not_excuse_another_type() -> None:
    ops.conv2d(X, W, strides=(1, 1))
    with pytest.raises(ValueError, match="strides must be an integer"):
        ops.conv2d(X, W, strides=(True, 1))
    with pytest.raises(ValueError, match="strides must be an integer"):
        ops.conv2d(X, W, strides=(1.0, 1))
    ops.conv2d(X, W, strides=[1, 1], padding=[[1, 1], [0, 0]])
