"""Regularizers of what layers put out: part of a layer's passes once they are attached."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

_collecting = threading.local()


@contextmanager
def penalties() -> Iterator[list[float]]:
    """Collect the penalties of this thread's forward passes meanwhile."""
    before = getattr(_collecting, "penalties", None)
    found: list[float] = []
    _collecting.penalties = found
    try:
        yield found
    finally:
        _collecting.penalties = before


def attach(layer: Any) -> None:
    """Have a layer's `forward` and `backward` regularize its output.

    Layers without a regularizer have nothing to check for. (A partial, unlike a closure, is
    copied and pickled with its layer.)
    """
    layer.forward = partial(_forward, layer)
    layer.backward = partial(_backward, layer)


def counted(layer: Any, outputs: Any) -> Any:
    """The outputs, their penalty per sample being noted; None if nobody collects penalties."""
    found = getattr(_collecting, "penalties", None)
    if found is None:
        return None
    penalize = layer.activity_regularizer.penalize
    found.extend(penalize(y, None, 1 / max(len(y), 1)) for y in _flat(outputs))
    return outputs


def add_gradient(layer: Any, dy: Any, outputs: Any) -> Any:
    """The outputs' gradient with that of the penalty: new arrays, as others may hold `dy`."""
    if isinstance(outputs, (tuple, list)):
        return [add_gradient(layer, *pair) for pair in zip(dy, outputs, strict=True)]
    total = outputs * 0 if dy is None else dy.copy()
    layer.activity_regularizer.penalize(outputs, total, 1 / max(len(outputs), 1))
    return total


def _forward(layer: Any, x: Any, training: bool = False, mask: Any = None, **options: Any) -> Any:
    y = type(layer).forward(layer, x, training, mask, **options)
    outputs = counted(layer, y)
    if training:
        layer.saved = layer.saved, outputs
    return y


def _backward(layer: Any, dy: Any) -> Any:
    layer.saved, outputs = layer.saved
    if outputs is not None:
        dy = add_gradient(layer, dy, outputs)
    return type(layer).backward(layer, dy)


def attach_recurrent(layer: Any) -> None:
    """`attach` for the passes that a recurrent layer and Bidirectional call."""
    layer.run = partial(_run, layer)
    layer.run_back = partial(_run_back, layer)


def _run(layer: Any, x: Any, training: bool, *arguments: Any) -> Any:
    y, states = type(layer).run(layer, x, training, *arguments)
    outputs = counted(layer, (y, *states) if layer.return_state else (y,))
    if training:
        layer.saved = layer.saved, outputs
    return y, states


def _run_back(layer: Any, dy: Any, dstates: Any = ()) -> Any:
    layer.saved, outputs = layer.saved
    if outputs is not None:
        given = (dy, *(dstates or [None] * len(outputs)))[: len(outputs)]
        dy, *dstates = add_gradient(layer, given, outputs)
    return type(layer).run_back(layer, dy, dstates)


def _flat(outputs: Any) -> Any:
    return outputs if isinstance(outputs, (tuple, list)) else (outputs,)
