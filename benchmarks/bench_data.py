"""Frames per second of `VideoDataset` and of live classification, and their memory.

    python benchmarks/bench_data.py [--minutes 60] [--json FILE]
    python benchmarks/bench_data.py --live [--frames 1500]

Clips of moving noise are made first, 320x240 pixels, MPEG-4. An epoch's batches are only looked
at; with a training beside it the two share the cores. With --live, one clip of 640x480 pixels is
classified by the default network, which has not learned anything, as `fastrnn predict` does it,
without and with an annotated copy.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import harness
import machine
import numpy as np

import fastrnn
from fastrnn.apps import VideoClassifier, VideoOptions, Watch
from fastrnn.data import VideoDataset
from fastrnn.data.augmentation import Augmentation
from fastrnn.models.sources import batches_of
from fastrnn.video import FrameWriter, Preprocessing

FPS = 25
SETTINGS = Preprocessing(width=64, height=64, window=16, stride=16, view="pixels")
AUGMENT = Augmentation(flip=True, crop=0.8, rotate=10, brightness=0.1, contrast=0.1)


def write_clip(path: Path, frames: int, cell: int = 8) -> Path:
    """Of 40 x 30 coloured squares of so many pixels, which move to the right."""
    random = np.random.default_rng(frames)
    picture = random.integers(0, 256, (30, 40, 3), np.uint8)
    picture = picture.repeat(cell, axis=0).repeat(cell, axis=1)
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


def measure_epochs(folder: Path, clips: int, frames: int) -> list[dict[str, Any]]:
    """An epoch over clips, for numbers of threads and caches."""
    paths = [write_clip(folder / f"{n}.mp4", frames + n) for n in range(clips)]
    results = []
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
            paths, SETTINGS, [0] * clips, batch_size=8, memory=8, workers=workers, **options
        )
        used = time.process_time()
        seen, seconds = epoch(dataset)
        used = (time.process_time() - used) / seen * 1e6
        print(f"{title:28} {seen / seconds:8.0f} frames/s, {used:5.0f} µs of CPU each")
        results.append({"what": title, "frames_per_second": seen / seconds, "cpu_us": used})
    return results


def measure_long(folder: Path, minutes: float) -> dict[str, Any]:
    """Counting the frames of a long clip, and an epoch over it."""
    long = write_clip(folder / "long.mp4", int(minutes * 60 * FPS))
    before = resident()
    start = time.perf_counter()
    dataset = VideoDataset([long], SETTINGS, [0], memory=64)
    counting = time.perf_counter() - start
    print(f"counting {minutes:g} minutes: {counting:.1f} s")
    most = 0.0
    start = time.perf_counter()
    for _ in batches_of(dataset, lambda batch: [batch]).epoch():
        most = max(most, resident() - before)
    seconds = time.perf_counter() - start
    print(f"an epoch: {seconds:.1f} s, at most {most:.0f} MiB more")
    figures = {"counting_seconds": counting, "epoch_seconds": seconds, "grown_mib": most}
    return {"what": f"{minutes:g} minutes"} | figures


def measure_live(folder: Path, frames: int) -> list[dict[str, Any]]:
    """Live classification of a clip of 640 x 480 pixels, with and without an annotated copy."""
    clip = write_clip(folder / "clip.mp4", frames, cell=16)
    options = VideoOptions()
    network = options.preprocessing, options.architecture
    classifier = VideoClassifier(["one", "two", "three", "four"], *network)
    for _ in Watch(classifier, write_clip(folder / "first.mp4", 2 * FPS, cell=16)):
        pass  # what is made once is made
    results = []
    for title, output in (("live", None), ("live, annotated", folder / "annotated.mp4")):
        before, most, start = resident(), 0.0, time.perf_counter()
        for _ in Watch(classifier, clip, output=output):
            most = max(most, resident() - before)
        seconds = time.perf_counter() - start
        print(f"{title:28} {frames / seconds:8.0f} frames/s, at most {most:.0f} MiB more")
        figures = {"frames_per_second": frames / seconds, "grown_mib": most}
        results.append({"what": title, "frames": frames} | figures)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--frames", type=int, help="of a clip; 400, with --live 1500")
    parser.add_argument("--minutes", type=float, default=0, help="length of the long clip")
    parser.add_argument("--live", action="store_true", help="measure live classification")
    parser.add_argument("--json", type=Path, help="write the figures, and what the machine is")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.live:
            results = measure_live(folder, arguments.frames or 1500)
        else:
            results = measure_epochs(folder, arguments.clips, arguments.frames or 400)
            if arguments.minutes:
                results.append(measure_long(folder, arguments.minutes))
    if arguments.json:
        about = machine.describe(fastrnn.get_num_threads())
        harness.write_json(arguments.json, {"machine": about, "results": results})


if __name__ == "__main__":
    main()
