"""The cells of LSTM, GRU and SimpleRNN by themselves; `RNN` runs them on the layers' kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from fastrnn.layers.cell import AbstractRNNCell
from fastrnn.layers.gru import GRU
from fastrnn.layers.layer import Array
from fastrnn.layers.lstm import LSTM
from fastrnn.layers.recurrent import Recurrent
from fastrnn.layers.simple_rnn import SimpleRNN
from fastrnn.layers.variable import Variable
from fastrnn.utils.naming import unexpected_arguments

_OF_LAYERS = frozenset(
    ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")
)


class FusedCell(AbstractRNNCell):
    """Base of the cells that are a step of a recurrent layer.

    Attributes
    ----------
    layer : Recurrent
        The layer whose weights and kernels the cell has.
    """

    kind: ClassVar[type[Recurrent]]

    def __init__(self, units: int, *args: Any, **kwargs: Any) -> None:
        own = {key: kwargs.pop(key) for key in ("name", "trainable") if key in kwargs}
        super().__init__(dtype=kwargs.get("dtype"), **own)
        refused = {key: value for key, value in kwargs.items() if key in _OF_LAYERS}
        if refused:
            raise unexpected_arguments(type(self), refused, ("units", "activation", "dropout"))
        self.layer = self.kind(units, *args, name=self.name, return_sequences=True, **kwargs)
        self._variables = self.layer._variables

    def sublayers(self) -> Any:
        return iter(())  # the layer's weights are the cell's own

    @property
    def units(self) -> int:
        """Size of the state."""
        return self.layer.units

    @property
    def state_size(self) -> Any:
        """One size, or for the LSTM two."""
        return [self.units] * self.layer.states if self.layer.states > 1 else self.units

    @property
    def kernel(self) -> Variable:
        """The input's weights."""
        return self.layer.kernel

    @property
    def recurrent_kernel(self) -> Variable:
        """The state's weights."""
        return self.layer.recurrent_kernel

    @property
    def bias(self) -> Variable | None:
        """The bias, if there is one."""
        return self.layer.bias

    def build(self, input_shape: Any) -> None:
        self.layer.ensure_built((input_shape[0], None, *input_shape[1:]))

    def unbuild(self) -> None:
        super().unbuild()
        self.layer.unbuild()

    def forward(  # type: ignore[override]
        self, x: Any, states: Sequence[Array], training: bool = False
    ) -> tuple[Array, list[Array]]:
        y, after, self.saved = self.layer.run_steps(x[:, None], states, training, None, False)
        return y[:, 0], list(after)

    def backward(  # type: ignore[override]
        self, dy: Array, dstates: Sequence[Array]
    ) -> tuple[Array | None, list[Array]]:
        self.layer.need_dx = self.need_dx
        dx, before = self.layer.run_steps_back(self.saved, dy[:, None], dstates)
        return None if dx is None else dx[:, 0], before

    def get_config(self) -> dict[str, Any]:
        config = self.layer.get_config() | super().get_config()
        return {key: value for key, value in config.items() if key not in _OF_LAYERS}


class LSTMCell(FusedCell):
    """One step of `LSTM`: (N, features) and two states (N, units) to (N, units).

    Parameters
    ----------
    units, activation, recurrent_activation, use_bias, ... :
        As for `LSTM`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> y, (h, c) = layers.LSTMCell(4)(np.ones((2, 3)), [np.zeros((2, 4)), np.zeros((2, 4))])
    >>> y.shape, c.shape
    ((2, 4), (2, 4))
    """

    kind = LSTM


class GRUCell(FusedCell):
    """One step of `GRU`: (N, features) and a state (N, units) to (N, units).

    Parameters
    ----------
    units, activation, recurrent_activation, use_bias, ... :
        As for `GRU`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> y, (h,) = layers.GRUCell(4)(np.ones((2, 3)), np.zeros((2, 4)))
    >>> y.shape
    (2, 4)
    """

    kind = GRU


class SimpleRNNCell(FusedCell):
    """One step of `SimpleRNN`: (N, features) and a state (N, units) to (N, units).

    Parameters
    ----------
    units, activation, use_bias, ... :
        As for `SimpleRNN`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> y, (h,) = layers.SimpleRNNCell(4)(np.ones((2, 3)), np.zeros((2, 4)))
    >>> y.shape
    (2, 4)
    """

    kind = SimpleRNN
