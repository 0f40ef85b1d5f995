"""The reference convolutions against their definition, pixel by pixel, and against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest

from fastrnn import reference

Array = np.ndarray[Any, Any]


class Case(NamedTuple):
    sizes: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Any
    groups: int = 1


CASES = {
    "1d": Case((11,), (3,), (2,), (1,), 0, 2),
    "1d_causal": Case((7,), (3,), (1,), (2,), "causal"),
    "1d_pairs": Case((7,), (2,), (3,), (1,), [(1, 4)]),
    "2d": Case((7, 6), (3, 2), (2, 1), (1, 2), "valid", 3),
    "2d_same": Case((7, 6), (4, 3), (2, 1), (1, 1), "same"),
    "2d_same_strides_beyond": Case((7, 5), (2, 1), (3, 2), (1, 1), "same"),
    "2d_each": Case((5, 6), (3, 2), (1, 2), (1, 1), (2, 1)),
    "3d": Case((4, 5, 3), (2, 3, 1), (1, 2, 1), (2, 1, 1), "same", 2),
}


def by_definition(x: Array, kernel: Array, case: Case, outputs: tuple[int, ...]) -> Array:
    """Every output by itself; pixels outside of the image are zero."""
    rank, filters = len(case.sizes), kernel.shape[-1]
    per_group, channels = filters // case.groups, kernel.shape[-2]
    before = []
    for n, k, s, d, out, axis in zip(
        case.sizes, case.window, case.strides, case.dilation, outputs, range(rank), strict=True
    ):
        span = (k - 1) * d + 1
        if case.padding == "same":
            assert out == -(-n // s)
            before.append(max((out - 1) * s + span - n, 0) // 2)
        elif case.padding == "causal":
            assert out == -(-n // s)
            before.append(span - 1)
        else:
            given = case.padding if isinstance(case.padding, (list, tuple)) else [0] * rank
            pair = given[axis] if isinstance(given[axis], tuple) else (given[axis],) * 2
            assert out == (n + sum(pair) - span) // s + 1
            before.append(pair[0])
    y = np.zeros((len(x), *outputs, filters))
    for at in product(*map(range, outputs)):
        for inside in product(*map(range, case.window)):
            pixel = tuple(
                o * s + i * d - b
                for o, s, i, d, b in zip(
                    at, case.strides, inside, case.dilation, before, strict=True
                )
            )
            if any(not 0 <= p < n for p, n in zip(pixel, case.sizes, strict=True)):
                continue
            for f in range(filters):
                first = f // per_group * channels
                seen = x[(slice(None), *pixel, slice(first, first + channels))]
                y[(slice(None), *at, f)] += seen @ kernel[inside][:, f]
    return y


def options_of(case: Case) -> dict[str, Any]:
    return {"strides": case.strides, "padding": case.padding, "dilation": case.dilation}


def check_linear(
    run: Callable[..., Array], grads: dict[str, Array], dy: Array, arguments: dict[str, Array]
) -> None:
    """Gradients of what is linear in each argument: differences are exact, whatever the step."""
    rng = np.random.default_rng(1)
    for name, value in arguments.items():
        step = rng.normal(size=value.shape)
        moved = run(**arguments | {name: value + step}) - run(**arguments)
        assert (grads[name] * step).sum() == pytest.approx((dy * moved).sum(), rel=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_convolution(name: str, rng: np.random.Generator) -> None:
    case = CASES[name]
    rank = len(case.sizes)
    x = rng.normal(size=(2, *case.sizes, 2 * case.groups))
    kernel = rng.normal(size=(*case.window, 2, 3 * case.groups))
    bias = rng.normal(size=kernel.shape[-1])
    options = options_of(case) | {"groups": case.groups}

    def run(x: Array, kernel: Array, bias: Array) -> Array:
        op = getattr(reference, f"conv{rank}d")
        return np.asarray(op(x, kernel, bias, **options))

    y = run(x, kernel, bias)
    np.testing.assert_allclose(y - bias, by_definition(x, kernel, case, y.shape[1:-1]), atol=1e-12)
    dy = rng.normal(size=y.shape)
    grads = getattr(reference, f"conv{rank}d_backward")(dy, x, kernel, **options)
    check_linear(run, grads, dy, {"x": x, "kernel": kernel, "bias": bias})
    relu = getattr(reference, f"conv{rank}d")(x, kernel, bias, activation="relu", **options)
    np.testing.assert_array_equal(relu, np.maximum(y, 0))
    through = getattr(reference, f"conv{rank}d_backward")(
        dy, x, kernel, y=relu, activation="relu", use_bias=False, need_dx=False, **options
    )
    masked = getattr(reference, f"conv{rank}d_backward")(dy * (y > 0), x, kernel, **options)
    assert list(through) == ["kernel"]
    np.testing.assert_allclose(through["kernel"], masked["kernel"])


@pytest.mark.parametrize("padding", ["valid", "same", 1])
@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.padding != "causal"])
def test_transposed_convolution_is_the_adjoint(
    name: str, padding: Any, rng: np.random.Generator
) -> None:
    """Of the convolution that has its output for input: <conv(y), x> = <y, transposed(x)>."""
    case = CASES[name]
    rank = len(case.sizes)
    options = options_of(case) | {"padding": padding}
    x = rng.normal(size=(2, *case.sizes, 3))
    kernel = rng.normal(size=(*case.window, 4, 3))
    bias = rng.normal(size=4)
    run = getattr(reference, f"conv{rank}d_transpose")
    y = run(x, kernel, **options)
    spans = [(k - 1) * d + 1 for k, d in zip(case.window, case.dilation, strict=True)]
    for n, out, s, span in zip(case.sizes, y.shape[1:-1], case.strides, spans, strict=True):
        expected = {"valid": (n - 1) * s + max(span, s), "same": n * s}
        assert out == expected.get(padding, (n - 1) * s + span - 2)
    dy = rng.normal(size=y.shape)
    back = getattr(reference, f"conv{rank}d")(dy, kernel, **options)
    np.testing.assert_allclose((back * x).sum(), (dy * y).sum())
    grads = getattr(reference, f"conv{rank}d_transpose_backward")(dy, x, kernel, **options)
    np.testing.assert_allclose(grads["x"], back)
    arguments = {"x": x, "kernel": kernel, "bias": bias}
    check_linear(lambda **given: np.asarray(run(**given, **options)), grads, dy, arguments)


def test_depthwise_convolution_of_one_channel_at_a_time(rng: np.random.Generator) -> None:
    x, kernel, bias = rng.normal(size=(2, 6, 7, 3)), rng.normal(size=(3, 2, 3, 2)), np.arange(6.0)
    options: dict[str, Any] = {"strides": (2, 1), "padding": "same", "dilation": (1, 2)}
    y = reference.depthwise_conv2d(x, kernel, bias, **options)
    for c, j in product(range(3), range(2)):
        one = reference.conv2d(x[..., c : c + 1], kernel[:, :, c : c + 1, j : j + 1], **options)
        np.testing.assert_allclose(y[..., 2 * c + j], one[..., 0] + bias[2 * c + j])
    dy = rng.normal(size=y.shape)
    grads = reference.depthwise_conv2d_backward(dy, x, kernel, **options)
    arguments = {"x": x, "kernel": kernel, "bias": bias}
    check_linear(lambda **a: reference.depthwise_conv2d(**a, **options), grads, dy, arguments)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("transposed", [False, True])
def test_pytorch_has_the_same(rank: int, transposed: bool, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = rng.normal(size=(2, *(9, 7, 8)[:rank], 4))
    window = (3, 2, 4)[:rank]
    suffix = "_transpose" if transposed else ""
    kernel = rng.normal(size=(*window, 6, 4) if transposed else (*window, 2, 6))
    added: dict[str, Any] = {"output_padding": 1} if transposed else {"groups": 2}
    y = getattr(reference, f"conv{rank}d{suffix}")(
        x, kernel, strides=2, padding=1, dilation=2, **added
    )
    name = f"conv{suffix}{rank}d"
    theirs = getattr(torch.nn.functional, name)(
        torch.from_numpy(np.moveaxis(x, -1, 1).copy()),
        torch.from_numpy(kernel.transpose(rank + 1, rank, *range(rank)).copy()),
        stride=2,
        padding=1,
        dilation=2,
        **added,
    )
    np.testing.assert_allclose(y, np.moveaxis(theirs.numpy(), 1, -1), atol=1e-12)
