"""An optimizer's state as Keras' files have it: a list of arrays in a fixed order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Keras makes these after each other for all weights; other slots side by side for each weight.
_APART = ("velocity", "momentum", "average_gradient", "v_hat")


def state(model: Any) -> list[Array]:
    """Iterations, the learning rate where it is constant, then all slots."""
    optimizer = model.optimizer
    head: list[Array] = [np.asarray(optimizer.iterations, np.int64)]
    if _constant_rate(optimizer):
        head.append(np.asarray(optimizer.learning_rate, np.float32))
    return head + _views(model)


def restore(model: Any, values: Sequence[Array]) -> None:
    """Set the state from a file's arrays, all or none of it.

    Two arrays or fewer are those of an optimizer that has made no step.

    Raises
    ------
    ValueError
        If their number or a shape differs.
    """
    optimizer = model.optimizer
    head = 2 if _constant_rate(optimizer) else 1
    views = _views(model)
    if len(values) not in (head, head + len(views)):
        raise ValueError(f"{optimizer.name} has {head + len(views)} arrays, got {len(values)}")
    shapes = [()] * head + [view.shape for view in views]
    for index, (value, shape) in enumerate(zip(values, shapes, strict=False)):
        if value.shape != shape:
            raise ValueError(f"array {index} must be of shape {shape}, got {value.shape}")
    optimizer.iterations = int(values[0])
    if head == 2:
        # The shortest number that float32 tells apart: 0.001 rather than 0.0010000000474974513.
        optimizer.learning_rate = float(str(np.float32(values[1])))
    for view, value in zip(views, values[head:], strict=False):
        view[...] = value


# What Keras 2 calls the slots, in the names of their arrays.
_OLD_NAMES = {
    "m": "m",
    "v": "v",
    "vhat": "v_hat",
    "momentum": "momentum",
    "rms": "velocity",
    "velocity": "velocity",
    "mg": "average_gradient",
}


def restore_named(model: Any, arrays: Mapping[str, Array]) -> None:
    """Set the state from Keras 2's arrays, whose names say which slot they belong to.

    Raises
    ------
    ValueError
        If they do not, or a number or shape differs.
    """
    optimizer = model.optimizer
    slots: dict[str, list[Array]] = {name: [] for name in optimizer.slot_names}
    iterations = None
    for name, value in arrays.items():
        words = re.split("[/:]", name)
        kinds = [_OLD_NAMES[word] for word in words if word in _OLD_NAMES]
        if len(kinds) == 1 and kinds[0] in slots:
            slots[kinds[0]].append(value)
        elif "iter" in name and value.shape == ():
            iterations = value
    groups = [[slots[name] for name in group] for group in _groups(optimizer)]
    ordered = [value for group in groups for values in zip(*group, strict=True) for value in values]
    if iterations is None or len(ordered) != len(_views(model)):
        raise ValueError("which array belongs to which weight is not clear")
    rate = [np.asarray(optimizer.learning_rate)] if _constant_rate(optimizer) else []
    restore(model, [iterations, *rate, *ordered])


def _constant_rate(optimizer: Any) -> bool:
    return isinstance(optimizer.get_config()["learning_rate"], (int, float))


def _views(model: Any) -> list[Array]:
    """Each slot of each weight, in Keras' order."""
    optimizer, parameters = model.optimizer, model._parameters
    slots, groups = dict(optimizer.slots), _groups(optimizer)
    if optimizer._ema is not None:
        slots["ema"] = optimizer._ema
        groups.insert(0, ("ema",))
    places = [
        (v.shape, part) for v, (_, part) in zip(parameters.variables, parameters.spans, strict=True)
    ]
    return [
        slots[name][part].reshape(shape)
        for group in groups
        for shape, part in places
        for name in group
    ]


def _groups(optimizer: Any) -> list[tuple[str, ...]]:
    """Slots whose arrays alternate."""
    names = optimizer.slot_names
    together = tuple(name for name in names if name not in _APART)
    apart: list[tuple[str, ...]] = [(name,) for name in names if name in _APART]
    return [together, *apart] if together else apart
