"""Random changes of pictures: what is drawn, and one affine warp that does it all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn.utils.naming import unknown

Array = NDArray[Any]
Range = float | Sequence[float]

_BORDERS = {
    "nearest": "BORDER_REPLICATE",
    "reflect": "BORDER_REFLECT",
    "wrap": "BORDER_WRAP",
    "constant": "BORDER_CONSTANT",
}
_INTERPOLATIONS = {0: "INTER_NEAREST", 1: "INTER_LINEAR", 3: "INTER_CUBIC"}
_STILL = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}


@dataclass(frozen=True)
class Augmentation:
    """Which changes are drawn at random; arguments as those of `ImageDataGenerator`."""

    rotation_range: float = 0
    width_shift_range: Range = 0.0
    height_shift_range: Range = 0.0
    brightness_range: Sequence[float] | None = None
    shear_range: float = 0.0
    zoom_range: Range = 0.0
    channel_shift_range: float = 0.0
    fill_mode: str = "nearest"
    cval: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    interpolation_order: int = 1

    def __post_init__(self) -> None:
        if self.fill_mode not in _BORDERS:
            raise unknown("fill_mode", self.fill_mode, _BORDERS)
        if self.interpolation_order not in _INTERPOLATIONS:
            raise ValueError(
                "ImageDataGenerator: interpolation_order must be 0 (nearest), 1 (linear) or "
                f"3 (cubic), got {self.interpolation_order!r}"
            )
        if self.brightness_range is not None and np.shape(self.brightness_range) != (2,):
            raise ValueError(
                "ImageDataGenerator: brightness_range must be two numbers (lowest, highest), "
                f"got {self.brightness_range!r}"
            )
        if np.shape(self.zoom_range) not in ((), (2,)):
            raise ValueError(
                "ImageDataGenerator: zoom_range must be one number or two (lowest, highest), "
                f"got {self.zoom_range!r}"
            )

    def draw(self, shape: Sequence[int], rng: np.random.Generator) -> dict[str, Any]:
        """Parameters of one picture's change, for `apply`."""
        zoom = self.zoom_range
        low, high = (1 - zoom, 1 + zoom) if isinstance(zoom, (int, float)) else zoom
        darkest, brightest = self.brightness_range or (1, 1)
        return {
            "theta": rng.uniform(-self.rotation_range, self.rotation_range),
            "tx": _draw_shift(self.height_shift_range, shape[0], rng),
            "ty": _draw_shift(self.width_shift_range, shape[1], rng),
            "shear": rng.uniform(-self.shear_range, self.shear_range),
            "zx": rng.uniform(low, high),
            "zy": rng.uniform(low, high),
            "flip_horizontal": self.horizontal_flip and rng.random() < 0.5,
            "flip_vertical": self.vertical_flip and rng.random() < 0.5,
            "channel_shift_intensity": (
                rng.uniform(-self.channel_shift_range, self.channel_shift_range)
                if self.channel_shift_range
                else None
            ),
            "brightness": rng.uniform(darkest, brightest) if self.brightness_range else None,
        }

    def apply(self, x: Array, parameters: dict[str, Any]) -> Array:
        """Change a picture (H, W, C) of floats; the result may be a view."""
        affine = {name: parameters.get(name, still) for name, still in _STILL.items()}
        if affine != _STILL:
            x = self._warp(x, affine_matrix(*x.shape[:2], **affine))
        shift = parameters.get("channel_shift_intensity")
        if shift is not None:
            x = np.clip(x + x.dtype.type(shift), x.min(), x.max())
        if parameters.get("flip_horizontal"):
            x = x[:, ::-1]
        if parameters.get("flip_vertical"):
            x = x[::-1]
        brightness = parameters.get("brightness")
        if brightness is not None:
            x = np.clip(x * x.dtype.type(brightness), None, 255)
        return x

    def _warp(self, x: Array, matrix: Array) -> Array:
        from fastrnn.video._opencv import opencv

        cv2 = opencv()
        height, width, channels = x.shape
        options = {
            "flags": getattr(cv2, _INTERPOLATIONS[self.interpolation_order]) | cv2.WARP_INVERSE_MAP,
            "borderMode": getattr(cv2, _BORDERS[self.fill_mode]),
            "borderValue": (self.cval,) * 4,
        }
        # OpenCV takes four channels at a time.
        parts = [
            cv2.warpAffine(x[..., first : first + 4], matrix, (width, height), **options)
            for first in range(0, channels, 4)
        ]
        if len(parts) == 1:
            return np.asarray(parts[0]).reshape(x.shape)
        return np.concatenate([part.reshape(height, width, -1) for part in parts], axis=2)


def affine_matrix(
    height: int,
    width: int,
    *,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
) -> Array:
    """The map from a place in the result to its place in the source, about the centre.

    Parameters
    ----------
    height, width : int
        Of the picture.
    theta, shear : float
        Degrees.
    tx, ty : float
        Shift along the rows and along the columns, in pixels.
    zx, zy : float
        Zoom along the rows and along the columns; below 1 enlarges.

    Returns
    -------
    ndarray, shape (2, 3)
        Over coordinates (column, row, 1), as OpenCV has them. Rotation, shift, shear and zoom
        are applied in Keras' order.

    Examples
    --------
    >>> from fastrnn.preprocessing.warp import affine_matrix
    >>> affine_matrix(5, 7, tx=2.0)
    array([[1., 0., 0.],
           [0., 1., 2.]])
    """
    turn, lean = math.radians(theta), math.radians(shear)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear = rotation @ [[zx, -math.sin(lean) * zy], [0.0, math.cos(lean) * zy]]
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    offset = centre - linear @ centre + rotation @ (tx, ty)
    return np.column_stack([linear[::-1, ::-1], offset[::-1]])


def _draw_shift(given: Range, size: int, rng: np.random.Generator) -> float:
    """A shift in pixels: of a list one of its values, of an int whole pixels below it."""
    if isinstance(given, float):
        shift = rng.uniform(-given, given)
    else:
        choices: Array = np.arange(given) if isinstance(given, int) else np.asarray(given)
        shift = float(rng.choice(choices) * rng.choice((-1, 1))) if choices.size else 0.0
    return shift * size if np.max(given) < 1 else shift
