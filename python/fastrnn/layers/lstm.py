"""The long short-term memory layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn import activations
from fastrnn.layers.layer import Array
from fastrnn.layers.recurrent import Recurrent


class LSTM(Recurrent):
    """Long short-term memory: (N, T, features) to (N, units) or (N, T, units).

    With gates i, f, g, o in the columns of the weights, and h, c the state::

        i, f, o = recurrent_activation(x W + h R + b)
        g       = activation(x W + h R + b)
        c       = f c + i g
        h       = o activation(c)

    Parameters
    ----------
    units : int
        Size of the state and of the output.
    activation : str or callable
        Of the candidate g and of the cell state.
    recurrent_activation : str or callable
        Of the gates i, f and o.
    use_bias : bool
    kernel_initializer, recurrent_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    unit_forget_bias : bool
        Start the bias of f from 1.
    dropout, recurrent_dropout : float
        Shares of the inputs and of the recurrent state that training sets to 0; drawn once
        per batch for all steps.
    seed : int, optional
        Of the dropout; where None it depends on `fastrnn.utils.set_random_seed`.
    return_sequences : bool
        Output every step, (N, T, units), and not the last alone, (N, units).
    return_state : bool
        Output the final states h and c as well.
    go_backwards : bool
        Run from the last step to the first; the output is in that order, too.
    stateful : bool
        Start each batch from the state in which the one before ended.
    name, dtype, input_shape, ... :
        As in `Layer`. Options of Keras that choose an implementation (`unroll`, `use_cudnn`,
        `implementation`) are accepted and change nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.LSTM(4, return_sequences=True)(np.ones((2, 3, 5))).shape
    (2, 3, 4)
    """

    cell = "lstm"
    gates = 4
    states = 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            **kwargs,
        )
        self.recurrent_activation = activations.resolve(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def cell_options(self) -> dict[str, Any]:
        return {
            "activation": self.activation,
            "recurrent_activation": self.recurrent_activation,
        }

    def initial_bias(self, shape: Any, dtype: Any = None) -> Array:
        if not self.unit_forget_bias:
            return super().initial_bias(shape, dtype)
        units = self.units
        others = [self.bias_initializer((size,), dtype) for size in (units, 2 * units)]
        return np.concatenate([others[0], np.ones(units, dtype), others[1]])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }
