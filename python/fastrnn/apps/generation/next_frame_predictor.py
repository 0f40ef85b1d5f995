"""A trained predictor of frames, in one file."""

from __future__ import annotations

import itertools
import os
from collections import deque

import numpy as np

from fastrnn.apps.generation.next_frame import roll_out
from fastrnn.apps.model_file import load_trained, save_trained
from fastrnn.apps.run import Progress
from fastrnn.models import Model
from fastrnn.video import FrameReader, FrameWriter, Preprocessing, VideoError, resize_frame
from fastrnn.video.preprocess import Frames
from fastrnn.video.writer import check_video

MARK = (80, 175, 76)  # of predicted frames: blue, green, red
MIN_WIDTH = 360


class NextFramePredictor:
    """A network that predicts how a clip goes on, with what it needs to read one.

    Parameters
    ----------
    model : Model
        As `build_predictor` makes it.
    preprocessing : Preprocessing
        Size and colour of the frames; `window` is how many it was trained to see.

    Examples
    --------
    >>> from fastrnn.apps import NextFramePredictor
    >>> predictor = NextFramePredictor.load("model.keras")          # doctest: +SKIP
    >>> predictor.predict("clip.avi", 20).shape                     # doctest: +SKIP
    (20, 48, 60, 1)
    """

    KIND = "fastrnn next-frame predictor"

    def __init__(self, model: Model, preprocessing: Preprocessing) -> None:
        self.model = model
        self.preprocessing = preprocessing

    def go_on(self, frames: Frames, count: int, *, progress: Progress | None = None) -> Frames:
        """Predict the frames that follow.

        Parameters
        ----------
        frames : ndarray
            (T, H, W, C) uint8, of the network's size.
        count : int
            Frames to predict.
        progress : Progress, optional
            Told of each frame predicted.

        Returns
        -------
        ndarray
            (count, H, W, C) uint8.
        """
        if count < 1:
            raise ValueError(f"go_on: count must be at least 1, got {count}")
        seen = frames[None].astype(np.float32) / np.float32(255)
        progress, predicted = progress or Progress(), []
        for number, frame in enumerate(roll_out(self.model, seen, count), 1):
            predicted.append(np.rint(255 * frame[0]).astype(np.uint8))
            progress.advance("predicting frames", number, count)
        return np.stack(predicted)

    def predict(
        self,
        clip: str | os.PathLike[str],
        count: int,
        *,
        start: int | None = None,
        output: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Frames:
        """Predict how a clip goes on.

        Parameters
        ----------
        clip : path
            A video file; as many frames of it are seen as there are in a window.
        count : int
            Frames to predict.
        start : int, optional
            The first frame that is predicted, counted from 0, at least 1; by default the one
            after the clip's last.
        output : path, optional
            A video to write: the frames seen, then, in a green border, those predicted.
        progress : Progress, optional
            Told of each frame predicted.

        Returns
        -------
        ndarray
            (count, H, W, C) uint8.

        Raises
        ------
        FileNotFoundError
            If there is no such clip.
        ValueError
            If `output` is no name of a video, or the clip itself.
        fastrnn.video.VideoError
            If it cannot be read, or ends before `start`.
        """
        if start is not None and start < 1:
            raise ValueError(f"predict: start must be at least 1, got {start}")
        if output is not None:
            check_video(output, clip)
        settings = self.preprocessing
        with FrameReader(clip, gray=not settings.colour) as reader:
            fps = reader.info.fps / settings.frame_step
            numbered = enumerate(itertools.islice(reader, start), 1)
            seen = list(deque(numbered, maxlen=settings.span))[:: -settings.frame_step][::-1]
        if not seen or (start is not None and seen[-1][0] < start):
            raise VideoError(f"{clip}: ends before frame {start or 1}")
        frames = np.stack([resize_frame(frame, settings) for _, frame in seen])
        predicted = self.go_on(frames, count, progress=progress)
        if output is not None:
            self._write(output, frames, predicted, fps)
        return predicted

    @staticmethod
    def _write(path: str | os.PathLike[str], seen: Frames, predicted: Frames, fps: float) -> None:
        factor = -(-MIN_WIDTH // seen.shape[2])
        with FrameWriter(path, fps=fps) as writer:
            for number, frame in enumerate(itertools.chain(seen, predicted)):
                picture = np.repeat(frame, 3 // frame.shape[2], axis=2)
                picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
                if number >= len(seen):
                    edge = max(factor // 2, 1)
                    inner = picture[edge:-edge, edge:-edge].copy()
                    picture[:] = MARK
                    picture[edge:-edge, edge:-edge] = inner
                writer.write(picture)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.keras`` file, of which Keras reads the network."""
        about = {"preprocessing": self.preprocessing.to_dict()}
        save_trained(path, self.model, self.KIND, about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> NextFramePredictor:
        """Read what `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is something else, or damaged.
        """
        model, about = load_trained(path, cls.KIND)
        return cls(model, Preprocessing(**about["preprocessing"]))
