"""How well `fastrnn train` does on people it has not seen: each person is held back once.

python benchmarks/weizmann.py FOLDER [--seeds 0,1] [--json FILE] [any option of fastrnn train]

FOLDER holds the clips as FOLDER/<action>/<person>_<action>.avi, as the Weizmann actions come:
www.wisdom.weizmann.ac.il/~vision/SpaceTimeActions.html
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

Row = dict[str, Any]
_FIGURES = ("clips", "windows", "last_windows")
_LINE = "{seed:>4}  {person:10}  {clips:5.3f}  {windows:7.3f}  {last_windows:12.3f}  {seconds:7.0f}"


def train_without(folder: Path, person: str, seed: int, options: list[str]) -> Row:
    """Accuracies on the clips of one person, after training on all others."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "fastrnn", "train", str(folder), "--out", out]
        command += ["--val-match", f"^{person}_", "--seed", str(seed), *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        run = Path(out, "train1")
        results = json.loads((run / "results.json").read_text("utf-8"))
        with (run / "history.csv").open(encoding="utf-8") as file:
            epochs = list(csv.DictReader(file))
    return {
        "seed": seed,
        "person": person,
        "clips": results["validation"]["clip_accuracy"],
        "windows": results["validation"]["window_accuracy"],
        "last_windows": float(epochs[-1]["val_accuracy"]),
        "seconds": sum(float(epoch["seconds"]) for epoch in epochs),
        "held_back": results["validation_clips"],
        "confusion": results["validation"]["confusion"],
    }


def mean(rows: list[Row]) -> Row:
    """Shares over the clips of all people; seconds of one training."""
    held_back = [row["held_back"] for row in rows]
    total = sum(held_back)
    shares = {
        name: sum(row[name] * count for row, count in zip(rows, held_back, strict=True)) / total
        for name in _FIGURES
    }
    return {**shares, "held_back": total, "seconds": fmean(row["seconds"] for row in rows)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments, options = parser.parse_known_args()
    people = sorted({clip.name.split("_")[0] for clip in arguments.folder.glob("*/*_*.avi")})
    if len(people) < 2:
        parser.error(f"{arguments.folder} holds no <action>/<person>_<action>.avi of two people")

    print("seed  person      clips  windows  last epoch's  seconds", flush=True)
    figures: dict[str, Any] = {"options": options, "seeds": {}}
    for seed in map(int, arguments.seeds.split(",")):
        rows = []
        for person in people:
            rows.append(train_without(arguments.folder, person, seed, options))
            print(_LINE.format(**rows[-1]), flush=True)
        figures["seeds"][seed] = {"mean": mean(rows), "people": rows}
        print(_LINE.format(seed=seed, person="mean", **mean(rows)), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
