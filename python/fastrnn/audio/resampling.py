"""Another number of samples per second."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

# A sinc of 24 zeros to each side under a Kaiser window: 80 dB down from 1.05 times the lower of
# the two Nyquist frequencies on, flat to 0.1 % up to 0.85 of it.
_ZEROS, _BETA, _CUTOFF = 24, 8.0, 0.95
_TAPS_AT_ONCE = 1 << 17  # bounds the memory that rates without a common divisor take


def resample(samples: npt.ArrayLike, rate: int, new_rate: int) -> npt.NDArray[np.float32]:
    """Resample with a band-limited filter, so that nothing is folded back from above.

    Parameters
    ----------
    samples : array_like
        (T,) or (T, channels).
    rate, new_rate : int
        Samples per second, before and after.

    Returns
    -------
    ndarray
        ``ceil(T * new_rate / rate)`` samples, float32; sample n is at the time ``n / new_rate``.

    Raises
    ------
    ValueError
        If a rate is not positive, or `samples` has other axes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.audio import resample
    >>> resample(np.sin(np.arange(800) * 0.1), 16000, 8000).shape
    (400,)
    """
    x = np.asarray(samples, np.float32)
    if x.ndim not in (1, 2):
        raise ValueError(f"resample: samples must be (T,) or (T, channels), got {x.shape}")
    if min(rate, new_rate) < 1:
        raise ValueError(f"resample: rates must be positive, got {rate} and {new_rate}")
    divisor = math.gcd(rate, new_rate)
    up, down = new_rate // divisor, rate // divisor
    if up == down or not len(x):
        return x.copy()
    # Output n lies at n·down/up samples: its fraction chooses one of `up` filters.
    cutoff = _CUTOFF * min(1.0, up / down)
    half = math.ceil(_ZEROS / cutoff)
    padded = np.pad(x, [(half - 1, half)] + [(0, 0)] * (x.ndim - 1))
    windows = sliding_window_view(padded, 2 * half, axis=0)
    y = np.empty((-(-len(x) * up // down), *x.shape[1:]), np.float32)
    phases = min(up, len(y))
    at_once = max(_TAPS_AT_ONCE // half, 1)
    for start in range(0, phases, at_once):
        fraction = np.arange(start, min(start + at_once, phases)) * down % up / up
        t = np.arange(1 - half, half + 1) - fraction[:, None]
        taps = np.sinc(cutoff * t) * np.i0(_BETA * np.sqrt(np.maximum(1 - (t / half) ** 2, 0)))
        taps = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
        for phase, row in enumerate(taps, start):
            y[phase::up] = windows[phase * down // up :: down][: len(y[phase::up])] @ row
    return y
