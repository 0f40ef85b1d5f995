"""Input to the operations on images that might take the interpreter down, or be misread."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import ops

Array = np.ndarray[Any, Any]
FLOAT = np.float32


def arguments(name: str, dtype: Any = FLOAT) -> tuple[list[Array], dict[str, Any]]:
    """Arrays that an operation takes, all of different sizes, and numbers beside them."""
    rng = np.random.default_rng(1)
    shapes: dict[str, list[tuple[int, ...]]] = {
        "conv1d": [(2, 9, 3), (4, 3, 5), (5,)],
        "conv2d": [(2, 9, 7, 3), (4, 2, 3, 5), (5,)],
        "conv3d": [(2, 5, 6, 7, 3), (3, 2, 4, 3, 5), (5,)],
        "conv2d_transpose": [(2, 4, 5, 3), (3, 2, 6, 3), (6,)],
        "depthwise_conv2d": [(2, 9, 7, 3), (4, 2, 3, 2), (6,)],
        "conv_lstm2d": [(2, 3, 6, 7, 2), (3, 2, 2, 16), (2, 3, 4, 16), (16,)],
        "max_pool2d": [(2, 9, 7, 3)],
        "average_pool2d": [(2, 9, 7, 3)],
        "global_average_pool": [(2, 9, 7, 3)],
        "global_max_pool": [(2, 9, 7, 3)],
        "up_sampling": [(2, 4, 5, 3)],
        "batch_normalization": [(2, 4, 5, 3), (3,), (3,), (3,), (3,)],
        "batch_normalization_forward": [(2, 4, 5, 3), (3,), (3,)],
        "layer_normalization": [(2, 4, 5, 3), (3,), (3,)],
    }
    numbers: dict[str, dict[str, Any]] = {
        "conv1d": {"strides": 2},
        "conv2d": {"dilation": (1, 2), "padding": "same"},
        "conv3d": {},
        "conv2d_transpose": {"strides": (2, 3)},
        "depthwise_conv2d": {"padding": ((1, 0), (0, 2))},
        "conv_lstm2d": {"padding": "same"},
        "max_pool2d": {"pool_size": (3, 2), "strides": 2},
        "average_pool2d": {"pool_size": 3, "padding": "same"},
        "up_sampling": {"size": (2, 3), "interpolation": "bilinear"},
    }
    # Above zero, as a variance must be.
    arrays = [(0.2 + rng.random(shape)).astype(dtype) for shape in shapes[name]]
    return arrays, numbers.get(name, {})


NAMES = [
    "conv1d", "conv2d", "conv3d", "conv2d_transpose", "depthwise_conv2d", "conv_lstm2d",
    "max_pool2d", "average_pool2d", "global_average_pool", "global_max_pool", "up_sampling",
    "batch_normalization", "batch_normalization_forward", "layer_normalization",
]  # fmt: skip


def backwards(a: Array) -> Array:
    """Strides below zero on every axis."""
    turn = (slice(None, None, -1),) * a.ndim
    return a[turn].copy()[turn]


def every_other(a: Array) -> Array:
    wide = np.full([2 * size for size in a.shape], np.nan, a.dtype)
    wide[(slice(None, None, 2),) * a.ndim] = a
    return wide[(slice(None, None, 2),) * a.ndim]


def misaligned(a: Array) -> Array:
    return np.frombuffer(b"x" + a.tobytes(), a.dtype, offset=1).reshape(a.shape)


def read_only(a: Array) -> Array:
    a = a.copy()
    a.flags.writeable = False
    return a


def other_byte_order(a: Array) -> Array:
    return a.astype(a.dtype.newbyteorder())


def columns_first(a: Array) -> Array:
    return np.asfortranarray(a)


LAYOUTS = (backwards, every_other, misaligned, read_only, columns_first, other_byte_order)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_memory_of_any_layout(name: str, layout: Callable[[Array], Array]) -> None:
    """The result is that of plain arrays to the bit, or the dtype is refused."""
    arrays, numbers = arguments(name)
    op = getattr(ops, name)
    wanted = op(*arrays, **numbers)
    kept = [array.copy() for array in arrays]
    strange = [layout(array) for array in arrays]
    try:
        got = op(*strange, **numbers)
    except TypeError as error:
        assert layout is other_byte_order, error  # noqa: PT017
        return
    for one, two in zip(_parts(wanted), _parts(got), strict=True):
        np.testing.assert_array_equal(one, two)
    for array, copy in zip(strange, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("name", NAMES)
def test_overlapping_memory(name: str) -> None:
    """Windows over one buffer, as `sliding_window_view` and `broadcast_to` give them."""
    arrays, numbers = arguments(name)
    x = arrays[0]
    flat = np.random.default_rng(2).random(x.size).astype(FLOAT)
    overlapping = np.lib.stride_tricks.as_strided(flat, x.shape, (4,) * x.ndim, writeable=False)
    op = getattr(ops, name)
    for strange in (overlapping, np.broadcast_to(flat[: x.shape[-1]], x.shape)):
        got = op(strange, *arrays[1:], **numbers)
        for one, two in zip(
            _parts(op(strange.copy(), *arrays[1:], **numbers)), _parts(got), strict=True
        ):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", range(5))
def test_sizes_of_zero(name: str, axis: int) -> None:
    """An empty batch gives an empty result; other empty axes a result or a clear error."""
    arrays, numbers = arguments(name)
    x = arrays[0]
    if axis >= x.ndim:
        return
    shape = list(x.shape)
    shape[axis] = 0
    empty = np.zeros(shape, FLOAT)
    op = getattr(ops, name)
    if axis == 0 and name != "batch_normalization_forward":
        assert len(_parts(op(empty, *arrays[1:], **numbers))[0]) == 0
        return
    with contextlib.suppress(ValueError):
        op(empty, *arrays[1:], **numbers)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [name for name in NAMES if "normalization" not in name])
def test_no_number_stays_where_it_is(name: str, value: float) -> None:
    """One bad value of the second sample reaches its own results, and never the first's."""
    arrays, numbers = arguments(name)
    op = getattr(ops, name)
    clean = _parts(op(*arrays, **numbers))[0]
    arrays[0][1, 1] = value
    with np.errstate(all="ignore"):
        spoilt = _parts(op(*arrays, **numbers))[0]
    np.testing.assert_array_equal(spoilt[0], clean[0])
    if np.isnan(value):
        assert np.isnan(spoilt[1]).any()


