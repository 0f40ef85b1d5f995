"""How near predicted frames come to the true ones, beside simple predictions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastrnn.apps.generation.flow import carry_on
from fastrnn.apps.generation.next_frame import roll_out
from fastrnn.models import Model

# A pixel moves where its standard deviation over a window is above this share of the grey scale.
MOVING = 0.05


@dataclass(frozen=True)
class ForecastError:
    """Errors of the frames predicted so many steps ahead.

    Attributes
    ----------
    method : str
        ``"model"``; ``"last frame"``, which repeats the last frame seen; or ``"optical flow"``,
        which has it go on as it moved last (Farnebäck's flow).
    steps : int
        How far ahead; 1 is the frame after the last one seen.
    mse : float
        Mean squared error, pixels being from 0 to 1.
    moving_mse : float
        The same over the pixels that change within the window, which leaves still background
        and the camera's noise there out.
    """

    method: str
    steps: int
    mse: float
    moving_mse: float

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in decibels."""
        return float(-10 * np.log10(max(self.mse, 1e-12)))


def evaluate_forecast(
    model: Model,
    windows: Iterable[npt.NDArray[np.uint8]],
    *,
    ahead: tuple[int, ...] = (1, 5),
) -> list[ForecastError]:
    """Measure a model and the simple predictions on windows of frames.

    Parameters
    ----------
    model : Model
        As `build_predictor` makes it.
    windows : iterable of ndarray
        (N, T, H, W, C) uint8, so many at once; the last ``max(ahead)`` frames of each are
        predicted from those before.
    ahead : tuple of int
        Steps to measure.

    Returns
    -------
    list of ForecastError
        By steps, then by method.
    """
    longest = max(ahead)
    sums: dict[tuple[int, str], npt.NDArray[np.float64]] = {}
    for pixels in windows:
        seen = pixels.shape[1] - longest
        if seen < 2:
            raise ValueError(f"windows of {pixels.shape[1]} frames are too short for {ahead} steps")
        frames = pixels.astype(np.float32) / np.float32(255)
        past, moving = frames[:, :seen], frames.std(axis=1) > MOVING
        predictions = {
            "model": list(roll_out(model, past, longest)),
            "last frame": [past[:, -1]] * longest,
            "optical flow": list(carry_on(past[:, -2], past[:, -1], longest)),
        }
        for steps in sorted(ahead):
            truth = frames[:, seen + steps - 1]
            for method, predicted in predictions.items():
                errors = np.square(predicted[steps - 1] - truth, dtype=np.float64)
                found = [errors.sum(), errors.size, errors[moving].sum(), moving.sum()]
                key = steps, method
                sums[key] = sums.get(key, np.zeros(4)) + found
    return [
        ForecastError(method, steps, total / count, moved / max(pixels, 1))
        for (steps, method), (total, count, moved, pixels) in sums.items()
    ]
