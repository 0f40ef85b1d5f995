"""Label each step of a recording, and give each picture of a video a value.

First, which word is spoken when, from the sound. Then how loud the voice is at each moment, in
nats, from the pictures of the lips alone; the truth is what the microphone says.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from fastrnn.apps import LabelOptions, TrainingRun, train_labels
from fastrnn.apps.segments import sound_starts
from fastrnn.audio import LogMel

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "grid", type=Path, help="spoken sentences: audio8k/*.wav, lips/*.mp4, align/*.align with times"
)
folder = parser.parse_args().grid
run = TrainingRun(name="label")
labeller = train_labels(folder, LabelOptions(media="sound", epochs=16), run=run)
results = run.results["validation"]
print(
    f"words: {results['accuracy']:.3f} of the steps right, segment F1 {results['segment_f1']:.3f}; "
    f"always the commonest word: {results['baseline']:.3f}"
)
recording = sorted(folder.rglob("*.wav"))[0]
print(f"{recording.name}: {labeller.predict(recording)}")

log_mel = LogMel(sample_rate=8000, mels=24, window=0.04, step=0.04)
starts = sound_starts(folder)
with tempfile.TemporaryDirectory() as clips:
    for video in sorted(folder.glob("lips/*.mp4")):
        Path(clips, video.name).symlink_to(video.resolve())
        loudness = log_mel.read(folder / "audio8k" / f"{video.stem}.wav").max(axis=1)
        times = starts[video.stem] + 0.02 + 0.04 * np.arange(len(loudness))
        # Quiet before and after what was recorded; the last value stays to the video's end.
        times = np.concatenate([[0.0, times[0] - 0.04], times, [times[-1] + 0.04]])
        quiet = loudness.min()
        rows = zip(times, [quiet, quiet, *loudness, quiet], strict=True)
        lines = ["time,loudness", *(f"{time:.3f},{value:.3f}" for time, value in rows)]
        Path(clips, f"{video.stem}.csv").write_text("\n".join(lines))
    run = TrainingRun(name="values")
    train_labels(clips, LabelOptions(epochs=20, window=75), run=run)
    figures = run.results["validation"]["loudness"]
    print(
        f"loudness: off by {figures['mae']:.2f} nats in the mean, R² {figures['r2']:.2f}; "
        f"always the mean: off by {figures['baseline']:.2f}"
    )