@pytest.mark.parametrize("pooled", ["max_pool2d", "global_max_pool"])
def test_the_largest_of_nothing_but_nan_is_nan(pooled: str) -> None:
    x = np.full((1, 2, 2, 3), np.nan, FLOAT)
    assert np.isnan(getattr(ops, pooled)(x)).all()


# Runs in an interpreter of its own with little memory to take, and must leave it standing.
HOSTILE = """
import inspect
import os
import resource
import numpy as np
from fastrnn import ops
from test_hostile_images import FLOAT, NAMES, arguments

if "asan" not in os.environ.get("LD_PRELOAD", ""):  # whose shadow takes terabytes of addresses
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30,) * 2)

def attempt(what, call):
    try:
        call()
    except (ValueError, TypeError, MemoryError, IndexError, OverflowError) as error:
        assert str(error) or isinstance(error, MemoryError), what
    except BaseException as error:
        raise SystemExit(f"{what}: {type(error).__name__}: {error}")

# Views of a few bytes, of more elements than memory holds or 64 bits count.
for name in NAMES:
    arrays, numbers = arguments(name)
    for at, array in enumerate(arrays):
        for axis in range(array.ndim):
            for size in (2**31, 2**45, 2**62 // max(array.size, 1)):
                shape = list(array.shape)
                shape[axis] = size
                given = [*arrays]
                given[at] = np.broadcast_to(FLOAT(1), shape)
                attempt((name, shape), lambda: getattr(ops, name)(*given, **numbers))

# Windows, steps and borders of any size and kind.
rng = np.random.default_rng(0)
sizes = [0, 1, 2, 5, -1, 2**31 - 1, 2**31, 2**32 + 1, 2**62, 2**63, 2**64 + 2, 10**30]
odd = [None, 2.5, np.nan, True, "same", "valid", "full", "", [], [1], (1, 2), (1, 2, 3), {}, b"",
       ((1, 2), (3, 4)), ((1, 2, 3),), np.zeros(3), np.int64(2), np.float32(1), object()]
words = {"strides", "padding", "dilation", "groups", "activation", "algorithm", "pool_size", "size",
         "output_padding", "interpolation", "epsilon", "mask", "h0", "c0", "peephole",
         "recurrent_activation", "dropout_mask", "reverse"}
for name in NAMES:
    op = getattr(ops, name)
    arrays, numbers = arguments(name)
    known = sorted(words & set(inspect.signature(op).parameters))
    for _ in range(300 if known else 1):
        given = dict(numbers)
        for key in rng.permutation(known)[: rng.integers(1, 4)]:
            pool = sizes if rng.random() < 0.6 else odd
            value = pool[rng.integers(len(pool))]
            if pool is sizes and rng.random() < 0.4:
                value = (value, sizes[rng.integers(len(sizes))])
            given[str(key)] = value
        attempt((name, given), lambda: op(*arrays, **given))

# Arrays of any shape, dtype and kind in every place.
kinds = [None, 0, 2.5, "tanh", [], [[]], {}, b"", object(), np.zeros(0, FLOAT), FLOAT(1),
         np.array(["a"]), np.array([object()]), np.zeros((2, 3), "M8[s]"), memoryview(b"abcd")]
dtypes = ["f4", "f8", ">f4", ">f8", "i4", "?", "u1", "f2", "c8", "S4", "O"]
for name in NAMES:
    op = getattr(ops, name)
    for _ in range(300):
        arrays, numbers = arguments(name)
        for at in rng.choice(len(arrays), rng.integers(1, len(arrays) + 1), replace=False):
            if rng.random() < 0.4:
                arrays[at] = kinds[rng.integers(len(kinds))]
            else:
                shape = list(np.shape(arrays[at]))
                if rng.random() < 0.7:
                    shape[rng.integers(len(shape))] = int(rng.integers(0, 12))
                else:
                    shape = rng.integers(0, 6, rng.integers(0, 6))
                arrays[at] = np.ones(shape, "f4").astype(dtypes[rng.integers(len(dtypes))])
        attempt((name, arrays), lambda: op(*arrays, **numbers))

# The ways back, from gradients that fit and such that do not.
def back(name, dy, arrays, numbers):
    if name.startswith("conv_lstm"):
        return ops.conv_lstm2d_backward(ops.conv_lstm2d_forward(*arrays, **numbers)[-1], dy)
    if name == "batch_normalization_forward":
        return ops.batch_normalization_backward(ops.batch_normalization_forward(*arrays)[-1], dy)
    if name == "layer_normalization":
        return ops.layer_normalization_backward(ops.layer_normalization_forward(*arrays)[-1], dy)
    if name == "up_sampling":
        return ops.up_sampling_backward(dy, **numbers)
    if "average" in name:
        return getattr(ops, name + "_backward")(dy, arrays[0].shape, **numbers)
    return getattr(ops, name + "_backward")(dy, *arrays[:2], **numbers)

for name in NAMES:
    if name == "batch_normalization":
        continue
    arrays, numbers = arguments(name)
    y = getattr(ops, name)(*arrays, **numbers)
    y = np.asarray(getattr(y, "x", y[0] if isinstance(y, tuple) else y))
    back(name, np.ones(y.shape, FLOAT), arrays, numbers)
    for _ in range(60):
        shape = list(y.shape)
        shape[rng.integers(len(shape))] += int(rng.integers(-2, 3))
        dy = np.ones([max(size, 0) for size in shape]).astype(dtypes[rng.integers(len(dtypes))])
        attempt((name, "backward", dy.shape), lambda: back(name, dy, arrays, numbers))
        attempt((name, "backward", "kind"), lambda: back(
            name, kinds[rng.integers(len(kinds))], arrays, numbers))
print("standing")
"""


