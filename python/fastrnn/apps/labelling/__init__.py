"""A label or a value for each frame of videos and sound."""

from fastrnn.apps.labelling.inputs import PictureInput, SoundInput
from fastrnn.apps.labelling.labeller import FrameLabeller, Labelling
from fastrnn.apps.labelling.targets import Values, labels_at, read_values
from fastrnn.apps.labelling.training import LabelOptions, evaluate_labels, train_labels
from fastrnn.apps.segments import NOTHING

__all__ = [
    "NOTHING",
    "FrameLabeller",
    "LabelOptions",
    "Labelling",
    "PictureInput",
    "SoundInput",
    "Values",
    "evaluate_labels",
    "labels_at",
    "read_values",
    "train_labels",
]
