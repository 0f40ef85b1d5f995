"""A trained classifier of clips: network, class names and preprocessing in one file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.classification.networks import VIDEO_NETWORKS, Architecture, build_network
from fastrnn.apps.classification.prediction import ClipPrediction, FloatArray
from fastrnn.apps.model_file import load_trained, save_trained
from fastrnn.apps.settings import from_json
from fastrnn.models import Model
from fastrnn.models.saving import failing_as
from fastrnn.video import FrameReader, Preprocessing, VideoError, apply_view, resize_frame
from fastrnn.video.reader import Frame
from fastrnn.video.sampling import sample_frames


class VideoClassifier:
    """A network over windows of frames, with all it needs to judge a clip.

    Parameters
    ----------
    classes : iterable of str
        Names of the classes, in the order of the network's outputs.
    preprocessing : Preprocessing
        From frames to the network's input.
    architecture : Architecture
        The network.
    model : Model, optional
        The network itself, where there is one.

    Raises
    ------
    ValueError
        If there are fewer than two classes.

    Examples
    --------
    >>> from fastrnn.apps import VideoClassifier
    >>> classifier = VideoClassifier.load("model.keras")   # doctest: +SKIP
    >>> classifier.predict("clip.avi").label               # doctest: +SKIP
    'wave'
    """

    KIND = "fastrnn video classifier"

    def __init__(
        self,
        classes: Iterable[str],
        preprocessing: Preprocessing,
        architecture: Architecture,
        model: Model | None = None,
    ) -> None:
        self.classes = tuple(classes)
        if len(self.classes) < 2:
            raise ValueError(f"classifier: needs two or more classes, got {self.classes}")
        self.preprocessing = preprocessing
        self.architecture = architecture
        self.model: Model = model or build_network(
            VIDEO_NETWORKS, architecture, self.input_shape, len(self.classes)
        )

    def predict(self, path: str | os.PathLike[str]) -> ClipPrediction:
        """Classify one clip, whose frames are not kept.

        Parameters
        ----------
        path : str or os.PathLike
            A video file.

        Returns
        -------
        ClipPrediction
            Probabilities of the clip and of each of its windows.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        fastrnn.video.VideoError
            If it cannot be read as a video.
        """
        live = self.live()
        with FrameReader(path, gray=not self.preprocessing.colour) as reader:
            frames = sample_frames(reader, fps=self.preprocessing.fps)
            windows = [seen for frame in frames if (seen := live.push(frame)) is not None]
        windows += live.finish()
        if not windows:
            raise VideoError(f"{path}: no frame could be decoded")
        return ClipPrediction(
            path=Path(path),
            classes=self.classes,
            probabilities=live.mean,
            window_starts=np.arange(len(windows)) * self.preprocessing.stride,
            window_probabilities=np.stack(windows),
            frame_count=live.frame_count,
        )

    def live(self) -> LiveClassifier:
        """A classifier of frames that come one by one, as from a camera."""
        return LiveClassifier(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the classifier to one ``.keras`` file; an existing file is replaced in one step.

        Keras reads the network from it; what else there is lies in it as an asset.
        """
        about = {
            "classes": list(self.classes),
            "preprocessing": self.preprocessing.to_dict(),
            "architecture": asdict(self.architecture),
        }
        save_trained(path, self.model, self.KIND, about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> VideoClassifier:
        """Read a classifier that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is no classifier, or is damaged.
        """
        model, about = load_trained(path, cls.KIND)
        with failing_as(path):
            classifier = cls(
                map(str, about["classes"]),
                from_json(Preprocessing, about["preprocessing"]),
                from_json(Architecture, about["architecture"]),
                model,
            )
            check_network(model, classifier.input_shape, len(classifier.classes))
        return classifier

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape (T, H, W, C) of a window."""
        return (self.preprocessing.window, *self.preprocessing.frame_shape)


class LiveClassifier:
    """Classifies windows as frames come; keeps no more than one window's small frames.

    Windows begin where `VideoClassifier.predict` has them begin: every `stride` frames.

    Attributes
    ----------
    frame_count, window_count : int
        Frames pushed and windows classified so far.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps import VideoClassifier
    >>> from fastrnn.apps.classification import VIDEO_NETWORKS, architecture_of
    >>> from fastrnn.video import Preprocessing
    >>> architecture = architecture_of(VIDEO_NETWORKS, "cnn-gru")
    >>> classifier = VideoClassifier(["run", "walk"], Preprocessing(window=4), architecture)
    >>> live = classifier.live()
    >>> [live.push(np.zeros((48, 64), np.uint8)) is not None for _ in range(9)]
    [False, False, False, True, False, False, False, True, False]
    """

    def __init__(self, classifier: VideoClassifier) -> None:
        self.preprocessing = classifier.preprocessing
        self.frame_count = self.window_count = 0
        self._model = classifier.model
        self._sum = np.zeros(len(classifier.classes), np.float64)
        # Frame n lies at n modulo the span.
        shape = (self.preprocessing.span, *self.preprocessing.frame_shape)
        self._frames = np.empty(shape, np.uint8)

    def push(self, frame: Frame) -> FloatArray | None:
        """Take the next frame, (H, W) or in colour (H, W, 3).

        Returns
        -------
        ndarray or None
            (classes,) float32, the probabilities of the window that ends with this frame, where
            one does.
        """
        span, stride = self.preprocessing.span, self.preprocessing.stride
        self._frames[self.frame_count % span] = resize_frame(frame, self.preprocessing)
        self.frame_count += 1
        first = self.frame_count - span
        if first < 0 or first % stride:
            return None
        return self._classify(np.arange(first, self.frame_count, self.preprocessing.frame_step))

    def finish(self) -> Iterator[FloatArray]:
        """The window of a clip that is shorter than one, its last frame repeated."""
        if 0 < self.frame_count < self.preprocessing.span:
            steps = np.arange(0, self.preprocessing.span, self.preprocessing.frame_step)
            yield self._classify(np.minimum(steps, self.frame_count - 1))

    @property
    def mean(self) -> FloatArray:
        """Mean probabilities of all windows so far."""
        mean: FloatArray = (self._sum / max(self.window_count, 1)).astype(np.float32)
        return mean

    def _classify(self, numbers: npt.NDArray[np.int64]) -> FloatArray:
        window = self._frames[numbers % self.preprocessing.span]
        inputs = apply_view(window[None], self.preprocessing.view)
        (probabilities,) = np.asarray(self._model.predict_on_batch(inputs), np.float32)
        self._sum += probabilities
        self.window_count += 1
        return np.asarray(probabilities)


def check_network(model: Model, shape: tuple[int, ...], classes: int) -> None:
    """Check that a file's network takes what its description says.

    Raises
    ------
    ValueError
        If it does not.
    """
    shapes: tuple[Any, ...] = (model.input_shape, model.output_shape)
    if shapes != ((None, *shape), (None, classes)):
        raise ValueError(
            f"its network must be from {shape} to {classes} classes, got {shapes[0]} to {shapes[1]}"
        )
