"""Frames at a steady rate, whatever the file's is."""

from __future__ import annotations

from collections.abc import Iterator

from fastrnn.video.reader import Frame, FrameReader

_ROUNDING = 0.001  # seconds; containers have time stamps of whole milliseconds


def sample_frames(
    reader: FrameReader, *, fps: float | None = None, step: int = 1, skip: int = 0
) -> Iterator[Frame]:
    """Frames of a clip, brought to a number per second.

    Frame n of the result is the first that is shown at n / fps seconds or later; where the file
    has fewer frames, they are repeated, and where it has more, left out, without converting them.

    Parameters
    ----------
    reader : FrameReader
        At its first frame.
    fps : float, optional
        Frames per second; by default the frames as they are.
    step : int
        Give every so many-th of these.
    skip : int
        Leave out so many at the start.

    Yields
    ------
    ndarray
        As `FrameReader` gives them.
    """
    if fps is None and skip:
        reader.seek(skip * step)
        skip = 0
    frame: Frame | None = None
    for number, new in enumerate(_steady(reader, fps)):
        due = number % step == 0 and number >= skip * step
        # A frame that may be repeated is converted while the reader is at it.
        if new and (due or fps is not None):
            frame = reader.frame()
            if frame is None:
                return
        if due and frame is not None:
            yield frame


def count_samples(reader: FrameReader, *, fps: float | None = None, step: int = 1) -> int:
    """How many frames `sample_frames` gives, without converting any."""
    return -(-sum(1 for _ in _steady(reader, fps)) // step)


def _steady(reader: FrameReader, fps: float | None) -> Iterator[bool]:
    """For each frame of the result whether the reader has gone to a new one for it."""
    count = 0
    while reader.grab():
        place = count if fps is None else int((reader.time + _ROUNDING) * fps)
        for _ in range(count, place):
            yield False
        if place >= count:
            yield True
            count = place + 1
