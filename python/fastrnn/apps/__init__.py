"""What the command line does, as Python functions."""

from fastrnn.apps.bench import Timing, run_bench
from fastrnn.apps.classification import (
    ClipPrediction,
    Evaluation,
    FilePrediction,
    ImageClassifier,
    ImageOptions,
    TrainingResult,
    VideoClassifier,
    VideoOptions,
    Watch,
    WindowPrediction,
    evaluate_image_classifier,
    evaluate_video_classifier,
    train_image_classifier,
    train_video_classifier,
)
from fastrnn.apps.convert import convert_file
from fastrnn.apps.demo import DemoResult, run_demo
from fastrnn.apps.detection import DetectorOptions, ObjectDetector, train_detector
from fastrnn.apps.doctor import diagnose
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
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.speech import (
    SentenceOptions,
    SentenceRecognizer,
    Transcript,
    WordOptions,
    WordRecognizer,
    train_sentences,
    train_words,
)
from fastrnn.apps.tasks import TASKS, Task
from fastrnn.apps.tracking import (
    Tracker,
    TrackerOptions,
    compare_trackers,
    track_clip,
    train_tracker,
)

__all__ = [
    "TASKS",
    "ClipPrediction",
    "DemoResult",
    "DetectorOptions",
    "Evaluation",
    "Features",
    "FilePrediction",
    "FrameLabeller",
    "ImageClassifier",
    "ImageOptions",
    "LabelOptions",
    "Labelling",
    "LayerFeatures",
    "MotionFeatures",
    "NextFrameOptions",
    "NextFramePredictor",
    "ObjectDetector",
    "PictureGenerator",
    "PictureOptions",
    "Progress",
    "SentenceOptions",
    "SentenceRecognizer",
    "Task",
    "Timing",
    "Tracker",
    "TrackerOptions",
    "TrainingResult",
    "TrainingRun",
    "Transcript",
    "VideoClassifier",
    "VideoOptions",
    "Watch",
    "WindowPrediction",
    "WordOptions",
    "WordRecognizer",
    "compare_trackers",
    "convert_file",
    "diagnose",
    "evaluate_image_classifier",
    "evaluate_video_classifier",
    "extract_features",
    "inspect_file",
    "run_bench",
    "run_demo",
    "save_pictures",
    "track_clip",
    "train_detector",
    "train_image_classifier",
    "train_labels",
    "train_next_frame",
    "train_pictures",
    "train_sentences",
    "train_tracker",
    "train_video_classifier",
    "train_words",
]
