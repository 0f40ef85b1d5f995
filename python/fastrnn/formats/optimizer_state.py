"""An optimizer's state as files of Keras 2 have it: arrays whose names say what they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Slots that a word in the name of an array may stand for.
_SLOTS = {
    "m": ("momentum",),
    "momentum": ("momentum",),
    "v": ("velocity", "norm"),
    "vhat": ("velocity_hat",),
    "rms": ("velocity",),
    "velocity": ("velocity",),
    "mg": ("average_gradient",),
    "accumulator": ("accumulator",),
    "linear": ("linear",),
    "accum_grad": ("accumulated_grad",),
    "accum_var": ("accumulated_delta_var",),
}


def restore_named(optimizer: Any, arrays: Mapping[str, Array]) -> None:
    """Set the state from Keras 2's arrays.

    Raises
    ------
    ValueError
        If their names do not say where they belong, or a number or shape differs.
    """
    slots: dict[str, list[Array]] = {name: [] for name in optimizer.slots}
    iterations = None
    for name, value in arrays.items():
        words = re.split("[/:]", name)
        kinds = [slot for word in words for slot in _SLOTS.get(word, ()) if slot in slots]
        if len(kinds) == 1:
            slots[kinds[0]].append(value)
        elif "iter" in name and value.shape == ():
            iterations = value
    groups = [[slots[name] for name in group] for group in optimizer.slot_groups()]
    ordered = [value for group in groups for values in zip(*group, strict=True) for value in values]
    own = optimizer.variables
    head = len(own) - len(ordered)
    if iterations is None or head not in (1, 2):
        raise ValueError("which array belongs to which weight is not clear")
    optimizer.set_weights([iterations, *(np.asarray(rate) for rate in own[1:head]), *ordered])
