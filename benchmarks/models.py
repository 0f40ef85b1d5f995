"""The networks that are trained: layers by their Keras names, shapes, weights, data, targets.

They are the usual small networks for pictures and clips: a CNN for digits, recurrent layers over
rows of pixels or over frames, a CNN under an LSTM, the two halves of a GAN.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]

CLASSES = 10
# Layers for single pictures, which Keras applies to frames through TimeDistributed alone.
PICTURE_LAYERS = ("Conv2D", "Conv2DTranspose", "MaxPooling2D", "Flatten")


@dataclass(frozen=True)
class Block:
    """A layer: the name of its class and its arguments."""

    kind: str
    options: dict[str, Any] = field(default_factory=dict)

    def weights_and_output(self, shape: Shape) -> tuple[list[Shape], Shape]:
        """Shapes of the weights, in Keras' order, and of the output; none has a batch axis."""
        o = self.options
        if self.kind == "Dense":
            return [(shape[-1], o["units"]), (o["units"],)], (*shape[:-1], o["units"])
        if self.kind == "LSTM":
            steps, units, inputs = shape[0], o["units"], math.prod(shape[1:])
            weights = [(inputs, 4 * units), (units, 4 * units), (4 * units,)]
            return weights, (steps, units) if o.get("return_sequences") else (units,)
        if self.kind == "Flatten":
            return [], (*shape[:-3], math.prod(shape[-3:]))
        if self.kind == "Reshape":
            return [], o["target_shape"]
        if self.kind in ("Dropout", "LeakyReLU"):
            return [], shape
        *lead, h, w, c = shape
        if self.kind == "MaxPooling2D":
            size = o["pool_size"]
            return [], (*lead, h // size, w // size, c)
        k, s, f = o["kernel_size"], o.get("strides", 1), o["filters"]
        same = o.get("padding") == "same"
        if self.kind == "Conv2DTranspose":
            return [(k, k, f, c), (f,)], (*lead, h * s, w * s, f)
        out = [-(-n // s) if same else (n - k) // s + 1 for n in (h, w)]
        return [(k, k, c, f), (f,)], (*lead, *out, f)


@dataclass(frozen=True)
class Model:
    """A network, its batches, how it is trained, and what is to be reached."""

    input: Shape
    batch: int
    blocks: tuple[Block, ...]
    loss: str
    batches: int  # per epoch
    optimizer: str = "adam"
    target: float | None = None  # speed-up of a training step over Keras
    most_mib: float | None = None  # peak of the training process; 1144 MiB are 1.2 GB

    @property
    def frames(self) -> bool:
        """Whether samples are clips: pictures with a time axis before them."""
        return len(self.input) == 4

    @property
    def random(self) -> bool:
        """Whether training draws random numbers, so that losses cannot be compared."""
        return any(block.kind == "Dropout" for block in self.blocks)

    @property
    def output(self) -> Shape:
        *_, (_, _, _, output) = self.walk()
        return output

    def walk(self) -> Iterator[tuple[Block, Shape, list[Shape], Shape]]:
        """Each layer with the shapes of its input, its weights and its output."""
        shape = self.input
        for block in self.blocks:
            weights, output = block.weights_and_output(shape)
            yield block, shape, weights, output
            shape = output

    def weights(self) -> list[Array]:
        """The weights that everybody starts from, in Keras' order."""
        rng = np.random.default_rng(0)
        found = []
        for _, _, shapes, _ in self.walk():
            for shape in shapes:
                limit = 1.0 / math.sqrt(max(math.prod(shape[:-1]), shape[-1]))
                found.append(rng.uniform(-limit, limit, shape).astype(np.float32))
        return found

    def data(self) -> tuple[Array, Array]:
        """Inputs and targets of one epoch."""
        rng = np.random.default_rng(1)
        rows = self.batch * self.batches
        x = rng.standard_normal((rows, *self.input), dtype=np.float32)
        if self.loss == "mean_squared_error":
            return x, rng.standard_normal((rows, *self.output), dtype=np.float32)
        if self.loss == "binary_crossentropy":
            return x, rng.integers(0, 2, (rows, 1)).astype(np.float32)
        labels = rng.integers(0, CLASSES, rows)
        if self.loss == "categorical_crossentropy":
            return x, np.eye(CLASSES, dtype=np.float32)[labels]
        return x, labels


def conv(filters: int, size: int = 3, activation: str | None = "relu", **options: Any) -> Block:
    return Block(
        "Conv2D", {"filters": filters, "kernel_size": size, "activation": activation, **options}
    )


def conv_up(filters: int, strides: int, activation: str) -> Block:
    options = {"filters": filters, "kernel_size": 4, "strides": strides, "padding": "same"}
    return Block("Conv2DTranspose", {**options, "activation": activation})


def lstm(units: int, *, sequences: bool = False) -> Block:
    return Block("LSTM", {"units": units, "return_sequences": sequences})


def dense(units: int, activation: str | None = None) -> Block:
    return Block("Dense", {"units": units, "activation": activation})


def dropout(rate: float) -> Block:
    return Block("Dropout", {"rate": rate})


POOL = Block("MaxPooling2D", {"pool_size": 2})
FLATTEN = Block("Flatten")
LEAKY = Block("LeakyReLU", {"negative_slope": 0.2})
SOFTMAX = dense(CLASSES, "softmax")


def _generator() -> tuple[Block, ...]:
    """Noise to pictures, without the last layers, whose thousands of channels fill any memory."""
    sizes = (128, 256, 512, 1024, 2048, 4096)
    grown = [block for units in sizes for block in (dense(units), LEAKY)]
    shaped = [dense(8192), Block("Reshape", {"target_shape": (8, 8, 128)})]
    ups = [conv_up(128, 1, "relu"), conv_up(256, 2, "relu"), conv_up(512, 2, "tanh")]
    return (*grown, *shaped, *ups)


def _discriminator() -> tuple[Block, ...]:
    convs = [conv(filters, 5, None, strides=2, padding="same") for filters in (64, 128, 256)]
    return (*(block for layer in convs for block in (layer, LEAKY)), FLATTEN, dense(1))


_CNN = (conv(32), POOL, conv(64), POOL, conv(64), FLATTEN, dense(64, "relu"), SOFTMAX)
_CNN_LSTM = (
    *(conv(32), POOL, conv(64), POOL, conv(128), POOL, FLATTEN),
    *(lstm(128, sequences=True), dropout(0.5), lstm(128), SOFTMAX),
)
_THREE = (lstm(64, sequences=True), lstm(64, sequences=True), lstm(64), dense(1, "sigmoid"))
_ONE_VALUE = (lstm(50), dropout(0.2), dense(1))
_SPARSE, _ONE_HOT = "sparse_categorical_crossentropy", "categorical_crossentropy"
_MSE, _BINARY = "mean_squared_error", "binary_crossentropy"

MODELS = {
    "cnn": Model((28, 28, 1), 32, _CNN, _SPARSE, 50, target=2.4),
    "cnn-lstm": Model((32, 128, 128, 3), 2, _CNN_LSTM, _ONE_HOT, 3, target=3.9, most_mib=1144),
    "cnn-lstm-one": Model((16, 64, 64, 3), 1, (conv(32), POOL, FLATTEN, *_ONE_VALUE), _MSE, 10),
    "rows-lstm": Model((28, 28), 32, (lstm(50), SOFTMAX), _ONE_HOT, 100, target=5.5),
    "frames-lstm-one": Model((16, 1024), 1, _ONE_VALUE, _MSE, 100),
    "frames-lstm": Model(
        (32, 512), 64, (lstm(128, sequences=True), lstm(64), SOFTMAX), _ONE_HOT, 20, target=1.45
    ),
    "frames-lstm-dropout": Model(
        (32, 512), 32, (lstm(128, sequences=True), dropout(0.5), lstm(128), SOFTMAX), _ONE_HOT, 20
    ),
    "three-lstm": Model((100, 1), 32, _THREE, _BINARY, 20, target=3.8),
    "generator": Model((100,), 8, _generator(), _MSE, 3),
    "discriminator": Model((8, 8, 128), 32, _discriminator(), _BINARY, 20, optimizer="rmsprop"),
}
