"""What all layers share that run over time: initial and final states, masks, directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn.layers import activity
from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.symbolic import is_tensor

# Keras options that choose among implementations; here there is one.
_IGNORED = ("unroll", "use_cudnn", "implementation", "bias", "weights")
# Options that a configuration has by name alone; where one is a user's function, a copy must have
# the function itself.
_OBJECTS = (
    "activation",
    "recurrent_activation",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "activity_regularizer",
)


class RecurrentBase(Layer):
    """Base of layers that carry states from step to step.

    A subclass defines `run_steps`, `run_steps_back`, `state_shapes` and,
    where the output is not like the first state, `step_shape`.

    The input may be a list ``[x, *states]``: the run then starts from these states, and
    `backward` returns a list of gradients, theirs included. So does a call with `initial_state`.

    Attributes
    ----------
    state : list of ndarray or None
        Where `stateful`, what the next batch starts from: an array per state.
    """

    supports_masking = True
    needs_time = True
    # Which state the output of a step is, if it is one.
    output_state: int | None = None

    def __init__(
        self,
        *,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        for ignored in _IGNORED:
            kwargs.pop(ignored, None)
        if kwargs.pop("time_major", False):
            raise ValueError(
                f"{type(self).__name__}: time_major=True is not supported; inputs are (N, T, I)"
            )
        super().__init__(**kwargs)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.state: list[Array] | None = None

    # What a subclass defines -----------------------------------------------------------

    def run_steps(
        self, x: Array, initial: Sequence[Array], training: bool, mask: Array | None, reverse: bool
    ) -> tuple[Array, tuple[Array, ...], Any]:
        """Output of every step, in the input's order of time, final states, and a cache.

        The cache is what `run_steps_back` needs after training; `initial` is empty for zeros.
        """
        raise TypeError(f"{type(self).__name__} must define run_steps(...)")

    def run_steps_back(
        self, cache: Any, dy: Array | None, dstates: Sequence[Array | None]
    ) -> tuple[Array | None, list[Array]]:
        """Gradients of x, or None without `need_dx`, and of the initial states."""
        raise TypeError(f"{type(self).__name__} must define run_steps_back(...)")

    def state_shapes(self, input_shape: Any) -> list[tuple[int | None, ...]]:
        """Shape of each state for inputs of a shape."""
        raise TypeError(f"{type(self).__name__} must define state_shapes(input_shape)")

    def step_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Shape of the output of one step for inputs of a shape."""
        return self.state_shapes(input_shape)[0]

    @property
    def runners(self) -> Sequence[Any]:
        """What runs over time, one after the other: objects with `run_steps`."""
        return (self,)

    def options_by_object(self) -> dict[str, Any]:
        """Options that a copy takes as they are, and not from the configuration."""
        names = (*_OBJECTS, *self.role_arguments())
        return {key: getattr(self, key) for key in names if hasattr(self, key)}

    def regularize_activity(self) -> None:
        activity.attach_recurrent(self)

    # Passes ----------------------------------------------------------------------------

    def __call__(  # type: ignore[override]
        self, x: Any, initial_state: Any = None, mask: Any = None, training: bool | None = None
    ) -> Any:
        """Build if need be, and run the forward pass on an array.

        Parameters
        ----------
        x : array_like, shape (N, T, ...)
        initial_state : array_like or list, optional
            What the run starts from: (N, units) for each state.
        mask : array_like of bool, shape (N, T), optional
        training : bool
        """
        return super().__call__(with_states(x, initial_state), training=training, mask=mask)

    def ensure_built(self, input_shape: Any) -> None:
        sequence, states = split_shapes(input_shape)
        super().ensure_built(sequence)
        if states:
            self.check_states(sequence, states)

    def check_states(self, input_shape: Any, states: Sequence[Any]) -> None:
        """Raise ValueError unless these are the states' shapes, the batch axis aside."""
        wanted = self.state_shapes(input_shape)
        if [tuple(shape[1:]) for shape in states] != [shape[1:] for shape in wanted]:
            shapes = ", ".join(f"(N, {', '.join(map(str, shape[1:]))})" for shape in wanted)
            given = ", ".join(str(tuple(shape)) for shape in states)
            raise ValueError(f"{self.name}: initial_state must be {shapes}, got {given}")

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        x, initial = split_states(x)
        y, states = self.run(x, training, sequence_mask(mask), self.go_backwards, initial)
        if self.return_sequences and self.go_backwards:
            y = np.ascontiguousarray(y[:, ::-1])
        return (y, *states) if self.return_state else y

    def backward(self, dy: Any) -> Any:
        dstates: Any = ()
        if self.return_state:
            dy, *dstates = dy
        if dy is not None and self.return_sequences and self.go_backwards:
            dy = np.ascontiguousarray(dy[:, ::-1])
        dx, dinitial = self.run_back(dy, dstates)
        return [dx, *dinitial] if self.saved[-1] else dx

    def run(
        self,
        x: Array,
        training: bool,
        mask: Array | None,
        reverse: bool,
        initial: Sequence[Array] = (),
    ) -> tuple[Array, tuple[Array, ...]]:
        """Output, in the input's order of time, and final states.

        The output is (N, T, ...) with `return_sequences`, else (N, ...).
        """
        given = bool(initial)
        if self.stateful and not given:
            initial = self._kept_state(x)
        y, states, cache = self.run_steps(x, initial, training, mask, reverse)
        if self.stateful:
            self.state = [state.copy() for state in states]
        # Of a row that is masked throughout the output is 0, the state what it was.
        by_state = None if mask is not None and initial else self.output_state
        if training:
            self.saved = cache, y.shape, mask, reverse, by_state, given
        if self.return_sequences:
            if mask is not None and self.zero_output_for_mask:
                y[~mask] = 0
            return y, states
        if by_state is not None:
            return states[by_state], states
        return np.ascontiguousarray(y[:, 0 if reverse else -1]), states

    def run_back(
        self, dy: Array | None, dstates: Sequence[Any] = ()
    ) -> tuple[Array | None, list[Array]]:
        """Gradients for the output and states of the last `run` in training."""
        cache, shape, mask, reverse, by_state, _ = self.saved
        final: list[Any] = list(dstates)
        if self.return_sequences:
            if dy is not None and mask is not None and self.zero_output_for_mask:
                dy = dy * over_steps(mask, dy)
        elif dy is not None:
            if by_state is not None:
                final = final or [None] * (by_state + 1)
                final[by_state] = dy if final[by_state] is None else final[by_state] + dy
                dy = None
            else:
                dlast = np.zeros(shape, dy.dtype)
                dlast[:, 0 if reverse else -1] = dy
                dy = dlast
        return self.run_steps_back(cache, dy, final)

    # States ----------------------------------------------------------------------------

    def _kept_state(self, x: Array) -> list[Array]:
        if self.state is None:
            shapes: list[Any] = self.state_shapes(x.shape)
            self.state = [np.zeros(shape, self.dtype) for shape in shapes]
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
        if self.built:
            self.check_states(self.input_shape, [np.shape(state) for state in given])
        self.state = [np.array(state, dtype=self.dtype, order="C") for state in given]

    reset_state = reset_states

    # Description -----------------------------------------------------------------------

    def compute_output_shape(self, input_shape: Any) -> Any:
        input_shape, _ = split_shapes(input_shape)
        output = self.step_shape(input_shape)
        if self.return_sequences:
            output = (output[0], input_shape[1], *output[1:])
        return [output, *self.state_shapes(input_shape)] if self.return_state else output

    def compute_mask(self, x: Any, mask: Any) -> Any:
        # Keras, too, leaves the mask in the input's order where go_backwards turns the output.
        output = sequence_mask(mask) if self.return_sequences else None
        if not self.return_state:
            return output
        return [output, *[None] * len(self.state_shapes(split_states(x)[0].shape))]

    def get_config(self) -> dict[str, Any]:
        own = {"zero_output_for_mask": True} if self.zero_output_for_mask else {}
        return (
            super().get_config()
            | own
            | {
                "return_sequences": self.return_sequences,
                "return_state": self.return_state,
                "go_backwards": self.go_backwards,
                "stateful": self.stateful,
            }
        )


