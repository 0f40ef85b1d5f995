"""What the convolutions have to reach, and which of them miss it."""

from __future__ import annotations

from comparison import Row, summary_row
from conv_problems import Layer
from targets import EQUAL

GEOMETRIC_MEAN = {"forward": 1.1, "training": 1.15}
FIRST_LAYER = 2.0  # training of layers that read images, over the better peer
LIMIT_SHARE = 0.85
_LIMIT_CHANNELS = 32


def large(layer: Layer) -> bool:
    """Layers that are held against the large-GEMM limit."""
    return min(layer.c, layer.f) >= _LIMIT_CHANNELS


def misses(mode: str, layer: Layer, row: Row) -> list[str]:
    """What this row should reach and does not."""
    found = []
    ratio, share = row.get("ratio_best"), row.get("share")
    if ratio is not None and ratio < EQUAL:
        found.append("slower than a peer")
    elif ratio is not None and mode == "training" and layer.first and ratio < FIRST_LAYER:
        found.append(f"below {FIRST_LAYER:g}x in a first layer")
    if share is not None and large(layer) and share < LIMIT_SHARE:
        found.append(f"below {LIMIT_SHARE:.0%} of the limit")
    return found


def summarize(rows: list[Row]) -> list[Row]:
    """Per mode: all layers, those that read images, and the others."""
    summary = []
    for mode in dict.fromkeys(row["mode"] for row in rows):
        group = [row for row in rows if row["mode"] == mode]
        first = [row for row in group if row["first"]]
        others = [row for row in group if not row["first"]]
        first_target = FIRST_LAYER if mode == "training" else None
        summary.append(summary_row(mode, "all", group, GEOMETRIC_MEAN[mode]))
        if first and others:
            summary.append(summary_row(mode, "first layers", first, first_target))
            summary.append(summary_row(mode, "other layers", others, None))
    return summary
