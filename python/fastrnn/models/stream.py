"""Prediction frame by frame: a model's layers as calls on one time step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastrnn.layers import (
    Activation,
    AveragePooling2D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Layer,
    MaxPooling2D,
    Recurrent,
    Reshape,
    TimeDistributed,
)
from fastrnn.layers.layer import Array
from fastrnn.layers.recurrent_base import RecurrentBase
from fastrnn.models.functional import Functional
from fastrnn.models.sequential import Sequential
from fastrnn.ops import prepared

Call = Callable[[Any], Any]


class Stream:
    """A model that is given one time step after the other; made by `Model.stream`.

    Several streams run side by side, each with a state of its own, all stepped at once. One
    object serves one thread at a time.

    Parameters
    ----------
    model : Sequential or Functional
    batch_size : int
        Number of streams.

    Attributes
    ----------
    frame_shape : tuple of int
        What `step` takes: (batch_size, ...).

    Notes
    -----
    Memory and time per step do not depend on how many steps there have been. A step gives what
    `predict` gives for all frames since the reset as one sequence. Where the weights change, the
    next step uses the new ones and goes on from the states as they are.
    """

    def __init__(self, model: Any, batch_size: int = 1) -> None:
        owner = f"{model.name}.stream"
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)):
            raise TypeError(f"{owner}: batch_size must be an integer, got {batch_size!r}")
        if batch_size < 1:
            raise ValueError(f"{owner}: batch_size must be positive, got {batch_size}")
        if not isinstance(model, (Sequential, Functional)):
            raise ValueError(
                f"{owner}: needs a Sequential model or a graph of layers, "
                f"got {type(model).__name__}"
            )
        if not model.built:
            raise ValueError(f"{owner}: build the model first, by an Input, build() or fit()")
        self._owner, self._model = owner, model
        self.frame_shape = (int(batch_size), *self._sizes(model))
        self._dtype = model.dtype
        self._states: list[Any] = []
        self._masked = bool(model.makes_mask)
        self._valid: Array | None = None  # (N, 1), between the layers of a step
        self._arrange()

    def step(self, frame: Any) -> Any:
        """Take one time step.

        Parameters
        ----------
        frame : array_like, shape (batch_size, ...), or (...) for a single stream
            Frames of the model's input, without their time axis.

        Returns
        -------
        ndarray, shape (batch_size, ...), or list of them
            The model's output after this step: of a model that outputs sequences, this step's.

        Raises
        ------
        ValueError, TypeError
            Where the shape does not fit, or the frame holds no numbers.
        """
        if (
            type(frame) is not np.ndarray
            or frame.shape != self.frame_shape
            or frame.dtype is not self._dtype
            or not frame.flags.carray
        ):
            frame = self._frame(frame)
        for storage, version in self._seen:
            if storage.version != version:
                self._arrange()
                break
        y = self._call(frame)
        return [part.copy() for part in y] if type(y) is list else y.copy()

    def reset(self, rows: Any = None) -> None:
        """Start anew: all streams, or those given by indices or a boolean array.

        Raises
        ------
        ValueError
            If there is no such stream.
        """
        count = self.frame_shape[0]
        if rows is not None:
            chosen = np.asarray(rows)
            if chosen.dtype == bool and chosen.shape != (count,):
                raise ValueError(
                    f"{self._owner}: reset takes a boolean for each of {count} streams, "
                    f"got shape {chosen.shape}"
                )
            if chosen.dtype.kind not in "biu" and chosen.size:
                raise TypeError(f"{self._owner}: reset takes indices, got {chosen.dtype}")
            if chosen.dtype != bool:
                rows = chosen = chosen.astype(np.intp)
                if chosen.size and not -count <= chosen.min() <= chosen.max() < count:
                    raise ValueError(
                        f"{self._owner}: there are {count} streams, got reset({rows.tolist()})"
                    )
        for state in self._states:
            state.reset(rows)

    def _frame(self, frame: Any) -> Array:
        """What a caller gives, checked, as an array of the model's dtype."""
        array = np.asarray(frame)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{self._owner}: step takes an array of numbers, got {array.dtype}")
        count, *sizes = self.frame_shape
        if count == 1 and array.shape == tuple(sizes):
            array = array[None]
        if array.shape != self.frame_shape:
            single = f" or {tuple(sizes)}" if count == 1 else ""
            raise ValueError(
                f"{self._owner}: step takes frames of shape {self.frame_shape}{single}, "
                f"got {array.shape}"
            )
        return np.require(array, self._dtype, ("C", "A"))

    # The calls of a step ---------------------------------------------------------------

    def _arrange(self) -> None:
        """Make the calls for the weights as they are now, and keep the states."""
        weights = self._model.weights
        self._seen = [(s, s.version) for s in {id(w.storage): w.storage for w in weights}.values()]
        before, self._states = self._states, []
        self._call, *_ = self._of(self._model, np.zeros(self.frame_shape, self._dtype), True)
        if self._masked:
            self._call = _chained([self._begin, self._call])
        self.reset()
        for old, new in zip(before, self._states, strict=False):
            new.state = old.state

    def _of(self, layer: Layer, x: Any, over_time: bool) -> tuple[Call, Any, bool]:
        """A layer's call, what it makes of x, and whether that is one step of a sequence.

        With `over_time`, x is one step of a sequence, without the axis of time.
        """
        if isinstance(layer, Sequential):
            return self._of_chain(layer, x, over_time)
        if isinstance(layer, Functional):
            return self._of_graph(layer, x, over_time)
        call = self._over_time(layer, x) if over_time else _whole(layer, x)
        if over_time and self._masked:
            call = self._passing_mask(layer, call)
        if isinstance(layer, RecurrentBase):
            over_time = over_time and layer.return_sequences
        return call, call(x), over_time

    def _of_chain(self, model: Sequential, x: Any, over_time: bool) -> tuple[Call, Any, bool]:
        calls = []
        for layer in model.layers:
            call, y, over_time = self._of(layer, x, over_time)
            if y is not x or layer.makes_mask:  # else a layer for training, such as dropout
                calls.append(call)
            x = y
        return _chained(calls), x, over_time

    def _of_graph(self, model: Functional, x: Any, over_time: bool) -> tuple[Call, Any, bool]:
        values: dict[int, Any] = {model._in[0]: x}
        sequences = {model._in[0]: over_time}
        calls = []
        for step in model._steps:
            source, target = step.source, step.target
            several = isinstance(source, list)
            kinds = {sequences[slot] for slot in (source if several else [source])}
            options = step.forward != step.layer.forward
            if len(kinds) > 1 or not isinstance(target, int) or options:
                raise self._refused(step.layer)
            given = [values[slot] for slot in source] if several else values[source]
            call, values[target], sequences[target] = self._of(step.layer, given, kinds.pop())
            calls.append((call, source, target, several))
        out = model._out

        def run(x: Any) -> Any:
            values[model._in[0]] = x
            for call, source, target, several in calls:
                values[target] = call([values[i] for i in source] if several else values[source])
            return values[out[0]] if len(out) == 1 else [values[slot] for slot in out]

        return run, run(x), any(sequences[slot] for slot in out)

    def _over_time(self, layer: Layer, x: Any) -> Call:
        """A call that takes and returns one step."""
        if isinstance(layer, TimeDistributed):
            return self._of(layer.layer, x, False)[0]
        if isinstance(layer, RecurrentBase) and not isinstance(x, list):
            return self._recurrent(layer, x)
        if not (layer.stepwise or layer.over_frames):
            raise self._refused(layer)
        forward = layer.forward
        if isinstance(x, list):
            return lambda x: forward([part[:, None] for part in x])[:, 0]
        if isinstance(layer, (Flatten, Reshape)):
            shape = (len(x), *layer.compute_output_shape(layer.input_shape)[2:])
            return lambda x: x.reshape(shape)
        if type(layer) in _PREPARED:
            return _PREPARED[type(layer)](layer, x)
        sequence = x[:, None]
        if forward(sequence) is sequence:
            return lambda x: x
        return lambda x: forward(x[:, None])[:, 0]

    def _recurrent(self, layer: RecurrentBase, x: Array) -> Call:
        if layer.go_backwards or layer.return_state:
            raise self._refused(layer)
        return _chained([self._runner(runner, shape) for runner, shape in _shaped(layer, x)])

    def _runner(self, runner: Any, shape: tuple[int, ...]) -> Call:
        rows = shape[0]
        if isinstance(runner, Recurrent) and runner.packs_weights and not self._masked:
            state = runner.packed_weights().stream(rows)
            self._states.append(state)
            advance: Call = state.advance
            return advance if len(shape) == 2 else lambda x: advance(x.reshape(rows, -1))
        general = _GeneralState(runner, shape)
        self._states.append(general)
        return lambda x: general.advance(x, self._valid)

    def _refused(self, layer: Layer) -> ValueError:
        reason = "needs the whole sequence"
        if getattr(layer, "return_state", False) and not getattr(layer, "go_backwards", False):
            reason = "returns its states (return_state=True)"
        own = type(layer).__module__.startswith("fastrnn.")
        hint = "" if own else "; where it treats each step by itself, give it stepwise = True"
        return ValueError(
            f"{self._owner}: {layer.name} ({type(layer).__name__}) {reason}, which a stream of "
            f"single steps cannot give it{hint}"
        )

    def _sizes(self, model: Any) -> tuple[int, ...]:
        """Sizes of a frame, without the axes of the batch and of time."""
        shape, graph = model.input_shape, isinstance(model, Functional)
        if graph and (len(model._in) > 1 or model.makes_mask):
            what = "makes masks" if model.makes_mask else f"has {len(model._in)} inputs"
            raise ValueError(
                f"{self._owner}: streams of graphs have one input and no masks, {what}"
            )
        words = not graph and bool(model.layers) and isinstance(model.layers[0], Embedding)
        if len(shape) < (2 if words else 3) or None in shape[2:]:
            raise ValueError(
                f"{self._owner}: needs a model of sequences (N, T, ...) of frames of known size, "
                f"got one for {shape}"
            )
        return tuple(shape[2:])

    def _begin(self, x: Any) -> Any:
        self._valid = None
        return x

    def _passing_mask(self, layer: Layer, call: Call) -> Call:
        def run(x: Any) -> Any:
            y = call(x)
            if layer.makes_mask or self._valid is not None:
                self._valid = layer.compute_mask(x[:, None], self._valid)
            return y

        return run


