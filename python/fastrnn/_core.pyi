# The C++ core, as csrc/bindings binds it. It checks nothing: fastrnn.ops does.
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_Double = npt.NDArray[np.float64]
# float32 for what ends in _float, float64 for what ends in _double.
_Real = npt.NDArray[np.float32] | npt.NDArray[np.float64]
# By name, in the core's words (csrc/fastrnn.h); None where a sequence has no such array.
_Arrays = dict[str, Any]

ISA: Final[str]
AVAILABLE_ISAS: Final[tuple[str, ...]]
COMPILER: Final[str]

# Name to number; the numbers from FIRST_UNFUSED on need their input for the derivative.
ACTIVATIONS: Final[dict[str, int]]
ACTIVATION_PARAMETERS: Final[dict[str, float]]
ROW_ACTIVATIONS: Final[dict[str, int]]
FIRST_UNFUSED: Final[int]

# Name to (number, blocks of columns in the weights, values a unit and step that forward saves).
CELLS: Final[dict[str, tuple[int, int, int]]]

def num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def empty_float(shape: tuple[int, ...]) -> _Real: ...

empty_double = empty_float

class PackedRecurrentFloat: ...

PackedRecurrentDouble = PackedRecurrentFloat

class RecurrentWeightsFloat:
    def __init__(
        self,
        cell: int,
        activation: int,
        gate_activation: int,
        kernel: _Real,
        recurrent: _Real,
        bias: _Real | None,
        peephole: _Real | None,
    ) -> None: ...
    def pack(self, mask_per_gate: bool) -> PackedRecurrentFloat: ...

RecurrentWeightsDouble = RecurrentWeightsFloat

def recurrent_forward_float(
    packed: PackedRecurrentFloat, arrays: _Arrays, h_n: _Real, c_n: _Real | None
) -> None: ...

recurrent_forward_double = recurrent_forward_float

def recurrent_step_float(
    packed: PackedRecurrentFloat, x: _Real, h: _Real, c: _Real | None, y: _Real
) -> None: ...

recurrent_step_double = recurrent_step_float

def recurrent_backward_float(
    weights: RecurrentWeightsFloat,
    mask_per_gate: bool,
    arrays: _Arrays,
    dy: _Real | None,
    dh_n: _Real | None,
    dc_n: _Real | None,
    out: _Arrays,
) -> None: ...

recurrent_backward_double = recurrent_backward_float

class ConvShape:
    def __init__(self, numbers: Sequence[int]) -> None: ...

class PoolShape:
    def __init__(self, numbers: Sequence[int]) -> None: ...

def conv_algorithm(shape: ConvShape) -> int: ...
def conv_forward_float(
    shape: ConvShape,
    algorithm: int,
    x: _Real,
    kernel: _Real,
    bias: _Real | None,
    y: _Real,
    activation: int,
) -> None: ...

conv_forward_double = conv_forward_float

def conv_input_float(
    shape: ConvShape,
    algorithm: int,
    dz: _Real,
    kernel: _Real,
    bias: _Real | None,
    dx: _Real,
    activation: int,
) -> None: ...

conv_input_double = conv_input_float

def conv_weights_float(
    shape: ConvShape,
    x: _Real,
    dy: _Real,
    dkernel: _Real,
    dbias: _Real | None,
    y: _Real | None = None,
    activation: int = 0,
    dz: _Real | None = None,
    algorithm: int = 0,
) -> None: ...

conv_weights_double = conv_weights_float

def conv_lstm_forward_float(
    shape: ConvShape, numbers: dict[str, int], arrays: _Arrays, save: bool
) -> None: ...

conv_lstm_forward_double = conv_lstm_forward_float

def conv_lstm_backward_float(
    shape: ConvShape, numbers: dict[str, int], arrays: _Arrays
) -> None: ...

conv_lstm_backward_double = conv_lstm_backward_float

def dense_forward_float(
    x: _Real, kernel: _Real, bias: _Real | None, y: _Real, activation: int
) -> None: ...

dense_forward_double = dense_forward_float

def dense_backward_float(
    x: _Real,
    kernel: _Real,
    dz: _Real,
    dx: _Real | None,
    dkernel: _Real | None,
    dbias: _Real | None,
) -> None: ...

dense_backward_double = dense_backward_float

def activation_forward_float(activation: int, parameter: float, x: _Real, y: _Real) -> None: ...

activation_forward_double = activation_forward_float

def activation_backward_float(
    activation: int, parameter: float, dy: _Real, x: _Real | None, y: _Real | None, dx: _Real
) -> None: ...

activation_backward_double = activation_backward_float

def row_activation_forward_float(activation: int, x: _Real, y: _Real) -> None: ...

row_activation_forward_double = row_activation_forward_float

def row_activation_backward_float(activation: int, dy: _Real, saved: _Real, dx: _Real) -> None: ...

row_activation_backward_double = row_activation_backward_float

def softmax_cross_entropy_float(
    logits: _Real, targets: _Real, loss: _Real, dlogits: _Real
) -> None: ...

softmax_cross_entropy_double = softmax_cross_entropy_float

