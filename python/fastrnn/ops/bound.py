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
from fastrnn.ops._pool import check_images, geometry_of
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


def usable(op: str, name: str, array: Any, dtype: np.dtype[Any]) -> Array:
    """Return an array as the core takes it: itself, if that is how it comes."""
    if ready(array, dtype):
        return array  # type: ignore[no-any-return]
    return _arrays.contiguous(_arrays.numbers(op, name, array, dtype), dtype)


def fold_frames(x: Array, rank: int) -> tuple[tuple[int, ...], Array]:
    """The axes in front of an image, and the images; those of frames (N, T, H, W, C) are two."""
    if rank == 2 and x.ndim == 5:
        return x.shape[:2], x.reshape(-1, *x.shape[2:])
    return x.shape[:1], x


def remember(plans: dict[tuple[int, ...], Any], shape: tuple[int, ...], plan: Any) -> None:
    """Keep what was found for a shape; not without end, where every batch has another."""
    if len(plans) >= _MOST_SHAPES:
        plans.clear()
    plans[shape] = plan


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
    """`conv2d`, or that of the kernel's rank, and its gradient with one kernel and bias.

    Images may be frames (N, T, H, W, C).
    """

    def __init__(self, kernel: Array, bias: Array | None, **options: Any) -> None:
        self.kernel, self.bias = kernel, bias
        self._options = {"strides": 1, "padding": "valid", "dilation": 1, "groups": 1} | options
        self._rank = kernel.ndim - 2
        self._op = f"conv{self._rank}d"
        self._dtype = kernel.dtype
        self._run = typed("conv_forward", kernel.dtype)
        self._weights_back = typed("conv_weights", kernel.dtype)
        self._input_back = typed("conv_input", kernel.dtype)
        self._plans: dict[tuple[int, ...], tuple[Any, tuple[int, ...], bool]] = {}

    def _plan(self, x: Array) -> tuple[Any, tuple[int, ...], bool]:
        """The core's shape, the output's, and whether each channel is filtered by itself."""
        plan = self._plans.get(x.shape)
        if plan is None:
            leading, images = fold_frames(x, self._rank)
            op, options = self._op, self._options
            c = _convolve.check(op, self._rank, images, self.kernel, algorithm="auto", **options)
            plan = c.shape, (*leading, *c.output_shape[1:]), c.depthwise
            remember(self._plans, x.shape, plan)
        return plan

    def forward(self, x: Array, name: Any) -> Array:
        """Return activation(convolution + bias)."""
        x = usable(self._op, "x", x, self._dtype)
        shape, outputs, _ = self._plan(x)
        number = _FUSED.get(name)
        y = _arrays.empty(self._op, "y", outputs, self._dtype)
        if y.size:
            self._run(shape, 0, x, self.kernel, self.bias, y, number or 0)
        return y if number is not None else apply_activation(y, name)

    def backward(
        self, dy: Array, x: Array, y: Array | None, name: Any, need_dx: bool, out: OwnGradients
    ) -> Gradients:
        """Return the gradients; those of the weights are written to `out`."""
        op = f"{self._op}_backward"
        x = usable(op, "x", x, self._dtype)
        shape, outputs, depthwise = self._plan(x)
        if not ready(dy, self._dtype) or dy.shape != outputs:
            dy = _arrays.shaped(op, "dy", dy, self._dtype, outputs, "as the output")
        number = None if depthwise else _FUSED.get(name)
        if number is None:
            dy, y = activation_backward(dy, name, y=y), None
        elif not number:
            y = None
        dx = _arrays.empty(op, "dx", x.shape, self._dtype) if need_dx else None
        if dx is not None:
            out["x"] = dx
        if not dy.size:
            for gradient in out.values():
                gradient[...] = 0
            return out
        dz: Array | None = dy
        if number:
            # The core takes the activation's part along, one chunk of pixels after the other.
            dz = _arrays.empty(op, "dz", outputs, self._dtype) if need_dx else None
        self._weights_back(shape, x, dy, out["kernel"], out.get("bias"), y, number or 0, dz, 0)
        if dx is not None:
            self._input_back(shape, 0, dz, self.kernel, None, dx, 0)
        return out


