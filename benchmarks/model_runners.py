"""Who trains the networks: fastrnn, Keras on TensorFlow with and without XLA, PyTorch."""

from __future__ import annotations

import importlib
import math
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from models import PICTURE_LAYERS, Array, Block, Model, Shape

# Keras has two ways on a CPU: operations one by one, or compiled by XLA. The faster counts.
RUNNERS = ("fastrnn", "keras", "keras xla", "torch")
_EPSILON = 1e-7  # Keras': of Adam, and of probabilities in cross-entropies


class KerasShaped:
    """fastrnn or Keras, by the same code."""

    def __init__(self, runner: str, model: Model, threads: int) -> None:
        self.model = model
        self.keras = _keras_shaped(runner, threads)
        layers = self.keras.layers
        self.net = self.keras.Sequential([layers.Input(shape=model.input)])
        for block in model.blocks:
            layer = getattr(layers, block.kind)(**block.options)
            # fastrnn's layers for pictures take frames as they are.
            if runner != "fastrnn" and model.frames and block.kind in PICTURE_LAYERS:
                layer = layers.TimeDistributed(layer)
            self.net.add(layer)
        options = {} if runner == "fastrnn" else {"jit_compile": runner == "keras xla"}
        self.net.compile(optimizer=model.optimizer, loss=model.loss, **options)
        self.net.set_weights(model.weights())

    def train_step(self, x: Array, y: Array) -> float:
        return float(np.ravel(self.net.train_on_batch(x, y))[0])

    def predict(self, x: Array) -> Array:
        return np.asarray(self.net.predict_on_batch(x))

    def fit(self, x: Array, y: Array, epochs: int) -> list[float]:
        """Train; return the seconds of each epoch."""
        base: Any = self.keras.callbacks.Callback

        class Clock(base):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.epochs: list[float] = []
                self.start = 0.0

            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                self.start = time.perf_counter()

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                self.epochs.append(time.perf_counter() - self.start)

        clock = Clock()
        size = self.model.batch
        self.net.fit(x, y, batch_size=size, epochs=epochs, verbose=0, callbacks=[clock])
        return clock.epochs


def _keras_shaped(runner: str, threads: int) -> Any:
    """The package that has Sequential, layers and callbacks."""
    if runner == "fastrnn":
        library: Any = importlib.import_module("fastrnn")
        library.set_num_threads(threads)
        return library
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    tensorflow: Any = importlib.import_module("tensorflow")
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    return importlib.import_module("keras")


