"""The vector exp, tanh and sigmoid: worst error in ULP over the whole range, on every ISA."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import ops

# What csrc/cpu/vmath.h promises.
BOUNDS = {"exponential": 1.0, "tanh": 4.0, "sigmoid": 3.0, "elu": 2.0, "softplus": 4.0}
ALL_PATTERNS = 2**32
COARSE, FINE = 251, 29  # every so many bit patterns; prime, so that all low bits occur

# In a run for one instruction set (FASTRNN_ISA), that one; else all that the machine has.
FORCED = os.environ.get("FASTRNN_ISA")
ISAS = [FORCED] if FORCED else list(fastrnn.show_config()["available_isas"])


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))  # never overflows, and keeps small results' digits
    return np.where(x >= 0, 1, e) / (1 + e)


TRUTH: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exponential": np.exp,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),  # expm1 where negative
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),  # log1p on [0, 1]
}


def float32_patterns() -> Iterator[np.ndarray]:
    """A sample of all float32 numbers in pieces; finer from 2^-4 to 2^7, where the curves bend."""
    piece = 2**26
    for start in range(0, ALL_PATTERNS, piece):
        patterns = np.arange(start, start + piece, COARSE, dtype=np.uint64)
        yield patterns.astype(np.uint32).view(np.float32)
    low, high = (int(np.float32(2.0**e).view(np.uint32)) for e in (-4, 7))
    for sign in (0, 2**31):
        for start in range(low, high, piece):
            patterns = np.arange(start, min(start + piece, high), FINE, dtype=np.uint64) + sign
            yield patterns.astype(np.uint32).view(np.float32)


def float64_samples() -> Iterator[np.ndarray]:
    rng = np.random.default_rng(7)
    for width in (1, 25, 40, 710, 760):
        yield rng.uniform(-width, width, 200_000)
    yield np.exp(rng.uniform(-700, 700, 200_000)) * rng.choice([-1.0, 1.0], 200_000)
    yield np.exp(rng.uniform(-40, 7, 400_000)) * rng.choice([-1.0, 1.0], 400_000)
    yield np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e308, -1e308, 5e-324, 2.3e-308])


def worst_ulp(name: str, dtype: type[Any]) -> float:
    """Largest error, after checks of what has no error in ULP: NaN, infinities, denormals."""
    info = np.finfo(dtype)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    samples = float32_patterns() if dtype == np.float32 else float64_samples()
    worst = 0.0
    for x in samples:
        got = ops.activation(x, name)
        with np.errstate(all="ignore"):
            truth = TRUTH[name](x.astype(wide))
            rounded = truth.astype(dtype)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(x))
        infinite = np.isinf(rounded)
        assert (got[infinite] == rounded[infinite]).all()
        small = np.abs(truth) < info.tiny  # denormal results may be flushed
        assert (np.abs(got[small]) <= info.tiny).all()
        usual = np.isfinite(rounded) & ~small
        truth = truth[usual]
        # A ULP is measured where the truth lies, before rounding.
        _, exponent = np.frexp(truth)
        ulp = np.ldexp(np.ones_like(truth), exponent - 1 - info.nmant)
        if truth.size:
            error = np.abs(got[usual].astype(wide) - truth) / ulp
            worst = max(worst, float(error.max()))
    return worst


def measure() -> dict[str, Any]:
    """Worst errors on the instruction set in use."""
    dtypes: list[type[Any]] = [np.float32]
    if np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant:
        dtypes.append(np.float64)
    errors = {d.__name__: {name: worst_ulp(name, d) for name in TRUTH} for d in dtypes}
    return {"isa": fastrnn.show_config()["isa"], "errors": errors}


@pytest.mark.parametrize("isa", ISAS)
def test_worst_error_over_the_whole_range(isa: str) -> None:
    run = subprocess.run(
        [sys.executable, __file__],
        env=os.environ | {"FASTRNN_ISA": isa},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["isa"] == isa
    assert report["errors"]
    for dtype, errors in report["errors"].items():
        for name, error in errors.items():
            assert 0.3 < error <= BOUNDS[name], f"{name} in {dtype} on {isa}: {error:.3f} ULP"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exact_values(dtype: type[Any]) -> None:
    x = np.array([0.0, -0.0, 50.0, 1e30, np.inf, -1e30, -np.inf], dtype)
    assert ops.activation(x, "tanh").tolist() == [0, 0, 1, 1, 1, -1, -1]
    assert ops.activation(x, "sigmoid").tolist() == [0.5, 0.5, 1, 1, 1, 0, 0]
    exponential = ops.activation(x[[0, 1, 3, 4, 5, 6]], "exponential")
    assert exponential.tolist() == [1, 1, np.inf, np.inf, 0, 0]


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_never_leaves_its_range(name: str, dtype: type[Any]) -> None:
    x = np.linspace(-40, 40, 2_000_001).astype(dtype)
    y = ops.activation(x, name)
    assert y.max() == 1
    assert y.min() >= (-1 if name == "tanh" else 0)


@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_of_any_payload_stays_nan(name: str, dtype: type[Any]) -> None:
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    top = np.array(np.inf, dtype).view(unsigned)
    payloads = np.arange(1, 2000, dtype=unsigned)
    sign = np.array(-0.0, dtype).view(unsigned)
    x = np.concatenate([top + payloads, (sign | top) + payloads]).view(dtype)
    assert np.isnan(ops.activation(x, name)).all()


if __name__ == "__main__":
    print(json.dumps(measure()))
