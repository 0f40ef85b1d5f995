"""Options of training on clips and on images."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastrnn.apps.classification.networks import (
    IMAGE_NETWORKS,
    VIDEO_NETWORKS,
    Architecture,
    architecture_of,
)
from fastrnn.apps.options import FileOptions, check_memory
from fastrnn.apps.settings import setting
from fastrnn.video import Preprocessing

FRAMES = "Frames and windows"
NETWORK = "Network"


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of '32' or '32x24'."""
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text.strip())
    if match is None:
        raise ValueError(f"expected a size such as 32 or 32x24, got '{text}'")
    return int(match[1]), int(match[2] or match[1])


@dataclass(frozen=True)
class ClassifierOptions(FileOptions):
    """How to train a classifier; see `FileOptions` for what is not said here.

    Attributes
    ----------
    shift : int, optional
        Training pictures are moved by up to this many pixels, drawn anew each time; by default
        an eighth of the picture for clips, a sixteenth for images.
    units, filters : tuple of int, optional
        Sizes of the network's layers; by default what suits it.
    dropout : float
        Share of values dropped after each recurrent or dense layer, while training.
    """

    shift: int | None = setting(
        None,
        "Move training pictures at random by up to this many pixels.",
        shown="an eighth of the picture; of images a sixteenth",
    )
    units: tuple[int, ...] | None = setting(
        None, "Units of each recurrent or dense layer.", panel=NETWORK, shown="what suits it"
    )
    filters: tuple[int, ...] | None = setting(
        None, "Filters of each convolution.", panel=NETWORK, shown="what suits it"
    )
    dropout: float = setting(0.2, "Share dropped after each layer of units.", panel=NETWORK)

    def _shift_of(self, width: int, height: int, share: int) -> int:
        """How far pictures of a size are moved; by default this share of the smaller side."""
        side = min(width, height)
        shift = side // share if self.shift is None else self.shift
        if not 0 <= shift < side:
            raise ValueError(f"train: shift must be in [0, {side}), got {shift}")
        return shift


@dataclass(frozen=True)
class VideoOptions(ClassifierOptions):
    """How to train on clips; see `ClassifierOptions` for what is not said here.

    Attributes
    ----------
    network : str
        One of `VIDEO_NETWORKS`.
    size : tuple of int, optional
        Width and height that frames are resized to; by default what suits the network.
    colour : bool
        Keep the colours.
    window, stride, frame_step : int
        Frames in a window, from one window to the next, and from one frame to the next.
    fps : float, optional
        Frames per second that clips are brought to first.
    memory : int
        MiB of frames that are kept in memory; what is more is decoded anew in each epoch.
    view : {"pixels", "background", "difference"}
        What the network sees, see `fastrnn.video.Preprocessing`.

    Examples
    --------
    >>> from fastrnn.apps import VideoOptions
    >>> VideoOptions(size=(32, 24), window=8).preprocessing.frame_shape
    (24, 32, 1)
    """

    network: str = setting(
        "cnn-lstm",
        "The network: convolutions over each frame, then LSTM or GRU layers; a ConvLSTM; LSTM "
        "layers over the rows of each frame, or over whole frames.",
        flag="--model",
        metavar="|".join(VIDEO_NETWORKS),
        panel=NETWORK,
    )
    size: tuple[int, int] | None = setting(
        None,
        "Resize frames to this many pixels.",
        metavar="WIDTH[xHEIGHT]",
        shown="48 where there are convolutions, else 32",
        parse=parse_size,
        panel=FRAMES,
    )
    colour: bool = setting(False, "Keep the colours.", panel=FRAMES)
    window: int = setting(16, "Frames in a window.", panel=FRAMES)
    stride: int = setting(4, "Frames between window starts.", panel=FRAMES)
    frame_step: int = setting(1, "Use every so many-th frame.", flag="--step", panel=FRAMES)
    memory: int = setting(
        512, "MiB of frames that are kept; the rest is decoded anew.", panel=FRAMES
    )
    fps: float | None = setting(
        None, "Bring clips to so many frames per second first.", shown="as they are", panel=FRAMES
    )
    view: str = setting(
        "background",
        "What the network sees: pixels as they are; background: minus the window's mean picture; "
        "difference: minus the frame before.",
        metavar="pixels|background|difference",
        panel=FRAMES,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_memory(self.memory)
        assert self.architecture  # it checks
        assert self.largest_shift >= 0  # it checks, and so does the preprocessing that it asks

    @property
    def architecture(self) -> Architecture:
        """Network and sizes."""
        return architecture_of(VIDEO_NETWORKS, self.network, self.units, self.filters, self.dropout)

    @property
    def preprocessing(self) -> Preprocessing:
        """From frames to the network's input."""
        width, height = self.size or (VIDEO_NETWORKS[self.network].size,) * 2
        return Preprocessing(
            width=width,
            height=height,
            window=self.window,
            stride=self.stride,
            frame_step=self.frame_step,
            view=self.view,  # type: ignore[arg-type]  # checked by Preprocessing
            colour=self.colour,
            fps=self.fps,
        )

    @property
    def largest_shift(self) -> int:
        """By how many pixels a training picture may be moved."""
        return self._shift_of(self.preprocessing.width, self.preprocessing.height, 8)


@dataclass(frozen=True)
class ImageOptions(ClassifierOptions):
    """How to train on images; see `ClassifierOptions` for what is not said here.

    Attributes
    ----------
    network : str
        One of `IMAGE_NETWORKS`.
    size : tuple of int, optional
        Width and height that images are resized to; by default those of an IDX file's images,
        else what suits the network.
    colour : bool
        Keep the colours.

    Examples
    --------
    >>> from fastrnn.apps import ImageOptions
    >>> ImageOptions(network="rows-lstm").architecture.units
    (128,)
    """

    epochs: int = setting(8, "Passes over the training part.")
    batch_size: int = setting(64, "Samples per step.", flag="--batch")
    network: str = setting(
        "cnn",
        "The network: convolutions and a dense layer, or recurrent layers that read the image "
        "row by row.",
        flag="--model",
        metavar="|".join(IMAGE_NETWORKS),
        panel=NETWORK,
    )
    size: tuple[int, int] | None = setting(
        None,
        "Resize images to this many pixels.",
        metavar="WIDTH[xHEIGHT]",
        shown="as they are in IDX files, else 32",
        parse=parse_size,
        panel="Images",
    )
    colour: bool = setting(False, "Keep the colours.", panel="Images")

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.architecture  # which checks

    @property
    def architecture(self) -> Architecture:
        """Network and sizes."""
        return architecture_of(IMAGE_NETWORKS, self.network, self.units, self.filters, self.dropout)

    def largest_shift(self, width: int, height: int) -> int:
        """By how many pixels a training image of a size may be moved."""
        return self._shift_of(width, height, 16)
