# The C++ core, as csrc/bindings binds it. It checks nothing: fastrnn.ops does.
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_Float = npt.NDArray[np.float32]
_Double = npt.NDArray[np.float64]
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
def empty_float(shape: tuple[int, ...]) -> _Float: ...
def empty_double(shape: tuple[int, ...]) -> _Double: ...

class PackedRecurrentFloat: ...

class RecurrentWeightsFloat:
    def __init__(
        self,
        cell: int,
        activation: int,
        gate_activation: int,
        kernel: _Float,
        recurrent: _Float,
        bias: _Float | None,
        peephole: _Float | None,
    ) -> None: ...
    def pack(self, mask_per_gate: bool) -> PackedRecurrentFloat: ...

class PackedRecurrentDouble: ...

class RecurrentWeightsDouble:
    def __init__(
        self,
        cell: int,
        activation: int,
        gate_activation: int,
        kernel: _Double,
        recurrent: _Double,
        bias: _Double | None,
        peephole: _Double | None,
    ) -> None: ...
    def pack(self, mask_per_gate: bool) -> PackedRecurrentDouble: ...

def recurrent_forward_float(
    packed: PackedRecurrentFloat, arrays: _Arrays, h_n: _Float, c_n: _Float | None
) -> None: ...
def recurrent_forward_double(
    packed: PackedRecurrentDouble,
    arrays: _Arrays,
    h_n: _Double,
    c_n: _Double | None,
) -> None: ...
def recurrent_step_float(
    packed: PackedRecurrentFloat, x: _Float, h: _Float, c: _Float | None, y: _Float
) -> None: ...
def recurrent_step_double(
    packed: PackedRecurrentDouble,
    x: _Double,
    h: _Double,
    c: _Double | None,
    y: _Double,
) -> None: ...
def recurrent_backward_float(
    weights: RecurrentWeightsFloat,
    mask_per_gate: bool,
    arrays: _Arrays,
    dy: _Float | None,
    dh_n: _Float | None,
    dc_n: _Float | None,
    out: _Arrays,
) -> None: ...
def recurrent_backward_double(
    weights: RecurrentWeightsDouble,
    mask_per_gate: bool,
    arrays: _Arrays,
    dy: _Double | None,
    dh_n: _Double | None,
    dc_n: _Double | None,
    out: _Arrays,
) -> None: ...

class ConvShape:
    def __init__(self, numbers: Sequence[int]) -> None: ...

class PoolShape:
    def __init__(self, numbers: Sequence[int]) -> None: ...

