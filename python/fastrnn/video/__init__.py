"""Reading, writing and preparing of video clips, with OpenCV."""

from fastrnn.video.preprocess import (
    VIEWS,
    Preprocessing,
    apply_view,
    read_clip,
    resize_frame,
    resize_frames,
)
from fastrnn.video.reader import ClipInfo, FrameReader, VideoError
from fastrnn.video.sampling import sample_frames
from fastrnn.video.sequences import convert_frames_to_sequence, image_rows, read_video_frames
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
    "convert_frames_to_sequence",
    "image_rows",
    "read_clip",
    "read_video_frames",
    "resize_frame",
    "resize_frames",
    "sample_frames",
    "window_indices",
    "window_starts",
]