class _GeneralState:
    """The states of what is run by its own code for whole sequences."""

    def __init__(self, runner: Any, shape: tuple[int, ...]) -> None:
        self._run = runner.run_steps
        sequence = (shape[0], 1, *shape[1:])
        sizes = [*runner.state_shapes(sequence), runner.step_shape(sequence)]
        self.state = [np.zeros(size, runner.dtype) for size in sizes]  # and the last output

    def advance(self, x: Array, valid: Array | None) -> Any:
        *states, last = self.state
        y, states_after, _ = self._run(x[:, None], states, False, valid, False)
        y = y[:, 0]
        if valid is not None:
            y = np.where(valid.reshape(-1, *(1,) * (y.ndim - 1)), y, last)
        self.state = [*states_after, y]
        return y

    def reset(self, rows: Any) -> None:
        self.state = [array.copy() for array in self.state]  # which may be outputs of layers
        for array in self.state:
            array[slice(None) if rows is None else rows] = 0


def _shaped(layer: RecurrentBase, x: Array) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """What runs over time in a recurrent layer, and the shape of the step that it takes."""
    shape: Any = x.shape
    for runner in layer.runners:
        yield runner, shape
        shape = runner.step_shape((shape[0], 1, *shape[1:]))


def _chained(calls: list[Call]) -> Call:
    if len(calls) == 1:
        return calls[0]

    def run(x: Any) -> Any:
        for call in calls:
            x = call(x)
        return x

    return run