def label_cross_entropy_float(
    logits: _Real, targets: npt.NDArray[np.int64], loss: _Real, dlogits: _Real
) -> None: ...

label_cross_entropy_double = label_cross_entropy_float

def sigmoid_cross_entropy_float(
    logits: _Real, targets: _Real, loss: _Real, dlogits: _Real
) -> None: ...

sigmoid_cross_entropy_double = sigmoid_cross_entropy_float

def distance_loss_float(
    distance: int, delta: float, truth: _Real, prediction: _Real, loss: _Real, gradient: _Real
) -> None: ...

distance_loss_double = distance_loss_float

UPDATE_RULES: Final[dict[str, int]]

def optimizer_update_float(
    rule: int,
    params: _Real,
    grads: _Real,
    state: Sequence[_Real | None],
    scale: float,
    limit: float,
    keep: float,
    numbers: Sequence[float],
) -> None: ...

optimizer_update_double = optimizer_update_float

def average_update_float(average: _Real, params: _Real, momentum: float) -> None: ...

average_update_double = average_update_float

def square_sum_float(x: _Real) -> float: ...

square_sum_double = square_sum_float

def penalty_float(params: _Real, grads: _Real | None, l1: float, l2: float) -> float: ...

penalty_double = penalty_float

# Pooling, normalization, embedding and interpolation, rectifiers.
POOL_KINDS: Final[dict[str, int]]
_Ids = npt.NDArray[np.int64]
_Low = npt.NDArray[np.int32]

def pool_forward_float(shape: PoolShape, kind: int, x: _Real, y: _Real) -> None: ...

pool_forward_double = pool_forward_float

def pool_backward_float(
    shape: PoolShape, kind: int, dy: _Real, x: _Real | None, y: _Real | None, dx: _Real
) -> None: ...

pool_backward_double = pool_backward_float

def batch_statistics_float(x: _Real, mean: _Double, variance: _Double) -> None: ...

batch_statistics_double = batch_statistics_float

def batch_normalize_float(
    x: _Real, gamma: _Real | None, beta: _Real | None, mean: _Double, rstd: _Double, y: _Real
) -> None: ...

batch_normalize_double = batch_normalize_float

def batch_normalize_training_float(
    epsilon: float,
    momentum: float,
    x: _Real,
    gamma: _Real | None,
    beta: _Real | None,
    moving_mean: _Real,
    moving_variance: _Real,
    mean: _Double,
    rstd: _Double,
    y: _Real,
) -> None: ...

batch_normalize_training_double = batch_normalize_training_float

def batch_normalize_backward_float(
    x: _Real,
    dy: _Real,
    gamma: _Real | None,
    mean: _Double,
    rstd: _Double,
    dx: _Real,
    dgamma: _Real,
    dbeta: _Real,
) -> None: ...

batch_normalize_backward_double = batch_normalize_backward_float

def layer_normalize_float(
    channels: int,
    epsilon: float,
    x: _Real,
    gamma: _Real | None,
    beta: _Real | None,
    y: _Real,
    mean: _Real | None,
    rstd: _Real | None,
) -> None: ...

layer_normalize_double = layer_normalize_float

def layer_normalize_backward_float(
    channels: int,
    x: _Real,
    dy: _Real,
    gamma: _Real | None,
    mean: _Real,
    rstd: _Real,
    dx: _Real,
    dgamma: _Real,
    dbeta: _Real,
) -> None: ...

layer_normalize_backward_double = layer_normalize_backward_float

def embedding_float(ids: _Ids, table: _Real, out: _Real) -> None: ...

embedding_double = embedding_float

def embedding_backward_float(ids: _Ids, dy: _Real, dtable: _Real) -> None: ...

embedding_backward_double = embedding_backward_float

def interpolate_float(low: _Low, weight: _Double, x: _Real, y: _Real) -> None: ...

interpolate_double = interpolate_float

def interpolate_backward_float(low: _Low, weight: _Double, dy: _Real, dx: _Real) -> None: ...

interpolate_backward_double = interpolate_backward_float

def relu_float(
    negative_slope: float,
    threshold: float,
    maximum: float,
    x: _Real,
    dy: _Real | None,
    out: _Real,
) -> None: ...

relu_double = relu_float

def prelu_float(x: _Real, alpha: _Real, y: _Real) -> None: ...

prelu_double = prelu_float

def prelu_backward_float(x: _Real, alpha: _Real, dy: _Real, dx: _Real, dalpha: _Real) -> None: ...

prelu_backward_double = prelu_backward_float

# Connectionist temporal classification.
def ctc_loss_float(
    logits: _Real,
    labels: _Ids,
    logit_lengths: _Ids,
    label_lengths: _Ids,
    blank: int,
    losses: _Real,
    dlogits: _Real | None,
) -> None: ...

ctc_loss_double = ctc_loss_float

def ctc_decode_float(
    logits: _Real,
    lengths: _Ids,
    blank: int,
    beam_width: int,
    merge_repeated: bool,
    labels: _Ids,
    scores: _Real,
) -> None: ...

ctc_decode_double = ctc_decode_float
