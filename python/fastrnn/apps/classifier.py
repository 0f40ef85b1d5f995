"""A trained classifier of clips: network, class names and preprocessing in one file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.networks import Architecture, build_network
from fastrnn.data import Clip, WindowedClips
from fastrnn.formats import hdf5, keras_json, keras_zip
from fastrnn.models import Sequential, load_model
from fastrnn.models.saving import failing_as, weights_of_size
from fastrnn.video import Preprocessing, read_clip

FloatArray = npt.NDArray[np.float32]

FORMAT = "fastrnn video classifier"
FORMAT_VERSION = 3
ASSET = "fastrnn.json"


@dataclass(frozen=True)
class ClipPrediction:
    """What the classifier says about one clip.

    Attributes
    ----------
    path : Path
        The clip.
    classes : tuple of str
        Names of the classes.
    probabilities : ndarray
        (classes,) float32, the mean over the clip's windows.
    window_starts : ndarray
        (windows,) int64, first frame of each window.
    window_probabilities : ndarray
        (windows, classes) float32.
    frame_count : int
        Frames decoded.
    """

    path: Path
    classes: tuple[str, ...]
    probabilities: FloatArray
    window_starts: npt.NDArray[np.int64]
    window_probabilities: FloatArray
    frame_count: int

    @property
    def label(self) -> str:
        """Name of the most probable class."""
        return self.classes[int(self.probabilities.argmax())]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a dictionary that JSON can hold."""
        return {
            "clip": str(self.path),
            "label": self.label,
            "probabilities": {
                name: round(float(value), 6)
                for name, value in zip(self.classes, self.probabilities, strict=True)
            },
            "frames": self.frame_count,
            "windows": len(self.window_starts),
        }


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

    def __init__(
        self,
        classes: Iterable[str],
        preprocessing: Preprocessing,
        architecture: Architecture,
    ) -> None:
        self.classes = tuple(classes)
        if len(self.classes) < 2:
            raise ValueError(f"classifier: needs two or more classes, got {self.classes}")
        self.preprocessing = preprocessing
        self.architecture = architecture
        self.model: Sequential = build_network(architecture, preprocessing, len(self.classes))

    def predict(self, path: str | os.PathLike[str], *, batch_size: int = 64) -> ClipPrediction:
        """Classify one clip.

        Parameters
        ----------
        path : str or os.PathLike
            A video file.
        batch_size : int
            Windows per call of the network.

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
        frames = read_clip(path, self.preprocessing)
        clip = Clip(Path(path), 0)
        windows = WindowedClips([clip], [frames], self.preprocessing)
        probabilities = self.predict_windows(windows, batch_size=batch_size)
        return ClipPrediction(
            path=clip.path,
            classes=self.classes,
            probabilities=probabilities.mean(axis=0),
            window_starts=windows.starts,
            window_probabilities=probabilities,
            frame_count=len(frames),
        )

    def predict_windows(self, windows: WindowedClips, *, batch_size: int = 64) -> FloatArray:
        """Classify windows.

        Parameters
        ----------
        windows : WindowedClips
            Windows made with this classifier's preprocessing.
        batch_size : int
            Windows per call of the network.

        Returns
        -------
        ndarray
            (windows, classes) float32.
        """
        results = [
            np.asarray(self.model.predict_on_batch(inputs), np.float32)
            for inputs, _ in windows.batches(batch_size)
        ]
        return np.concatenate(results) if results else np.empty((0, len(self.classes)), np.float32)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the classifier to one ``.keras`` file; an existing file is replaced in one step.

        Keras reads the network from it; what else there is lies in it as an asset.

        Parameters
        ----------
        path : str or os.PathLike
            The file to write.
        """
        from fastrnn import __version__

        about = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "fastrnn_version": __version__,
            "classes": list(self.classes),
            "preprocessing": self.preprocessing.to_dict(),
            "architecture": asdict(self.architecture),
        }
        assets = {ASSET: json.dumps(about).encode()}
        keras_zip.save(self.model, path, include_optimizer=False, assets=assets)

    @staticmethod
    def is_file(path: str | os.PathLike[str]) -> bool:
        """Whether a file is a classifier's, as far as can be seen without reading it all."""
        if not Path(path).is_file():
            return False
        if hdf5.is_hdf5(Path(path)):
            with hdf5.open_file(Path(path), str(path)) as file:
                return hdf5.read_text(file, "format") == FORMAT
        if Path(path).suffix != ".keras":
            return False
        with keras_zip.open_file(path) as archive:
            return archive.asset(ASSET) is not None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> VideoClassifier:
        """Read a classifier that `save` wrote.

        Parameters
        ----------
        path : str or os.PathLike
            The file.

        Returns
        -------
        VideoClassifier
            Ready to predict.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is no classifier, is damaged, or was written in a newer format.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no such model file: {path}")
        read = _read_h5 if hdf5.is_hdf5(Path(path)) else _read_keras
        with failing_as(path), weights_of_size(os.path.getsize(path)):
            config, weights = read(path)
            version = int(config.get("format_version", 0))
            if version > FORMAT_VERSION:
                raise ValueError(
                    f"{path}: format version {version} needs a newer fastrnn; this one "
                    f"reads up to {FORMAT_VERSION}"
                )
            classifier = _from_config(cls, config, version)
        expected = [np.shape(weight) for weight in classifier.model.get_weights()]
        got = [weight.shape for weight in weights]
        if expected != got:
            raise ValueError(f"{path}: weights must be of shapes {expected}, got {got}")
        classifier.model.set_weights(weights)
        return classifier


def _read_keras(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    with keras_zip.open_file(path) as file:
        about = file.asset(ASSET)
    if about is None:
        raise ValueError(f"{path}: not a {FORMAT} file")
    config = keras_json.parse(f"{path}: {ASSET}", about)
    return config, load_model(path, compile=False).get_weights()


def _read_h5(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    """The form of versions 1 and 2."""
    with hdf5.open_file(Path(path), str(path)) as file:
        if hdf5.read_text(file, "format") != FORMAT:
            raise ValueError(f"{path}: not a {FORMAT} file")
        config = keras_json.parse(f"{path}: config", hdf5.read_text(file, "config") or "")
        config["format_version"] = hdf5.read_attribute(file, "format_version") or 0
        group = hdf5.find_group(file, "weights")
        names = sorted(group)
        return config, [hdf5.read_array(name, hdf5.find(group, name)) for name in names]


def _from_config(
    cls: type[VideoClassifier], config: dict[str, Any], version: int
) -> VideoClassifier:
    preprocessing, architecture = dict(config["preprocessing"]), dict(config["architecture"])
    if version < 2:  # which knew grey pixels and one network
        architecture["network"] = "frames-lstm"
        if preprocessing["view"] == "grey":
            preprocessing["view"] = "pixels"
    for name in ("units", "filters"):
        if name in architecture:
            architecture[name] = tuple(architecture[name])
    return cls(
        [str(name) for name in config["classes"]],
        Preprocessing(**preprocessing),
        Architecture(**architecture),
    )