class Torch:
    """The same network of PyTorch's functions, pictures in its channels_last layout."""

    def __init__(self, runner: str, model: Model, threads: int) -> None:
        self.torch: Any = importlib.import_module("torch")
        self.torch.set_num_threads(threads)
        self.functional = self.torch.nn.functional
        self.model = model
        self.parameters: list[Any] = []
        self.training = False
        weights = iter(model.weights())
        self.stages = [
            self._stage(block, shape, [next(weights) for _ in shapes])
            for block, shape, shapes, _ in model.walk()
        ]
        optim = self.torch.optim
        if model.optimizer == "rmsprop":
            self.optimizer = optim.RMSprop(self.parameters, lr=1e-3, alpha=0.9, eps=_EPSILON)
        else:
            self.optimizer = optim.Adam(self.parameters, lr=1e-3, eps=_EPSILON)

    def _parameter(self, array: Array, *axes: int) -> Any:
        tensor = self.torch.from_numpy(np.ascontiguousarray(array.transpose(axes)))
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=self.torch.channels_last)
        self.parameters.append(tensor.requires_grad_())
        return tensor

    def _stage(self, block: Block, shape: Shape, weights: list[Array]) -> Callable[[Any], Any]:
        """A function of a tensor; pictures are (N, C, H, W), their frames in the batch."""
        F, o = self.functional, block.options
        activate = self._activation(o.get("activation"))
        if block.kind == "Dense":
            w, b = self._parameter(weights[0], 1, 0), self._parameter(weights[1], 0)
            return lambda x: activate(F.linear(x, w, b))
        if block.kind == "LSTM":
            return self._lstm(o, weights)
        if block.kind == "Conv2D":
            return self._conv(o, shape, weights, activate)
        if block.kind == "Conv2DTranspose":
            return self._conv_transpose(o, shape, weights, activate)
        if block.kind == "MaxPooling2D":
            return lambda x: F.max_pool2d(x, o["pool_size"])
        if block.kind == "Dropout":
            return lambda x: F.dropout(x, o["rate"], self.training)
        if block.kind == "LeakyReLU":
            return lambda x: F.leaky_relu(x, o["negative_slope"])
        if block.kind == "Reshape":
            return lambda x: x.reshape(-1, *o["target_shape"]).permute(0, 3, 1, 2)
        flat = (*shape[:-3], math.prod(shape[-3:]))
        return lambda x: x.permute(0, 2, 3, 1).reshape(-1, *flat)

    def _activation(self, name: str | None) -> Callable[[Any], Any]:
        torch = self.torch
        # The softmax is part of the loss, and of `predict`.
        functions: dict[str, Callable[[Any], Any]] = {
            "relu": torch.relu,
            "tanh": torch.tanh,
            "sigmoid": torch.sigmoid,
        }
        return functions.get(name or "", lambda x: x)

    def _lstm(self, options: dict[str, Any], weights: list[Array]) -> Callable[[Any], Any]:
        torch, (kernel, recurrent, bias) = self.torch, weights
        layer = torch.nn.LSTM(len(kernel), len(recurrent), batch_first=True)
        values = {"weight_ih_l0": kernel.T, "weight_hh_l0": recurrent.T, "bias_ih_l0": bias}
        with torch.no_grad():
            for name, value in values.items():
                getattr(layer, name).copy_(torch.from_numpy(value))
            layer.bias_hh_l0.zero_()
        layer.bias_hh_l0.requires_grad_(False)  # the second bias, which Keras does not have
        self.parameters += [getattr(layer, name) for name in values]
        every = options["return_sequences"]
        return lambda x: layer(x)[0] if every else layer(x)[0][:, -1]

    def _conv(
        self, options: dict[str, Any], shape: Shape, weights: list[Array], activate: Any
    ) -> Callable[[Any], Any]:
        F, k, s = self.functional, options["kernel_size"], options.get("strides", 1)
        w, b = self._parameter(weights[0], 3, 2, 0, 1), self._parameter(weights[1], 0)
        if options.get("padding") != "same":
            return lambda x: activate(F.conv2d(x, w, b, stride=s))
        pads = [max((-(-n // s) - 1) * s + k - n, 0) for n in shape[-3:-1]]
        (top, bottom), (left, right) = ((pad // 2, pad - pad // 2) for pad in pads)
        return lambda x: activate(F.conv2d(F.pad(x, (left, right, top, bottom)), w, b, stride=s))

    def _conv_transpose(
        self, options: dict[str, Any], shape: Shape, weights: list[Array], activate: Any
    ) -> Callable[[Any], Any]:
        F, k, s = self.functional, options["kernel_size"], options["strides"]
        w, b = self._parameter(weights[0], 3, 2, 0, 1), self._parameter(weights[1], 0)
        crop = max(k - s, 0) // 2
        h, wide = shape[-3] * s, shape[-2] * s
        return lambda x: activate(
            F.conv_transpose2d(x, w, b, stride=s, padding=crop)[:, :, :h, :wide]
        )

    def _run(self, x: Array) -> Any:
        value = self.torch.from_numpy(x)
        if self.model.frames:
            value = value.flatten(0, 1)
        if value.ndim == 4:
            value = value.permute(0, 3, 1, 2)  # a view: NHWC in memory is channels_last
        for stage in self.stages:
            value = stage(value)
        return value

    def _loss(self, outputs: Any, targets: Any) -> Any:
        F = self.functional
        if self.model.loss == "mean_squared_error":
            return F.mse_loss(outputs, targets)
        if self.model.loss == "binary_crossentropy":
            return F.binary_cross_entropy(outputs.clamp(_EPSILON, 1 - _EPSILON), targets)
        return F.cross_entropy(outputs, targets)

    def train_step(self, x: Array, y: Array) -> float:
        self.training = True
        self.optimizer.zero_grad(set_to_none=True)
        targets = self.torch.from_numpy(y)
        outputs = self._run(x)
        if outputs.ndim == 4:
            outputs = outputs.permute(0, 2, 3, 1)
        loss = self._loss(outputs, targets)
        loss.backward()
        self.optimizer.step()
        return float(loss.item())

    def predict(self, x: Array) -> Array:
        self.training = False
        with self.torch.inference_mode():
            outputs = self._run(x)
            if self.model.blocks[-1].options.get("activation") == "softmax":
                outputs = outputs.softmax(-1)
            if outputs.ndim == 4:
                outputs = outputs.permute(0, 2, 3, 1)
            return np.asarray(outputs.numpy())

    def fit(self, x: Array, y: Array, epochs: int) -> list[float]:
        """Train on batches in random order; return the seconds of each epoch."""
        seconds = []
        for _ in range(epochs):
            start = time.perf_counter()
            for chosen in self._batches(len(x)):
                self.train_step(x[chosen], y[chosen])
            seconds.append(time.perf_counter() - start)
        return seconds

    def _batches(self, rows: int) -> Iterator[Array]:
        order = np.random.default_rng(0).permutation(rows)
        return iter(np.split(order, range(self.model.batch, rows, self.model.batch)))


def make(runner: str, model: Model, threads: int) -> KerasShaped | Torch:
    kind = Torch if runner == "torch" else KerasShaped
    return kind(runner, model, threads)
