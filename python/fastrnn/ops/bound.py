"""A layer's ops bound to its weights, for training: what does not change is looked up once.

Arrays as layers make them (of the weights' dtype, contiguous) go straight to the core; others go
the way of the public functions, which convert or refuse them. The weights were checked when they
were bound; their content may change, their arrays may not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn import _core
from fastrnn.ops import _arrays, _convolve
from fastrnn.ops._arrays import LARGEST, Array, OwnGradients
from fastrnn.ops._convolve import Convolution
from fastrnn.ops._pool import Geometry, geometry_of
from fastrnn.ops._run import Cache, Gradients, run, typed
from fastrnn.ops._run import backward as general_backward
from fastrnn.ops._sequence import FUSED_ACTIVATIONS, Sequence, cell_weights, check_sequence
from fastrnn.ops.activations import activation as apply_activation
from fastrnn.ops.activations import activation_backward
from fastrnn.ops.dense import dense, dense_backward

__all__ = [
    "BoundConvolution",
    "BoundDense",
    "BoundPooling",
    "BoundRecurrent",
    "OwnGradients",
]

# Activations that the kernels apply by themselves, by the core's numbers.
_FUSED = {name: int(_core.ACTIVATIONS[name]) for name in FUSED_ACTIVATIONS} | {None: 0}
# The arrays of a run over time, none of them given.
_NOTHING: dict[str, Any] = dict.fromkeys(
    (
        *("x", "h0", "c0", "mask", "reset", "reverse", "y", "x_mask", "h_mask"),
        *("zoneout_h", "zoneout_c", "saved", "c_all", "previous"),
    )
)
_NO_GRADIENTS = dict.fromkeys(("bias", "peephole"))
_MOST_SHAPES = 64  # that a layer remembers


def ready(array: object, dtype: np.dtype[Any]) -> bool:
    """Whether the core can take an array as it is."""
    return (
        type(array) is np.ndarray
        and array.dtype == dtype
        and (flags := array.flags).c_contiguous
        and flags.aligned
    )


class BoundDense:
    """`dense` and `dense_backward` with one kernel and bias."""

    def __init__(self, kernel: Array, bias: Array | None) -> None:
        self.kernel, self.bias = kernel, bias
        self._dtype = kernel.dtype
        self._inputs, self._outputs = kernel.shape
        self._run = typed("dense_forward", kernel.dtype)
        self._run_back = typed("dense_backward", kernel.dtype)
        self._activate_back = typed("activation_backward", kernel.dtype)

    def _takes(self, x: Array) -> bool:
        return ready(x, self._dtype) and 0 < x.size <= LARGEST and x.shape[-1] == self._inputs

    def forward(self, x: Array, name: Any) -> Array:
        """Return activation(x kernel + bias)."""
        number = _FUSED.get(name)
        if number is None or not self._takes(x):
            return dense(x, self.kernel, self.bias, activation=name)
        y = _arrays.empty("dense", "y", (*x.shape[:-1], self._outputs), self._dtype)
        self._run(x, self.kernel, self.bias, y, number)
        return y

    def backward(
        self, dy: Array, x: Array, y: Array | None, name: Any, need_dx: bool, out: OwnGradients
    ) -> Gradients:
        """Return the gradients; those of the weights are written to `out`."""
        number = _FUSED.get(name)
        if (
            number is None
            or not self._takes(x)
            or not ready(dy, self._dtype)
            or dy.shape != (*x.shape[:-1], self._outputs)
        ):
            return dense_backward(
                dy, x, self.kernel, y=y, activation=name, use_bias=self.bias is not None,
                need_dx=need_dx, out=out,
            )  # fmt: skip
        if number:
            dz = _arrays.empty("dense_backward", "dz", dy.shape, self._dtype)
            self._activate_back(number, _core.ACTIVATION_PARAMETERS[name], dy, None, y, dz)
            dy = dz
        dx = _arrays.empty("dense_backward", "dx", x.shape, self._dtype) if need_dx else None
        self._run_back(x, self.kernel, dy, dx, out["kernel"], out.get("bias"))
        if dx is not None:
            out["x"] = dx
        return out


class BoundConvolution:
    """`conv2d`, or that of the kernel's rank, and its gradient with one kernel and bias."""

    def __init__(self, kernel: Array, bias: Array | None, **options: Any) -> None:
        self.kernel, self.bias = kernel, bias
        self._options = {"strides": 1, "padding": "valid", "dilation": 1, "groups": 1} | options
        self._op = f"conv{kernel.ndim - 2}d"
        self._dtype = kernel.dtype
        self._run = typed("conv_forward", kernel.dtype)
        self._weights_back = typed("conv_weights", kernel.dtype)
        self._input_back = typed("conv_input", kernel.dtype)
        self._shapes: dict[tuple[int, ...], Convolution] = {}

    def _placed(self, x: Array) -> Convolution | None:
        """The checked convolution of arrays of x's shape; None where x needs the long way."""
        if not ready(x, self._dtype) or not x.size:
            return None
        known = self._shapes.get(x.shape)
        if known is None:
            known = self._check(x)
            known.x = x[:0]  # not to keep the images
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            self._shapes[x.shape] = known
        return known

    def _check(self, x: object) -> Convolution:
        rank = self.kernel.ndim - 2
        return _convolve.check(self._op, rank, x, self.kernel, algorithm="auto", **self._options)

    def forward(self, x: Array, name: Any) -> Array:
        """Return activation(convolution + bias)."""
        c = self._placed(x)
        if c is None:
            return _convolve.forward(self._op, self._check(x), self.bias, name)
        number = _FUSED.get(name)
        y = _arrays.empty(self._op, "y", c.output_shape, self._dtype)
        self._run(c.shape, 0, x, self.kernel, self.bias, y, number or 0)
        return y if number is not None else apply_activation(y, name)

    def backward(
        self, dy: Array, x: Array, y: Array | None, name: Any, need_dx: bool, out: OwnGradients
    ) -> Gradients:
        """Return the gradients; those of the weights are written to `out`."""
        c = self._placed(x)
        if c is None or not ready(dy, self._dtype) or dy.shape != c.output_shape:
            return _convolve.backward(
                f"{self._op}_backward", self._check(x), dy, y, name, self.bias is not None,
                need_dx, out,
            )  # fmt: skip
        number = None if c.depthwise else _FUSED.get(name)
        if number is None:
            dy, y = activation_backward(dy, name, y=y), None
        elif not number:
            y = None
        dz: Array | None = dy
        if number:
            # The core takes the activation's part along, one chunk of pixels after the other.
            dz = _arrays.empty(self._op, "dz", c.output_shape, self._dtype) if need_dx else None
        self._weights_back(c.shape, x, dy, out["kernel"], out.get("bias"), y, number or 0, dz, 0)
        if need_dx:
            out["x"] = _arrays.empty(self._op, "dx", x.shape, self._dtype)
            self._input_back(c.shape, 0, dz, self.kernel, None, out["x"], 0)
        return out


