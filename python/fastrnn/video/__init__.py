"""Reading, writing and preparing of video clips, with OpenCV."""

from fastrnn.video.preprocess import (
    VIEWS,
    Preprocessing,
    apply_view,
    frame_to_row,
    frames_to_rows,
    read_clip,
)
from fastrnn.video.reader import ClipInfo, FrameReader, VideoError
from fastrnn.video.windows import clip_windows, window_indices, window_starts
from fastrnn.video.writer import FrameWriter

__all__ = [
    "VIEWS",
    "ClipInfo",
    "FrameReader",
    "FrameWriter",
    "Preprocessing",
    "VideoError",
    "apply_view",
    "clip_windows",
    "frame_to_row",
    "frames_to_rows",
    "read_clip",
    "window_indices",
    "window_starts",
]
