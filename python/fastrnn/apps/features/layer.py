"""Features from a layer of a trained network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.generation import NextFramePredictor
from fastrnn.apps.generation.flow import with_carried
from fastrnn.apps.model_file import kind_of, load_trained
from fastrnn.layers.recurrent_base import RecurrentBase
from fastrnn.models import Model, load_model
from fastrnn.video import FrameReader, Preprocessing, apply_view, resize_frame

FloatArray = npt.NDArray[np.float32]
Prepare = Callable[[FloatArray], FloatArray]
Window = list[tuple[int, npt.NDArray[np.uint8]]]


class LayerFeatures:
    """The outputs of one layer, as a network over windows of frames, or over frames, gives them.

    Parameters
    ----------
    model : Model
        From windows (N, T, H, W, C) or frames (N, H, W, C).
    preprocessing : Preprocessing
        From frames to its input.
    layer : str
        Name of a layer; ``"auto"`` is the last recurrent layer, or without one the layer before
        the last that has weights.
    stride : int, optional
        Frames from one window's start to the next one's, at most a window. By default a window
        where the layer gives a row for each frame, and that of `preprocessing` where it gives
        one for each window.
    batch_size : int
        Windows at once.
    prepare : callable, optional
        What is done to windows (N, T, H, W, C) beside the preprocessing.

    Notes
    -----
    Maps are averaged over the picture, so that a row has as many numbers as the layer has
    channels or units. Memory does not depend on the length of a clip, but for the rows.
    """

    def __init__(
        self,
        model: Model,
        preprocessing: Preprocessing,
        layer: str = "auto",
        *,
        stride: int | None = None,
        batch_size: int = 16,
        prepare: Prepare | None = None,
    ) -> None:
        given = model.input
        self.layer = _default_layer(model) if layer == "auto" else layer
        output = model.get_layer(self.layer).output
        output = output[0] if isinstance(output, (list, tuple)) else output
        self.model = Model(given, output)
        self.preprocessing = preprocessing
        self.windowed = len(given.shape) == 5
        # A row for each frame: vectors or maps over time, in a network over windows.
        self.by_frame = self.windowed and len(output.shape) in (3, 5)
        window = preprocessing.window if self.windowed else 1
        usual = window if self.by_frame else preprocessing.stride // preprocessing.frame_step
        self.stride = min(max(usual, 1), window) if stride is None else stride
        if not 1 <= self.stride <= window:
            raise ValueError(f"features: stride must be from 1 to {window}, got {stride}")
        self.window = window
        self.batch_size = batch_size
        self.prepare = prepare
        self.gray = not preprocessing.colour

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], layer: str = "auto", **options: Any
    ) -> LayerFeatures:
        """Those of a model's file.

        Parameters
        ----------
        path : path
            What `fastrnn train` wrote, or any model in a ``.keras`` or ``.h5`` file whose input
            is pictures or clips; pixels are then divided by 255, colours being blue, green, red.
        layer, **options :
            As of the class.
        """
        model, preprocessing, prepare = model_of_frames(path)
        return cls(model, preprocessing, layer, **{"prepare": prepare, **options})

    def rows(self, frames: FrameReader) -> Iterator[tuple[int, FloatArray]]:
        """Number of the last frame that each row has seen, and the row (F,)."""
        step = self.preprocessing.frame_step
        numbered = islice(enumerate(frames), None, None, step)
        small = ((number, resize_frame(frame, self.preprocessing)) for number, frame in numbered)
        windows = self._windows(small)
        while batch := list(islice(windows, self.batch_size)):
            pixels = np.stack([[frame for _, frame in window] for _, window in batch])
            inputs = apply_view(pixels, self.preprocessing.view)
            outputs = self._outputs(inputs if self.prepare is None else self.prepare(inputs))
            for (fresh, window), output in zip(batch, outputs, strict=True):
                numbers = [number for number, _ in window]
                if not self.by_frame:
                    yield numbers[-1], output
                    continue
                for place in fresh:
                    yield numbers[place], output[place]

    def _windows(
        self, frames: Iterator[tuple[int, npt.NDArray[np.uint8]]]
    ) -> Iterator[tuple[range, Window]]:
        """Windows, each with the places of the frames that were in none before."""
        window: Window = []
        first, complete = 0, False
        for frame in frames:
            window.append(frame)
            if len(window) == self.window:
                yield range(first, self.window), list(window)
                del window[: self.stride]
                first, complete = self.window - self.stride, True
        # The end of a clip: its last frame is repeated.
        if len(window) > first and (self.by_frame or not complete):
            fresh = range(first, len(window))
            yield fresh, window + window[-1:] * (self.window - len(window))

    def _outputs(self, windows: FloatArray) -> FloatArray:
        """(N, F), or (N, T, F) where there is a row for each frame."""
        inputs = windows if self.windowed else windows[:, 0]
        outputs = np.asarray(self.model.predict_on_batch(inputs))
        maps = tuple(range(1 + self.by_frame, outputs.ndim - 1))
        return outputs.mean(axis=maps) if maps else outputs


def model_of_frames(path: str | os.PathLike[str]) -> tuple[Model, Preprocessing, Prepare | None]:
    """The network of a model's file, and how frames become its input: what `LayerFeatures` takes.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, or its input is neither clips nor pictures.
    """
    kind = kind_of(path)
    if kind is None:
        model = load_model(path, compile=False)
        return model, _from_shape(path, model.input_shape), None
    model, about = load_trained(path, kind)
    if "preprocessing" not in about:
        raise ValueError(f"{path}: a {kind} takes no frames of clips")
    prepare = with_carried if kind == NextFramePredictor.KIND else None
    return model, Preprocessing(**about["preprocessing"]), prepare


def _default_layer(model: Model) -> str:
    layers = model.layers
    recurrent = [layer.name for layer in layers if isinstance(layer, RecurrentBase)]
    if recurrent:
        return recurrent[-1]
    head = max((place for place, layer in enumerate(layers) if layer.weights), default=0)
    if head == 0:
        raise ValueError(f"features: {model.name} has no layer before its last; give --layer")
    return layers[head - 1].name


def _from_shape(path: str | os.PathLike[str], shape: Any) -> Preprocessing:
    if not isinstance(shape, tuple) or len(shape) not in (4, 5) or shape[-1] not in (1, 3):
        raise ValueError(
            f"{Path(path)}: features need a model of pictures (N, H, W, C) or clips "
            f"(N, T, H, W, C), this one takes {shape}"
        )
    height, width, channels = shape[-3:]
    if height is None or width is None:
        raise ValueError(f"{Path(path)}: the model leaves the size of its frames open, {shape}")
    window = (shape[1] or 16) if len(shape) == 5 else 1
    return Preprocessing(
        width=width, height=height, window=window, view="pixels", colour=channels == 3
    )
