"""A trained detector: network, names of the classes and size of the pictures in one file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastrnn.apps.detection.loss import STRIDE, decode_grid
from fastrnn.apps.detection.scores import Detections
from fastrnn.apps.model_file import load_trained, save_trained
from fastrnn.layers import BatchNormalization, Conv2D, Input, LeakyReLU, MaxPooling2D
from fastrnn.models import Model, Sequential
from fastrnn.video import resize_frame
from fastrnn.video.boxes import non_max_suppression
from fastrnn.video.draw import Picture
from fastrnn.video.preprocess import Preprocessing


def build_network(
    width: int, height: int, classes: int, filters: tuple[int, ...] = (16, 32, 64, 64)
) -> Sequential:
    """A single-stage detector: convolutions down to cells of 8 pixels, and a grid of boxes.

    Its input is (height, width, 3) in [0, 1], its output (height / 8, width / 8, 5 + classes), as
    `decode_grid` takes it. The first three convolutions are each followed by pooling.
    """
    layers: list[Any] = [Input((height, width, 3))]
    for number, count in enumerate(filters):
        layers += [
            Conv2D(count, 3, padding="same", use_bias=False),
            BatchNormalization(momentum=0.9),
        ]
        layers.append(LeakyReLU(0.1))
        if number < 3:
            layers.append(MaxPooling2D(2))
    layers.append(Conv2D(5 + classes, 1))
    model = Sequential(layers, name="detector")
    # Most cells have no object: to begin with, let the network think so.
    kernel, bias = model.layers[-1].get_weights()
    bias[0] = -4
    model.layers[-1].set_weights([kernel, bias])
    return model


def check_size(width: int, height: int) -> None:
    """Raise ValueError unless both sizes are multiples of a cell's."""
    if min(width, height) < STRIDE or width % STRIDE or height % STRIDE:
        raise ValueError(
            f"detector: width and height must be multiples of {STRIDE}, got {width}x{height}"
        )


class ObjectDetector:
    """Finds the objects of some classes in pictures.

    Parameters
    ----------
    classes : iterable of str
        Their names, in the order of the network's outputs.
    width, height : int
        Pictures are resized to this many pixels, multiples of 8.
    network : Model, optional
        As `build_network` makes it; a new one if not given.

    Examples
    --------
    >>> from fastrnn.apps.detection import ObjectDetector
    >>> detector = ObjectDetector.load("model.keras")                  # doctest: +SKIP
    >>> boxes, scores, labels = detector.detect(picture)               # doctest: +SKIP
    >>> [detector.classes[label] for label in labels]                  # doctest: +SKIP
    ['stop', 'yield']
    """

    KIND = "fastrnn object detector"

    def __init__(
        self,
        classes: Iterable[str],
        width: int = 128,
        height: int = 96,
        network: Model | None = None,
    ) -> None:
        self.classes = tuple(classes)
        if not self.classes:
            raise ValueError("detector: needs a class")
        check_size(width, height)
        self.width, self.height = width, height
        self.network = network or build_network(width, height, len(self.classes))
        self._size = Preprocessing(width=width, height=height, colour=True)

    def prepare(self, picture: Picture) -> Picture:
        """Resize a picture, (H, W, 3) uint8, to the detector's size."""
        return resize_frame(picture, self._size)

    def detect(
        self, picture: Picture, *, threshold: float = 0.3, overlap: float = 0.45
    ) -> Detections:
        """Find the objects in a picture.

        Parameters
        ----------
        picture : ndarray
            (H, W, 3) uint8, blue, green, red, of any size.
        threshold : float
            Lowest score, in [0, 1].
        overlap : float
            Of boxes of one class that overlap more (IoU), the best alone stays.

        Returns
        -------
        Detections
            Boxes in pixels of `picture`, scores and class numbers, the highest score first.
        """
        return self.detect_batch([picture], threshold=threshold, overlap=overlap)[0]

    def detect_batch(
        self, pictures: Iterable[Picture], *, threshold: float = 0.3, overlap: float = 0.45
    ) -> list[Detections]:
        """As `detect`, for several pictures at once."""
        pictures = list(pictures)
        inputs = np.stack([self.prepare(picture) for picture in pictures])
        grids = self.network.predict_on_batch(inputs.astype(np.float32) / np.float32(255))
        found = []
        for picture, grid in zip(pictures, np.asarray(grids), strict=True):
            boxes, scores, labels = decode_grid(grid, threshold)
            boxes = boxes * np.tile(
                [picture.shape[1] / self.width, picture.shape[0] / self.height], 2
            )
            kept = [
                index
                for label in np.unique(labels)
                for mine in [np.flatnonzero(labels == label)]
                for index in mine[non_max_suppression(boxes[mine], scores[mine], overlap)]
            ]
            order = sorted(kept, key=lambda index: -scores[index])
            found.append(Detections(boxes[order], scores[order], labels[order]))
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the detector to one ``.keras`` file."""
        about = {"classes": list(self.classes), "width": self.width, "height": self.height}
        save_trained(path, self.network, self.KIND, about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ObjectDetector:
        """Read a detector that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is something else, or damaged.
        """
        network, about = load_trained(path, cls.KIND)
        try:
            names = [str(name) for name in about["classes"]]
            return cls(names, int(about["width"]), int(about["height"]), network)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: damaged, {error!r} is missing or wrong") from error
