"""The vanilla recurrent layer."""

from __future__ import annotations

from fastrnn.layers.recurrent import Recurrent


class SimpleRNN(Recurrent):
    """Vanilla recurrent layer: (N, T, features) to (N, units) or (N, T, units).

    With h the state::

        h = activation(x W + h R + b)

    Parameters
    ----------
    units : int
        Size of the state and of the output.
    activation : str or callable
        Of the state.
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
    name, dtype, input_shape, ... :
        As in `Layer`. Options of Keras that choose an implementation (`unroll`, `use_cudnn`,
        `implementation`) are accepted and change nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.SimpleRNN(4, return_sequences=True)(np.ones((2, 3, 5))).shape
    (2, 3, 4)
    """

    cell = "rnn"
    gates = 1
    states = 1
