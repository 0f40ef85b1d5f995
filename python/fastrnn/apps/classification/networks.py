"""The networks that `fastrnn train` offers for clips and images: a small function for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastrnn import layers
from fastrnn.layers import Layer
from fastrnn.models import Sequential

MAX_UNITS = 65536

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Architecture:
    """A network by its name, and the sizes of its layers.

    Attributes
    ----------
    network : str
        One of `VIDEO_NETWORKS`: ``cnn-lstm`` and ``cnn-gru``, convolutions over each frame, then
        recurrent layers over the frames; ``convlstm``, a recurrence that keeps the picture's
        places; ``rows-lstm``, an LSTM over each frame's rows, then over the frames;
        ``frames-lstm``, LSTM layers over the frames' pixels. Or of `IMAGE_NETWORKS`: ``cnn``,
        convolutions and a dense layer; ``rows-lstm``, ``rows-gru`` and ``rows-rnn``, recurrent
        layers that read the image row by row.
    units : tuple of int
        Units of each recurrent or dense layer, first to last; in a ConvLSTM, its filters.
    filters : tuple of int
        Filters of each convolution in front, first to last; empty for networks without.
    dropout : float
        Share of values dropped after each layer of `units`, while training.
    """

    network: str
    units: tuple[int, ...]
    filters: tuple[int, ...]
    dropout: float


@dataclass(frozen=True)
class Network:
    """A network's function, and what suits it.

    Attributes
    ----------
    build : callable
        From an architecture and the input's shape to the layers between input and softmax.
    units, filters : tuple of int
        Sizes of its layers.
    size : int
        Width and height of its pictures in pixels.
    """

    build: Callable[[Architecture, Shape], Iterator[Layer]]
    units: tuple[int, ...]
    filters: tuple[int, ...]
    size: int


def architecture_of(
    networks: Mapping[str, Network],
    network: str,
    units: tuple[int, ...] | None = None,
    filters: tuple[int, ...] | None = None,
    dropout: float = 0.0,
) -> Architecture:
    """An architecture of which what is None is what suits its network.

    Raises
    ------
    ValueError
        If the network is unknown or a size does not fit.

    Examples
    --------
    >>> from fastrnn.apps.classification import VIDEO_NETWORKS, architecture_of
    >>> architecture_of(VIDEO_NETWORKS, "cnn-lstm", units=(32,))
    Architecture(network='cnn-lstm', units=(32,), filters=(16, 32, 64), dropout=0.0)
    """
    if network not in networks:
        raise ValueError(f"train: network must be one of {tuple(networks)}, got {network!r}")
    known = networks[network]
    units = known.units if units is None else units
    _check_sizes("units", units)
    if known.filters:
        filters = known.filters if filters is None else filters
        _check_sizes("filters", filters)
    elif filters:
        raise ValueError(f"train: {network} has no convolutions to give filters")
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"train: dropout must be in [0, 1), got {dropout}")
    return Architecture(network, units, filters or (), dropout)


def build_network(
    networks: Mapping[str, Network], architecture: Architecture, shape: Shape, classes: int
) -> Sequential:
    """Make a network.

    Parameters
    ----------
    networks : dict of str to Network
        `VIDEO_NETWORKS` or `IMAGE_NETWORKS`.
    architecture : Architecture
        Which one, and its sizes.
    shape : tuple of int
        Of a window of frames (T, H, W, C), or of an image (H, W, C).
    classes : int
        Outputs, whose probabilities add up to one.

    Returns
    -------
    Sequential
        Not yet compiled.

    Examples
    --------
    >>> from fastrnn.apps.classification import IMAGE_NETWORKS, architecture_of, build_network
    >>> architecture = architecture_of(IMAGE_NETWORKS, "rows-lstm")
    >>> build_network(IMAGE_NETWORKS, architecture, (28, 28, 1), 10).output_shape
    (None, 10)
    """
    model = Sequential()
    model.add(layers.Input(shape))
    for layer in networks[architecture.network].build(architecture, shape):
        model.add(layer)
    model.add(layers.Dense(classes, activation="softmax"))
    return model


def cnn_lstm(architecture: Architecture, shape: Shape) -> Iterator[Layer]:
    """Convolutions over each frame, LSTM layers over the frames."""
    yield from _pictures(architecture, shape)
    yield layers.GlobalMaxPooling2D()
    yield from _recurrent(layers.LSTM, architecture)


def cnn_gru(architecture: Architecture, shape: Shape) -> Iterator[Layer]:
    """Convolutions over each frame, GRU layers over the frames."""
    yield from _pictures(architecture, shape)
    yield layers.GlobalMaxPooling2D()
    yield from _recurrent(layers.GRU, architecture)


def convlstm(architecture: Architecture, shape: Shape) -> Iterator[Layer]:
    """Convolutions over each frame, ConvLSTM layers over the frames, the mean of each map."""
    yield from _pictures(architecture, shape)
    options = {"kernel_size": 3, "padding": "same"}
    yield from _recurrent(layers.ConvLSTM2D, architecture, **options)
    yield layers.GlobalAveragePooling2D()


def rows_lstm_over_frames(architecture: Architecture, shape: Shape) -> Iterator[Layer]:
    """An LSTM that reads each frame row by row; what it knows at the end goes over the frames."""
    frames, height, width, channels = shape
    yield layers.Reshape((frames, height, width * channels))
    yield layers.TimeDistributed(layers.LSTM(architecture.units[0]))
    yield from _recurrent(layers.LSTM, architecture)


def frames_lstm(architecture: Architecture, shape: Shape) -> Iterator[Layer]:
    """LSTM layers over the frames, each frame one row of pixels."""
    yield layers.Flatten()
    yield from _recurrent(layers.LSTM, architecture)


def cnn(architecture: Architecture, shape: Shape) -> Iterator[Layer]:
    """Convolutions that each halve the image's sides, and dense layers."""
    side = min(shape[:2])
    for filters in architecture.filters:
        yield layers.Conv2D(filters, 3, padding="same", activation="relu")
        if side > 1:
            yield layers.MaxPooling2D(2)
        yield layers.BatchNormalization(momentum=0.9)
        side //= 2
    yield layers.Flatten()
    for units in architecture.units:
        yield layers.Dense(units, activation="relu")
        if architecture.dropout > 0.0:
            yield layers.Dropout(architecture.dropout)


