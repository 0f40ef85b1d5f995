"""Finding objects in pictures: a single-stage convolutional detector."""

from fastrnn.apps.detection.detector import ObjectDetector
from fastrnn.apps.detection.find import FoundObjects, find_objects
from fastrnn.apps.detection.loss import GridLoss, decode_grid, encode_boxes
from fastrnn.apps.detection.pictures import PictureFolder, load_pictures, scan_pictures
from fastrnn.apps.detection.rendered import write_shape_clip, write_shape_pictures
from fastrnn.apps.detection.scores import (
    Detections,
    average_precision,
    mean_average_precision,
    mean_boxes,
)
from fastrnn.apps.detection.train import DetectorOptions, evaluate_detector, train_detector

__all__ = [
    "Detections",
    "DetectorOptions",
    "FoundObjects",
    "GridLoss",
    "ObjectDetector",
    "PictureFolder",
    "average_precision",
    "decode_grid",
    "encode_boxes",
    "evaluate_detector",
    "find_objects",
    "load_pictures",
    "mean_average_precision",
    "mean_boxes",
    "scan_pictures",
    "train_detector",
    "write_shape_clip",
    "write_shape_pictures",
]
