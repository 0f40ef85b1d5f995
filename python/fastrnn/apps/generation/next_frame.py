"""A network that predicts the next frame of a clip, and goes on from its own predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn import layers
from fastrnn.models import Model

FloatArray = npt.NDArray[np.float32]

STILL = 6.0  # logit of a pixel's staying in its place, before training


def build_predictor(frame_shape: tuple[int, int, int], filters: int, reach: int) -> Model:
    """A network from frames to the frame that follows each of them.

    Two ConvLSTM layers at half the size watch the motion. For each pixel they give the shares of
    the last frame's pixels around it that move there, which sum to one, and a correction for
    what no motion explains. An image is thus carried along, not painted anew, and stays sharp
    where the prediction is fed back (Finn et al. 2016, Jia et al. 2016).

    Parameters
    ----------
    frame_shape : tuple of int
        (H, W, C), the sides even.
    filters : int
        Channels of the hidden layers.
    reach : int
        How many pixels something may move from one frame to the next.

    Returns
    -------
    Model
        From frames (N, T, H, W, C) with values from 0 to 1 to as many.

    Examples
    --------
    >>> from fastrnn.apps.generation.next_frame import build_predictor
    >>> build_predictor((12, 16, 1), filters=4, reach=1).output_shape
    (None, None, 12, 16, 1)
    """
    height, width, channels = frame_shape
    if height % 2 or width % 2:
        raise ValueError(f"next frame: frames' sides must be even, got {width}x{height}")
    side = 2 * reach + 1
    frames = layers.Input((None, *frame_shape), name="frames")
    same: dict[str, Any] = {"padding": "same"}
    seen = layers.ConvLSTM2D(filters, 3, strides=2, return_sequences=True, **same)(frames)
    seen = layers.ConvLSTM2D(filters, 3, return_sequences=True, **same)(seen)
    seen = layers.Conv2DTranspose(filters, 4, strides=2, activation="relu", **same)(seen)
    shares = layers.Conv2D(side * side, 3, name="shares", **same)(seen)
    shares = layers.Softmax()(shares)
    around = layers.DepthwiseConv2D(
        side, depth_multiplier=side * side, use_bias=False, name="around", **same
    )
    if channels > 1:
        shares = layers.Concatenate()([shares] * channels)
    summed = layers.Conv2D(channels, 1, groups=channels, use_bias=False, name="summed")
    moved = summed(layers.Multiply()([around(frames), shares]))
    correction = layers.Conv2D(channels, 3, kernel_initializer="zeros", name="correction", **same)(
        seen
    )
    model = Model(frames, layers.Add()([moved, correction]), name="next_frame")
    # Fixed: each tap's kernel picks one neighbour, and the weighted neighbours are added up.
    taps = np.eye(side * side, dtype=np.float32).reshape(side, side, 1, side * side)
    around.set_weights([np.repeat(taps, channels, axis=2)])
    summed.set_weights([np.ones(summed.kernel.shape, np.float32)])
    around.trainable = summed.trainable = False
    # What is not known to move stands still.
    still = np.zeros(side * side, np.float32)
    still[side * side // 2] = STILL
    model.get_layer("shares").set_weights([model.get_layer("shares").get_weights()[0], still])
    return model


def roll_out(model: Model, clips: FloatArray, count: int) -> Iterator[FloatArray]:
    """Predict the frames that follow clips, one after the other.

    Parameters
    ----------
    model : Model
        As `build_predictor` makes it.
    clips : ndarray
        (N, T, H, W, C), what has been seen.
    count : int
        Frames to predict.

    Yields
    ------
    ndarray
        (N, H, W, C), values from 0 to 1; each is the input of the next.
    """
    stream = model.stream(len(clips))
    for step in range(clips.shape[1]):
        frame = stream.step(clips[:, step])
    for step in range(count):
        if step:
            frame = stream.step(frame)
        frame = np.clip(frame, 0, 1)
        yield frame
