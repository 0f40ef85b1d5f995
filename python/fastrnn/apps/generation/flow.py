"""Optical flow as a prediction: everything goes on as it moved last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastrnn.video._opencv import opencv

FloatArray = npt.NDArray[np.float32]


def carry_on(before: FloatArray, last: FloatArray, count: int = 1) -> FloatArray:
    """Have everything in pictures move on as it did from one frame to the next.

    Parameters
    ----------
    before, last : ndarray
        (N, H, W, C) float32, two frames, values from 0 to 1.
    count : int
        Frames to predict.

    Returns
    -------
    ndarray
        (count, N, H, W, C) float32; by Farnebäck's flow.
    """
    cv2 = opencv()
    rows, columns = np.indices(last.shape[1:3], dtype=np.float32)
    results = np.empty((count, *last.shape), np.float32)
    for number, (old, new) in enumerate(zip(before, last, strict=True)):
        grey = [np.rint(255 * picture.mean(axis=-1)).astype(np.uint8) for picture in (new, old)]
        # From the new frame back to the old one: where each pixel came from.
        flow = cv2.calcOpticalFlowFarneback(*grey, None, 0.5, 3, 9, 3, 5, 1.1, 0)
        for step in range(count):
            x, y = columns + (step + 1) * flow[..., 0], rows + (step + 1) * flow[..., 1]
            moved = cv2.remap(new, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            results[step, number] = moved.reshape(new.shape)
    return results


def with_carried(frames: FloatArray) -> FloatArray:
    """The input of a predictor for clips (N, T, H, W, C): (N, T, H, W, 2 C).

    To each frame comes what optical flow says of the next one; of the first frame, the same.
    """
    carried = frames.copy()
    count, steps = frames.shape[:2]
    pairs = (count * (steps - 1), *frames.shape[2:])
    before, last = frames[:, :-1].reshape(pairs), frames[:, 1:].reshape(pairs)
    carried[:, 1:] = carry_on(before, last)[0].reshape(frames[:, 1:].shape)
    return np.concatenate([carried, frames], axis=-1)
