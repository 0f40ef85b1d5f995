"""Every function of ``fastrnn.ops`` in plain NumPy: the truth the tests compare with.

The names and signatures are those of ``fastrnn.ops``. One keyword is added: ``dtype``,
float64 unless given, the precision everything is computed in; with ``dtype=np.float32``
a function is the "plain float32 NumPy computation" that error budgets are measured
against. Written to be read, not to be fast: the equations as in ``docs/equations.md``,
one Python loop over the time steps. Shapes are not checked; ``fastrnn.ops`` does that.
"""

from .activations import activation, activation_backward, activation_names
from .conv_lstm import conv_lstm2d, conv_lstm2d_backward, conv_lstm2d_forward
from .convolution import (
    conv1d,
    conv1d_backward,
    conv2d,
    conv2d_backward,
    conv3d,
    conv3d_backward,
)
from .convolution_transpose import (
    conv1d_transpose,
    conv1d_transpose_backward,
    conv2d_transpose,
    conv2d_transpose_backward,
    conv3d_transpose,
    conv3d_transpose_backward,
)
from .dense import dense, dense_backward
from .depthwise import (
    depthwise_conv1d,
    depthwise_conv1d_backward,
    depthwise_conv2d,
    depthwise_conv2d_backward,
)
from .embedding import (
    embedding,
    embedding_backward,
)
from .losses import sigmoid_cross_entropy, softmax_cross_entropy
from .normalization import (
    batch_normalization,
    batch_normalization_backward,
    batch_normalization_forward,
    layer_normalization,
    layer_normalization_backward,
    layer_normalization_forward,
)
from .optimizers import adam_update, rmsprop_update, sgd_update
from .pooling import (
    average_pool1d,
    average_pool1d_backward,
    average_pool2d,
    average_pool2d_backward,
    average_pool3d,
    average_pool3d_backward,
    global_average_pool,
    global_average_pool_backward,
    global_max_pool,
    global_max_pool_backward,
    max_pool1d,
    max_pool1d_backward,
    max_pool2d,
    max_pool2d_backward,
    max_pool3d,
    max_pool3d_backward,
)
from .rectifiers import (
    prelu,
    prelu_backward,
    relu,
    relu_backward,
)
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
from .resampling import (
    up_sampling,
    up_sampling_backward,
)

__all__ = [
    "activation",
    "activation_backward",
    "activation_names",
    "adam_update",
    "average_pool1d",
    "average_pool1d_backward",
    "average_pool2d",
    "average_pool2d_backward",
    "average_pool3d",
    "average_pool3d_backward",
    "batch_normalization",
    "batch_normalization_backward",
    "batch_normalization_forward",
    "conv1d",
    "conv1d_backward",
    "conv1d_transpose",
    "conv1d_transpose_backward",
    "conv2d",
    "conv2d_backward",
    "conv2d_transpose",
    "conv2d_transpose_backward",
    "conv3d",
    "conv3d_backward",
    "conv3d_transpose",
    "conv3d_transpose_backward",
    "conv_lstm2d",
    "conv_lstm2d_backward",
    "conv_lstm2d_forward",
    "dense",
    "dense_backward",
    "depthwise_conv1d",
    "depthwise_conv1d_backward",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "embedding",
    "embedding_backward",
    "global_average_pool",
    "global_average_pool_backward",
    "global_max_pool",
    "global_max_pool_backward",
    "gru",
    "gru_backward",
    "gru_forward",
    "layer_normalization",
    "layer_normalization_backward",
    "layer_normalization_forward",
    "lstm",
    "lstm_backward",
    "lstm_forward",
    "max_pool1d",
    "max_pool1d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool3d",
    "max_pool3d_backward",
    "prelu",
    "prelu_backward",
    "relu",
    "relu_backward",
    "rmsprop_update",
    "rnn",
    "rnn_backward",
    "rnn_forward",
    "sgd_update",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "up_sampling",
    "up_sampling_backward",
]
