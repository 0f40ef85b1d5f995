"""What a network that labels frames sees of a recording: pictures, or sound."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from fastrnn.apps.speech import FrontEnd
from fastrnn.apps.speech.batches import PADDING
from fastrnn.audio import read_wav
from fastrnn.data import AUDIO_SUFFIXES, VIDEO_SUFFIXES
from fastrnn.video import FrameReader, Preprocessing, apply_view
from fastrnn.video.preprocess import resize_frames

FloatArray = npt.NDArray[np.float32]


class Read(NamedTuple):
    """The steps (T, ...) of a recording, and the seconds from its start to each one's middle."""

    steps: npt.NDArray[Any]
    times: npt.NDArray[Any]


@dataclass(frozen=True)
class PictureInput:
    """Small frames of a video, one a step.

    Attributes
    ----------
    width, height : int
        Frames are resized to so many pixels.
    view : {"pixels", "background", "difference"}
        See `fastrnn.video.Preprocessing`.
    """

    width: int = 40
    height: int = 25
    view: str = "background"

    suffixes: ClassVar[frozenset[str]] = VIDEO_SUFFIXES
    padding: ClassVar[float | None] = None  # steps that are filled up repeat the last one

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a step."""
        return self._preprocessing.frame_shape

    @property
    def _preprocessing(self) -> Preprocessing:
        return Preprocessing(self.width, self.height, view=self.view)  # type: ignore[arg-type]

    def read(self, path: str | os.PathLike[str]) -> Read:
        """Frames (T, height, width, 1) of a video, as bytes."""
        with FrameReader(path, gray=True) as reader:
            frames = resize_frames(reader, self._preprocessing)
            fps = reader.info.fps
        return Read(frames, (np.arange(len(frames)) + 0.5) / fps)

    def prepared(self, windows: npt.NDArray[Any]) -> FloatArray:
        """The network's input for windows of steps (N, T, ...)."""
        return apply_view(windows, self.view)


@dataclass(frozen=True)
class SoundInput:
    """Log-mel frames of a sound.

    Attributes
    ----------
    front_end : FrontEnd
        From sound to steps.
    """

    front_end: FrontEnd

    suffixes: ClassVar[frozenset[str]] = AUDIO_SUFFIXES
    padding: ClassVar[float | None] = PADDING  # of steps that are filled up, and masked

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a step."""
        return (self.front_end.width,)

    def read(self, path: str | os.PathLike[str]) -> Read:
        """Steps (T, width) of a sound file."""
        mel = self.front_end.log_mel
        frames = mel(read_wav(path, sample_rate=mel.sample_rate)[0])
        steps = self.front_end.inputs(frames)
        first = np.arange(len(steps)) * self.front_end.stride * mel.step
        return Read(steps, first + mel.window / 2)

    def prepared(self, windows: npt.NDArray[Any]) -> FloatArray:
        """The network's input for windows of steps (N, T, ...): as they are."""
        return np.asarray(windows, np.float32)


Input = PictureInput | SoundInput


def input_to_dict(value: Input) -> dict[str, Any]:
    """The settings as a dictionary that JSON can hold."""
    return {"kind": "pictures" if isinstance(value, PictureInput) else "sound", **asdict(value)}


def input_from_dict(values: dict[str, Any]) -> Input:
    """What `input_to_dict` was given."""
    values = dict(values)
    if values.pop("kind") == "pictures":
        return PictureInput(**values)
    return SoundInput(FrontEnd.from_dict(values["front_end"]))
