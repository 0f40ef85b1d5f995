"""A trained generator of pictures, in one file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fastrnn.apps.generation.adversarial import draw_noise
from fastrnn.apps.generation.pictures import Pixels
from fastrnn.apps.model_file import load_trained, save_trained
from fastrnn.apps.run import Progress
from fastrnn.models import Model
from fastrnn.models.saving import failing_as


class PictureGenerator:
    """A network that makes pictures of noise.

    Parameters
    ----------
    model : Model
        From noise (N, latent) to pictures (N, H, W, C), values from 0 to 255.
    held_back : (float, int)
        Which share of the pictures was held back in training, and by which seed.

    Examples
    --------
    >>> from fastrnn.apps import PictureGenerator
    >>> generator = PictureGenerator.load("model.keras")     # doctest: +SKIP
    >>> generator.generate(64, seed=1).shape                 # doctest: +SKIP
    (64, 28, 28, 1)
    """

    KIND = "fastrnn picture generator"

    def __init__(self, model: Model, held_back: tuple[float, int] = (0.0, 0)) -> None:
        self.model = model
        self.held_back = held_back

    def generate(
        self,
        count: int,
        *,
        seed: int = 0,
        batch_size: int = 256,
        progress: Progress | None = None,
    ) -> Pixels:
        """Make pictures.

        Parameters
        ----------
        count : int
        seed : int
            The same seed gives the same pictures; the first of many are those of few.
        batch_size : int
            Pictures at once.
        progress : Progress, optional
            Told of the pictures made.

        Returns
        -------
        ndarray
            (count, H, W, C) uint8, C being 1 or 3 (red, green, blue).
        """
        if count < 1:
            raise ValueError(f"generate: count must be at least 1, got {count}")
        latent: Any = self.model.input_shape[1]
        noise = draw_noise(np.random.default_rng(seed), count, latent)
        progress, parts = progress or Progress(), []
        for first in range(0, count, batch_size):
            part = np.asarray(self.model.predict_on_batch(noise[first : first + batch_size]))
            parts.append(np.clip(np.rint(part), 0, 255).astype(np.uint8))
            progress.advance("making pictures", min(first + batch_size, count), count)
        return np.concatenate(parts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.keras`` file, of which Keras reads the network."""
        save_trained(path, self.model, self.KIND, {"held_back": list(self.held_back)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PictureGenerator:
        """Read what `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is something else, or damaged.
        """
        model, about = load_trained(path, cls.KIND)
        with failing_as(path):
            share, seed = about["held_back"]
            return cls(model, (float(share), int(seed)))
