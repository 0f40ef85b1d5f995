"""Folders of data for each task, small enough for a training within a second or two."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np

from fastrnn.apps import VideoClassifier, extract_features
from fastrnn.apps.classification import VIDEO_NETWORKS, architecture_of
from fastrnn.apps.detection import write_shape_clip, write_shape_pictures
from fastrnn.apps.shapes import write_shape_clips
from fastrnn.apps.tracking.rendered import render_sequence
from fastrnn.video import FrameWriter, Preprocessing

RATE = 8000
PITCHES = {"low": 300.0, "high": 2700.0}


def clips(folder: Path) -> None:
    """Moving shapes: <motion>/<number>.mp4, five motions."""
    write_shape_clips(folder, clips_per_class=2)


def features(folder: Path) -> None:
    """features.npz, by hand, of ten clips."""
    clips(folder)
    extract_features(sorted(folder.rglob("*.mp4"))).save(folder / "features.npz")


def classifier(folder: Path) -> None:
    """Clips, and model.keras, which has not learned anything."""
    clips(folder)
    network = architecture_of(VIDEO_NETWORKS, "cnn-lstm", (8,), (4, 8))
    settings = Preprocessing(width=16, height=16, window=8)
    VideoClassifier(["left", "right"], settings, network).save(folder / "model.keras")


def digits(folder: Path) -> None:
    """MNIST's two files, with noise for digits."""
    random = np.random.default_rng(0)
    arrays = {
        "images-idx3": random.integers(0, 256, (64, 12, 12), np.uint8),
        "labels-idx1": np.arange(64, dtype=np.uint8) % 3,
    }
    folder.mkdir()
    for name, array in arrays.items():
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"train-{name}-ubyte").write_bytes(head + array.tobytes())


def words(folder: Path) -> None:
    """Tones: <word>_<speaker>_<number>.wav."""
    random = np.random.default_rng(0)
    for word in PITCHES:
        for number in range(6):
            _write_wav(folder / f"{word}_{'ab'[number % 2]}_{number}.wav", _tones([word], random))


def sentences(folder: Path) -> None:
    """Tones one after the other, and texts that name them: <number>.wav and .txt."""
    random = np.random.default_rng(0)
    for number in range(6):
        said = [("low", "high")[random.integers(2)] for _ in range(3)]
        _write_wav(folder / f"{number}.wav", _tones(said, random))
        (folder / f"{number}.txt").write_text(" ".join(said))


def spoken(folder: Path) -> None:
    """As the GRID corpus comes: audio8k, lips and align, and an index of when the sound starts."""
    random = np.random.default_rng(0)
    lines = ["id,audio_start_s"]
    for number in range(5):
        said = [("low", "high")[random.integers(2)] for _ in range(3)]
        _write_wav(folder / "audio8k" / f"s{number}.wav", _tones(said, random))
        spans = [f"{2500 * k} {2500 * (k + 1)} {word}" for k, word in enumerate(said, 1)]
        align = folder / "align" / f"s{number}.align"
        align.parent.mkdir(exist_ok=True)
        align.write_text("\n".join(spans))
        with FrameWriter(folder / "lips" / f"s{number}.mp4", fps=25) as writer:
            for _ in range(12):
                writer.write(random.integers(0, 256, (48, 64), np.uint8))
        lines.append(f"s{number},0.1")
    (folder / "index.csv").write_text("\n".join(lines))


def boxes(folder: Path) -> None:
    """Pictures of shapes with boxes.csv, and a clip of shapes."""
    write_shape_pictures(folder, 8)
    write_shape_clip(folder / "clip.mp4", frames=4)


def sequences(folder: Path) -> None:
    """Clips with the boxes of one object each: <name>/clip.avi and boxes.txt."""
    random = np.random.default_rng(0)
    for name in ("ann", "bob"):
        frames, places = render_sequence(random, frames=14, covered=False)
        with FrameWriter(folder / name / "clip.avi") as clip:
            for frame in frames:
                clip.write(frame)
        np.savetxt(folder / name / "boxes.txt", places)


def _tones(said: list[str], random: np.random.Generator) -> np.ndarray:
    """A tenth of a second of each, over a little noise."""
    time = np.arange(RATE // 10) / RATE
    sound = np.concatenate([0.4 * np.sin(2 * np.pi * PITCHES[word] * time) for word in said])
    return np.asarray(sound + random.normal(0, 0.01, len(sound)))


def _write_wav(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
