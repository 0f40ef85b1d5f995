"""Folders of clips, pictures and recordings: finding, splitting, batches."""

from fastrnn.data.folder import VIDEO_SUFFIXES, Clip, ClipFolder, scan_folder
from fastrnn.data.labelled import FileDataset, LabelledFiles, labelled_files
from fastrnn.data.pictures import image_dataset_from_directory
from fastrnn.data.recordings import AUDIO_SUFFIXES, audio_dataset_from_directory
from fastrnn.data.split import Split, split_clips, split_files, split_matching
from fastrnn.data.video_folder import video_dataset_from_directory
from fastrnn.data.videos import VideoDataset

__all__ = [
    "AUDIO_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Clip",
    "ClipFolder",
    "FileDataset",
    "LabelledFiles",
    "Split",
    "VideoDataset",
    "audio_dataset_from_directory",
    "image_dataset_from_directory",
    "labelled_files",
    "scan_folder",
    "split_clips",
    "split_files",
    "split_matching",
    "video_dataset_from_directory",
]
