"""Draw the pictures of these pages, from a run of `fastrnn demo`: python docs/pictures/make.py."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np

from fastrnn.apps import run_demo
from fastrnn.video import FrameReader

HERE = Path(__file__).parent
GAP = 4


def strip(path: Path, end: int, count: int) -> np.ndarray:
    """Some of a clip's first `end` frames, left to right, white around them."""
    with FrameReader(path) as reader:
        frames = list(reader)
    chosen = np.linspace(0, min(end, len(frames)) - 1, count).astype(int)
    return np.hstack(
        [np.pad(frames[i], ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for i in chosen]
    )


def save(name: str, picture: np.ndarray) -> None:
    """Write it in few bytes."""
    cv2.imwrite(str(HERE / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 60])


def main() -> None:
    """Train, and keep what is worth seeing."""
    with tempfile.TemporaryDirectory() as folder:
        result = run_demo(folder)
        motions = sorted((result.folder / "clips").iterdir())
        save("clips.jpg", np.vstack([strip(motion / "000.mp4", 28, 8) for motion in motions]))
        save("annotated.jpg", strip(result.annotated, 140, 4))
        shutil.copy(result.training.folder / "curves.png", HERE)


if __name__ == "__main__":
    main()
