"""Following objects through clips: one whose first box is given, or all that a detector finds."""

from fastrnn.apps.tracking.association import MultiTracker, TrackedObject, assign
from fastrnn.apps.tracking.baselines import BASELINES, track_scores
from fastrnn.apps.tracking.clip import (
    TrackedBox,
    annotate_objects,
    compare_trackers,
    track_clip,
)
from fastrnn.apps.tracking.sequences import (
    TrackingSequence,
    find_sequences,
    has_truth,
    read_frames,
    read_sequence,
)
from fastrnn.apps.tracking.tracker import Track, Tracker
from fastrnn.apps.tracking.train import TrackerOptions, evaluate_tracker, train_tracker

__all__ = [
    "BASELINES",
    "MultiTracker",
    "Track",
    "TrackedBox",
    "TrackedObject",
    "Tracker",
    "TrackerOptions",
    "TrackingSequence",
    "annotate_objects",
    "assign",
    "compare_trackers",
    "evaluate_tracker",
    "find_sequences",
    "has_truth",
    "read_frames",
    "read_sequence",
    "track_clip",
    "track_scores",
    "train_tracker",
]
