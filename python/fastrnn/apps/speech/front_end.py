"""From sound to what a network for speech sees, step by step."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from fastrnn.apps.speech.corpus import Recording
from fastrnn.audio import LogMel, read_wav

FloatArray = npt.NDArray[np.float32]

# Nats; about that of log-mel frames of speech over their floor.
_DEVIATION = np.float32(1.5)

_MARGIN = 3  # frames of quiet that are kept before and after a word: a soft consonant may lie there


@dataclass(frozen=True)
class FrontEnd:
    """Log-mel frames, normalized for each recording, several frames side by side a step.

    Attributes
    ----------
    log_mel : LogMel
        From samples to frames.
    context : int
        Frames that a step sees, an odd number.
    stride : int
        Frames from one step to the next.
    dynamics : float
        Nats under the loudest value at which everything quieter fades into a floor; so rooms and
        microphones with more noise than others sound alike.
    trim : float, optional
        Nats under the loudest frame. What is quieter before the first frame above that and after
        the last is left out but for 30 ms, so that it does not matter how soon somebody speaks;
        noise louder than that stays. For single words; by default nothing is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.speech import FrontEnd
    >>> from fastrnn.audio import LogMel
    >>> front_end = FrontEnd(LogMel(8000, 24), context=5, stride=2)
    >>> front_end.inputs(front_end.log_mel(np.zeros(8000))).shape
    (49, 120)
    """

    log_mel: LogMel
    context: int = 5
    stride: int = 2
    dynamics: float = 6.0
    trim: float | None = None

    def __post_init__(self) -> None:
        if self.context < 1 or self.context % 2 == 0:
            raise ValueError(f"FrontEnd: context must be odd and positive, got {self.context}")
        if self.stride < 1:
            raise ValueError(f"FrontEnd: stride must be at least 1, got {self.stride}")
        if self.trim is not None and self.trim <= 0:
            raise ValueError(f"FrontEnd: trim must be positive, got {self.trim}")

    @property
    def width(self) -> int:
        """Features of a step."""
        return self.context * self.log_mel.mels

    def read(self, recording: Recording) -> FloatArray:
        """Log-mel frames (frames, mels) of a recording, or of its part, trimmed as `trim` says."""
        return self.part(self.samples(recording.path), recording)

    def samples(self, path: Path) -> FloatArray:
        """Samples of a sound file at the rate that is wanted."""
        return read_wav(path, sample_rate=self.log_mel.sample_rate)[0]

    def part(self, samples: FloatArray, recording: Recording) -> FloatArray:
        """As `read`, given the samples of the file."""
        rate = self.log_mel.sample_rate
        stop = None if recording.stop is None else round(recording.stop * rate)
        frames = self.log_mel(samples[round(recording.start * rate) : stop])
        return frames if self.trim is None else self._trimmed(frames, self.trim)

    @staticmethod
    def _trimmed(frames: FloatArray, trim: float) -> FloatArray:
        loudness = np.logaddexp.reduce(frames, axis=1)
        loud = np.flatnonzero(~(loudness <= loudness.max() - trim))  # all, should there be a NaN
        return frames[max(loud[0] - _MARGIN, 0) : loud[-1] + 1 + _MARGIN]

    def normalized(self, frames: FloatArray) -> FloatArray:
        """Frames over a floor, with mean zero over the recording; how loud it is has no effect.

        The mean is not that of each band: in a single word it tells vowels apart.
        """
        bounded = np.logaddexp(frames - frames.max(), -np.float32(self.dynamics))
        return np.asarray((bounded - bounded.mean()) / _DEVIATION, np.float32)

    def inputs(self, frames: FloatArray) -> FloatArray:
        """The network's input (steps, width) for log-mel frames (frames, mels)."""
        return self.spliced(self.normalized(frames))

    def spliced(self, frames: FloatArray) -> FloatArray:
        """Steps of frames (frames, mels), the first and last of which are repeated.

        Each step holds, for each band, the frames side by side: (mels, context) in one row.
        """
        half = self.context // 2
        padded = np.pad(frames, ((half, half), (0, 0)), mode="edge")
        windows = sliding_window_view(padded, self.context, axis=0)[:: self.stride]
        return windows.reshape(len(windows), self.width)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FrontEnd:
        """Make one from what `to_dict` returned."""
        return cls(**{**values, "log_mel": LogMel(**values["log_mel"])})
