"""What callbacks that watch one quantity share: its value, and whether it improves."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

from fastrnn.callbacks.callback import Callback

_MODES = ("auto", "min", "max")
# Classes of metrics whose values are better when higher, or when lower.
_UP = re.compile(
    r"Accuracy|Precision|Recall|AUC|Score|Similarity|Correlation|IoU|Positives|Negatives|At[A-Z]"
)
_DOWN = re.compile(r"Error|Crossentropy|Divergence|Hinge|Poisson|LogCosh|False(Posi|Nega)tives")


class Monitor(Callback):
    """Base of callbacks that watch a loss or metric.

    Parameters
    ----------
    monitor : str
        Its name in the logs: ``"val_loss"``.
    mode : {"auto", "min", "max"}
        Whether lower or higher values are better; "auto" goes by the loss or metric.
    min_delta : float
        Least change that counts as an improvement.

    Attributes
    ----------
    best : float or None
    """

    def __init__(self, monitor: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        super().__init__()
        if mode not in _MODES:
            warnings.warn(
                f"{type(self).__name__}: mode must be one of {', '.join(_MODES)}, got {mode!r}; "
                "it is taken as 'auto'",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.best: float | None = None

    def watched(self, logs: dict[str, Any] | None) -> float | None:
        """The quantity's value; None, with a warning, where the logs lack it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            names = ", ".join(logs or {}) or "none"
            warnings.warn(
                f"{type(self).__name__}: the logs have no {self.monitor!r}; there are {names}",
                stacklevel=3,
            )
        return value

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than another by more than `min_delta`."""
        if self.mode == "auto":
            self.mode = self._direction()
        if reference is None:
            return True
        if self.mode == "min":
            return value + self.min_delta < reference
        return value - self.min_delta > reference

    def _direction(self) -> str:
        name = self.monitor.removeprefix("val_")
        if name.endswith("loss"):
            return "min"
        objective = getattr(self.model, "objective", None)
        for metric in () if objective is None else objective.trackers():
            # Keras numbers metrics of one name, and puts the output's before it.
            if re.fullmatch(rf"(.*_)?{re.escape(metric.name)}(_\d+)?", name):
                kind = type(metric).__name__
                if _DOWN.search(kind):
                    return "min"
                if _UP.search(kind):
                    return "max"
        raise ValueError(
            f"{type(self).__name__}: cannot tell whether {self.monitor!r} is better lower or "
            "higher; give mode='min' or mode='max'"
        )


class SaveFrequency:
    """When a callback saves: after each epoch, or after every so many batches.

    Parameters
    ----------
    owner : str
        Who asks, for the error.
    value : "epoch" or int
    """

    def __init__(self, owner: str, value: Any) -> None:
        if value != "epoch" and (isinstance(value, bool) or not isinstance(value, int)):
            raise ValueError(f"{owner}: save_freq must be 'epoch' or an integer, got {value!r}")
        self.by_epoch = value == "epoch"
        self.batches = 0
        self._limit = math.inf if self.by_epoch else value

    def after_batch(self) -> bool:
        """Count a batch; say whether to save now."""
        self.batches += 1
        if self.batches < self._limit:
            return False
        self.batches = 0
        return True