class BoundPooling:
    """`max_pool2d` or its like, and its gradient, for windows of one kind."""

    def __init__(self, kind: str, pool_size: Any, strides: Any, padding: Any) -> None:
        self._kind = kind
        self._windows = pool_size, strides, padding
        self._shapes: dict[tuple[int, ...], Geometry] = {}

    def placed(self, shape: tuple[int, ...]) -> Geometry:
        """Return the windows on images of a shape."""
        known = self._shapes.get(shape)
        if known is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            known = self._shapes[shape] = geometry_of("pooling", shape, *self._windows)
        return known

    def forward(self, x: Array) -> Array:
        """Return the largest value or the mean of each window."""
        return self.placed(x.shape).forward(self._kind, _arrays.weight("pooling", "x", x))

    def backward(self, dy: Array, shape: tuple[int, ...], x: Any = None, y: Any = None) -> Array:
        """Return the gradient of images of a shape; of the largest value with x and y."""
        geometry = self.placed(shape)
        if not ready(dy, dy.dtype) or dy.shape != geometry.y_shape:
            dy = _arrays.shaped("pooling", "dy", dy, dy.dtype, geometry.y_shape, "like the output")
        return geometry.backward(self._kind, dy, x, y)


class BoundRecurrent:
    """`lstm_forward`, `lstm_backward` and their like with one set of weights."""

    def __init__(self, cell: str, kernel: Array, *weights: Any, **options: Any) -> None:
        self.kernel = kernel
        self._weights = cell_weights(cell, kernel, *weights, **options)
        self._backward = f"{cell}_backward"
        self._zeros = np.zeros((0, self._weights.hidden), kernel.dtype)

    def forward(
        self,
        x: Array,
        h0: Array | None = None,
        c0: Array | None = None,
        *,
        mask: Array | None = None,
        reverse: bool = False,
        **options: Any,
    ) -> tuple[Any, ...]:
        """Return y, the final states, and the cache."""
        weights = self._weights
        if (
            mask is None
            and h0 is None
            and not options
            and ready(x, weights.dtype)
            and x.ndim == 3
            and x.shape[2] == weights.input
            and 0 < x.size <= LARGEST
        ):
            sequence = self._plain(x, reverse)
        else:
            sequence = check_sequence(weights, x, h0, c0, mask=mask, reverse=reverse, **options)
        y, h_n, c_n = run(sequence, train=True)
        cache = Cache(sequence, self._backward)
        return (y, h_n, cache) if c_n is None else (y, h_n, c_n, cache)

    def _plain(self, x: Array, reverse: bool) -> Sequence:
        """What `check_sequence` makes of x alone."""
        weights = self._weights
        batch, steps, _ = x.shape
        if len(self._zeros) != batch:
            self._zeros = np.zeros((batch, weights.hidden), weights.dtype)
        zeros = self._zeros
        y = _arrays.empty(weights.op, "y", (batch, steps, weights.hidden), weights.dtype)
        c0 = zeros if weights.cell == "lstm" else None
        arrays = _NOTHING | {"x": x, "h0": zeros, "c0": c0, "reverse": reverse, "y": y}
        return Sequence(weights, arrays, (batch, steps), False)

    @staticmethod
    def backward(
        cache: Cache,
        dy: Any,
        dh_n: Any = None,
        dc_n: Any = None,
        *,
        need_dx: bool,
        out: OwnGradients,
    ) -> Gradients:
        """Return the gradients; those of the weights are written to `out`."""
        sequence = cache.sequence
        weights, arrays = sequence.weights, sequence.arrays
        dtype, hidden = weights.dtype, weights.hidden
        batch, steps = sequence.shape
        state = (batch, hidden)
        if (
            not weights.fused
            or sequence.empty
            or not _given(dy, dtype, (batch, steps, hidden))
            or not _given(dh_n, dtype, state)
            or not _given(dc_n, dtype, state)
        ):
            return general_backward(cache, dy, dh_n, dc_n, need_dx=need_dx, out=out)
        dx = None
        if need_dx:
            dx = _arrays.empty(cache.op, "dx", (batch, steps, weights.input), dtype)
        dc0 = None if arrays["c0"] is None else np.empty(state, dtype)
        results: dict[str, Any] = (
            _NO_GRADIENTS | out | {"x": dx, "h0": np.empty(state, dtype), "c0": dc0}
        )
        run_back = typed("recurrent_backward", dtype)
        run_back(weights.core, sequence.mask_per_gate, arrays, dy, dh_n, dc_n, results)
        return results


def _given(array: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
    """Whether the core can take what may be an array of a shape, or None."""
    return array is None or (ready(array, dtype) and array.shape == shape)
