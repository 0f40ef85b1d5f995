"""Overlap of the tracker with the truth on a folder of sequences, beside the baselines.

python benchmarks/tracking.py FOLDER                  the tracker that comes with the package
python benchmarks/tracking.py FOLDER --leave-one-out  for each sequence a GRU that has not seen it
"""

from __future__ import annotations

import argparse
import tempfile

import numpy as np

from fastrnn.apps.run import TrainingRun
from fastrnn.apps.tracking import (
    Tracker,
    TrackerOptions,
    compare_trackers,
    find_sequences,
    train_tracker,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--leave-one-out", action="store_true")
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    totals: dict[str, list[float]] = {}
    for sequence in find_sequences(arguments.folder):
        tracker = Tracker.load()
        if arguments.leave_one_out:
            options = TrackerOptions(held_back=sequence.name, seed=arguments.seed)
            with tempfile.TemporaryDirectory() as folder:
                tracker = train_tracker(arguments.folder, options, run=TrainingRun(folder))
        scores = compare_trackers(sequence, tracker, baselines=not arguments.no_baselines)
        for name, each in scores.items():
            totals.setdefault(name, []).append(each["iou"])
            print(
                f"{sequence.name:18} {name:18} {each['iou']:.3f} {each['success']:.3f}", flush=True
            )
    for name, values in totals.items():
        print(f"{'mean':18} {name:18} {np.mean(values):.3f}")


if __name__ == "__main__":
    main()
