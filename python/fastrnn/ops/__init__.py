"""The kernels as functions over NumPy arrays; the recurrent ones over arrays on a GPU, too.

Shapes and dtypes are checked here; then the C++ core runs. N sequences, T steps, I inputs, H hidden
units; equations in docs/equations.md.
"""

from fastrnn.ops._sequence import FUSED_ACTIVATIONS
from fastrnn.ops.activations import activation, activation_backward, activation_names
from fastrnn.ops.conv_lstm import conv_lstm2d, conv_lstm2d_backward, conv_lstm2d_forward
from fastrnn.ops.convolution import (
    conv1d,
    conv1d_backward,
    conv2d,
    conv2d_backward,
    conv3d,
    conv3d_backward,
    conv_algorithm,
)
from fastrnn.ops.convolution_transpose import (
    conv1d_transpose,
    conv1d_transpose_backward,
    conv2d_transpose,
    conv2d_transpose_backward,
    conv3d_transpose,
    conv3d_transpose_backward,
)
from fastrnn.ops.ctc import ctc_decode, ctc_loss, ctc_loss_backward, ctc_loss_forward
from fastrnn.ops.dense import dense, dense_backward
from fastrnn.ops.depthwise import (
    depthwise_conv1d,
    depthwise_conv1d_backward,
    depthwise_conv2d,
    depthwise_conv2d_backward,
)
from fastrnn.ops.embedding import (
    embedding,
    embedding_backward,
)
from fastrnn.ops.gpu import GpuPlan, gpu_plan, side_by_side
from fastrnn.ops.gru import gru, gru_backward, gru_forward
from fastrnn.ops.losses import distance_loss, sigmoid_cross_entropy, softmax_cross_entropy
from fastrnn.ops.lstm import lstm, lstm_backward, lstm_forward
from fastrnn.ops.normalization import (
    batch_normalization,
    batch_normalization_backward,
    batch_normalization_forward,
    layer_normalization,
    layer_normalization_backward,
    layer_normalization_forward,
)
from fastrnn.ops.optimizers import (
    adadelta_update,
    adagrad_update,
    adam_update,
    adamax_update,
    ftrl_update,
    lion_update,
    nadam_update,
    rmsprop_update,
    sgd_update,
)
from fastrnn.ops.packed import PackedRecurrent, RecurrentStream
from fastrnn.ops.parameters import average_update, norm, penalty
from fastrnn.ops.pooling import (
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
from fastrnn.ops.rectifiers import (
    prelu,
    prelu_backward,
    relu,
    relu_backward,
)
from fastrnn.ops.resampling import (
    up_sampling,
    up_sampling_backward,
)
from fastrnn.ops.rnn import rnn, rnn_backward, rnn_forward

__all__ = [
    "FUSED_ACTIVATIONS",
    "GpuPlan",
    "PackedRecurrent",
    "RecurrentStream",
    "activation",
    "activation_backward",
    "activation_names",
    "adadelta_update",
    "adagrad_update",
    "adam_update",
    "adamax_update",
    "average_pool1d",
    "average_pool1d_backward",
    "average_pool2d",
    "average_pool2d_backward",
    "average_pool3d",
    "average_pool3d_backward",
    "average_update",
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
    "conv_algorithm",
    "conv_lstm2d",
    "conv_lstm2d_backward",
    "conv_lstm2d_forward",
    "ctc_decode",
    "ctc_loss",
    "ctc_loss_backward",
    "ctc_loss_forward",
    "dense",
    "dense_backward",
    "depthwise_conv1d",
    "depthwise_conv1d_backward",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "distance_loss",
    "embedding",
    "embedding_backward",
    "ftrl_update",
    "global_average_pool",
    "global_average_pool_backward",
    "global_max_pool",
    "global_max_pool_backward",
    "gpu_plan",
    "gru",
    "gru_backward",
    "gru_forward",
    "layer_normalization",
    "layer_normalization_backward",
    "layer_normalization_forward",
    "lion_update",
    "lstm",
    "lstm_backward",
    "lstm_forward",
    "max_pool1d",
    "max_pool1d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool3d",
    "max_pool3d_backward",
    "nadam_update",
    "norm",
    "penalty",
    "prelu",
    "prelu_backward",
    "relu",
    "relu_backward",
    "rmsprop_update",
    "rnn",
    "rnn_backward",
    "rnn_forward",
    "sgd_update",
    "side_by_side",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "up_sampling",
    "up_sampling_backward",
]
