"""Samples of a WAVE file: integers of 8 to 32 bits and floats, any number of channels."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastrnn.audio.resampling import resample

Samples = npt.NDArray[np.float32]

# Format tags: mmreg.h of the Windows SDK.
_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_OTHERS = {0x0002: "ADPCM", 0x0006: "A-law", 0x0007: "µ-law", 0x0055: "MP3"}
_UNKNOWN_SIZE = 0xFFFFFFFF
_HIGHEST_RATE = 1 << 24  # Hz; the filter to a usual rate grows with it


class AudioError(RuntimeError):
    """A recording cannot be read; the message names the file and says why."""


class _Format(NamedTuple):
    tag: int
    channels: int
    rate: int
    width: int  # bytes of one sample


def read_wav(
    path: str | os.PathLike[str], *, sample_rate: int | None = None, mono: bool = True
) -> tuple[Samples, int]:
    """Read a WAVE file.

    Parameters
    ----------
    path : str or os.PathLike
        PCM of 8, 16, 24 or 32 bits, or floats of 32 or 64; RIFF or RF64.
    sample_rate : int, optional
        Resample to so many samples per second.
    mono : bool
        Average the channels.

    Returns
    -------
    samples : ndarray
        (T,) float32, from -1 to 1; (T, channels) with ``mono=False``.
    sample_rate : int
        Samples per second.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    AudioError
        If it is no WAVE file, is damaged or cut off, holds no samples, or its encoding is
        another one.

    Examples
    --------
    >>> import wave
    >>> from fastrnn.audio import read_wav
    >>> with wave.open("two.wav", "wb") as file:
    ...     file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...     file.writeframes(bytes([0, 64, 0, 192]))
    >>> read_wav("two.wav")
    (array([ 0.5, -0.5], dtype=float32), 8000)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such sound file: {path}")
    try:
        layout, data = _chunks(path.read_bytes())
        samples = _decoded(layout, data)
    except ValueError as error:
        raise AudioError(f"{path}: {error}") from None
    rate = layout.rate
    if mono:
        samples = samples[:, 0] if layout.channels == 1 else samples.mean(axis=1)
    if sample_rate is not None and sample_rate != rate:
        samples, rate = resample(samples, rate, sample_rate), sample_rate
    return np.ascontiguousarray(samples), rate


def _chunks(content: bytes) -> tuple[_Format, memoryview]:
    """The format and the bytes of the samples; a `ValueError` says what is wrong."""
    if not content:
        raise ValueError("the file is empty")
    if content[:4] not in (b"RIFF", b"RF64", b"BW64") or content[8:12] != b"WAVE":
        raise ValueError("not a WAVE file")
    layout: _Format | None = None
    place, long_size = 12, None
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        place += 8
        left = len(content) - place
        if name == b"data":
            if layout is None:
                raise ValueError("damaged: samples come before their format")
            streamed = size == 0 and content[4:8] == bytes(4)  # by a program that cannot go back
            if size == _UNKNOWN_SIZE and long_size is not None:
                size = long_size
            elif size == _UNKNOWN_SIZE or streamed:
                size = left
            if size > left:
                raise ValueError(f"cut off: {left} of {size} bytes of samples are there")
            return layout, memoryview(content)[place : place + size]
        if size > left:
            break
        if name == b"fmt ":
            layout = _format(content[place : place + size])
        elif name == b"ds64" and size >= 16:
            (long_size,) = struct.unpack_from("<Q", content, place + 8)
        place += size + size % 2
    raise ValueError("cut off or damaged: it holds no samples")


def _format(chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise ValueError("damaged: its format takes less than 16 bytes")
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    if tag not in (_PCM, _FLOAT):
        raise ValueError(f"its encoding is {_OTHERS.get(tag, hex(tag))}; PCM and floats are read")
    width = (bits + 7) // 8
    if not channels or not 0 < rate <= _HIGHEST_RATE or block != channels * width:
        raise ValueError(
            f"damaged: {channels} channels of {bits} bits in {block} bytes at {rate} Hz"
        )
    if width not in ((1, 2, 3, 4) if tag == _PCM else (4, 8)):
        raise ValueError(f"samples of {bits} bits are not read")
    return _Format(tag, channels, rate, width)


def _decoded(layout: _Format, data: memoryview) -> Samples:
    """Samples (T, channels), integers divided by their largest magnitude."""
    count = len(data) // (layout.channels * layout.width) * layout.channels
    if not count:
        raise ValueError("it holds no samples")
    data = data[: count * layout.width]
    values: npt.NDArray[Any]
    if layout.tag == _FLOAT:
        values = np.frombuffer(data, f"<f{layout.width}").astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError("damaged: samples are no finite numbers")
    elif layout.width == 1:
        values = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    elif layout.width == 3:
        wide = np.zeros((count, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(count, 3)
        values = wide.view("<i4")[:, 0] / np.float32(2**31)
    else:
        whole = np.frombuffer(data, f"<i{layout.width}")
        values = whole / np.float32(2 ** (8 * layout.width - 1))
    return np.asarray(values, np.float32).reshape(-1, layout.channels)
