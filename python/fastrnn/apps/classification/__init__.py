"""Classification of clips and of images."""

from fastrnn.apps.classification.annotate import annotate_frame
from fastrnn.apps.classification.evaluation import (
    Evaluation,
    evaluate_probabilities,
    evaluate_windows,
)
from fastrnn.apps.classification.images import ImageClassifier
from fastrnn.apps.classification.networks import (
    IMAGE_NETWORKS,
    VIDEO_NETWORKS,
    Architecture,
    architecture_of,
    build_network,
)
from fastrnn.apps.classification.options import ImageOptions, VideoOptions
from fastrnn.apps.classification.prediction import (
    ClipPrediction,
    FilePrediction,
    Prediction,
    WindowPrediction,
)
from fastrnn.apps.classification.result import TrainingResult
from fastrnn.apps.classification.train_images import (
    evaluate_image_classifier,
    train_image_classifier,
)
from fastrnn.apps.classification.train_video import (
    evaluate_video_classifier,
    train_video_classifier,
)
from fastrnn.apps.classification.video import LiveClassifier, VideoClassifier
from fastrnn.apps.classification.watch import Watch

__all__ = [
    "IMAGE_NETWORKS",
    "VIDEO_NETWORKS",
    "Architecture",
    "ClipPrediction",
    "Evaluation",
    "FilePrediction",
    "ImageClassifier",
    "ImageOptions",
    "LiveClassifier",
    "Prediction",
    "TrainingResult",
    "VideoClassifier",
    "VideoOptions",
    "Watch",
    "WindowPrediction",
    "annotate_frame",
    "architecture_of",
    "build_network",
    "evaluate_image_classifier",
    "evaluate_probabilities",
    "evaluate_video_classifier",
    "evaluate_windows",
    "train_image_classifier",
    "train_video_classifier",
]
