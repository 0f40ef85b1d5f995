"""A trained classifier of images: network, class names and size in one file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.classification.batches import ImageBatches
from fastrnn.apps.classification.image_data import read_image
from fastrnn.apps.classification.networks import IMAGE_NETWORKS, Architecture, build_network
from fastrnn.apps.classification.prediction import FilePrediction, FloatArray
from fastrnn.apps.classification.video import check_network
from fastrnn.apps.model_file import load_trained, save_trained
from fastrnn.apps.settings import from_json
from fastrnn.datasets.mnist import read_idx
from fastrnn.models import Model
from fastrnn.models.saving import failing_as


class ImageClassifier:
    """A network over images, with all it needs to judge a picture file.

    Parameters
    ----------
    classes : iterable of str
        Names of the classes, in the order of the network's outputs.
    shape : tuple of int
        Height, width and channels (1 or 3) that images are brought to.
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
    >>> from fastrnn.apps import ImageClassifier
    >>> from fastrnn.apps.classification import IMAGE_NETWORKS, architecture_of
    >>> architecture = architecture_of(IMAGE_NETWORKS, "rows-lstm")
    >>> ImageClassifier("0123456789", (28, 28, 1), architecture).model.output_shape
    (None, 10)
    """

    KIND = "fastrnn image classifier"

    def __init__(
        self,
        classes: Iterable[str],
        shape: Iterable[int],
        architecture: Architecture,
        model: Model | None = None,
    ) -> None:
        self.classes = tuple(classes)
        if len(self.classes) < 2:
            raise ValueError(f"classifier: needs two or more classes, got {self.classes}")
        height, width, channels = shape
        self.shape = (height, width, channels)
        self.architecture = architecture
        self.model: Model = model or build_network(
            IMAGE_NETWORKS, architecture, self.shape, len(self.classes)
        )

    def predict(self, path: str | os.PathLike[str]) -> FilePrediction:
        """Classify a picture file.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is no picture.
        """
        image = read_image(path, self.shape)
        return FilePrediction(self.classes, self.predict_images(image[None])[0], Path(path))

    def predict_idx(self, path: str | os.PathLike[str]) -> Iterator[FilePrediction]:
        """Classify the images of an IDX file as MNIST comes in, one after the other.

        The prediction's `path` ends in ``#`` and the image's number, counted from 0.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is none, or its images are of another size.
        """
        pixels = read_idx(path)
        shape = pixels.shape[1:] if pixels.ndim == 4 else (*pixels.shape[1:], 1)
        if pixels.dtype != np.uint8 or shape != self.shape:
            raise ValueError(
                f"{path}: must hold images of bytes, {self.shape} each, "
                f"got {pixels.dtype} {pixels.shape}"
            )
        found = self.predict_images(pixels.reshape(-1, *shape))
        for number, probabilities in enumerate(found):
            yield FilePrediction(self.classes, probabilities, Path(f"{path}#{number}"))

    def predict_images(self, pixels: npt.NDArray[np.uint8]) -> FloatArray:
        """Probabilities (N, classes) of images (N, H, W, C) uint8 of the classifier's shape."""
        labels = np.zeros(len(pixels), np.int64)
        batches = ImageBatches(pixels, labels, batch_size=64, shuffle=False)
        return np.asarray(self.model.predict(batches, verbose=0), np.float32)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the classifier to one ``.keras`` file; an existing file is replaced in one step.

        Keras reads the network from it; what else there is lies in it as an asset.
        """
        about: dict[str, Any] = {"classes": list(self.classes), "shape": list(self.shape)}
        about["architecture"] = asdict(self.architecture)
        save_trained(path, self.model, self.KIND, about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ImageClassifier:
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
            architecture = from_json(Architecture, about["architecture"])
            classifier = cls(map(str, about["classes"]), about["shape"], architecture, model)
            check_network(model, classifier.shape, len(classifier.classes))
        return classifier
