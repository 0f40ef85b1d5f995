"""Training of a predictor of frames."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn._files import files_under
from fastrnn.apps.clips import ClipReading
from fastrnn.apps.generation.flow import with_carried
from fastrnn.apps.generation.forecast import evaluate_forecast
from fastrnn.apps.generation.next_frame import build_predictor
from fastrnn.apps.generation.next_frame_predictor import NextFramePredictor
from fastrnn.apps.memory import refuse_too_large
from fastrnn.apps.options import FileOptions, check_memory
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.settings import setting
from fastrnn.data import VIDEO_SUFFIXES, Clip, VideoDataset
from fastrnn.optimizers import Adam
from fastrnn.optimizers.schedules import CosineDecay
from fastrnn.video import Preprocessing
from fastrnn.video.preprocess import FloatArray

Array = npt.NDArray[Any]

AHEAD = (1, 5)  # steps whose errors results.json has
BATCH = 16  # windows that are predicted at once, to measure


@dataclass(frozen=True)
class NextFrameOptions(FileOptions):
    """How a predictor of frames is trained; see `train_next_frame`."""

    epochs: int = setting(15, "Passes over the training clips.")
    batch_size: int = setting(4, "Windows per step.", flag="--batch")
    learning_rate: float = setting(2e-3, "Adam's learning rate at the start.", flag="--lr")
    width: int = setting(60, "Width of the frames in pixels, even.")
    height: int = setting(48, "Height of the frames in pixels, even.")
    colour: bool = setting(False, "Keep the colours.")
    window: int = setting(12, "Frames in a window.")
    stride: int = setting(6, "Frames between window starts.")
    step: int = setting(1, "Use every so many-th frame.")
    memory: int = setting(512, "MiB of frames that are kept; the rest is decoded anew.")
    filters: int = setting(16, "Channels of the hidden layers.", panel="Network")
    reach: int = setting(1, "Pixels by which optical flow may be wrong.", panel="Network")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_memory(self.memory)
        assert self.preprocessing  # it checks

    @property
    def preprocessing(self) -> Preprocessing:
        """The same as the readers of clips take it."""
        return Preprocessing(
            width=self.width,
            height=self.height,
            window=self.window,
            stride=self.stride,
            frame_step=self.step,
            view="pixels",
            colour=self.colour,
        )


def train_next_frame(
    data: str | os.PathLike[str],
    options: NextFrameOptions | None = None,
    *,
    run: TrainingRun | None = None,
) -> NextFramePredictor:
    """Train a network to predict the next frame of clips.

    Parameters
    ----------
    data : path
        A folder with video files, at any depth.
    options : NextFrameOptions, optional
        How to train.
    run : TrainingRun, optional
        Where results go; results.json has the errors on the clips held back, 1 and 5 steps
        ahead, of the predictor and of what it must beat.

    Returns
    -------
    NextFramePredictor
        With the weights of the best epoch.

    Examples
    --------
    >>> from fastrnn.apps import NextFrameOptions, train_next_frame
    >>> options = NextFrameOptions(validation_group="[^_]+")
    >>> predictor = train_next_frame("clips", options)     # doctest: +SKIP
    """
    options, run = options or NextFrameOptions(), run or TrainingRun()
    clips = find_clips(data)
    train, held = options.split(clips)
    reading, frames = ClipReading(run.progress, len(clips), options.memory), options.preprocessing
    size = options.batch_size
    refuse_too_large(
        {
            "batch_size": size,
            "window": options.window,
            "width": options.width,
            "height": options.height,
        },
        frames.channels,
    )
    windows = reading.windows(
        NextFrames, train, frames, batch_size=size, seed=options.seed, jitter=True
    )
    held_back = None
    if held:
        held_back = reading.windows(NextFrames, held, frames, batch_size=size, shuffle=False)
    reading.check_window(windows)
    run.progress.note(reading.parts_line(windows, held_back))
    run.start("next-frame", data, options)
    network = build_predictor(frames.frame_shape, options.filters, options.reach)
    predictor = NextFramePredictor(network, frames)
    rate = CosineDecay(options.learning_rate, options.epochs * len(windows))
    # Errors of still frames are small, and so are their gradients.
    network.compile(Adam(rate, epsilon=1e-12), "mse")
    run.fit(
        network,
        windows,
        epochs=options.epochs,
        validation_data=held_back,
        save=predictor.save,
    )
    errors = evaluate_next_frame(predictor, held_back) if held_back is not None else []
    run.finish({"validation": _figures(errors), "errors": errors})
    return predictor


def find_clips(data: str | os.PathLike[str]) -> list[Clip]:
    """The video files of a folder, at any depth, in order.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no clip in it.
    """
    clips = [Clip(file, 0) for file in files_under(Path(data), VIDEO_SUFFIXES)]
    if not clips:
        raise FileNotFoundError(f"{data}: no such folder, or no video file in it")
    return clips


def evaluate_next_frame(
    predictor: NextFramePredictor, windows: VideoDataset
) -> list[dict[str, Any]]:
    """Errors of the predictor, and of simple predictions, as dicts for JSON.

    Of each window the last frames are predicted from those before; windows that are too short
    give none.
    """
    if windows.preprocessing.window < max(AHEAD) + 2:
        return []
    rows = np.split(np.arange(windows.n), range(BATCH, windows.n, BATCH))
    errors = evaluate_forecast(predictor.model, map(windows.pixels, rows), ahead=AHEAD)
    return [{**asdict(error), "psnr": round(error.psnr, 2)} for error in errors]


def evaluate_next_frame_file(model: Path, data: Path, progress: Progress) -> dict[str, Any]:
    """`evaluate_next_frame` of a model's file on all clips of a folder."""
    predictor = NextFramePredictor.load(model)
    clips = find_clips(data)
    reading = ClipReading(progress, len(clips))
    windows = reading.windows(VideoDataset, clips, predictor.preprocessing, shuffle=False)
    errors = evaluate_next_frame(predictor, windows)
    return {**_figures(errors), "errors": errors}


def _figures(errors: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The signal-to-noise ratios as figures to print."""
    return {f"dB, {row['steps']} ahead, {row['method']}": row["psnr"] for row in errors}


class NextFrames(VideoDataset):
    """Windows without their last frame, as a predictor sees them, and without their first.

    With `jitter` half of the batches are mirrored.
    """

    def _batch(self, rows: Array, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        pixels = self.pixels(rows, rng)
        if self.jitter and rng.random() < 0.5:
            pixels = pixels[:, :, :, ::-1]
        frames = pixels.astype(np.float32) / np.float32(255)
        return with_carried(frames[:, :-1]), frames[:, 1:]
