"""Training of a generator of pictures."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastrnn.apps.generation.adversarial import (
    Adversarial,
    build_discriminator,
    build_generator,
)
from fastrnn.apps.generation.picture_generator import PictureGenerator
from fastrnn.apps.generation.pictures import Pictures, read_pictures, save_pictures
from fastrnn.apps.generation.quality import Judge
from fastrnn.apps.memory import refuse_too_large
from fastrnn.apps.options import VALIDATION, TrainingOptions
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.settings import setting
from fastrnn.apps.wording import parts_line
from fastrnn.callbacks import Callback, SwapEMAWeights
from fastrnn.optimizers import Adam
from fastrnn.utils import set_random_seed

REAL = 0.9  # what the discriminator shall say of real pictures
SHOWN = 64  # pictures in a grid
JUDGED = 2000  # pictures that the quality is measured on
TAUGHT = 10_000  # pictures that the judge learns from, at most


@dataclass(frozen=True)
class PictureOptions(TrainingOptions):
    """How a generator of pictures is trained; see `train_pictures`."""

    epochs: int = setting(5, "Passes over the pictures.")
    batch_size: int = setting(64, "Pictures per step.", flag="--batch")
    learning_rate: float = setting(4e-4, "Adam's learning rate.", flag="--lr")
    size: int | None = setting(
        None, "Side of the pictures in pixels, a multiple of 4.", shown="32; MNIST's own 28"
    )
    colour: bool = setting(False, "Keep the colours.")
    latent: int = setting(64, "Length of the noise a picture is made of.", panel="Network")
    filters: int = setting(32, "Channels of the convolution next to the picture.", panel="Network")
    validation: float = setting(
        0.1, "Part of the pictures held back to compare with.", flag="--val", panel=VALIDATION
    )


def train_pictures(
    data: str | os.PathLike[str],
    options: PictureOptions | None = None,
    *,
    run: TrainingRun | None = None,
) -> PictureGenerator:
    """Train a generator and a discriminator against each other on pictures.

    Parameters
    ----------
    data : path
        As `read_pictures` takes it.
    options : PictureOptions, optional
        How to train.
    run : TrainingRun, optional
        Where results go: beside what every training writes, ``samples/`` has a grid of pictures
        after each epoch, made of the same noise each time. Where the pictures have labels,
        results.json tells the quality of made pictures, and for comparison that of noise and of
        real pictures.

    Returns
    -------
    PictureGenerator
        With the moving average of the weights over the last steps, which makes cleaner pictures
        than the weights of any single step.

    Examples
    --------
    >>> from fastrnn.apps import PictureOptions, train_pictures
    >>> generator = train_pictures("mnist", PictureOptions(epochs=3))     # doctest: +SKIP
    """
    options, run = options or PictureOptions(), run or TrainingRun()
    if options.size is not None:
        channels = 3 if options.colour else 1
        sizes = {"batch_size": options.batch_size, "size": options.size}
        refuse_too_large(sizes, times=options.size * channels)
    pictures = read_pictures(data, size=options.size, colour=options.colour, progress=run.progress)
    split = options.validation, options.seed
    train, held_back = _split(pictures, *split)
    shape = train.pixels.shape[1:]
    run.progress.note(parts_line("picture", len(train), len(held_back)))
    run.start("generate", data, options)
    networks = (
        build_generator(shape, options.latent, options.filters),
        build_discriminator(shape, options.filters),
    )
    generator = PictureGenerator(networks[0], split)
    optimizer = Adam(options.learning_rate, beta_1=0.5, use_ema=True, ema_momentum=0.99)
    run.fit(
        Adversarial(*networks, optimizer),
        train.pixels,
        np.full((len(train), 1), REAL, np.float32),
        batch_size=options.batch_size,
        epochs=options.epochs,
        save=generator.save,
        monitor=None,  # neither loss says how good the pictures are
        callbacks=[SwapEMAWeights(swap_on_epoch=True), _Samples(generator, run.path / "samples")],
    )
    save_pictures(run.path / "real.png", train.pixels[:SHOWN])
    found = {} if run.interrupted else evaluate_pictures(generator, train, held_back)
    run.finish({"validation": found})
    return generator


def evaluate_pictures(
    generator: PictureGenerator, train: Pictures, held_back: Pictures, *, seed: int = 1
) -> dict[str, Any]:
    """The quality of made pictures, of noise, and of real pictures, as a dict for JSON.

    Parameters
    ----------
    generator : PictureGenerator
    train, held_back : Pictures
        What it was trained on, and other real ones. Without labels the result is empty.
    seed : int
        Of the made pictures and of the judge.
    """
    if train.labels is None or len(held_back) < 2:
        return {}
    set_random_seed(seed)
    judge = Judge(train.part(np.arange(min(TAUGHT, len(train)))), held_back)
    count = min(JUDGED, len(train))
    noise = np.random.default_rng(seed).integers(0, 256, (count, *train.pixels.shape[1:]))
    sets = {
        "made": generator.generate(count, seed=seed),
        "noise": noise.astype(np.uint8),
        "real": train.pixels[:count],
    }
    return {
        "judge_accuracy": round(judge.accuracy, 4),
        **{name: asdict(judge(pixels)) for name, pixels in sets.items()},
    }


def evaluate_picture_file(model: Path, data: Path, progress: Progress) -> dict[str, Any]:
    """`evaluate_pictures` of a model's file and a folder of pictures.

    The same part of them is held back as in training, or where none was a tenth.
    """
    generator = PictureGenerator.load(model)
    _, height, _, channels = generator.model.output_shape
    pictures = read_pictures(data, size=height, colour=channels == 3, progress=progress)
    share, seed = generator.held_back
    return evaluate_pictures(generator, *_split(pictures, share or 0.1, seed))


class _Samples(Callback):
    """A grid of pictures after each epoch."""

    def __init__(self, generator: PictureGenerator, folder: Path) -> None:
        super().__init__()
        self.generator = generator
        self.folder = folder

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        pictures = self.generator.generate(SHOWN)
        save_pictures(self.folder / f"epoch{epoch + 1:03d}.png", pictures)


def _split(pictures: Pictures, fraction: float, seed: int) -> tuple[Pictures, Pictures]:
    held = round(len(pictures) * fraction)
    if not 0 <= fraction < 1 or len(pictures) - held < 2:
        raise ValueError(f"holding back {fraction:g} of {len(pictures)} pictures leaves too few")
    order = np.random.default_rng(seed).permutation(len(pictures))
    return pictures.part(order[held:]), pictures.part(order[:held])