class BoundPooling:
    """`max_pool2d` or its like, and its gradient, for windows of one kind.

    Images may be frames (N, T, H, W, C).
    """

    def __init__(self, kind: str, pool_size: tuple[int, ...], strides: Any, padding: Any) -> None:
        self._kind, self._number = kind, _core.POOL_KINDS[kind]
        self._windows = pool_size, strides, padding
        self._plans: dict[tuple[int, ...], tuple[Any, tuple[int, ...]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_plans": {}}  # the core's shapes cannot be pickled

    def _plan(self, x: Array) -> tuple[Any, tuple[int, ...]]:
        """The core's shape, and the output's."""
        plan = self._plans.get(x.shape)
        if plan is None:
            rank = len(self._windows[0])
            leading, images = fold_frames(x, rank)
            check_images("pooling", "x", images.shape, rank)
            geometry = geometry_of("pooling", images.shape, *self._windows)
            plan = geometry.shape, (*leading, *geometry.y_shape[1:])
            remember(self._plans, x.shape, plan)
        return plan

    def forward(self, x: Array) -> Array:
        """Return the largest value or the mean of each window."""
        x = usable("pooling", "x", x, x.dtype)
        shape, outputs = self._plan(x)
        y = _arrays.empty("pooling", "y", outputs, x.dtype)
        if y.size:
            typed("pool_forward", x.dtype)(shape, self._number, x, y)
        return y

    def backward(self, dy: Array, x: Array, y: Array | None) -> Array:
        """Return the gradient of x; y is what came of it, for the largest value."""
        x = usable("pooling", "x", x, x.dtype)
        shape, outputs = self._plan(x)
        if not ready(dy, x.dtype) or dy.shape != outputs:
            dy = _arrays.shaped("pooling", "dy", dy, x.dtype, outputs, "as the output")
        dx = _arrays.empty("pooling", "dx", x.shape, x.dtype)
        if dx.size:
            values = (None, None) if y is None else (x, y)
            typed("pool_backward", x.dtype)(shape, self._number, dy, *values, dx)
        return dx


class BoundRecurrent:
    """`lstm_forward`, `lstm_backward` and their like with one set of weights."""

    def __init__(self, cell: str, kernel: Array, *weights: Any, **options: Any) -> None:
        self.kernel = kernel
        self._weights = cell_weights(cell, kernel, *weights, **options)
        self._backward = f"{cell}_backward"
        self._zeros = np.zeros((0, self._weights.hidden), kernel.dtype)
        self._run = typed("recurrent_forward", kernel.dtype)

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
            and c0 is None
            and not options
            and weights.fused
            and ready(x, weights.dtype)
            and x.ndim == 3
            and x.shape[2] == weights.input
            and 0 < x.size <= LARGEST
        ):
            return self._plain(x, reverse)
        sequence = check_sequence(weights, x, h0, c0, mask=mask, reverse=reverse, **options)
        y, h_n, c_n = run(sequence, train=True)
        cache = Cache(sequence, self._backward)
        return (y, h_n, cache) if c_n is None else (y, h_n, c_n, cache)

    def _plain(self, x: Array, reverse: bool) -> tuple[Any, ...]:
        """`forward` of x alone."""
        weights, empty = self._weights, _arrays.empty
        batch, steps, _ = x.shape
        op, hidden, dtype = weights.op, weights.hidden, weights.dtype
        if len(self._zeros) != batch:
            self._zeros = np.zeros((batch, hidden), dtype)
        zeros, y = self._zeros, empty(op, "y", (batch, steps, hidden), dtype)
        arrays = _NOTHING | {"x": x, "h0": zeros, "reverse": reverse, "y": y}
        if weights.cell != "rnn":
            arrays["saved"] = empty(op, "cache", (steps, batch, weights.saved), dtype)
        h_n, c_n = np.empty((batch, hidden), dtype), None
        if weights.cell == "lstm":
            c_n = np.empty((batch, hidden), dtype)
            arrays["c0"] = zeros
            arrays["c_all"] = empty(op, "cache", (steps, batch, hidden), dtype)
        self._run(weights.core.pack(False), arrays, h_n, c_n)
        cache = Cache(Sequence(weights, arrays, (batch, steps), False), self._backward)
        return (y, h_n, cache) if c_n is None else (y, h_n, c_n, cache)

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
