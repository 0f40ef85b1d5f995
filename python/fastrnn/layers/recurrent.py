"""What LSTM, GRU and SimpleRNN layers share: states, masks, directions, dropout."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from fastrnn import activations, initializers, ops
from fastrnn.layers.dropout import kept
from fastrnn.layers.layer import Array, Layer, check_positive, check_rate, refuse_options
from fastrnn.layers.variable import Variable
from fastrnn.utils.random import generator

_UNSUPPORTED = (
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
)
# Keras options that choose among implementations; here there is one.
_IGNORED = ("unroll", "use_cudnn", "implementation", "bias", "weights")


class Recurrent(Layer):
    """Base of the recurrent layers.

    A subclass says which cell of `fastrnn.ops` it runs (`cell`, `gates`, `states`) and which
    options the cell takes (`cell_options`).

    Attributes
    ----------
    kernel : Variable, shape (inputs, gates * units)
    recurrent_kernel : Variable, shape (units, gates * units)
    bias : Variable or None
    state : list of ndarray or None
        Where `stateful`, what the next batch starts from: one (N, units) array per state.
    """

    supports_masking = True
    needs_time = True

    cell: ClassVar[str]
    gates: ClassVar[int]
    states: ClassVar[int]

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        refuse_options(type(self).__name__, kwargs, _UNSUPPORTED)
        for ignored in _IGNORED:
            kwargs.pop(ignored, None)
        if kwargs.pop("time_major", False):
            raise ValueError(
                f"{type(self).__name__}: time_major=True is not supported; inputs are (N, T, I)"
            )
        self.zero_output_for_mask = bool(kwargs.pop("zero_output_for_mask", False))
        super().__init__(**kwargs)
        check_positive(self.name, units=units)
        check_rate(self.name, dropout=dropout, recurrent_dropout=recurrent_dropout)
        self.units = int(units)
        self.activation = activations.resolve(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.dropout = float(dropout)
        self.recurrent_dropout = float(recurrent_dropout)
        self.seed = seed
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.state: list[Array] | None = None
        self.bias: Variable | None = None
        self._rng = generator(seed)
        self._op_forward: Callable[..., Any] = getattr(ops, f"{self.cell}_forward")
        self._op_backward: Callable[..., Any] = getattr(ops, f"{self.cell}_backward")
        self._packed: tuple[int, Any] = 0, None
        self._options: dict[str, Any] = {}

    def cell_options(self) -> dict[str, Any]:
        """Keyword arguments that the cell's functions in `fastrnn.ops` take."""
        return {"activation": self.activation}

    def call_options(self) -> dict[str, Any]:
        """The same, and any weights beside kernels and bias."""
        return self._options

    def bias_shape(self) -> tuple[int, ...]:
        """Shape of the bias."""
        return (self.gates * self.units,)

    # Weights ---------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 3 or None in input_shape[2:]:
            raise ValueError(
                f"{self.name}: needs inputs (N, T, features) of known features, got {input_shape}"
            )
        columns = self.gates * self.units
        features = math.prod(input_shape[2:])
        self._options = self.cell_options()
        self.kernel = self.add_weight((features, columns), self.kernel_initializer, name="kernel")
        self.recurrent_kernel = self.add_weight(
            (self.units, columns), self.recurrent_initializer, name="recurrent_kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(self.bias_shape(), self.initial_bias, name="bias")

    def initial_bias(self, shape: Any, dtype: Any = None) -> Array:
        """The bias at build time."""
        value: Array = self.bias_initializer(shape, dtype)
        return value

    # Passes ----------------------------------------------------------------------------

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        y, states = self.run(x, training, mask, self.go_backwards)
        if self.return_sequences and self.go_backwards:
            y = np.ascontiguousarray(y[:, ::-1])
        return (y, *states) if self.return_state else y

    def backward(self, dy: Any) -> Any:
        dstates: Any = ()
        if self.return_state:
            dy, *dstates = dy
        if dy is not None and self.return_sequences and self.go_backwards:
            dy = np.ascontiguousarray(dy[:, ::-1])
        return self.run_backward(dy, dstates)

    def run(
        self, x: Array, training: bool, mask: Array | None, reverse: bool
    ) -> tuple[Array, tuple[Array, ...]]:
        """Output, in the input's order of time, and final states.

        The output is (N, T, units) with `return_sequences`, else (N, units).
        """
        shape = x.shape
        if x.ndim != 3:
            x = self._flat_frames(x)
        initial: Any = self._initial_state(x) if self.stateful else ()
        if training:
            bias = self.bias
            options = self.call_options()
            if self.dropout or self.recurrent_dropout:
                options = options | self._dropout_masks(x)
            result = self._op_forward(
                x,
                self.kernel.value,
                self.recurrent_kernel.value,
                None if bias is None else bias.value,
                *initial,
                mask=mask,
                reverse=reverse,
                **options,
            )
        else:
            result = self.infer(x, initial, mask, reverse)
        y = result[0]
        states = result[1 : 1 + self.states]
        if self.stateful:
            self.state = [state.copy() for state in states]
        if training:
            self.saved = result[-1], shape, mask, reverse
        if self.return_sequences:
            if mask is not None and self.zero_output_for_mask:
                y[~mask] = 0
            return y, states
        if mask is not None and self.stateful:
            # A row that is masked throughout: its output is 0, its state what it was.
            return np.ascontiguousarray(y[:, 0 if reverse else -1]), states
        return states[0], states

    def infer(self, x: Array, initial: Any, mask: Array | None, reverse: bool) -> Any:
        """The output of every step and the final states."""
        return self._packed_weights().run(x, *initial, mask=mask, reverse=reverse)

    def run_backward(self, dy: Array | None, dstates: Any = ()) -> Any:
        """Gradients for the output and states of the last `run` in training."""
        cache, shape, mask, reverse = self.saved
        final: list[Any] = list(dstates) or [None] * self.states
        if self.return_sequences:
            if dy is not None and mask is not None and self.zero_output_for_mask:
                dy = dy * over_steps(mask, dy)
        elif dy is not None:
            if mask is not None and self.stateful:
                dlast = np.zeros((*shape[:2], *dy.shape[1:]), dy.dtype)
                dlast[:, 0 if reverse else -1] = dy
                dy = dlast
            else:
                final[0] = dy if final[0] is None else final[0] + dy
                dy = None
        grads = self._op_backward(
            cache, dy, *final, need_dx=self.need_dx, out=self._gradient_views()
        )
        for variable in self._variables:
            if variable.grad is None:
                variable.grad = grads[variable.name]
        dx = grads.get("x")
        return dx if dx is None or dx.shape == shape else dx.reshape(shape)

    def _gradient_views(self) -> dict[str, Array] | None:
        if self.kernel.grad is None:
            return None
        return {v.name: v.grad for v in self._variables if v.grad is not None}

    def _packed_weights(self) -> Any:
        """The weights in the kernels' layout, made anew after every change."""
        version = self.kernel.storage.version
        if self._packed[0] != version:
            bias = self.bias
            packed = ops.PackedRecurrent(
                self.cell,
                self.kernel.value,
                self.recurrent_kernel.value,
                None if bias is None else bias.value,
                **self._options,
            )
            self._packed = version, packed
        return self._packed[1]

    def _flat_frames(self, x: Array) -> Array:
        """Frames of several axes as rows."""
        if x.ndim < 3:
            raise ValueError(f"{self.name}: needs inputs (N, T, features), got shape {x.shape}")
        return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))

    def _dropout_masks(self, x: Array) -> dict[str, Array]:
        """Factors of dropout, drawn once for all steps.

        As in Keras, recurrent dropout draws for each gate, and then so does input dropout;
        a SimpleRNN has but one gate.
        """
        rows, dtype = len(x), x.dtype
        gates = (self.gates,) if self.recurrent_dropout and self.gates > 1 else ()
        masks = {}
        if self.dropout:
            shape = (*gates, rows, x.shape[2])
            masks["dropout_mask"] = kept(self._rng, shape, self.dropout, dtype)
        if self.recurrent_dropout:
            shape = (*gates, rows, self.units)
            masks["recurrent_dropout_mask"] = kept(self._rng, shape, self.recurrent_dropout, dtype)
        return masks

    # States ----------------------------------------------------------------------------

    def state_shape(self, x: Array) -> tuple[int, ...]:
        """Shape of each state for a batch."""
        return (len(x), self.units)

    def _initial_state(self, x: Array) -> list[Array]:
        if self.state is None:
            shape = self.state_shape(x)
            self.state = [np.zeros(shape, self.dtype) for _ in range(self.states)]
        elif len(self.state[0]) != len(x):
            raise ValueError(
                f"{self.name}: holds the state of {len(self.state[0])} sequences, got a batch of "
                f"{len(x)}; call reset_states(), or give batches of one size"
            )
        return self.state

    def reset_states(self, states: Any = None) -> None:
        """Start the next batch from zeros, or from `states`.

        Parameters
        ----------
        states : ndarray or sequence of ndarray, shape (N, units) each, optional
        """
        if not self.stateful:
            raise ValueError(f"{self.name}: has no state to reset; make it with stateful=True")
        if states is None:
            self.state = None
            return
        given = [states] if isinstance(states, np.ndarray) else list(states)
        if len(given) != self.states:
            raise ValueError(f"{self.name}: has {self.states} states, got {len(given)}")
        self.state = [np.array(state, dtype=self.dtype, order="C") for state in given]

    reset_state = reset_states

    # Description -----------------------------------------------------------------------

    def compute_output_shape(self, input_shape: Any) -> Any:
        state = (input_shape[0], self.units)
        output = (input_shape[0], input_shape[1], self.units) if self.return_sequences else state
        return [output, *[state] * self.states] if self.return_state else output

    def compute_mask(self, x: Any, mask: Array | None) -> Array | None:
        # Keras, too, leaves the mask in the input's order where go_backwards turns the output.
        return mask if self.return_sequences else None

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": initializers.serialize(self.recurrent_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
        }


def over_steps(mask: Array, y: Array) -> Array:
    """A mask (N, T) in a shape that goes with outputs (N, T, ...)."""
    return mask.reshape(*mask.shape, *(1,) * (y.ndim - 2))
