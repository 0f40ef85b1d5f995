"""A trained network that says something about each step of a recording."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.classification.annotate import annotate_frame, write_lines
from fastrnn.apps.labelling.inputs import Input, PictureInput, input_from_dict, input_to_dict
from fastrnn.apps.model_file import load_trained, save_trained
from fastrnn.apps.segments import NOTHING, Segment
from fastrnn.metrics import segments_of
from fastrnn.models import Model
from fastrnn.video import FrameReader, FrameWriter
from fastrnn.video.writer import check_video

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Labelling:
    """What is said about the steps of one recording.

    Attributes
    ----------
    names : tuple of str
        Of classes, or of values.
    times : ndarray
        (T,) seconds from the start to the middle of each step.
    outputs : ndarray
        (T, names) float32: probabilities of classes, or values.
    classified : bool
        Whether they are classes.
    """

    names: tuple[str, ...]
    times: npt.NDArray[np.float64]
    outputs: FloatArray
    classified: bool

    @property
    def labels(self) -> list[str]:
        """The likeliest class of each step."""
        return [self.names[number] for number in self.outputs.argmax(axis=1)]

    @property
    def segments(self) -> list[Segment]:
        """Runs of steps of the same class, without those where there is nothing."""
        half = float(self.times[1] - self.times[0]) / 2 if len(self.times) > 1 else 0.0
        return [
            Segment(
                max(float(self.times[first]) - half, 0.0),
                float(self.times[last - 1]) + half,
                self.names[number],
            )
            for first, last, number in segments_of(self.outputs.argmax(axis=1))
            if self.names[number] != NOTHING
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a dictionary that JSON can hold."""
        if self.classified:
            spans = [(round(s.start, 3), round(s.stop, 3), s.label) for s in self.segments]
            return {
                "segments": [dict(zip(("start", "stop", "label"), s, strict=True)) for s in spans]
            }
        columns = zip(self.names, self.outputs.T.round(4).tolist(), strict=True)
        return {"times": self.times.round(3).tolist(), "values": dict(columns)}

    def __str__(self) -> str:
        if self.classified:
            spans = (f"{s.start:.2f}-{s.stop:.2f} {s.label}" for s in self.segments)
            return "  ".join(spans) or NOTHING
        means = zip(self.names, self.outputs.mean(axis=0), strict=True)
        return "mean " + "  ".join(f"{name} {value:.4g}" for name, value in means)


class FrameLabeller:
    """A network over the steps of recordings, with all it needs to read one.

    Parameters
    ----------
    names : iterable of str
        Of classes, `NOTHING` first, or of values.
    source : Input
        From a file to steps.
    model : Model
        From (N, T, ...) to (N, T, names).
    scale : (mean, deviation), optional
        Of each value, where the outputs are values: the network's are normalized by them.

    Examples
    --------
    >>> from fastrnn.apps import FrameLabeller
    >>> labeller = FrameLabeller.load("model.keras")      # doctest: +SKIP
    >>> labeller.predict("clip.mp4").segments             # doctest: +SKIP
    [Segment(start=0.5, stop=1.25, label='wave')]
    """

    KIND = "fastrnn frame labeller"

    def __init__(
        self,
        names: Iterable[str],
        source: Input,
        model: Model,
        scale: tuple[FloatArray, FloatArray] | None = None,
    ) -> None:
        self.names = tuple(names)
        self.source = source
        self.model = model
        self.scale = scale

    def predict(
        self, path: str | os.PathLike[str], *, output: str | os.PathLike[str] | None = None
    ) -> Labelling:
        """Say something about each step of a video or sound file.

        Parameters
        ----------
        path : path
            The file.
        output : path, optional
            A video file to write, of a video: a copy with what is said about each frame drawn in.
            Ctrl-C ends it where it is.

        Returns
        -------
        Labelling

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If `output` is no name of a video, or the file itself, or sound is labelled.
        fastrnn.video.VideoError, fastrnn.audio.AudioError
            If it cannot be read.
        """
        if output is not None:
            check_video(output, path)
            if not self.of_pictures:
                raise ValueError(f"predict: output is for models of clips, {path} is sound")
        steps, times = self.source.read(Path(path))
        found = Labelling(self.names, times, self.outputs(steps), self.scale is None)
        if output is not None:
            _write_copy(path, found, output)
        return found

    @property
    def of_pictures(self) -> bool:
        """Whether it labels the frames of videos, not sound."""
        return isinstance(self.source, PictureInput)

    def outputs(self, steps: npt.NDArray[Any]) -> FloatArray:
        """Probabilities or values (T, names) for the steps (T, ...) of one recording."""
        given = self.model.predict_on_batch(self.source.prepared(steps[None]))
        result: FloatArray = np.asarray(given, np.float32)[0]
        if self.scale is None:
            return result
        mean, deviation = self.scale
        return np.asarray(result * deviation + mean, np.float32)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all of it to one ``.keras`` file; an existing file is replaced in one step."""
        scale = None if self.scale is None else [part.tolist() for part in self.scale]
        about = {"names": list(self.names), "source": input_to_dict(self.source), "scale": scale}
        save_trained(path, self.model, self.KIND, about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FrameLabeller:
        """Read what `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is no such file, or damaged.
        """
        model, about = load_trained(path, cls.KIND)
        try:
            scale = about["scale"]
            if scale is not None:
                mean, deviation = (np.array(part, np.float32) for part in scale)
                scale = mean, deviation
            names = [str(name) for name in about["names"]]
            return cls(names, input_from_dict(about["source"]), model, scale)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: damaged: {error}") from None


def _write_copy(
    path: str | os.PathLike[str], found: Labelling, output: str | os.PathLike[str]
) -> None:
    with FrameReader(path) as frames, FrameWriter(output, fps=frames.info.fps, keep=True) as video:
        for frame, row in zip(frames, found.outputs, strict=False):
            if found.classified:
                video.write(annotate_frame(frame, found.names, row))
            else:
                texts = [
                    f"{name} {value:.4g}" for name, value in zip(found.names, row, strict=True)
                ]
                video.write(write_lines(frame, texts, np.zeros(len(texts))))
