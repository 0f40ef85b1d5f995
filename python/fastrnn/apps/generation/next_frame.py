"""A network that predicts the next frame of a clip, and goes on from its own predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn import layers
from fastrnn.apps.generation.flow import with_carried
from fastrnn.models import Model

FloatArray = npt.NDArray[np.float32]

TRUST = 4.0  # logit of a pixel's being where the flow puts it, before training
NEVER = 1e4  # logit, below zero, of a pixel that there is not
GAIN = 8.0  # of the difference between what was and what is expected, before training


def build_predictor(frame_shape: tuple[int, int, int], filters: int, reach: int = 1) -> Model:
    """A network from frames to the frame that follows each of them.

    It starts from what optical flow predicts, everything going on as it moved last, and learns
    where that is wrong. Two ConvLSTM layers at half the size watch the motion. For each pixel
    they give the shares of the pixels around it that move there, which sum to one, and a
    correction for what no motion explains. A picture is thus carried along, not painted anew,
    and stays sharp where predictions are fed back (Finn et al. 2016, Jia et al. 2016).

    Parameters
    ----------
    frame_shape : tuple of int
        (H, W, C), the sides even.
    filters : int
        Channels of the hidden layers.
    reach : int
        How many pixels away the flow's prediction may be wrong.

    Returns
    -------
    Model
        From (N, T, H, W, 2 C), as `with_carried` makes it of frames with values from 0 to 1, to
        the next frames (N, T, H, W, C).

    Examples
    --------
    >>> from fastrnn.apps.generation.next_frame import build_predictor
    >>> build_predictor((12, 16, 1), filters=4).output_shape
    (None, None, 12, 16, 1)
    """
    height, width, channels = frame_shape
    if height % 2 or width % 2:
        raise ValueError(f"next frame: frames' sides must be even, got {width}x{height}")
    taps = (2 * reach + 1) ** 2
    same: dict[str, Any] = {"padding": "same"}
    fixed: dict[str, Any] = {"use_bias": False, "trainable": False}
    both = layers.Input((None, height, width, 2 * channels), name="frames")

    contrast = layers.Conv2D(2 * channels, 1, name="contrast")
    seen = contrast(both)
    seen = layers.ConvLSTM2D(filters, 3, strides=2, return_sequences=True, **same)(seen)
    seen = layers.ConvLSTM2D(filters, 3, return_sequences=True, **same)(seen)
    seen = layers.Conv2DTranspose(filters, 4, strides=2, activation="relu", **same)(seen)
    shares = layers.Conv2D(taps, 3, name="shares", **same)
    # Nothing comes from beyond the border, where a convolution finds zeros: a one at each pixel
    # that there is, taken to its neighbours as the pixels are, and a low logit where none came.
    ones = layers.Conv2D(1, 1, name="ones", trainable=False)
    there = layers.DepthwiseConv2D(
        2 * reach + 1, depth_multiplier=taps, name="there", **same, **fixed
    )
    beyond = layers.Conv2D(taps, 1, name="beyond", trainable=False)
    share = layers.Softmax()(layers.Add()([shares(seen), beyond(there(ones(both)))]))
    share = layers.Concatenate()([share] * channels) if channels > 1 else share

    carried = layers.Conv2D(channels, 1, name="carried", **fixed)
    around = layers.DepthwiseConv2D(
        2 * reach + 1, depth_multiplier=taps, name="around", **same, **fixed
    )
    summed = layers.Conv2D(channels, 1, groups=channels, name="summed", **fixed)
    moved = summed(layers.Multiply()([around(carried(both)), share]))
    correction = layers.Conv2D(channels, 3, kernel_initializer="zeros", name="correction", **same)
    model = Model(both, layers.Add()([moved, correction(seen)]), name="next_frame")

    one = np.eye(channels, dtype=np.float32)
    carried.set_weights([np.vstack([one, 0 * one])[None, None]])
    # Each tap's kernel picks one neighbour; the weighted neighbours are added up.
    picks = np.eye(taps, dtype=np.float32).reshape(2 * reach + 1, 2 * reach + 1, 1, taps)
    around.set_weights([np.repeat(picks, channels, axis=2)])
    ones.set_weights([np.zeros(ones.kernel.shape, np.float32), np.ones(1, np.float32)])
    there.set_weights([picks])
    none = np.full(taps, -NEVER, np.float32)
    beyond.set_weights([NEVER * np.eye(taps, dtype=np.float32)[None, None], none])
    summed.set_weights([np.ones(summed.kernel.shape, np.float32)])
    # Where training starts: what moved is easy to see, and flow is taken at its word.
    difference = np.vstack([np.hstack([one, GAIN * one]), np.hstack([0 * one, -GAIN * one])])
    contrast.set_weights([difference[None, None], np.zeros(2 * channels, np.float32)])
    trusted = np.zeros(taps, np.float32)
    trusted[taps // 2] = TRUST
    shares.set_weights([shares.get_weights()[0], trusted])
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
    inputs = with_carried(clips)
    for step in range(clips.shape[1]):
        frame = stream.step(inputs[:, step])
    before = last = clips[:, -1]
    for step in range(count):
        if step:
            pair = np.stack([before, last], axis=1)
            frame = stream.step(with_carried(pair)[:, 1])
        before, last = last, np.clip(frame, 0, 1)
        yield last
