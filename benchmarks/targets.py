"""What the figures have to reach, and which of them miss it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from harness import geometric_mean
from problems import Shape

EQUAL = 0.95  # five per cent slower counts as equal, for noise
MASKED = 1.10  # highest cost of a masked run beside the unmasked one
LIMIT_SHARE = {"inference": 0.92, "training": 0.85}
GEOMETRIC_MEAN = {
    ("inference", "lstm"): 1.3,
    ("inference", "gru"): 1.6,
    ("inference", "gru_reset_before"): 1.6,
    ("inference", "rnn"): 2.5,
    ("training", "lstm"): 1.5,
    ("training", "gru"): 3.0,
    ("training", "rnn"): 3.0,
}
STEP_GEOMETRIC_MEAN = 1.35  # over all cells, beside ONNX Runtime
# What the mean of a mode is taken of, where it is not the speed-up over the better peer.
_MEAN_OF = {"step": "ratio_ort", "mask": "cost", "memory": "memory_ratio"}

Row = dict[str, Any]


def large(shape: Shape) -> bool:
    """Shapes that are held against the large-GEMM limit."""
    return shape.n >= 32 and shape.h >= 128


def misses(mode: str, shape: Shape, row: Row) -> list[str]:
    """What this row should reach and does not."""
    found = []
    ratio, share = row.get("ratio_best"), row.get("share")
    if ratio is not None and ratio < EQUAL:
        found.append("slower than a peer")
    if share is not None and large(shape) and share < LIMIT_SHARE.get(mode, 0.0):
        found.append(f"below {LIMIT_SHARE[mode]:.0%} of the limit")
    if row.get("cost") is not None and row["cost"] > MASKED:
        found.append(f"costs more than {MASKED:.2f}x")
    if row.get("memory_ratio") is not None and row["memory_ratio"] > 1.0:
        found.append("more memory than torch")
    return found


def _mean(rows: Iterable[Row], key: str) -> float | None:
    values = [row[key] for row in rows if row.get(key) is not None]
    return geometric_mean(values) if values else None


def summarize(rows: list[Row]) -> list[Row]:
    """Per mode and cell: geometric means of the ratios, the target, how many rows miss."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["mode"], row["cell"]), []).append(row)
    steps = [row for row in rows if row["mode"] == "step"]
    if steps:
        groups["step", "all"] = steps
    summary = []
    for mode, cell in groups:
        group = groups[mode, cell]
        target = GEOMETRIC_MEAN.get((mode, cell))
        if (mode, cell) == ("step", "all"):
            target = STEP_GEOMETRIC_MEAN
        mean = _mean(group, _MEAN_OF.get(mode, "ratio_best"))
        shares = [row["share"] for row in group if row.get("share") is not None]
        summary.append(
            {
                "mode": mode,
                "cell": cell,
                "rows": len(group),
                "mean": mean,
                "mean_torch": _mean(group, "ratio_torch"),
                "mean_ort": _mean(group, "ratio_ort"),
                "target": target,
                "reached": None if mean is None or target is None else mean >= target,
                "median_share": statistics.median(shares) if shares else None,
                "rows_missing": sum(bool(row["misses"]) for row in group),
            }
        )
    return summary
