"""Logarithmic mel spectra: what networks for speech listen to."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from fastrnn.audio.wav import read_wav

FloatArray = npt.NDArray[np.float32]

_FLOOR = 1e-8  # what silence has instead of zero: 80 dB under the power of full-scale noise
_FRAMES_AT_ONCE = 4096  # bounds the memory that an hour of sound takes


def mel_filters(mels: int, bins: int, sample_rate: int, low: float, high: float) -> FloatArray:
    """Triangles over the bins of a spectrum, equally wide on the mel scale.

    Parameters
    ----------
    mels : int
        Triangles. Each rises from the middle of the one before and falls to that of the next.
    bins : int
        Bins of the spectrum, from 0 to half the sample rate.
    sample_rate : int
    low, high : float
        Frequencies, in Hz, at which the first begins and the last ends.

    Returns
    -------
    ndarray
        (bins, mels) float32.

    Notes
    -----
    The scale is ``1127 ln(1 + f / 700 Hz)`` and the sides are straight over it, as in HTK and in
    ``keras.layers.MelSpectrogram``.
    """
    frequencies = np.linspace(0, sample_rate / 2, bins)
    edges = np.linspace(_mel(low), _mel(high), mels + 2)
    place = (_mel(frequencies)[:, None] - edges[0]) / (edges[1] - edges[0])
    height = np.maximum(1 - np.abs(place - np.arange(1, mels + 1)), 0)
    return np.asarray(height, np.float32)


def _mel(frequency: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(1127 * np.log1p(np.asarray(frequency, np.float64) / 700))


@dataclass(frozen=True)
class LogMel:
    """From sound to the input of a network; it can be saved inside a model.

    Attributes
    ----------
    sample_rate : int
        Samples per second; files of another rate are resampled.
    mels : int
        Features per frame.
    window, step : float
        Seconds that a frame lasts, and from one frame to the next.
    low, high : float
        Range of frequencies in Hz; by default up to half the sample rate.

    Raises
    ------
    ValueError
        If a number is out of range, or there are so many triangles that one falls between two
        bins of the spectrum.

    Notes
    -----
    A frame is taken under a Hann window (periodic), padded with zeros to a power of two and
    transformed; its power, divided by the window's, is summed under `mel_filters`, and of that,
    plus 1e-8, the natural logarithm is taken. There is no padding: T samples give
    ``1 + (T - window) // step`` frames; sound shorter than a window is filled up with silence.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.audio import LogMel
    >>> features = LogMel(sample_rate=8000, mels=40)
    >>> features(np.zeros(8000, np.float32)).shape
    (98, 40)
    """

    sample_rate: int = 16000
    mels: int = 40
    window: float = 0.025
    step: float = 0.010
    low: float = 20.0
    high: float | None = None

    def __post_init__(self) -> None:
        if min(self.sample_rate, self.mels) < 1:
            raise ValueError("LogMel: sample_rate and mels must be positive")
        if self._window_samples < 2 or self._step_samples < 1:
            raise ValueError(
                f"LogMel: window must be two samples or more, step one, got {self.window} s and "
                f"{self.step} s at {self.sample_rate} Hz"
            )
        if not 0 <= self.low < self._high <= self.sample_rate / 2:
            raise ValueError(
                f"LogMel: low and high must be 0 <= low < high <= {self.sample_rate / 2:g} Hz, "
                f"got {self.low} and {self._high}"
            )
        if not self._filters.any(axis=0).all():
            raise ValueError(
                f"LogMel: {self.mels} mels are too many for a window of {self.window} s at "
                f"{self.sample_rate} Hz; take fewer, or a longer window"
            )

    @property
    def _high(self) -> float:
        return self.sample_rate / 2 if self.high is None else self.high

    @property
    def _window_samples(self) -> int:
        return round(self.window * self.sample_rate)

    @property
    def _step_samples(self) -> int:
        return round(self.step * self.sample_rate)

    @property
    def _size(self) -> int:
        """Points of the Fourier transform."""
        return 1 << (self._window_samples - 1).bit_length()

    @cached_property
    def _filters(self) -> FloatArray:
        return mel_filters(self.mels, self._size // 2 + 1, self.sample_rate, self.low, self._high)

    @cached_property
    def _taper(self) -> FloatArray:
        phase = 2 * np.pi * np.arange(self._window_samples) / self._window_samples
        hann = 0.5 - 0.5 * np.cos(phase)
        return np.asarray(hann / np.sqrt((hann**2).sum()), np.float32)

    def __call__(self, samples: npt.ArrayLike) -> FloatArray:
        """Features of samples (T,) at `sample_rate`: (frames, mels) float32."""
        x = np.asarray(samples, np.float32)
        if x.ndim != 1:
            raise ValueError(f"LogMel: samples must be (T,), got {x.shape}")
        x = np.pad(x, (0, max(self._window_samples - len(x), 0)))
        frames = sliding_window_view(x, self._window_samples)[:: self._step_samples]
        mel = np.empty((len(frames), self.mels), np.float32)
        for start in range(0, len(frames), _FRAMES_AT_ONCE):
            part = slice(start, start + _FRAMES_AT_ONCE)
            spectrum = np.fft.rfft(frames[part] * self._taper, self._size)
            mel[part] = (spectrum.real**2 + spectrum.imag**2) @ self._filters
        return np.asarray(np.log(mel + np.float32(_FLOOR)))

    def read(self, path: str | os.PathLike[str]) -> FloatArray:
        """Features (frames, mels) of a WAVE file; raises what `read_wav` does."""
        return self(read_wav(path, sample_rate=self.sample_rate)[0])

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary that JSON can hold."""
        return asdict(self)
