"""What an optimizer keeps from step to step: counts, the learning rate, arrays beside weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from inspect import signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastrnn.optimizers import schedules
from fastrnn.optimizers.parameters import FlatParameters

Array = NDArray[Any]


class State:
    """Part of `Optimizer`.

    Attributes
    ----------
    slots : dict of str to ndarray
        Arrays as long as all parameters together.
    """

    # Arrays that a subclass keeps for all parameters; the first `paired` of them lie side by side
    # for each parameter in files, as Keras has it, the others after each other.
    slot_names: tuple[str, ...] = ()
    paired: ClassVar[int] = 0

    name: str
    use_ema = False
    gradient_accumulation_steps: int | None = None

    def __init__(self) -> None:
        self.slots: dict[str, Array] = {}
        self._iterations = 0
        self._schedule: Any = None
        self._learning_rate = 0.0
        self._averaged = False
        self._buffer: FlatParameters | None = None

    @property
    def iterations(self) -> int:
        """Number of updates so far."""
        return self._iterations // (self.gradient_accumulation_steps or 1)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        if self._schedule is None:
            return self._learning_rate
        return float(self._schedule(self._iterations) if self._by_step else self._schedule())

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, dict):
            value = schedules.deserialize(value)
        if callable(value):
            self._by_step = bool(signature(value).parameters)
            self._schedule = value
            return
        if isinstance(self._schedule, schedules.LearningRateSchedule):
            raise TypeError(
                f"{self.name}: the learning rate follows {type(self._schedule).__name__} and "
                "cannot be set; give the optimizer a number, or leave out the callback that sets it"
            )
        rate = float(value)
        if not (rate >= 0 and math.isfinite(rate)):
            raise ValueError(
                f"{self.name}: learning_rate must be a finite number from 0, got {value}"
            )
        self._schedule = None
        self._learning_rate = rate

    @property
    def lr(self) -> float:
        """Keras 2's name of `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = value

    # Slots -----------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the slots exist."""
        return self._buffer is not None

    def initial_value(self, slot: str) -> float:
        """What a slot is filled with at first."""
        return 0.0

    def build(self, variables: FlatParameters | Sequence[Any]) -> None:
        """Make the slots for parameters.

        Parameters that had slots before keep them, also where the buffer is laid out anew.

        Parameters
        ----------
        variables : sequence of Variable, or the buffer where they are already
        """
        if variables is self._buffer:
            return
        buffer = variables if isinstance(variables, FlatParameters) else FlatParameters(variables)
        old, self._buffer = self._buffer, buffer
        own: tuple[str, ...] = ("average",) if self.use_ema else ()
        if self.gradient_accumulation_steps:
            own += ("gradient_accumulator",)
        weights = buffer.weights
        fresh = {
            name: np.full_like(weights, self.initial_value(name))
            for name in (*own, *self.slot_names)
        }
        if self.use_ema:
            fresh["average"][...] = weights
        if old is not None:
            before = dict(old.spans)
            for identity, span in buffer.spans:
                if identity in before:
                    for name in fresh:
                        fresh[name][span] = self.slots[name][before[identity]]
        self.slots = fresh

    def finalize(self) -> None:
        """Replace the weights by their moving average, if one is kept."""
        if self.use_ema and self._buffer is not None:
            self.use_average(False)
            self._buffer.touch()
            self._buffer.weights[...] = self.slots["average"]

    def use_average(self, use: bool) -> None:
        """Have the moving average take the weights' place, or give it back."""
        if self.use_ema and self._buffer is not None and use != self._averaged:
            self._averaged = use
            self._buffer.touch()
            weights = self._buffer.weights.copy()
            self._buffer.weights[...] = self.slots["average"]
            self.slots["average"][...] = weights

    # Files -----------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """What `set_state` needs to go on from here."""
        return {
            "iterations": self._iterations,
            "learning_rate": None if self._schedule is not None else self._learning_rate,
            "slots": self.slots,
            "averaged": self._averaged,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned, once the slots exist.

        Raises
        ------
        ValueError
            If the slots are others; nothing is changed then.
        """
        pairs = [(slot, state["slots"].get(name)) for name, slot in self.slots.items()]
        if any(np.shape(value) != slot.shape for slot, value in pairs):
            raise ValueError(f"{self.name}: the state is that of another optimizer or model")
        for slot, value in pairs:
            slot[...] = value
        self._iterations = state["iterations"]
        self._averaged = state["averaged"]
        if self._schedule is None and state["learning_rate"] is not None:
            self._learning_rate = state["learning_rate"]

    @property
    def variables(self) -> list[Array]:
        """The state in the order in which Keras saves it.

        Iterations, the learning rate where it is a number, then views of the slots: the moving
        average, the sums of gradients, and the optimizer's own.
        """
        head: list[Array] = [np.asarray(self._iterations, np.int64)]
        if self._schedule is None:
            head.append(np.asarray(self._learning_rate, np.float32))
        return head + self._views()

    def slot_groups(self) -> list[tuple[str, ...]]:
        """Names of the slots in the order of files; those of a group alternate."""
        paired = self.slot_names[: self.paired]
        apart = [(name,) for name in self.slots if name not in paired]
        first = len(self.slots) - len(self.slot_names)
        return [*apart[:first], *([paired] if paired else []), *apart[first:]]

    def _views(self) -> list[Array]:
        if self._buffer is None:
            return []
        places = list(zip(self._buffer.variables, self._buffer.spans, strict=True))
        return [
            self.slots[name][span].reshape(variable.shape)
            for group in self.slot_groups()
            for variable, (_, span) in places
            for name in group
        ]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the state, all or none of it, from the arrays of `variables`.

        Those of an optimizer that has made no step may end before the slots.

        Raises
        ------
        ValueError
            If their number or a shape differs.
        """
        own = self.variables
        head = 1 if self._schedule is not None else 2
        if len(weights) not in (head, len(own)):
            raise ValueError(f"{self.name} has {len(own)} arrays, got {len(weights)}")
        for index, (variable, weight) in enumerate(zip(own, weights, strict=False)):
            if np.shape(weight) != variable.shape:
                raise ValueError(
                    f"{self.name}: array {index} must be of shape {variable.shape}, "
                    f"got {np.shape(weight)}"
                )
        self._iterations = int(weights[0])
        if head == 2:
            # The shortest number that float32 tells apart: 0.001, not 0.0010000000474974513.
            self.learning_rate = float(str(np.float32(weights[1])))
        for variable, weight in zip(own[head:], weights[head:], strict=False):
            variable[...] = weight
