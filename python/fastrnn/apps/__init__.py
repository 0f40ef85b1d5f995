"""What the command line does, as Python functions."""

from fastrnn.apps.annotate import annotate_clip, annotate_frame
from fastrnn.apps.classifier import ClipPrediction, VideoClassifier
from fastrnn.apps.convert import convert_file
from fastrnn.apps.demo import DemoResult, run_demo
from fastrnn.apps.doctor import diagnose
from fastrnn.apps.evaluation import Evaluation, evaluate_windows
from fastrnn.apps.features import Features, LayerFeatures, MotionFeatures, extract_features
from fastrnn.apps.generation import (
    NextFrameOptions,
    NextFramePredictor,
    PictureGenerator,
    PictureOptions,
    save_pictures,
    train_next_frame,
    train_pictures,
)
from fastrnn.apps.inspect import inspect_file
from fastrnn.apps.labelling import FrameLabeller, Labelling, LabelOptions, train_labels
from fastrnn.apps.networks import NETWORKS, Architecture
from fastrnn.apps.options import TrainingOptions
from fastrnn.apps.run import TrainingRun
from fastrnn.apps.speech import (
    SentenceOptions,
    SentenceRecognizer,
    WordOptions,
    WordPrediction,
    WordRecognizer,
    train_sentences,
    train_words,
)
from fastrnn.apps.train import TrainingResult, train_classifier
from fastrnn.apps.trainer import EpochStats, TrainingProgress

__all__ = [
    "NETWORKS",
    "Architecture",
    "ClipPrediction",
    "DemoResult",
    "EpochStats",
    "Evaluation",
    "Features",
    "FrameLabeller",
    "LabelOptions",
    "Labelling",
    "LayerFeatures",
    "MotionFeatures",
    "NextFrameOptions",
    "NextFramePredictor",
    "PictureGenerator",
    "PictureOptions",
    "SentenceOptions",
    "SentenceRecognizer",
    "TrainingOptions",
    "TrainingProgress",
    "TrainingResult",
    "TrainingRun",
    "VideoClassifier",
    "WordOptions",
    "WordPrediction",
    "WordRecognizer",
    "annotate_clip",
    "annotate_frame",
    "convert_file",
    "diagnose",
    "evaluate_windows",
    "extract_features",
    "inspect_file",
    "run_demo",
    "save_pictures",
    "train_classifier",
    "train_labels",
    "train_next_frame",
    "train_pictures",
    "train_sentences",
    "train_words",
]
