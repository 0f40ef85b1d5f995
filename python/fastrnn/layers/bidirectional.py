"""A recurrent layer run in both directions of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.recurrent_base import (
    RecurrentBase,
    over_steps,
    sequence_mask,
    split_shapes,
    split_states,
    with_states,
)
from fastrnn.utils.naming import unknown

_MERGE_MODES = ("concat", "sum", "mul", "ave")


class Bidirectional(Layer):
    """Run a recurrent layer forwards and a copy of it backwards, and merge the outputs.

    Parameters
    ----------
    layer : LSTM, GRU, SimpleRNN, RNN or ConvLSTM2D
    merge_mode : {"concat", "sum", "mul", "ave", None}
        How the outputs become one; None leaves them a list of two.
    backward_layer : recurrent layer, optional
        In place of the copy; with the other `go_backwards`, and units of its own.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Attributes
    ----------
    forward_layer, backward_layer : recurrent layer

    Notes
    -----
    Of sequences, masked steps are zeros. Initial states, as ``initial_state`` of a call or in an
    input ``[x, *states]``, are those of the forward layer, then those of the backward layer.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Bidirectional(layers.GRU(4, return_sequences=True))(np.ones((2, 3, 5))).shape
    (2, 3, 8)
    """

    supports_masking = True
    needs_time = True

    def __init__(
        self,
        layer: RecurrentBase | dict[str, Any],
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: RecurrentBase | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        layer = _recurrent(layer)
        if "dtype" not in kwargs:
            kwargs["dtype"] = layer.dtype
        super().__init__(**kwargs)
        if self.batch_shape is None:
            self.batch_shape = layer.batch_shape
        if merge_mode is not None and merge_mode not in _MERGE_MODES:
            raise unknown("merge_mode", merge_mode, _MERGE_MODES)
        self.merge_mode = merge_mode
        self.layer = layer
        self.forward_layer = _renamed(layer, f"forward_{layer.name.removeprefix('forward_')}")
        if backward_layer is None:
            self.backward_layer = _renamed(
                layer, f"backward_{layer.name}", go_backwards=not layer.go_backwards
            )
        else:
            self.backward_layer = _recurrent(backward_layer)
        self._given_backward_layer = backward_layer is not None
        self._check_directions()
        self._initial_weights = weights

    def _check_directions(self) -> None:
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == other.go_backwards:
            raise ValueError(
                f"{self.name}: the two layers must differ in go_backwards, "
                f"both have {one.go_backwards}"
            )
        for option in ("stateful", "return_sequences", "return_state"):
            if getattr(one, option) != getattr(other, option):
                raise ValueError(f"{self.name}: the two layers must have the same {option}")
        units = [getattr(layer, "units", None) for layer in (one, other)]
        if self.merge_mode in ("sum", "mul", "ave") and units[0] != units[1]:
            raise ValueError(
                f"{self.name}: merge_mode={self.merge_mode!r} needs as many units in both "
                f"layers, got {units[0]} and {units[1]}"
            )

    @property
    def return_sequences(self) -> bool:
        """Whether every step is output."""
        return self.forward_layer.return_sequences

    @property
    def return_state(self) -> bool:
        """Whether final states are output as well."""
        return self.forward_layer.return_state

    @property
    def stateful(self) -> bool:
        """Whether batches go on from the states of the one before."""
        return self.forward_layer.stateful

    def reset_states(self) -> None:
        """Start the next batch of a stateful layer from zeros."""
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()

    reset_state = reset_states

    def sublayers(self) -> Iterator[tuple[str, Layer]]:
        yield "forward_layer", self.forward_layer
        yield "backward_layer", self.backward_layer

    def __call__(  # type: ignore[override]
        self, x: Any, initial_state: Any = None, mask: Any = None, training: bool | None = None
    ) -> Any:
        """Build if need be, and run the forward pass; arguments as for a recurrent layer."""
        return super().__call__(with_states(x, initial_state), training=training, mask=mask)

    def ensure_built(self, input_shape: Any) -> None:
        sequence, states = split_shapes(input_shape)
        super().ensure_built(sequence)
        if states:
            one, other = self.forward_layer, self.backward_layer
            half = len(one.state_shapes(sequence))
            wanted = half + len(other.state_shapes(sequence))
            if len(states) != wanted:
                raise ValueError(
                    f"{self.name}: initial_state must be {wanted} arrays, {half} for the forward "
                    f"and {wanted - half} for the backward layer, got {len(states)}"
                )
            one.check_states(sequence, states[:half])
            other.check_states(sequence, states[half:])

    def build(self, input_shape: Any) -> None:
        self.forward_layer.ensure_built(input_shape)
        self.backward_layer.ensure_built(input_shape)
        if self._initial_weights is not None:
            self.built = True
            self.set_weights(self._initial_weights)

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        one, other = self.forward_layer, self.backward_layer
        x, initial = split_states(x)
        mask = sequence_mask(mask)
        half = len(one.state_shapes(x.shape)) if initial else 0
        y, states = one.run(x, training, mask, one.go_backwards, initial[:half])
        y_other, states_other = other.run(x, training, mask, other.go_backwards, initial[half:])
        zeroed = mask if self.return_sequences else None
        if zeroed is not None:
            y[~zeroed] = 0
            y_other[~zeroed] = 0
        if training:
            self.saved = y, y_other, zeroed, len(states), bool(initial)
        merged = self._merge(y, y_other)
        if not self.return_state:
            return merged
        outputs = merged if isinstance(merged, list) else [merged]
        return (*outputs, *states, *states_other)

    def _merge(self, y: Array, y_other: Array) -> Any:
        if self.merge_mode == "concat":
            return np.concatenate((y, y_other), axis=-1)
        if self.merge_mode == "sum":
            return y + y_other
        if self.merge_mode == "mul":
            return y * y_other
        if self.merge_mode == "ave":
            return (y + y_other) * 0.5
        return [y, y_other]

    def backward(self, dy: Any) -> Any:
        y, y_other, mask, count, from_states = self.saved
        dstates: tuple[Any, ...] = ()
        if self.return_state:
            outputs = 2 if self.merge_mode is None else 1
            dstates = tuple(dy[outputs:])
            dy = list(dy[:outputs]) if self.merge_mode is None else dy[0]
        if dy is None:
            dy = [None, None]
        elif self.merge_mode == "concat":
            units = y.shape[-1]
            dy = np.ascontiguousarray(dy[..., :units]), np.ascontiguousarray(dy[..., units:])
        elif self.merge_mode == "sum":
            dy = dy, dy
        elif self.merge_mode == "mul":
            dy = dy * y_other, dy * y
        elif self.merge_mode == "ave":
            dy = dy * 0.5
            dy = dy, dy
        if mask is not None:
            dy = [None if part is None else part * over_steps(mask, part) for part in dy]
        one, other = self.forward_layer, self.backward_layer
        one.need_dx = other.need_dx = self.need_dx
        dx, dinitial = one.run_back(dy[0], dstates[:count])
        dx_other, dinitial_other = other.run_back(dy[1], dstates[count:])
        if dx is not None:
            dx += dx_other
        return [dx, *dinitial, *dinitial_other] if from_states else dx

    def compute_output_shape(self, input_shape: Any) -> Any:
        input_shape, _ = split_shapes(input_shape)
        shape = self.forward_layer.compute_output_shape(input_shape)
        other = self.backward_layer.compute_output_shape(input_shape)
        states: list[Any] = []
        if self.return_state:
            shape, *states = shape
            other, *states_other = other
            states += states_other
        if self.merge_mode is None:
            return [shape, other, *states]
        if self.merge_mode == "concat":
            shape = (*shape[:-1], shape[-1] + other[-1])
        return [shape, *states] if states else shape

    def compute_mask(self, x: Any, mask: Any) -> Any:
        output = sequence_mask(mask) if self.return_sequences else None
        count = 2 if self.merge_mode is None else 1
        if self.return_state:
            x, _ = split_states(x)
            layers = (self.forward_layer, self.backward_layer)
            states = [None for layer in layers for _ in layer.state_shapes(x.shape)]
            return [*[output] * count, *states]
        return output if count == 1 else [output] * count

    def get_config(self) -> dict[str, Any]:
        from fastrnn.layers import serialize

        config = super().get_config() | {
            "merge_mode": self.merge_mode,
            "layer": serialize(self.layer),
        }
        if self._given_backward_layer:
            config["backward_layer"] = serialize(self.backward_layer)
        return config


def _recurrent(layer: Any) -> RecurrentBase:
    """The recurrent layer itself, or the one that a Keras description stands for."""
    if isinstance(layer, dict):
        from fastrnn.layers import deserialize

        layer = deserialize(layer)
    if not isinstance(layer, RecurrentBase):
        raise TypeError(
            f"Bidirectional: layer must be an LSTM, GRU, SimpleRNN, RNN or ConvLSTM2D, "
            f"got {type(layer).__name__}"
        )
    return layer


def _renamed(layer: RecurrentBase, name: str, **changes: Any) -> RecurrentBase:
    """A layer of the same configuration under another name."""
    options = layer.get_config() | layer.options_by_object() | {"name": name} | changes
    copy = type(layer).from_config(options)
    assert isinstance(copy, RecurrentBase)
    return copy
