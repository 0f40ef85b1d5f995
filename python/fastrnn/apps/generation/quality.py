"""How much made pictures are like real ones, seen by a classifier of the real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastrnn import layers
from fastrnn.apps.generation.pictures import Pictures, Pixels
from fastrnn.models import Model, Sequential

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PictureQuality:
    """What the classifier sees in a set of pictures.

    Attributes
    ----------
    distance : float
        Fréchet distance to the held-back real pictures, in the classifier's features.
    sure : float
        Share of pictures to which the classifier gives a class with 0.9 or more.
    classes : float
        How many classes there are, in effect: the exponential of the entropy of the mean
        probabilities, which falls where a generator makes the same picture again and again.
    """

    distance: float
    sure: float
    classes: float


class Judge:
    """A small convolutional classifier that is trained on real pictures, and judges others.

    Parameters
    ----------
    real : Pictures
        With labels; the classifier learns from them.
    held_back : Pictures
        Real pictures that others are compared with.
    epochs : int
        Passes over `real`.
    """

    def __init__(self, real: Pictures, held_back: Pictures, *, epochs: int = 3) -> None:
        if real.labels is None or held_back.labels is None:
            raise ValueError("judge: needs the pictures' labels")
        self.model = _classifier(real.pixels.shape[1:], int(real.labels.max()) + 1)
        self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        self.model.fit(real.pixels, real.labels, batch_size=64, epochs=epochs, verbose=0)
        _, self.accuracy = self.model.evaluate(held_back.pixels, held_back.labels, verbose=0)
        given = self.model.input
        features = self.model.get_layer("features").output
        self._both = Model(given, [features, self.model.output])
        self._real, _ = self._seen(held_back.pixels)

    def __call__(self, pixels: Pixels) -> PictureQuality:
        """Judge pictures (N, H, W, C)."""
        features, probabilities = self._seen(pixels)
        mean = probabilities.mean(axis=0)
        entropy = -(mean * np.log(np.maximum(mean, 1e-12))).sum()
        return PictureQuality(
            distance=frechet_distance(features, self._real),
            sure=float((probabilities.max(axis=1) >= 0.9).mean()),
            classes=float(np.exp(entropy)),
        )

    def _seen(self, pixels: Pixels) -> tuple[FloatArray, FloatArray]:
        features, probabilities = self._both.predict(pixels, batch_size=256, verbose=0)
        return features.astype(np.float64), probabilities.astype(np.float64)


def frechet_distance(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> float:
    """Fréchet distance between two sets of vectors, as if both were normally distributed.

    |m_a - m_b|² + tr(C_a + C_b - 2 (C_a C_b)^½), m being the means and C the covariances
    (Heusel et al. 2017).

    Parameters
    ----------
    a, b : ndarray
        (N, D) and (M, D), two or more of each.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.apps.generation.quality import frechet_distance
    >>> a = np.random.default_rng(0).normal(size=(1000, 3))
    >>> round(frechet_distance(a, a + 2), 6)
    12.0
    """
    apart = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    of_a, of_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    # The product's eigenvalues are real and not negative but for rounding.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(of_a @ of_b).real, 0))
    return float(max(apart + np.trace(of_a) + np.trace(of_b) - 2 * roots.sum(), 0.0))


def _classifier(shape: tuple[int, ...], classes: int) -> Sequential:
    return Sequential(
        [
            layers.Rescaling(1 / 255, input_shape=shape),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(64, activation="relu", name="features"),
            layers.Dense(classes, activation="softmax"),
        ]
    )