def rows(kind: Any) -> Callable[[Architecture, Shape], Iterator[Layer]]:
    """Recurrent layers of a kind that read an image row by row, as a sequence in time."""

    def build(architecture: Architecture, shape: Shape) -> Iterator[Layer]:
        height, width, channels = shape
        yield layers.Reshape((height, width * channels))
        yield from _recurrent(kind, architecture)

    return build


VIDEO_NETWORKS = {
    "cnn-lstm": Network(cnn_lstm, (64,), (16, 32, 64), 48),
    "cnn-gru": Network(cnn_gru, (64,), (16, 32, 64), 48),
    "convlstm": Network(convlstm, (32,), (16, 32), 48),
    "rows-lstm": Network(rows_lstm_over_frames, (64,), (), 32),
    "frames-lstm": Network(frames_lstm, (128, 64), (), 32),
}
IMAGE_NETWORKS = {
    "cnn": Network(cnn, (128,), (32, 64), 32),
    "rows-lstm": Network(rows(layers.LSTM), (128,), (), 32),
    "rows-gru": Network(rows(layers.GRU), (128,), (), 32),
    "rows-rnn": Network(rows(layers.SimpleRNN), (128,), (), 32),
}


def _pictures(architecture: Architecture, shape: Shape) -> Iterator[Layer]:
    """Convolutions that halve the picture's sides: the first by its stride, all by pooling.

    What follows takes the largest value or the mean of each map: where in the picture something
    moves differs from clip to clip, and is not what is to be learnt.
    """
    side = -(-min(shape[1:3]) // 2)
    for number, filters in enumerate(architecture.filters):
        size, strides = (3, 1) if number else (5, 2)
        yield layers.Conv2D(filters, size, strides=strides, padding="same", activation="relu")
        if side > 1:
            yield layers.MaxPooling2D(2)
        # After pooling, where a quarter of the values is left to normalize.
        yield layers.BatchNormalization(momentum=0.9)
        side //= 2


def _recurrent(kind: Any, architecture: Architecture, **options: Any) -> Iterator[Layer]:
    """Layers of the architecture's units, each with its dropout; the last gives one result."""
    units = architecture.units
    for number, size in enumerate(units, 1):
        yield kind(size, return_sequences=number < len(units), **options)
        if architecture.dropout > 0.0:
            yield layers.Dropout(architecture.dropout)


def _check_sizes(name: str, sizes: tuple[int, ...]) -> None:
    if not sizes or not all(isinstance(size, int) and 1 <= size <= MAX_UNITS for size in sizes):
        raise ValueError(f"train: {name} must be one or more ints in [1, {MAX_UNITS}], got {sizes}")
