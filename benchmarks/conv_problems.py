"""The convolutions that are timed: layers, weights and data, work and error bound.

Every array is float32 in the layout of ``fastrnn.ops``: x (N, H, W, C), kernel (KH, KW, C, F).
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from problems import Array

IMAGE_CHANNELS = (1, 3)


@dataclass(frozen=True)
class Layer:
    """N images of H x W pixels and C channels, F square filters, zeros on all four sides."""

    n: int
    h: int
    w: int
    c: int
    f: int
    k: int = 3
    stride: int = 1
    pad: int = 0
    where: str = field(default="", compare=False)

    @property
    def output(self) -> tuple[int, int, int, int]:
        h, w = ((size + 2 * self.pad - self.k) // self.stride + 1 for size in (self.h, self.w))
        return self.n, h, w, self.f

    @property
    def first(self) -> bool:
        """Whether it reads the images themselves, so that nobody asks for their gradient."""
        return self.c in IMAGE_CHANNELS

    def __str__(self) -> str:
        text = f"{self.n} x {self.h}x{self.w}x{self.c} -> {self.f}, {self.k}x{self.k}"
        text += f" stride {self.stride}" if self.stride > 1 else ""
        return text + (f" pad {self.pad}" if self.pad else "")


# The networks of small images and of clips that the package's examples train: 28x28 grey
# pictures in batches of 32; two clips of 32 frames of 128x128 or 64x64 pixels in colour.
EXAMPLES = (
    Layer(32, 28, 28, 1, 32, where="digits"),
    Layer(32, 28, 28, 1, 64, where="digits"),
    Layer(32, 13, 13, 32, 64, where="digits"),
    Layer(32, 5, 5, 64, 64, where="digits"),
    Layer(64, 128, 128, 3, 32, where="clips"),
    Layer(64, 63, 63, 32, 64, where="clips"),
    Layer(64, 30, 30, 64, 128, where="clips"),
    Layer(64, 64, 64, 3, 32, where="clips"),
)
# What VGG and ResNet are made of.
CLASSICS = (
    Layer(8, 56, 56, 64, 64, pad=1, where="VGG, ResNet"),
    Layer(8, 28, 28, 128, 128, pad=1, where="VGG, ResNet"),
    Layer(8, 14, 14, 256, 256, pad=1, where="VGG, ResNet"),
    Layer(8, 7, 7, 512, 512, pad=1, where="VGG, ResNet"),
    Layer(8, 56, 56, 64, 256, 1, where="ResNet"),
    Layer(8, 56, 56, 256, 64, 1, where="ResNet"),
    Layer(4, 224, 224, 3, 64, 7, stride=2, pad=3, where="ResNet"),
    Layer(4, 224, 224, 3, 64, pad=1, where="VGG"),
    Layer(8, 56, 56, 64, 128, stride=2, pad=1, where="ResNet"),
    Layer(8, 28, 28, 64, 64, 5, pad=2, where="5x5"),
)
# Odd sizes and single images: what is left over when the tiles have been taken out.
ODD = (
    Layer(8, 31, 31, 32, 32, pad=1, where="odd"),
    Layer(8, 31, 31, 17, 33, pad=1, where="odd"),
    Layer(3, 45, 37, 17, 50, 5, stride=2, pad=2, where="odd"),
    Layer(1, 28, 28, 1, 32, where="one image"),
    Layer(1, 56, 56, 64, 64, pad=1, where="one image"),
    Layer(1, 14, 14, 256, 256, pad=1, where="one image"),
    Layer(1, 7, 7, 512, 512, 1, where="one image"),
)
GRID = EXAMPLES + CLASSICS + ODD
QUICK_GRID = (EXAMPLES[0], EXAMPLES[5], EXAMPLES[7], CLASSICS[1], CLASSICS[4], ODD[1], ODD[4])


@dataclass(frozen=True)
class Problem:
    """One layer with its weights and data, made on first use."""

    layer: Layer

    def work(self, *, training: bool = False) -> float:
        """Floating-point operations, multiplications with padding included.

        In training the kernel's gradient takes as many as the layer itself, and so does the
        images', except in a first layer, which has none.
        """
        s = self.layer
        forward = 2.0 * math.prod(s.output) * s.k * s.k * s.c
        return forward * ((2 if s.first else 3) if training else 1)

    @cached_property
    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(str(self.layer).encode()))

    def _normal(self, *size: int) -> Array:
        return self._rng.standard_normal(size, dtype=np.float32)

    @cached_property
    def kernel(self) -> Array:
        s = self.layer
        return self._normal(s.k, s.k, s.c, s.f) / np.float32(math.sqrt(s.k * s.k * s.c))

    @cached_property
    def bias(self) -> Array:
        return self._normal(self.layer.f)

    @cached_property
    def x(self) -> Array:
        s = self.layer
        return self._normal(s.n, s.h, s.w, s.c)

    @cached_property
    def dy(self) -> Array:
        return self._normal(*self.layer.output)

    def tolerance(self, *, training: bool = False) -> float:
        """Largest difference allowed between two float32 implementations.

        As for recurrent layers (`problems.Problem.tolerance`): a value is one chain of sums over
        a patch, in a kernel's gradient over all patches.
        """
        s = self.layer
        depth = s.k * s.k * max(s.c, s.f)
        if training:
            depth = max(depth, math.prod(s.output[:3]))
        found = 2 * 4 * (2 if training else 1) * math.ceil(math.log2(depth)) * 2.0**-23
        if training:
            # PyTorch adds a bias' gradient up in one chain over all pixels.
            found += math.sqrt(math.prod(s.output[:3])) * 2.0**-23
        return found
