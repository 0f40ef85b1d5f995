"""Reading of recordings, and features of speech, with NumPy alone."""

from fastrnn.audio.mel import LogMel, mel_filters
from fastrnn.audio.resampling import resample
from fastrnn.audio.wav import AudioError, read_wav

__all__ = ["AudioError", "LogMel", "mel_filters", "read_wav", "resample"]
