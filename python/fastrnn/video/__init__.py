"""Reading, writing and preparing of video clips, with OpenCV."""

from fastrnn.video.boxes import (
    box_iou,
    check_box,
    cut_out,
    draw_boxes,
    non_max_suppression,
    parse_box,
)
from fastrnn.video.preprocess import (
    VIEWS,
    Preprocessing,
    apply_view,
    read_clip,
    resize_frame,
    resize_frames,
)
from fastrnn.video.reader import ClipInfo, FrameReader, VideoError, VideoWarning
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
    "VideoWarning",
    "apply_view",
    "box_iou",
    "check_box",
    "clip_windows",
    "convert_frames_to_sequence",
    "cut_out",
    "draw_boxes",
    "image_rows",
    "non_max_suppression",
    "parse_box",
    "read_clip",
    "read_video_frames",
    "resize_frame",
    "resize_frames",
    "sample_frames",
    "window_indices",
    "window_starts",
]
