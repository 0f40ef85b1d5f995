"""Dense layers: one matrix product with its bias and activation."""

from __future__ import annotations

import math

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._run import Gradients, typed
from fastrnn.ops._sequence import FUSED_ACTIVATIONS
from fastrnn.ops.activations import activation as apply_activation
from fastrnn.ops.activations import activation_backward

__all__ = ["dense", "dense_backward"]


def dense(
    x: object, kernel: object, bias: object = None, *, activation: str | None = None
) -> Array:
    """Affine map of the last axis: ``activation(x @ kernel + bias)``.

    Parameters
    ----------
    x : array (..., I)
    kernel : array (I, O)
        float32 or float64; x and bias must have its dtype.
    bias : array (O,), optional
    activation : str, optional
        A Keras name; most elementwise ones are applied while the sums are in registers.

    Returns
    -------
    array (..., O)

    Raises
    ------
    ValueError, TypeError
        Where a shape or a dtype does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> ops.dense([[1, 2]], np.array([[1.0], [10.0]], np.float32), np.array([-30.0], np.float32),
    ...           activation="relu")
    array([[0.]], dtype=float32)
    """
    w, values, shape = _checked("dense", x, kernel)
    outputs = w.shape[1]
    b = None
    if bias is not None:
        b = _arrays.shaped("dense", "bias", bias, w.dtype, (outputs,), "(O,)")
    y = _arrays.empty("dense", "y", (*shape, outputs), w.dtype)
    fused = activation is None or activation in FUSED_ACTIVATIONS
    number = _core.ACTIVATIONS[activation or "linear"] if fused else 0
    if values.size:
        typed("dense_forward", w.dtype)(values, w, b, y, number)
    elif y.size:
        y[...] = 0 if b is None else b
    return y if fused else apply_activation(y, activation)


def dense_backward(
    dy: object,
    x: object,
    kernel: object,
    *,
    y: object = None,
    activation: str | None = None,
    use_bias: bool = True,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Gradients of :func:`dense`.

    Parameters
    ----------
    dy : array (..., O)
        Gradient of the loss with respect to the output, after the activation.
    x, kernel
        As given to :func:`dense`.
    y : array (..., O), optional
        The output; needed for an activation whose derivative follows from it.
    activation : str, optional
        As given to :func:`dense`: one of ``FUSED_ACTIVATIONS``, softmax or log_softmax.
    use_bias, need_dx : bool
        Which gradients are wanted.
    out : dict of arrays, optional
        Where to write ``kernel`` and ``bias``.

    Returns
    -------
    dict of arrays
        ``kernel``, ``bias`` (if use_bias), ``x`` (if need_dx).
    """
    op = "dense_backward"
    w, values, shape = _checked(op, x, kernel)
    outputs = w.shape[1]
    dz = _arrays.shaped(op, "dy", dy, w.dtype, (*shape, outputs), "(..., O)")
    if activation not in (None, "linear"):
        if y is None:
            raise ValueError(f"{op}: y is needed for the derivative of {activation!r}")
        dz = activation_backward(dz, activation, y=y)
    shapes: dict[str, tuple[int, ...]] = {"kernel": w.shape}
    if use_bias:
        shapes["bias"] = (outputs,)
    reads = {"x": values, "kernel": w, "dy": dz}
    gradients = _arrays.targets(op, out, shapes, w.dtype, lambda: reads)
    for name, size in shapes.items():
        if name not in gradients:
            gradients[name] = np.empty(size, w.dtype)
    if need_dx:
        gradients["x"] = _arrays.empty(op, "dx", values.shape, w.dtype)
    if values.size:
        typed("dense_backward", w.dtype)(
            values, w, dz, gradients.get("x"), gradients["kernel"], gradients.get("bias")
        )
    else:
        for gradient in gradients.values():
            gradient[...] = 0
    return gradients


def _checked(op: str, x: object, kernel: object) -> tuple[Array, Array, tuple[int, ...]]:
    """Return the kernel and x, both contiguous, and x's leading axes."""
    w = _arrays.floating(op, "kernel", kernel)
    if w.ndim != 2 or 0 in w.shape:
        raise ValueError(f"{op}: kernel must be (I, O) with I, O >= 1, got {w.shape}")
    dtype = w.dtype.newbyteorder("=")
    array = _arrays.numbers(op, "x", x, dtype)
    if array.ndim < 1 or array.shape[-1] != w.shape[0]:
        raise ValueError(f"{op}: x must be (..., I) = (..., {w.shape[0]}), got {array.shape}")
    count = math.prod(array.shape[:-1])
    _arrays.check_sizes(op, rows=count, I=w.shape[0], O=w.shape[1])
    return _arrays.contiguous(w, dtype), _arrays.contiguous(array, dtype), array.shape[:-1]
