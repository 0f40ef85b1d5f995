"""Random changes of log-mel frames that leave what is said as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.speech.front_end import FloatArray


@dataclass(frozen=True)
class Variation:
    """How other speakers, rooms and microphones sound.

    Attributes
    ----------
    warp : float
        Vocal tracts are up to this part longer or shorter: the mel axis is stretched.
    tempo : float
        Speech is up to this part slower or faster.
    colour : float
        How much a microphone or room raises and lowers parts of the spectrum: deviation, in nats,
        of each of four waves over the mel axis.
    noise : float
        Share of recordings that noise is added to, from hardly any to nearly as loud as the
        speech, of any colour.
    mask : float
        Largest part of the mels, twice, and of the time, once, that is blotted out (SpecAugment,
        Park et al. 2019).

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.speech import Variation
    >>> random = np.random.default_rng(0)
    >>> frames = Variation(tempo=0.5).spoken(random.normal(size=(50, 24)), random)
    >>> 25 <= len(frames) <= 75
    True
    """

    warp: float = 0.15
    tempo: float = 0.25
    colour: float = 0.7
    noise: float = 0.2
    mask: float = 0.2

    def spoken(self, frames: npt.ArrayLike, random: np.random.Generator) -> FloatArray:
        """Log-mel frames (frames, mels) as somebody else would have spoken them elsewhere."""
        x = np.asarray(frames, np.float32)
        count, mels = x.shape
        tract = random.uniform(1 - self.warp, 1 + self.warp)
        x = _at(x.T, np.arange(float(mels)) * tract).T
        tempo = random.uniform(1 - self.tempo, 1 + self.tempo)
        x = _at(x, np.linspace(0, count - 1, max(2, round(count * tempo))))
        waves = np.cos(np.pi * np.outer(np.arange(4), np.arange(mels) + 0.5) / mels)
        x = x + random.normal(0, self.colour, 4) @ waves
        if random.random() < self.noise:
            x = np.logaddexp(x, _noise(x, random))
        return np.asarray(x, np.float32)

    def masked(self, frames: FloatArray, random: np.random.Generator) -> FloatArray:
        """Normalized frames of which some mels and some time are zero."""
        x = frames.copy()
        for part in (x.T, x.T, x):  # views
            width = int(random.integers(int(self.mask * len(part)) + 1))
            start = int(random.integers(len(part) - width + 1))
            part[start : start + width] = 0
        return x


def _at(rows: FloatArray, places: npt.NDArray[Any]) -> FloatArray:
    """Rows between which is interpolated; places beyond the last row are its own."""
    if len(rows) < 2:
        return np.repeat(rows, len(places), axis=0)
    before = np.minimum(places.astype(np.int64), len(rows) - 2)
    share = np.minimum(places - before, 1).astype(np.float32)[:, None]
    return np.asarray(rows[before] * (1 - share) + rows[before + 1] * share)


def _noise(frames: FloatArray, random: np.random.Generator) -> FloatArray:
    """Log-mel frames of noise with a slanted spectrum, 10 to 40 dB under the speech."""
    slant = random.uniform(-2.5, 2.5) * np.linspace(-1, 1, frames.shape[1])
    level = frames.max(axis=0).mean() - random.uniform(2.5, 9.0)
    # The power of a band that several bins make up is nearly gamma-distributed.
    power = random.standard_gamma(3.0, frames.shape) / 3 + 1e-3
    return np.asarray(level + slant + np.log(power), np.float32)
