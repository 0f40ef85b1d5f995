"""The kernels as functions over NumPy arrays.

Shapes and dtypes are checked here; then the C++ core runs. N sequences, T steps, I inputs, H hidden
units; equations in docs/equations.md.
"""

from fastrnn.ops._sequence import FUSED_ACTIVATIONS
from fastrnn.ops.activations import activation, activation_backward, activation_names
from fastrnn.ops.dense import dense, dense_backward
from fastrnn.ops.gru import gru, gru_backward, gru_forward
from fastrnn.ops.losses import sigmoid_cross_entropy, softmax_cross_entropy
from fastrnn.ops.lstm import lstm, lstm_backward, lstm_forward
from fastrnn.ops.optimizers import adam_update, rmsprop_update, sgd_update
from fastrnn.ops.packed import PackedRecurrent, RecurrentStream
from fastrnn.ops.rnn import rnn, rnn_backward, rnn_forward

__all__ = [
    "FUSED_ACTIVATIONS",
    "PackedRecurrent",
    "RecurrentStream",
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
