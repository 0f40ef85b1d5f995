"""What networks trained with fastrnn reach on real recordings that they have not seen.

python benchmarks/bench_real_data.py DATA [--tasks mnist-cnn,weizmann] [--seeds 0,1] [--json FILE]
python benchmarks/bench_real_data.py --show --json FILE

DATA holds a folder for each data set; benchmarks/README.md says which, and where they come from.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import harness
import machine
from real_data import TASKS
from real_data.record import Record
from real_data.task import Split, Task, Trial

import fastrnn

_HEADER = ("task", "measure", "mean", "by seed", "to reach", "simple methods", "minutes", "")
Row = dict[str, Any]


def weighted_mean(trials: Sequence[Trial], values: Sequence[float]) -> float:
    """Over all that was held back, whichever split it was in."""
    weights = [trial.held_back for trial in trials]
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


def run_task(task: Task, splits: Sequence[Split], seeds: Sequence[int], record: Record) -> None:
    """Train once for each seed and split."""
    for seed in seeds:
        for split in splits:
            trial = task.train(split, seed)
            record.add(task.name, seed, split.name, trial)
            scores = ", ".join(f"{name} {score:.3f}" for name, score in trial.scores.items())
            print(
                f"{task.name}, seed {seed}, without {split.name}: {scores} of {trial.held_back}"
                f" in {trial.seconds:.0f} s",
                flush=True,
            )


def summarise(task: Task, trials: dict[int, list[Trial]]) -> list[Row]:
    """For each measure its mean for each seed, and what simple methods reach."""
    every = [trial for of_seed in trials.values() for trial in of_seed]
    return [
        {
            "task": task.name,
            "title": task.title,
            "measure": measure,
            "to_reach": target,
            "seeds": {
                seed: weighted_mean(of_seed, [trial.scores[measure] for trial in of_seed])
                for seed, of_seed in trials.items()
            },
            "baselines": {
                name: weighted_mean(every, [trial.baselines[name][measure] for trial in every])
                for name in every[0].baselines
                if measure in every[0].baselines[name]
            },
            "seconds": statistics.fmean(trial.seconds for trial in every),
            "seconds_allowed": None if task.minutes is None else 60 * task.minutes,
        }
        for measure, target in task.measures.items()
    ]


def cells(row: Row) -> tuple[str, ...]:
    scores, target = list(row["seeds"].values()), row["to_reach"]
    mean, allowed = statistics.fmean(scores), row["seconds_allowed"]
    short = target is not None and mean < target
    late = allowed is not None and row["seconds"] > allowed
    return (
        row["title"],
        row["measure"],
        f"{mean:.3f}",
        " ".join(f"{score:.3f}" for score in scores),
        "" if target is None else f"{target:.3f}",
        ", ".join(f"{name} {score:.3f}" for name, score in row["baselines"].items()),
        f"{row['seconds'] / 60:.1f}" + ("" if allowed is None else f" of {allowed / 60:g}"),
        " ".join(["short"] * short + ["late"] * late),
    )


def table(record: Record) -> str:
    """In Markdown, as docs/results.md has it."""
    rows = [
        row
        for task in TASKS.values()
        if (trials := record.trials(task.name))
        for row in summarise(task, trials)
    ]
    lines = [_HEADER, ("---",) * len(_HEADER), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measure(args: argparse.Namespace) -> None:
    harness.use_threads(args.threads)
    fastrnn.set_num_threads(args.threads)
    load, description = machine.OtherLoad(), machine.describe(args.threads)
    record = Record(args.json, description)
    print(machine.headline(description), flush=True)
    for task in (TASKS[name] for name in args.tasks.split(",")):
        folder = args.data / task.folder
        if not folder.is_dir():
            print(f"{task.name}: left out, {folder} is not there")
            continue
        wanted = args.only.split(",") if args.only else None
        other = args.test / task.folder if args.test else None
        splits = [s for s in task.splits(folder, other) if wanted is None or s.name in wanted]
        if not splits:
            raise SystemExit(f"{task.name} has no split named {args.only}")
        run_task(task, splits, [int(seed) for seed in args.seeds.split(",")], record)
    print(f"\n{table(record)}")
    others = load.share()
    if others is not None:
        print(f"\nOther processes and guests used {others:.1%} of the machine meanwhile.")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", default=os.environ.get("FASTRNN_DATA"))
    parser.add_argument("--tasks", default=",".join(TASKS), help="default: %(default)s")
    parser.add_argument("--seeds", default="0", help="several give a spread (default: 0)")
    parser.add_argument("--only", default="", help="splits by name, as people; default: all")
    parser.add_argument("--test", type=Path, help="train on all of DATA, hold back this folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="add what is measured to this file")
    parser.add_argument("--show", action="store_true", help="print what the file holds, no more")
    args = parser.parse_args()
    if args.show:
        print(table(Record(args.json)))
        return
    if args.data is None:
        parser.error("name the folder of the data, or set FASTRNN_DATA")
    if unknown := set(args.tasks.split(",")) - set(TASKS):
        parser.error(f"unknown tasks {sorted(unknown)}; there are {', '.join(TASKS)}")
    measure(args)


if __name__ == "__main__":
    main()