# Inputs [x, *states] -------------------------------------------------------------------


def flat(states: Any) -> list[Any]:
    """One state, several, or those of each cell of a stack, in one list."""
    if not isinstance(states, (list, tuple)):
        return [states]
    return [state for part in states for state in flat(part)]


def with_states(x: Any, initial_state: Any) -> Any:
    """The list that stands for an input and the states to start from."""
    given = x if initial_state is None else [x, *flat(initial_state)]
    if not has_states(given):
        return given
    return [part if is_tensor(part) else np.asarray(part) for part in given]


def has_states(x: Any) -> bool:
    """Whether this is ``[x, *states]``, and not a nested list of numbers."""
    return isinstance(x, (list, tuple)) and len(x) > 1 and np.ndim(x[0]) != np.ndim(x[-1])


def split_states(x: Any) -> tuple[Any, list[Any]]:
    """The sequences, and the states to start from."""
    return (x[0], list(x[1:])) if isinstance(x, (list, tuple)) else (x, [])


def split_shapes(shape: Any) -> tuple[Any, list[Any]]:
    """The same of shapes."""
    several = bool(shape) and isinstance(shape[0], (list, tuple))
    return (tuple(shape[0]), list(shape[1:])) if several else (tuple(shape), [])


def sequence_mask(mask: Any) -> Any:
    """The sequences' mask, where there is one for each of ``[x, *states]``.

    One of rows (N,), as within `TimeDistributed`, says nothing of their steps.
    """
    if isinstance(mask, (list, tuple)):
        mask = mask[0]
    return mask if mask is None or mask.ndim > 1 else None


def over_steps(mask: Array, y: Array) -> Array:
    """A mask (N, T) in a shape that goes with outputs (N, T, ...)."""
    return mask.reshape(*mask.shape, *(1,) * (y.ndim - 2))