def test_the_interpreter_stays_up() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", HOSTILE],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-4000:]}"
    assert done.stdout.strip() == "standing"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [1, 3])
def test_one_very_long_sequence(threads: int, size: int) -> None:
    """Right everywhere, not only where a thread's share begins."""
    steps = 400_009
    x = np.random.default_rng(3).integers(-4, 5, (1, steps, 2)).astype(FLOAT)
    kernel = np.random.default_rng(4).integers(-4, 5, (size, 2, 3)).astype(FLOAT)
    wanted = sum(x[0, k : steps - size + 1 + k] @ kernel[k] for k in range(size))
    before = fastrnn.get_num_threads()
    fastrnn.set_num_threads(threads)
    try:
        # Whole numbers, and eighths: every sum is exact, in any order.
        np.testing.assert_array_equal(ops.conv1d(x, kernel)[0], wanted)
        dy = np.asarray(wanted % 7 - 3, FLOAT)[None]
        gradients = ops.conv1d_backward(dy / 8, x, kernel)
    finally:
        fastrnn.set_num_threads(before)
    exact = dy[0].astype(np.float64) / 8
    for k in range(size):
        part = x[0, k : steps - size + 1 + k].astype(np.float64)
        np.testing.assert_array_equal(gradients["kernel"][k], part.T @ exact)
    dx = np.zeros((steps, 2))
    for k in range(size):
        dx[k : steps - size + 1 + k] += exact @ kernel[k].T
    np.testing.assert_array_equal(gradients["x"][0], dx)


def _parts(result: Any) -> list[Any]:
    """The arrays of a result."""
    return [
        part
        for part in (result if isinstance(result, tuple) else (result,))
        if isinstance(part, np.ndarray)
    ]
