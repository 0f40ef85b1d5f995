"""Making of pictures, and of the frames that follow a clip."""

from fastrnn.apps.generation.adversarial import (
    Adversarial,
    build_discriminator,
    build_generator,
)
from fastrnn.apps.generation.forecast import ForecastError, evaluate_forecast
from fastrnn.apps.generation.next_frame import build_predictor, roll_out
from fastrnn.apps.generation.next_frame_predictor import NextFramePredictor
from fastrnn.apps.generation.picture_generator import PictureGenerator
from fastrnn.apps.generation.pictures import Pictures, read_pictures, save_pictures
from fastrnn.apps.generation.quality import Judge, PictureQuality, frechet_distance
from fastrnn.apps.generation.train_next_frame import (
    NextFrameOptions,
    find_clips,
    train_next_frame,
)
from fastrnn.apps.generation.train_pictures import PictureOptions, train_pictures

__all__ = [
    "Adversarial",
    "ForecastError",
    "Judge",
    "NextFrameOptions",
    "NextFramePredictor",
    "PictureGenerator",
    "PictureOptions",
    "PictureQuality",
    "Pictures",
    "build_discriminator",
    "build_generator",
    "build_predictor",
    "evaluate_forecast",
    "find_clips",
    "frechet_distance",
    "read_pictures",
    "roll_out",
    "save_pictures",
    "train_next_frame",
    "train_pictures",
]
