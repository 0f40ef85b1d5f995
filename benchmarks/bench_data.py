"""Frames per second of `VideoDataset`, and its memory on a long clip.

    python benchmarks/bench_data.py [--minutes 60]

Clips of moving noise are made first, 320x240 pixels, MPEG-4. An epoch's batches are only looked
at; with a training beside it the two share the cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from fastrnn.data import VideoDataset
from fastrnn.data.augmentation import Augmentation
from fastrnn.models.sources import batches_of
from fastrnn.video import FrameWriter, Preprocessing

FPS = 25
SETTINGS = Preprocessing(width=64, height=64, window=16, stride=16, view="pixels")
AUGMENT = Augmentation(flip=True, crop=0.8, rotate=10, brightness=0.1, contrast=0.1)


def write_clip(path: Path, frames: int) -> Path:
    random = np.random.default_rng(frames)
    picture = random.integers(0, 256, (30, 40, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    with FrameWriter(path, fps=FPS) as writer:
        for number in range(frames):
            writer.write(np.roll(picture, 2 * number, axis=1))
    return path


def epoch(dataset: VideoDataset) -> tuple[int, float]:
    """Frames and seconds of an epoch."""
    start, frames = time.perf_counter(), 0
    for ((x, _),) in batches_of(dataset, lambda batch: [batch]).epoch():
        frames += x.shape[0] * x.shape[1]
    return frames, time.perf_counter() - start


def resident() -> float:
    """MiB of memory that the process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--minutes", type=float, default=0, help="length of the long clip")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = [
            write_clip(folder / f"{n}.mp4", arguments.frames + n) for n in range(arguments.clips)
        ]
        labels = [0] * len(clips)
        for title, workers, options in (
            ("workers=0", 0, {}),
            ("workers=1", 1, {}),
            ("workers=2", 2, {}),
            ("workers=2, augmented", 2, {"augment": AUGMENT}),
            ("workers=2, cache='memory'", 2, {"cache": "memory"}),
            ("workers=2, cache=folder", 2, {"cache": folder / "cache"}),
        ):
            # Memory for a part of the frames, so that each epoch decodes them all.
            dataset = VideoDataset(
                clips, SETTINGS, labels, batch_size=8, memory=8, workers=workers, **options
            )
            used = time.process_time()
            frames, seconds = epoch(dataset)
            used = (time.process_time() - used) / frames * 1e6
            print(f"{title:28} {frames / seconds:8.0f} frames/s, {used:5.0f} µs of CPU each")
        if arguments.minutes:
            long = write_clip(folder / "long.mp4", int(arguments.minutes * 60 * FPS))
            before = resident()
            start = time.perf_counter()
            dataset = VideoDataset([long], SETTINGS, [0], memory=64)
            print(f"counting {arguments.minutes:g} minutes: {time.perf_counter() - start:.1f} s")
            most = 0.0
            start = time.perf_counter()
            for _ in batches_of(dataset, lambda batch: [batch]).epoch():
                most = max(most, resident() - before)
            print(f"an epoch: {time.perf_counter() - start:.1f} s, at most {most:.0f} MiB more")


if __name__ == "__main__":
    main()
