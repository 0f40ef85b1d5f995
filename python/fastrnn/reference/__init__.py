"""Every function of ``fastrnn.ops`` in plain NumPy: the truth the tests compare with.

The names and signatures are those of ``fastrnn.ops``. One keyword is added: ``dtype``,
float64 unless given, the precision everything is computed in; with ``dtype=np.float32``
a function is the "plain float32 NumPy computation" that error budgets are measured
against. Written to be read, not to be fast: the equations as in ``docs/equations.md``,
one Python loop over the time steps. Shapes are not checked; ``fastrnn.ops`` does that.
"""

from .activations import activation, activation_backward, activation_names
from .dense import dense, dense_backward
from .losses import sigmoid_cross_entropy, softmax_cross_entropy
from .optimizers import adam_update, rmsprop_update, sgd_update
from .recurrent import (
    gru,
    gru_backward,
    gru_forward,
    lstm,
    lstm_backward,
    lstm_forward,
    rnn,
    rnn_backward,
    rnn_forward,
)

__all__ = [
    "activation",
    "activation_backward",
    "activation_names",
    "adam_update",
    "dense",
    "dense_backward",
    "gru",
    "gru_backward",
    "gru_forward",
    "lstm",
    "lstm_backward",
    "lstm_forward",
    "rmsprop_update",
    "rnn",
    "rnn_backward",
    "rnn_forward",
    "sgd_update",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]
