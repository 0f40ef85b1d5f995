"""The gated recurrent unit layer."""

from __future__ import annotations

from typing import Any

from fastrnn import activations
from fastrnn.layers.recurrent import Recurrent


class GRU(Recurrent):
    """Gated recurrent unit: (N, T, features) to (N, units) or (N, T, units).

    With gates z, r, n in the columns of the weights, and h the state::

        z, r = recurrent_activation(x W + h R + b)
        n    = activation(x W + b_n + r (h R + b_rn))
        h    = z h + (1 - z) n

    Parameters
    ----------
    units : int
        Size of the state and of the output.
    activation : str or callable
        Of the candidate n.
    recurrent_activation : str or callable
        Of the gates z and r.
    use_bias : bool
    kernel_initializer, recurrent_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    dropout, recurrent_dropout : float
        Shares of the inputs and of the recurrent state that training sets to 0; drawn once
        per batch for all steps.
    seed : int, optional
        Of the dropout; where None it depends on `fastrnn.utils.set_random_seed`.
    return_sequences : bool
        Output every step, (N, T, units), and not the last alone, (N, units).
    return_state : bool
        Output the final state as well.
    go_backwards : bool
        Run from the last step to the first; the output is in that order, too.
    stateful : bool
        Start each batch from the state in which the one before ended.
    reset_after : bool
        Apply r after the product h R, as above, with a bias of shape (2, 3 units); else before
        it: n = activation(x W + (r h) R + b_n), with a bias of shape (3 units).
    name, dtype, input_shape, ... :
        As in `Layer`. Options of Keras that choose an implementation (`unroll`, `use_cudnn`,
        `implementation`) are accepted and change nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.GRU(4, return_sequences=True)(np.ones((2, 3, 5))).shape
    (2, 3, 4)
    """

    cell = "gru"
    gates = 3
    states = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        *,
        reset_after: bool = True,
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
        self.reset_after = reset_after

    def cell_options(self) -> dict[str, Any]:
        return {
            "activation": self.activation,
            "recurrent_activation": self.recurrent_activation,
            "reset_after": self.reset_after,
        }

    def bias_shape(self) -> tuple[int, ...]:
        columns = 3 * self.units
        return (2, columns) if self.reset_after else (columns,)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }
