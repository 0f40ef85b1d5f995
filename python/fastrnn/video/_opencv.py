"""The one place that imports OpenCV, and only when a picture or a clip is touched."""

from __future__ import annotations

import os
from types import ModuleType

_MISSING_LIBRARY = (
    "OpenCV could not be loaded ({reason}); where a machine lacks the GUI libraries that "
    "opencv-python needs (libGL), run: pip uninstall -y opencv-python && "
    "pip install opencv-python-headless"
)


def opencv() -> ModuleType:
    """Return the `cv2` module.

    FFmpeg's and OpenCV's own messages about damaged files are turned off, unless the user has
    set their levels: `fastrnn` names such a file itself, once.

    Raises
    ------
    ImportError
        If OpenCV is missing or cannot be loaded; the message names the package to install.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")
    try:
        import cv2
    except ImportError as error:
        raise ImportError(_MISSING_LIBRARY.format(reason=error)) from error
    return cv2