def _whole(layer: Layer, x: Any) -> Call:
    """A call for inputs without an axis of time, of which the layer takes all."""
    if type(layer) in _PREPARED:
        return _PREPARED[type(layer)](layer, x)
    return layer.forward


def _activation(layer: Any, x: Array) -> Call:
    return prepared.activation(x.shape, x.dtype, layer.activation)


def _dense(layer: Any, x: Array) -> Call:
    return prepared.dense(x.shape, layer.kernel.value, layer.bias_value, layer.activation)


def _convolution(layer: Any, x: Array) -> Call:
    weights = layer.kernel.value, layer.bias_value
    return prepared.convolution(x.shape, *weights, layer.activation, **layer.op_options())


def _pooling(kind: str) -> Callable[[Any, Array], Call]:
    def prepare(layer: Any, x: Array) -> Call:
        options = {"strides": layer.strides, "padding": layer.padding}
        return prepared.pooling(x.shape, x.dtype, kind, layer.pool_size, **options)

    return prepare


# Layers whose ops can be prepared, by exact class: a subclass may do anything.
_PREPARED: dict[type[Layer], Callable[[Any, Array], Call]] = {
    Activation: _activation,
    Dense: _dense,
    Conv2D: _convolution,
    MaxPooling2D: _pooling("max"),
    AveragePooling2D: _pooling("mean"),
}
