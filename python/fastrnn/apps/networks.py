"""The networks that `fastrnn train` offers: a small function for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastrnn import layers
from fastrnn.layers import Layer
from fastrnn.models import Sequential
from fastrnn.video import Preprocessing

MAX_UNITS = 65536


@dataclass(frozen=True)
class Architecture:
    """A network by its name, and the sizes of its layers.

    Attributes
    ----------
    network : str
        One of `NETWORKS`: ``cnn-lstm`` and ``cnn-gru``, convolutions over each frame, then
        recurrent layers over the frames; ``convlstm``, a recurrence that keeps the picture's
        places; ``rows-lstm``, an LSTM over each frame's rows, then over the frames;
        ``frames-lstm``, LSTM layers over the frames' pixels.
    units : tuple of int, optional
        Units of each recurrent layer, first to last; in a ConvLSTM, its filters. By default what
        suits the network.
    filters : tuple of int, optional
        Filters of each convolution in front, first to last; empty for networks without.
    dropout : float
        Share of values dropped after each recurrent layer, while training.

    Raises
    ------
    ValueError
        If the network is unknown or a size does not fit.

    Examples
    --------
    >>> from fastrnn.apps import Architecture
    >>> Architecture("cnn-lstm", units=(32,))
    Architecture(network='cnn-lstm', units=(32,), filters=(16, 32, 64), dropout=0.2)
    """

    network: str = "cnn-lstm"
    units: tuple[int, ...] | None = None
    filters: tuple[int, ...] | None = None
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ValueError(
                f"architecture: network must be one of {tuple(NETWORKS)}, got {self.network!r}"
            )
        known = NETWORKS[self.network]
        for name in ("units", "filters"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(known, name))
        _check_sizes("units", self.units or ())
        if known.filters:
            _check_sizes("filters", self.filters or ())
        elif self.filters:
            raise ValueError(f"architecture: {self.network} has no convolutions to give filters")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"architecture: dropout must be in [0, 1), got {self.dropout}")


@dataclass(frozen=True)
class Network:
    """A network's function, and what suits it.

    Attributes
    ----------
    build : callable
        From an architecture and the preprocessing to the layers between input and softmax.
    units, filters : tuple of int
        Sizes of its layers.
    size : int
        Width and height of its frames in pixels.
    """

    build: Callable[[Architecture, Preprocessing], Iterator[Layer]]
    units: tuple[int, ...]
    filters: tuple[int, ...]
    size: int


def build_network(
    architecture: Architecture, preprocessing: Preprocessing, classes: int
) -> Sequential:
    """Make the network for windows of frames.

    Parameters
    ----------
    architecture : Architecture
        Which one, and its sizes.
    preprocessing : Preprocessing
        Says what windows are like: inputs are (N, window, H, W, C).
    classes : int
        Outputs, whose probabilities add up to one.

    Returns
    -------
    Sequential
        Not yet compiled.

    Examples
    --------
    >>> from fastrnn.apps.networks import Architecture, build_network
    >>> from fastrnn.video import Preprocessing
    >>> network = build_network(Architecture("cnn-gru"), Preprocessing(), 3)
    >>> network.output_shape
    (None, 3)
    """
    model = Sequential()
    model.add(layers.Input((preprocessing.window, *preprocessing.frame_shape)))
    for layer in NETWORKS[architecture.network].build(architecture, preprocessing):
        model.add(layer)
    model.add(layers.Dense(classes, activation="softmax"))
    return model


def cnn_lstm(architecture: Architecture, preprocessing: Preprocessing) -> Iterator[Layer]:
    """Convolutions over each frame, LSTM layers over the frames."""
    yield from _pictures(architecture, preprocessing)
    yield layers.GlobalMaxPooling2D()
    yield from _recurrent(layers.LSTM, architecture)


def cnn_gru(architecture: Architecture, preprocessing: Preprocessing) -> Iterator[Layer]:
    """Convolutions over each frame, GRU layers over the frames."""
    yield from _pictures(architecture, preprocessing)
    yield layers.GlobalMaxPooling2D()
    yield from _recurrent(layers.GRU, architecture)


def convlstm(architecture: Architecture, preprocessing: Preprocessing) -> Iterator[Layer]:
    """Convolutions over each frame, ConvLSTM layers over the frames, the mean of each map."""
    yield from _pictures(architecture, preprocessing)
    yield from _recurrent(layers.ConvLSTM2D, architecture, kernel_size=3, padding="same")
    yield layers.GlobalAveragePooling2D()


def rows_lstm(architecture: Architecture, preprocessing: Preprocessing) -> Iterator[Layer]:
    """An LSTM that reads each frame row by row; what it knows at the end goes over the frames."""
    height, width, channels = preprocessing.frame_shape
    assert architecture.units is not None
    yield layers.Reshape((preprocessing.window, height, width * channels))
    yield layers.TimeDistributed(layers.LSTM(architecture.units[0]))
    yield from _recurrent(layers.LSTM, architecture)


def frames_lstm(architecture: Architecture, preprocessing: Preprocessing) -> Iterator[Layer]:
    """LSTM layers over the frames, each frame one row of pixels."""
    yield layers.Flatten()
    yield from _recurrent(layers.LSTM, architecture)


NETWORKS = {
    "cnn-lstm": Network(cnn_lstm, (64,), (16, 32, 64), 48),
    "cnn-gru": Network(cnn_gru, (64,), (16, 32, 64), 48),
    "convlstm": Network(convlstm, (32,), (16, 32), 48),
    "rows-lstm": Network(rows_lstm, (64,), (), 32),
    "frames-lstm": Network(frames_lstm, (128, 64), (), 32),
}


def _pictures(architecture: Architecture, preprocessing: Preprocessing) -> Iterator[Layer]:
    """Convolutions that halve the picture's sides: the first by its stride, all by pooling.

    What follows takes the largest value or the mean of each map: where in the picture something
    moves differs from clip to clip, and is not what is to be learnt.
    """
    side = -(-min(preprocessing.height, preprocessing.width) // 2)
    for number, filters in enumerate(architecture.filters or ()):
        size, strides = (3, 1) if number else (5, 2)
        yield layers.Conv2D(filters, size, strides=strides, padding="same", activation="relu")
        if side > 1:
            yield layers.MaxPooling2D(2)
        # After pooling, where a quarter of the values is left to normalize.
        yield layers.BatchNormalization(momentum=0.9)
        side //= 2


def _recurrent(kind: Any, architecture: Architecture, **options: Any) -> Iterator[Layer]:
    """Layers of the architecture's units, each with its dropout; the last gives one result."""
    units = architecture.units or ()
    for number, size in enumerate(units, 1):
        yield kind(size, return_sequences=number < len(units), **options)
        if architecture.dropout > 0.0:
            yield layers.Dropout(architecture.dropout)


def _check_sizes(name: str, sizes: tuple[int, ...]) -> None:
    if not sizes or not all(isinstance(size, int) and 1 <= size <= MAX_UNITS for size in sizes):
        raise ValueError(
            f"architecture: {name} must be one or more ints in [1, {MAX_UNITS}], got {sizes}"
        )
