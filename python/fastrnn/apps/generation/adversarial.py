"""A generator and a discriminator of pictures, trained against each other by `fit`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn import layers, ops
from fastrnn.losses import BinaryCrossentropy
from fastrnn.metrics import Mean
from fastrnn.models import Model, Sequential
from fastrnn.utils.random import generator as random_generator

Array = npt.NDArray[Any]

SLOPE = 0.2  # of LeakyReLU below zero


def build_generator(shape: tuple[int, int, int], latent: int, filters: int) -> Sequential:
    """A network from noise to pictures.

    A dense layer makes small maps of many channels; each transposed convolution doubles their
    sides and halves the channels, until the picture has its size.

    Parameters
    ----------
    shape : tuple of int
        (H, W, C) of a picture, the sides multiples of 4.
    latent : int
        Length of the noise vectors.
    filters : int
        Half the channels of the last hidden map, which are those of the discriminator's first.

    Returns
    -------
    Sequential
        From (N, latent) to (N, H, W, C), values from 0 to 255.

    Examples
    --------
    >>> from fastrnn.apps.generation.adversarial import build_generator
    >>> build_generator((28, 28, 1), latent=16, filters=8).output_shape
    (None, 28, 28, 1)
    """
    doublings = _doublings(shape)
    height, width = (side >> doublings for side in shape[:2])
    channels = filters << doublings
    model = Sequential(name="generator")
    model.add(layers.Input((latent,)))
    model.add(layers.Dense(height * width * channels, use_bias=False))
    model.add(layers.Reshape((height, width, channels)))
    for step in range(1, doublings + 1):
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.LeakyReLU(SLOPE))
        last = step == doublings
        model.add(
            layers.Conv2DTranspose(
                shape[2] if last else channels >> step,
                4,  # a multiple of the stride, so that no pixel gets more than another
                strides=2,
                padding="same",
                use_bias=last,
                activation="tanh" if last else None,
            )
        )
    model.add(layers.Rescaling(127.5, 127.5))
    return model


def build_discriminator(shape: tuple[int, int, int], filters: int) -> Sequential:
    """A network from pictures to the logit of their being real ones.

    Parameters
    ----------
    shape : tuple of int
        (H, W, C) of a picture, the sides multiples of 4.
    filters : int
        Channels of the first convolution; each one after it has twice as many.

    Returns
    -------
    Sequential
        From (N, H, W, C), values from 0 to 255, to (N, 1).
    """
    model = Sequential(name="discriminator")
    model.add(layers.Input(shape))
    model.add(layers.Rescaling(1 / 127.5, -1.0))
    for step in range(_doublings(shape)):
        model.add(layers.Conv2D(filters << step, 4, strides=2, padding="same"))
        model.add(layers.LeakyReLU(SLOPE))
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(1))
    return model


class Adversarial(Model):
    """Both networks as one model for `fit`, whose inputs are real pictures.

    Each step draws noise, has the generator make as many pictures as there are real ones, and
    lets both networks learn: the discriminator to tell real from made, the generator to have
    its pictures taken for real (the non-saturating loss of Goodfellow et al. 2014). Both learn
    from one another as they are at the step's beginning and by one optimizer, so that a
    checkpoint has all that a training needs to go on.

    The targets of `fit` are what the discriminator shall say of real pictures: a little less
    than one (Salimans et al. 2016), so that it never grows too sure for the generator to learn.

    Parameters
    ----------
    generator : Sequential
        From noise (N, latent) to pictures.
    discriminator : Sequential
        From pictures to logits (N, 1); no layer may mix the samples of a batch, as
        BatchNormalization does.
    optimizer : str, dict or Optimizer
        Of both.
    """

    def __init__(
        self, generator: Sequential, discriminator: Sequential, optimizer: Any = "adam"
    ) -> None:
        super().__init__(name="adversarial")
        self.generator = generator
        self.discriminator = discriminator
        self.random = random_generator()
        self.build(discriminator.input_shape)
        watched = [Mean("generator_loss"), Mean("fooled")]
        self.compile(optimizer, BinaryCrossentropy(from_logits=True), metrics=watched)

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        """The discriminator's opinion."""
        return self.discriminator(x, training=training)

    def backward(self, dy: Any) -> Any:
        """The discriminator's."""
        return self.discriminator.backward(dy)

    def _train_step(self, x: Any, y: Any, weight: Any) -> None:
        objective, optimizer = self.objective, self.optimizer
        assert objective is not None
        assert optimizer is not None
        generator, discriminator = self.generator, self.discriminator
        count, grads, values = len(x), [], []
        targets = np.concatenate([y, np.zeros_like(y)])

        def blame(logits: Array) -> Array:
            value, gradient = objective.value_and_gradient(targets, logits)
            values.append(value)
            return np.asarray(gradient)

        def wish(made: Array) -> Array:
            """Gradient, for the made pictures, of the loss by which they should be real."""
            logits, weights, dx = discriminator.gradients(
                np.concatenate([x, made]), dy=blame, need_dx=True
            )
            grads.extend(weights)
            logits = logits[count:]
            values.extend([ops.activation(-logits, "softplus").mean(), (logits > 0).mean()])
            # By the chain rule both losses differ in the gradient for the logits alone, which
            # is p / 2N for the discriminator's and (p - 1) / N for the generator's.
            p = np.maximum(ops.activation(logits, "sigmoid"), 1e-6)
            turned = 2 * (p - 1) / p
            return np.asarray(dx[count:] * turned.reshape(-1, 1, 1, 1))

        noise = draw_noise(self.random, count, generator.input_shape[1])
        _, weights, _ = generator.gradients(noise, dy=wish)
        variables = discriminator.trainable_weights + generator.trainable_weights
        optimizer.apply_gradients(zip(grads + weights, variables, strict=True))
        for mean, value in zip(objective.trackers(), values, strict=True):
            mean.update_state(value)  # type: ignore[call-arg]


def draw_noise(random: np.random.Generator, count: int, latent: int) -> npt.NDArray[np.float32]:
    """Draw what a generator makes pictures of: (count, latent), normally distributed."""
    return random.standard_normal((count, latent), np.float32)


def _doublings(shape: tuple[int, int, int]) -> int:
    """How often the sides can be halved without going below 4 or to a fraction."""
    if any(side % 4 or side < 8 for side in shape[:2]):
        raise ValueError(f"pictures' sides must be multiples of 4 from 8 on, got {shape[:2]}")
    halvings = 2
    while all(side % (2 << halvings) == 0 and side >> halvings > 8 for side in shape[:2]):
        halvings += 1
    return halvings
