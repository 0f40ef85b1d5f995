"""Folders of clips: finding, splitting and windowing."""

from fastrnn.data.folder import VIDEO_SUFFIXES, Clip, ClipFolder, scan_folder
from fastrnn.data.split import Split, split_clips, split_matching
from fastrnn.data.windowed import WindowedClips

__all__ = [
    "VIDEO_SUFFIXES",
    "Clip",
    "ClipFolder",
    "Split",
    "WindowedClips",
    "scan_folder",
    "split_clips",
    "split_matching",
]