def conv_algorithm(shape: ConvShape) -> int: ...
def conv_forward_float(
    shape: ConvShape,
    algorithm: int,
    x: _Float,
    kernel: _Float,
    bias: _Float | None,
    y: _Float,
    activation: int,
) -> None: ...
def conv_input_float(
    shape: ConvShape,
    algorithm: int,
    dz: _Float,
    kernel: _Float,
    bias: _Float | None,
    dx: _Float,
    activation: int,
) -> None: ...
def conv_weights_float(
    shape: ConvShape,
    x: _Float,
    dy: _Float,
    dkernel: _Float,
    dbias: _Float | None,
    y: _Float | None = None,
    activation: int = 0,
    dz: _Float | None = None,
    algorithm: int = 0,
) -> None: ...
def conv_forward_double(
    shape: ConvShape,
    algorithm: int,
    x: _Double,
    kernel: _Double,
    bias: _Double | None,
    y: _Double,
    activation: int,
) -> None: ...
def conv_input_double(
    shape: ConvShape,
    algorithm: int,
    dz: _Double,
    kernel: _Double,
    bias: _Double | None,
    dx: _Double,
    activation: int,
) -> None: ...
def conv_weights_double(
    shape: ConvShape,
    x: _Double,
    dy: _Double,
    dkernel: _Double,
    dbias: _Double | None,
    y: _Double | None = None,
    activation: int = 0,
    dz: _Double | None = None,
    algorithm: int = 0,
) -> None: ...
def conv_lstm_forward_float(
    shape: ConvShape, numbers: dict[str, int], arrays: _Arrays, save: bool
) -> None: ...
def conv_lstm_backward_float(
    shape: ConvShape, numbers: dict[str, int], arrays: _Arrays
) -> None: ...
def conv_lstm_forward_double(
    shape: ConvShape, numbers: dict[str, int], arrays: _Arrays, save: bool
) -> None: ...
def conv_lstm_backward_double(
    shape: ConvShape, numbers: dict[str, int], arrays: _Arrays
) -> None: ...
def dense_forward_float(
    x: _Float, kernel: _Float, bias: _Float | None, y: _Float, activation: int
) -> None: ...
def dense_forward_double(
    x: _Double,
    kernel: _Double,
    bias: _Double | None,
    y: _Double,
    activation: int,
) -> None: ...
def dense_backward_float(
    x: _Float,
    kernel: _Float,
    dz: _Float,
    dx: _Float | None,
    dkernel: _Float | None,
    dbias: _Float | None,
) -> None: ...
def dense_backward_double(
    x: _Double,
    kernel: _Double,
    dz: _Double,
    dx: _Double | None,
    dkernel: _Double | None,
    dbias: _Double | None,
) -> None: ...
def activation_forward_float(activation: int, parameter: float, x: _Float, y: _Float) -> None: ...
def activation_forward_double(
    activation: int, parameter: float, x: _Double, y: _Double
) -> None: ...
def activation_backward_float(
    activation: int, parameter: float, dy: _Float, x: _Float | None, y: _Float | None, dx: _Float
) -> None: ...
def activation_backward_double(
    activation: int,
    parameter: float,
    dy: _Double,
    x: _Double | None,
    y: _Double | None,
    dx: _Double,
) -> None: ...
def row_activation_forward_float(activation: int, x: _Float, y: _Float) -> None: ...
def row_activation_forward_double(activation: int, x: _Double, y: _Double) -> None: ...
def row_activation_backward_float(
    activation: int, dy: _Float, saved: _Float, dx: _Float
) -> None: ...
def row_activation_backward_double(
    activation: int, dy: _Double, saved: _Double, dx: _Double
) -> None: ...
def softmax_cross_entropy_float(
    logits: _Float, targets: _Float, loss: _Float, dlogits: _Float
) -> None: ...
def softmax_cross_entropy_double(
    logits: _Double, targets: _Double, loss: _Double, dlogits: _Double
) -> None: ...
def label_cross_entropy_float(
    logits: _Float, targets: npt.NDArray[np.int64], loss: _Float, dlogits: _Float
) -> None: ...
def label_cross_entropy_double(
    logits: _Double,
    targets: npt.NDArray[np.int64],
    loss: _Double,
    dlogits: _Double,
) -> None: ...
def sigmoid_cross_entropy_float(
    logits: _Float, targets: _Float, loss: _Float, dlogits: _Float
) -> None: ...
def sigmoid_cross_entropy_double(
    logits: _Double, targets: _Double, loss: _Double, dlogits: _Double
) -> None: ...
def distance_loss_float(
    distance: int, delta: float, truth: _Float, prediction: _Float, loss: _Float, gradient: _Float
) -> None: ...
def distance_loss_double(
    distance: int,
    delta: float,
    truth: _Double,
    prediction: _Double,
    loss: _Double,
    gradient: _Double,
) -> None: ...

UPDATE_RULES: Final[dict[str, int]]

def optimizer_update_float(
    rule: int,
    params: _Float,
    grads: _Float,
    state: Sequence[_Float | None],
    scale: float,
    limit: float,
    keep: float,
    numbers: Sequence[float],
) -> None: ...
def optimizer_update_double(
    rule: int,
    params: _Double,
    grads: _Double,
    state: Sequence[_Double | None],
    scale: float,
    limit: float,
    keep: float,
    numbers: Sequence[float],
) -> None: ...
def average_update_float(average: _Float, params: _Float, momentum: float) -> None: ...
def average_update_double(average: _Double, params: _Double, momentum: float) -> None: ...
def square_sum_float(x: _Float) -> float: ...
def square_sum_double(x: _Double) -> float: ...
def penalty_float(params: _Float, grads: _Float | None, l1: float, l2: float) -> float: ...
def penalty_double(params: _Double, grads: _Double | None, l1: float, l2: float) -> float: ...

# Pooling, normalization, embedding and interpolation, rectifiers.
POOL_KINDS: Final[dict[str, int]]
_Ids = npt.NDArray[np.int64]
_Low = npt.NDArray[np.int32]

