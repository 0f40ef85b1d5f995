"""What an object looks like: convolutional features, and a correlation filter learnt on them.

The filter is a ridge regression from all shifts of a window's features to a peak at the object's
middle, solved in the Fourier domain and averaged over the frames (Bolme et al. 2010, MOSSE, with
one numerator per channel as in Danelljan et al. 2014, DSST).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastrnn import ops
from fastrnn.video.boxes import Boxes, cut_out
from fastrnn.video.draw import Picture

FloatArray = npt.NDArray[np.float32]

CELL = 4  # pixels of the window that become one place of the features
CELLS = 28  # places along a side of the window
SIDE = CELL * CELLS
WINDOW = 3.0  # side of the window, in sides of a square with the object's area
DIRECTIONS = 16
GREY = (0.114, 0.587, 0.299)  # of blue, green and red
PEAK = 1.2  # standard deviation of the wished-for peak, in cells
RIDGE = 1e-2
RATE = 0.02  # share of a new frame in the filter
NEAR = 3  # cells around a peak that belong to it


class Peak(NamedTuple):
    """The best place of a response: its value, x, y from the middle in cells, and its rival's."""

    value: float
    offset: Boxes
    rival: float


@cache
def _constants() -> tuple[FloatArray, FloatArray, Any]:
    """The kernels, the window's weights, and the spectrum of the wished-for response."""
    slope = np.outer([1, 2, 1], [-1, 0, 1]).astype(np.float32) / 8
    angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    kernels = np.cos(angles) * slope[:, :, None] + np.sin(angles) * slope.T[:, :, None]
    kernels = kernels[:, :, None, :] * np.array(GREY)[:, None]
    taper = np.hanning(CELLS + 2)[1:-1]
    along = np.exp(-((np.arange(CELLS) - CELLS // 2) ** 2) / (2 * PEAK**2))
    return (
        kernels.astype(np.float32),
        np.outer(taper, taper).astype(np.float32)[..., None],
        np.fft.rfft2(np.outer(along, along).astype(np.float32)),
    )


def window_features(windows: npt.NDArray[np.uint8]) -> FloatArray:
    """Features of windows: slopes in 16 directions, brightness and colour, in cells of 4 pixels.

    A fixed network: a convolution with oriented slopes and its rectification, averaged over cells
    and normalized by the energy of the neighbouring cells, so that a change
    of light changes little.

    Parameters
    ----------
    windows : ndarray
        (N, SIDE, SIDE, 3) uint8.

    Returns
    -------
    ndarray
        (N, CELLS, CELLS, DIRECTIONS + 4) float32.
    """
    colours = windows.astype(np.float32)
    colours /= np.float32(255)
    slopes = ops.conv2d(colours, _constants()[0], padding="same", activation="relu")
    slopes = ops.average_pool2d(slopes, CELL)
    energy = np.einsum("nijc,nijc->nij", slopes, slopes)[..., None]
    energy = ops.average_pool2d(energy, 3, strides=1, padding="same")
    slopes = np.minimum(slopes / np.sqrt(energy * 2.25 + np.float32(1e-4)), np.float32(0.5))
    colours = ops.average_pool2d(colours, CELL)
    brightness = colours.mean(axis=-1, keepdims=True)
    return np.concatenate([slopes, brightness - 0.5, 2 * (colours - brightness)], axis=-1)


class CorrelationFilter:
    """Tells where in a window the object is that it has learnt.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.tracking.appearance import SIDE, WINDOW, CorrelationFilter
    >>> frame = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    >>> filter = CorrelationFilter()
    >>> filter.learn(frame, np.array([80.0, 60.0]), 16 * WINDOW)
    >>> response = filter.respond(frame, [(np.array([80.0, 62.0]), 16 * WINDOW)])[0]
    >>> (filter.peak(response).offset * 16 * WINDOW / 28).round().tolist()
    [0.0, -2.0]
    """

    def __init__(self) -> None:
        self._numerator: Any = None
        self._power: Any = None
        self._first: Any = None

    def learn(self, frame: Picture, centre: Boxes, side: float, rate: float = RATE) -> None:
        """Take a frame in, in which the object is at `centre`; the first one counts whole."""
        self._learn(self._spectra(frame, [(centre, side)])[0], rate)

    def resemblance(self, frame: Picture, centre: Boxes, side: float) -> tuple[float, Any]:
        """Cosine to the first frame learnt, and what `confirm` needs."""
        spectrum = self._spectra(frame, [(centre, side)])[0]
        inner = np.vdot(self._first, spectrum).real
        return float(inner / spectrum[..., 0].size), spectrum

    def confirm(self, spectrum: Any) -> None:
        """Learn from what `resemblance` returned."""
        self._learn(spectrum, RATE)

    def _learn(self, spectrum: Any, rate: float) -> None:
        wished = _constants()[2]
        numerator = np.conj(wished)[..., None] * spectrum
        power = np.einsum("ijc,ijc->ij", spectrum, spectrum.conj()).real
        if self._first is None:
            self._first, self._numerator, self._power = spectrum, 0.0, 0.0
            rate = 1.0
        self._numerator = (1 - rate) * self._numerator + rate * numerator
        self._power = (1 - rate) * self._power + rate * power

    def respond(self, frame: Picture, windows: Sequence[tuple[Boxes, float]]) -> FloatArray:
        """How much the object seems to be at each place.

        Parameters
        ----------
        frame : ndarray
            (H, W, 3) uint8.
        windows : sequence of (centre, side)
            In pixels.

        Returns
        -------
        ndarray
            (windows, CELLS, CELLS) float32, about 1 at the middle of the object as learnt.
        """
        spectra = self._spectra(frame, windows)
        product = np.einsum("ijc,nijc->nij", self._numerator.conj(), spectra)
        product /= self._power + RIDGE
        return np.asarray(np.fft.irfft2(product, s=(CELLS, CELLS), axes=(1, 2)), np.float32)

    def peak(self, response: FloatArray) -> Peak:
        """Find the highest place, to a fraction of a cell, and the highest away from it."""
        row, column = np.unravel_index(int(response.argmax()), response.shape)
        down = _between(response[[(row - 1) % CELLS, row, (row + 1) % CELLS], column])
        across = _between(response[row, [(column - 1) % CELLS, column, (column + 1) % CELLS]])
        away = response.copy()
        away[max(row - NEAR, 0) : row + NEAR + 1, max(column - NEAR, 0) : column + NEAR + 1] = 0
        offset = np.array([column + across, row + down]) - CELLS // 2
        return Peak(float(response[row, column]), offset, float(away.max()))

    @staticmethod
    def _spectra(frame: Picture, windows: Sequence[tuple[Boxes, float]]) -> Any:
        cuts = [cut_out(frame, centre, (side, side), (SIDE, SIDE)) for centre, side in windows]
        features = window_features(np.stack(cuts)) * _constants()[1]
        spectra = np.fft.rfft2(features, axes=(1, 2))
        energy = np.einsum("nijc,nijc->n", spectra, spectra.conj()).real / spectra[0, ..., 0].size
        return spectra / np.sqrt(np.maximum(energy, 1e-12))[:, None, None, None]


def _between(values: FloatArray) -> float:
    """Where between -1/2 and 1/2 the parabola through three values has its top."""
    before, middle, after = (float(value) for value in values)
    bend = before - 2 * middle + after
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))
