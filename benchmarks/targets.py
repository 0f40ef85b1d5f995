"""What the figures have to reach, and which of them miss it."""

from __future__ import annotations

from comparison import Row, summary_row
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


def summarize(rows: list[Row]) -> list[Row]:
    """Per mode and cell: geometric means of the ratios, the target, how many rows miss."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["mode"], row["cell"]), []).append(row)
    steps = [row for row in rows if row["mode"] == "step"]
    if steps:
        groups["step", "all"] = steps
    wanted = {**GEOMETRIC_MEAN, ("step", "all"): STEP_GEOMETRIC_MEAN}
    return [
        summary_row(
            mode, cell, group, wanted.get((mode, cell)), key=_MEAN_OF.get(mode, "ratio_best")
        )
        for (mode, cell), group in groups.items()
    ]
