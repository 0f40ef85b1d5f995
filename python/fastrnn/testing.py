"""Tools to check kernels with: gradients against finite differences, errors against a budget.

Both need NumPy alone and know nothing of the kernels they check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["assert_close_to_reference", "error_budget", "gradcheck", "noncontiguous"]

Array: TypeAlias = NDArray[Any]


def noncontiguous(array: ArrayLike) -> Array:
    """Return an equal array whose memory is not contiguous in any axis.

    Parameters
    ----------
    array : array of any shape with at least one axis

    Returns
    -------
    copy : same shape, dtype and values; every stride is wider than C order has it,
        and what lies between the values is NaN (integers and bools: zero)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.testing import noncontiguous
    >>> noncontiguous(np.ones((2, 3), np.float32)).strides
    (48, 8)
    """
    a = np.asarray(array)
    filler = np.nan if a.dtype.kind == "f" else 0
    wide = np.full([2 * n for n in a.shape], filler, a.dtype)
    view = wide[(slice(None, None, 2),) * a.ndim]
    view[...] = a
    return view


def gradcheck(
    forward: Callable[..., Any],
    backward: Callable[..., Mapping[str, Array]],
    inputs: Mapping[str, ArrayLike],
    *,
    seed: int = 0,
    step: float = 1e-6,
    tolerance: float = 1e-6,
    contiguous: bool = False,
) -> None:
    """Compare gradients with central differences in float64.

    A random cotangent w makes one number s of the outputs. For every input a random
    direction u is drawn, and the derivative of s along u, (s(+) - s(-)) / 2·step, must
    equal u · gradient.

    Parameters
    ----------
    forward : called as ``forward(**inputs)``; returns an array or a tuple of arrays
    backward : called as ``backward(*cotangents, **inputs)``, one cotangent for each output;
        returns the gradients by the names of the inputs. Gradients of other names are
        ignored, a missing one is an error
    inputs : arrays by name, converted to float64
    seed : of the directions and cotangents
    step : of the differences, for inputs of order 1; short, so that few kinks (of relu) lie in it
    tolerance : relative to the Euclidean norm of the gradient (what u · gradient is on average)
    contiguous : pass C-contiguous arrays; otherwise, by default, strided ones

    Raises
    ------
    AssertionError
        Naming the input, with both values, if they differ, or if a gradient is missing or
        has the wrong shape.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.testing import gradcheck
    >>> x = np.random.default_rng(0).normal(size=(3, 5))
    >>> gradcheck(lambda x: np.tanh(x), lambda dy, x: {"x": dy * (1 - np.tanh(x) ** 2)}, {"x": x})
    """
    rng = np.random.default_rng(seed)
    layout: Callable[[Array], Array] = np.ascontiguousarray if contiguous else noncontiguous
    values = {name: np.asarray(a, np.float64) for name, a in inputs.items()}

    def outputs(arrays: Mapping[str, Array]) -> tuple[Array, ...]:
        result = forward(**{name: layout(a) for name, a in arrays.items()})
        return result if isinstance(result, tuple) else (result,)

    cotangents = tuple(rng.standard_normal(np.shape(y)) for y in outputs(values))

    def objective(arrays: Mapping[str, Array]) -> float:
        return float(sum(np.vdot(w, y) for w, y in zip(cotangents, outputs(arrays), strict=True)))

    grads = backward(
        *(layout(w) for w in cotangents), **{name: layout(a) for name, a in values.items()}
    )
    for name, value in values.items():
        assert name in grads, f"gradcheck: no gradient for {name}, got {sorted(grads)}"
        grad = np.asarray(grads[name])
        assert grad.shape == value.shape, (
            f"gradcheck: the gradient of {name} must be {value.shape}, got {grad.shape}"
        )
        direction = rng.standard_normal(value.shape)
        numeric = (
            objective({**values, name: value + step * direction})
            - objective({**values, name: value - step * direction})
        ) / (2 * step)
        analytic = float(np.vdot(direction, grad))
        allowed = tolerance * max(float(np.linalg.norm(grad)), abs(numeric), 1e-3)
        assert abs(numeric - analytic) <= allowed, (
            f"gradcheck: along a random direction the derivative by {name} is {numeric:.10g} "
            f"by differences and {analytic:.10g} by the gradient, {allowed:.1g} apart allowed"
        )


def error_budget(
    reference: ArrayLike, naive: ArrayLike, *, depth: int, backward: bool = False
) -> float:
    """Return the largest error that a kernel may have: see `assert_close_to_reference`.

    Parameters
    ----------
    reference : float64 result
    naive : the same by plain NumPy in the kernel's precision
    depth : number of terms in the longest sum (reduction length times time steps)
    backward : gradients get twice the floor
    """
    truth = np.asarray(reference, np.float64)
    plain = np.asarray(naive)
    naive_error = float(np.max(np.abs(plain.astype(np.float64) - truth), initial=0.0))
    scale = float(np.max(np.abs(truth), initial=0.0))
    rounding = float(np.finfo(plain.dtype).eps)
    levels = math.ceil(math.log2(max(depth, 2)))
    return 2 * naive_error + 4 * (2 if backward else 1) * levels * rounding * scale


def assert_close_to_reference(
    actual: ArrayLike,
    reference: ArrayLike,
    naive: ArrayLike,
    *,
    depth: int,
    backward: bool = False,
    name: str = "result",
) -> None:
    """Assert that a kernel is about as accurate as plain NumPy in the same precision.

    The error against float64 may be at most twice the error of the plain computation plus
    a floor of 4·k·⌈log2(depth)⌉·eps·scale, with k = 1 forward and 2 backward, eps the
    machine epsilon of the precision and scale the largest value of the reference. The
    form of the bound is FlashAttention's; the floor is the error growth of pairwise sums.

    Parameters
    ----------
    actual : what the kernel returned
    reference : float64 result, same shape
    naive : the same by plain NumPy in the kernel's precision
    depth : number of terms in the longest sum (reduction length times time steps)
    backward : True for gradients
    name : what a failure calls the array

    Raises
    ------
    AssertionError
        If shapes or dtypes differ, a value is not finite, or the error is over the budget.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.testing import assert_close_to_reference
    >>> x = np.linspace(-1, 1, 5)
    >>> x32 = x.astype(np.float32)
    >>> assert_close_to_reference(np.tanh(x32), np.tanh(x), np.tanh(x32), depth=1)
    """
    got, truth, plain = np.asarray(actual), np.asarray(reference, np.float64), np.asarray(naive)
    assert got.shape == truth.shape == plain.shape, (
        f"{name}: shape {got.shape}, reference {truth.shape}, plain {plain.shape}"
    )
    assert got.dtype == plain.dtype, f"{name}: dtype {got.dtype}, expected {plain.dtype}"
    assert np.isfinite(got).all(), f"{name}: not finite"
    errors = np.abs(got.astype(np.float64) - truth)
    budget = error_budget(truth, plain, depth=depth, backward=backward)
    error = float(np.max(errors, initial=0.0))
    if error > budget:
        where = tuple(int(i) for i in np.unravel_index(np.argmax(errors), errors.shape))
        raise AssertionError(
            f"{name}: error {error:.3g} at {where} (got {got[where]:.9g}, expected "
            f"{truth[where]:.9g}), over the budget of {budget:.3g}"
        )