def pool_forward_float(shape: PoolShape, kind: int, x: _Float, y: _Float) -> None: ...
def pool_forward_double(shape: PoolShape, kind: int, x: _Double, y: _Double) -> None: ...
def pool_backward_float(
    shape: PoolShape, kind: int, dy: _Float, x: _Float | None, y: _Float | None, dx: _Float
) -> None: ...
def pool_backward_double(
    shape: PoolShape, kind: int, dy: _Double, x: _Double | None, y: _Double | None, dx: _Double
) -> None: ...
def batch_statistics_float(x: _Float, mean: _Double, variance: _Double) -> None: ...
def batch_statistics_double(x: _Double, mean: _Double, variance: _Double) -> None: ...
def batch_normalize_float(
    x: _Float, gamma: _Float | None, beta: _Float | None, mean: _Double, rstd: _Double, y: _Float
) -> None: ...
def batch_normalize_double(
    x: _Double,
    gamma: _Double | None,
    beta: _Double | None,
    mean: _Double,
    rstd: _Double,
    y: _Double,
) -> None: ...
def batch_normalize_training_float(
    epsilon: float,
    momentum: float,
    x: _Float,
    gamma: _Float | None,
    beta: _Float | None,
    moving_mean: _Float,
    moving_variance: _Float,
    mean: _Double,
    rstd: _Double,
    y: _Float,
) -> None: ...
def batch_normalize_training_double(
    epsilon: float,
    momentum: float,
    x: _Double,
    gamma: _Double | None,
    beta: _Double | None,
    moving_mean: _Double,
    moving_variance: _Double,
    mean: _Double,
    rstd: _Double,
    y: _Double,
) -> None: ...
def batch_normalize_backward_float(
    x: _Float,
    dy: _Float,
    gamma: _Float | None,
    mean: _Double,
    rstd: _Double,
    dx: _Float,
    dgamma: _Float,
    dbeta: _Float,
) -> None: ...
def batch_normalize_backward_double(
    x: _Double,
    dy: _Double,
    gamma: _Double | None,
    mean: _Double,
    rstd: _Double,
    dx: _Double,
    dgamma: _Double,
    dbeta: _Double,
) -> None: ...
def layer_normalize_float(
    channels: int,
    epsilon: float,
    x: _Float,
    gamma: _Float | None,
    beta: _Float | None,
    y: _Float,
    mean: _Float | None,
    rstd: _Float | None,
) -> None: ...
def layer_normalize_double(
    channels: int,
    epsilon: float,
    x: _Double,
    gamma: _Double | None,
    beta: _Double | None,
    y: _Double,
    mean: _Double | None,
    rstd: _Double | None,
) -> None: ...
def layer_normalize_backward_float(
    channels: int,
    x: _Float,
    dy: _Float,
    gamma: _Float | None,
    mean: _Float,
    rstd: _Float,
    dx: _Float,
    dgamma: _Float,
    dbeta: _Float,
) -> None: ...
def layer_normalize_backward_double(
    channels: int,
    x: _Double,
    dy: _Double,
    gamma: _Double | None,
    mean: _Double,
    rstd: _Double,
    dx: _Double,
    dgamma: _Double,
    dbeta: _Double,
) -> None: ...
def embedding_float(ids: _Ids, table: _Float, out: _Float) -> None: ...
def embedding_double(ids: _Ids, table: _Double, out: _Double) -> None: ...
def embedding_backward_float(ids: _Ids, dy: _Float, dtable: _Float) -> None: ...
def embedding_backward_double(ids: _Ids, dy: _Double, dtable: _Double) -> None: ...
def interpolate_float(low: _Low, weight: _Double, x: _Float, y: _Float) -> None: ...
def interpolate_double(low: _Low, weight: _Double, x: _Double, y: _Double) -> None: ...
def interpolate_backward_float(low: _Low, weight: _Double, dy: _Float, dx: _Float) -> None: ...
def interpolate_backward_double(low: _Low, weight: _Double, dy: _Double, dx: _Double) -> None: ...
def relu_float(
    negative_slope: float,
    threshold: float,
    maximum: float,
    x: _Float,
    dy: _Float | None,
    out: _Float,
) -> None: ...
def relu_double(
    negative_slope: float,
    threshold: float,
    maximum: float,
    x: _Double,
    dy: _Double | None,
    out: _Double,
) -> None: ...
def prelu_float(x: _Float, alpha: _Float, y: _Float) -> None: ...
def prelu_double(x: _Double, alpha: _Double, y: _Double) -> None: ...
def prelu_backward_float(
    x: _Float, alpha: _Float, dy: _Float, dx: _Float, dalpha: _Float
) -> None: ...
def prelu_backward_double(
    x: _Double, alpha: _Double, dy: _Double, dx: _Double, dalpha: _Double
) -> None: ...

# Connectionist temporal classification.
def ctc_loss_float(
    logits: _Float,
    labels: _Ids,
    logit_lengths: _Ids,
    label_lengths: _Ids,
    blank: int,
    losses: _Float,
    dlogits: _Float | None,
) -> None: ...
def ctc_decode_float(
    logits: _Float,
    lengths: _Ids,
    blank: int,
    beam_width: int,
    merge_repeated: bool,
    labels: _Ids,
    scores: _Float,
) -> None: ...
def ctc_loss_double(
    logits: _Double,
    labels: _Ids,
    logit_lengths: _Ids,
    label_lengths: _Ids,
    blank: int,
    losses: _Double,
    dlogits: _Double | None,
) -> None: ...
def ctc_decode_double(
    logits: _Double,
    lengths: _Ids,
    blank: int,
    beam_width: int,
    merge_repeated: bool,
    labels: _Ids,
    scores: _Double,
) -> None: ...
