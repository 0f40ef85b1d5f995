"""A quick measurement of training and prediction, beside Keras where it is installed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from fastrnn import layers, models

_SECONDS = 0.4  # per measurement
_ROUNDS = 5

# A layer by its name, its options, and the shape of its input with the batch in front.
_CASES: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "LSTM": ("LSTM", {"units": 128}, (32, 50, 64)),
    "GRU": ("GRU", {"units": 128}, (32, 50, 64)),
    "simple RNN": ("SimpleRNN", {"units": 128}, (32, 50, 64)),
    "convolution": ("Conv2D", {"filters": 32, "kernel_size": 3}, (8, 64, 64, 16)),
    "ConvLSTM": ("ConvLSTM2D", {"filters": 16, "kernel_size": 3}, (4, 8, 24, 24, 8)),
}


@dataclass(frozen=True)
class Timing:
    """One layer's times.

    Attributes
    ----------
    name, shape : str
        The layer, its size and its input.
    step : str
        ``"predict"``, or ``"train"``: forward, backward and SGD.
    milliseconds : dict of str to float
        Median time of a step of ``fastrnn`` and of ``keras`` where it was measured.
    """

    name: str
    shape: str
    step: str
    milliseconds: dict[str, float]


def run_bench() -> Iterator[Timing]:
    """Time a step of each kind of layer, as a user calls it, one after the other.

    With Keras installed the same model, with the same weights, is measured there, in turns with
    ours; the outputs are compared first.

    Yields
    ------
    Timing
        As soon as it is known.

    Raises
    ------
    RuntimeError
        If Keras gives another result.

    Examples
    --------
    >>> from fastrnn.apps import run_bench
    >>> for timing in run_bench():                              # doctest: +SKIP
    ...     print(timing.name, timing.step, timing.milliseconds)
    """
    peer = _keras()
    random = np.random.default_rng(0)
    for name, (kind, options, shape) in _CASES.items():
        x = random.normal(size=shape).astype(np.float32)
        made = {"fastrnn": _model(models.Sequential, layers, kind, options, shape)}
        outputs = {"fastrnn": made["fastrnn"].predict_on_batch(x)}
        if peer is not None:
            made["keras"] = _model(peer.Sequential, peer.layers, kind, options, shape)
            made["keras"].set_weights(made["fastrnn"].get_weights())
            outputs["keras"] = np.asarray(made["keras"].predict_on_batch(x))
            if not np.allclose(outputs["fastrnn"], outputs["keras"], rtol=1e-3, atol=1e-4):
                raise RuntimeError(f"bench: {name} gives another result than Keras")
        y = np.zeros_like(outputs["fastrnn"])
        size = f"{next(iter(options.values()))}, {' x '.join(map(str, shape))}"
        for step in ("predict", "train"):
            given = (x,) if step == "predict" else (x, y)
            calls = {
                who: partial(getattr(model, f"{step}_on_batch"), *given)
                for who, model in made.items()
            }
            yield Timing(name, size, step, _medians(calls))


def _keras() -> Any:
    try:
        return import_module("keras")
    except ImportError:
        return None


def _model(
    sequential: Any, kinds: Any, kind: str, options: dict[str, Any], shape: tuple[int, ...]
) -> Any:
    model = sequential([kinds.Input(shape[1:]), getattr(kinds, kind)(**options)])
    model.compile(optimizer="sgd", loss="mse")
    return model


def _medians(calls: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    """Median milliseconds of a call of each, measured in turns."""
    counts = {}
    for who, call in calls.items():
        call()  # compiles, packs weights, finds its threads
        start = time.perf_counter()
        call()
        counts[who] = max(int(_SECONDS / _ROUNDS / (time.perf_counter() - start)), 1)
    times: dict[str, list[float]] = {who: [] for who in calls}
    for _ in range(_ROUNDS):
        for who, call in calls.items():
            start = time.perf_counter()
            for _ in range(counts[who]):
                call()
            times[who].append((time.perf_counter() - start) / counts[who] * 1e3)
    return {who: statistics.median(each) for who, each in times.items()}
