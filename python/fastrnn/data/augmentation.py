"""Random changes of clips, the same for all frames of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastrnn.video._opencv import opencv

Pixels = npt.NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], Pixels]


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a clip (T, H, W, C); an instance is called with it and a generator.

    All that moves the picture is one affine warp of each frame, and all that changes its light
    one look-up table, however much is asked for. What is not asked for costs nothing.

    Attributes
    ----------
    flip, flip_vertical : bool
        Mirror half of the clips left to right, or top to bottom.
    crop : float
        Take a part at a random place whose sides are at least this share of the frame's, and
        enlarge it to the whole.
    shift : float
        Move by up to this share of each side.
    rotate : float
        Turn by up to so many degrees, either way.
    zoom : float
        Enlarge or reduce by up to this share.
    brightness : float
        Add up to this share of the full scale, either way.
    contrast : float
        Multiply the distance from the clip's mean by 1 plus or minus up to this share.
    time_shift : int
        Move by up to so many frames, either way; the first or last is repeated.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Beyond the border the nearest pixel is repeated.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.data.augmentation import Augmentation
    >>> change = Augmentation(flip=True, crop=0.8, rotate=10, brightness=0.1)
    >>> change(np.zeros((16, 32, 32, 3), np.uint8), np.random.default_rng(0)).shape
    (16, 32, 32, 3)
    """

    flip: bool = False
    flip_vertical: bool = False
    crop: float = 1.0
    shift: float = 0.0
    rotate: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    time_shift: int = 0

    def __post_init__(self) -> None:
        for name in ("shift", "rotate", "zoom", "brightness", "contrast", "time_shift"):
            value, most = getattr(self, name), 1 if name in ("zoom", "contrast") else math.inf
            if not 0 <= value < most:
                raise ValueError(f"Augmentation: {name} must be in [0, {most}), got {value}")
        if not 0 < self.crop <= 1:
            raise ValueError(f"Augmentation: crop must be in (0, 1], got {self.crop}")

    def __call__(self, clip: Pixels, rng: np.random.Generator) -> Pixels:
        """Change a clip (T, H, W, C) of bytes; what comes back may be a view."""
        if self.time_shift:
            shift = int(rng.integers(-self.time_shift, self.time_shift + 1))
            clip = clip[np.clip(np.arange(len(clip)) + shift, 0, len(clip) - 1)]
        if self.shift or self.rotate or self.zoom or self.crop < 1:
            clip = _warped(clip, self._matrix(clip.shape[1], clip.shape[2], rng))
        if self.flip and rng.random() < 0.5:
            clip = clip[:, :, ::-1]
        if self.flip_vertical and rng.random() < 0.5:
            clip = clip[:, ::-1]
        if self.brightness or self.contrast:
            factor = 1 + rng.uniform(-self.contrast, self.contrast)
            added = 255 * rng.uniform(-self.brightness, self.brightness)
            mean = clip.mean() if self.contrast else 0.0
            table = np.rint((np.arange(256) - mean) * factor + mean + added)
            clip = np.clip(table, 0, 255).astype(np.uint8)[clip]
        return clip

    def _matrix(self, height: int, width: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """From a place (x, y) of the result to its place in the source."""
        side = rng.uniform(self.crop, 1)
        scale = side / (1 + rng.uniform(-self.zoom, self.zoom))
        turn = math.radians(rng.uniform(-self.rotate, self.rotate))
        linear = scale * np.array(
            [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
        )
        size = np.array([width, height])
        room = (1 - side) / 2 + self.shift  # the part cut out lies inside the frame
        centre = (size - 1) / 2
        return np.column_stack(
            [linear, centre + rng.uniform(-room, room, 2) * size - linear @ centre]
        )


@dataclass(frozen=True)
class Compose:
    """Several changes, one after the other.

    Attributes
    ----------
    changes : sequence of callable
        Each ``change(clip, rng)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.data.augmentation import Augmentation, Compose
    >>> def negative(clip, rng):
    ...     return 255 - clip
    >>> change = Compose([Augmentation(flip=True), negative])
    >>> int(change(np.zeros((2, 3, 4, 1), np.uint8), np.random.default_rng(0)).min())
    255
    """

    changes: Sequence[Change]

    def __call__(self, clip: Pixels, rng: np.random.Generator) -> Pixels:
        """Change a clip (T, H, W, C)."""
        for change in self.changes:
            clip = change(clip, rng)
        return clip


def _warped(clip: Pixels, matrix: npt.NDArray[np.float64]) -> Pixels:
    cv2 = opencv()
    out = np.empty_like(clip)
    size = (clip.shape[2], clip.shape[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for frame, warped in zip(clip, out, strict=True):
        cv2.warpAffine(frame, matrix, size, warped, flags, cv2.BORDER_REPLICATE)
    return out
