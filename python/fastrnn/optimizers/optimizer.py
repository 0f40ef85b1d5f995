"""What every optimizer has: a flat buffer of parameters, slots beside it, clipping, averages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastrnn.optimizers.gathered import Gathered
from fastrnn.utils.naming import to_snake_case, unexpected_arguments

Array = NDArray[Any]


class ParameterBuffer(Protocol):
    """All trainable parameters of a model, as the optimizer sees them.

    ``weights`` and ``grads`` are flat arrays of one length; ``spans`` says which part of
    them is which parameter, by an identity that outlives the buffer.
    """

    weights: Array
    grads: Array
    constrained: Sequence[Any]

    @property
    def spans(self) -> Sequence[tuple[int, slice]]: ...

    @property
    def variables(self) -> Sequence[Any]: ...

    def holds(self, variables: Sequence[Any]) -> bool:
        """Whether the buffer is where just these variables are now."""

    def touch(self) -> None:
        """Note that the weights are about to change."""

    def constrain(self) -> None:
        """Have the weights meet their constraints."""


class Optimizer:
    """Base of optimizers.

    A subclass names its slots (flat arrays as long as the parameters) in `slot_names` and
    defines `update`.

    Parameters
    ----------
    learning_rate : float or callable(step) -> float
    weight_decay : float, optional
        Before each update, weights shrink by this times the learning rate.
    clipnorm : float, optional
        Largest norm of each parameter's gradient.
    clipvalue : float, optional
        Largest absolute value of a gradient's entries.
    global_clipnorm : float, optional
        Largest norm of all gradients together.
    use_ema : bool
        Keep an exponential moving average of the weights, which replaces them when `fit` ends.
    ema_momentum : float
    ema_overwrite_frequency : int, optional
        Replace the weights by their average every so many steps, too.
    name : str, optional
    lr : float, optional
        Keras 2's name of `learning_rate`.
    """

    slot_names: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        learning_rate = kwargs.pop("lr", learning_rate)
        if kwargs:
            raise unexpected_arguments(type(self), kwargs, ["lr"])
        self.name = name or to_snake_case(type(self).__name__)
        for argument, value in (
            ("clipnorm", clipnorm),
            ("clipvalue", clipvalue),
            ("global_clipnorm", global_clipnorm),
        ):
            if value is not None and value <= 0:
                raise ValueError(f"{self.name}: {argument} must be positive, got {value}")
        if (clipnorm, clipvalue, global_clipnorm).count(None) < 2:
            raise ValueError(
                f"{self.name}: only one of clipnorm, clipvalue and global_clipnorm may be given"
            )
        if not 0 <= ema_momentum <= 1:
            raise ValueError(f"{self.name}: ema_momentum must be from 0 to 1, got {ema_momentum}")
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.iterations = 0
        self._schedule: Any = None
        self.learning_rate = learning_rate
        self.slots: dict[str, Array] = {}
        self._ema: Array | None = None
        self._averaged = False
        self._buffer: ParameterBuffer | None = None
        self._clips = bool(clipnorm or clipvalue or global_clipnorm)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        if self._schedule is not None:
            return float(self._schedule(self.iterations))
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value):
            self._schedule = value
            return
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

    @property
    def built(self) -> bool:
        """Whether the slots exist."""
        return self._buffer is not None

    def build(self, buffer: ParameterBuffer) -> None:
        """Make the slots for a model's parameters.

        Parameters that had slots before keep them, also where the buffer is laid out anew.
        """
        if buffer is self._buffer:
            return
        old, self._buffer = self._buffer, buffer
        names = (*self.slot_names, "ema") if self.use_ema else self.slot_names
        fresh = {name: np.zeros_like(buffer.weights) for name in names}
        if self.use_ema:
            fresh["ema"][...] = buffer.weights
        if old is not None:
            before = dict(old.spans)
            kept = self.slots if self._ema is None else {**self.slots, "ema": self._ema}
            for identity, span in buffer.spans:
                if identity in before:
                    for name in fresh:
                        fresh[name][span] = kept[name][before[identity]]
        self._ema = fresh.pop("ema", None)
        self.slots = fresh

    def step(self) -> None:
        """Update all parameters once from the gradients in the buffer."""
        buffer = self._buffer
        if buffer is None:
            raise ValueError(f"{self.name}: build the optimizer with a model's parameters first")
        weights, grads = buffer.weights, buffer.grads
        rate = self._learning_rate if self._schedule is None else self.learning_rate
        if self._clips:
            self._clip(buffer)
        buffer.touch()
        if self.weight_decay:
            weights *= 1 - rate * self.weight_decay
        self.update(weights, grads, rate, self.iterations + 1)
        self.iterations += 1
        if self._ema is not None:
            self._average(weights, self._ema)
        if buffer.constrained:
            buffer.constrain()

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> None:
        """Update variables once, in a training loop of one's own.

        Parameters
        ----------
        grads_and_vars : iterable of (gradient, Variable)
            The same variables each time. Those whose gradient is None stay as they are.

        Raises
        ------
        ValueError
            If the optimizer was built for others, or a gradient has another shape.
        """
        pairs = [(gradient, variable) for gradient, variable in grads_and_vars]
        for gradient, variable in pairs:
            if gradient is not None and np.shape(gradient) != variable.shape:
                raise ValueError(
                    f"{self.name}: the gradient of {variable.name} must be of shape "
                    f"{variable.shape}, got {np.shape(gradient)}"
                )
        variables = [variable for gradient, variable in pairs if gradient is not None]
        buffer = self._buffer
        if buffer is None or not buffer.holds(variables):
            if buffer is not None and {key for key, _ in buffer.spans} != set(map(id, variables)):
                raise ValueError(
                    f"{self.name}: was built for other variables; use an optimizer for each group "
                    "of variables that is updated together"
                )
            buffer = Gathered(variables)
            self.build(buffer)
        gradients = {id(variable): gradient for gradient, variable in pairs}
        for identity, span in buffer.spans:
            buffer.grads[span] = np.ravel(gradients[identity])
        if not isinstance(buffer, Gathered):
            self.step()
            return
        buffer.gather()
        self.step()
        buffer.scatter()

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """`apply_gradients` of two lists; the variables are those of before if not given."""
        if trainable_variables is None:
            if self._buffer is None:
                raise ValueError(f"{self.name}: give the variables that the gradients are for")
            trainable_variables = self._buffer.variables
        self.apply_gradients(zip(grads, trainable_variables, strict=True))

    def update(self, weights: Array, grads: Array, learning_rate: float, step: int) -> None:
        """Change `weights` in place; `step` counts from 1."""
        raise TypeError(f"{type(self).__name__} must define update()")

    def finalize(self) -> None:
        """Replace the weights by their moving average, if one is kept."""
        if self._ema is not None and self._buffer is not None:
            self.use_average(False)
            self._buffer.touch()
            self._buffer.weights[...] = self._ema

    def use_average(self, use: bool) -> None:
        """Have the moving average take the weights' place, or give it back."""
        if self._ema is not None and self._buffer is not None and use != self._averaged:
            self._averaged = use
            self._buffer.touch()
            weights = self._buffer.weights.copy()
            self._buffer.weights[...] = self._ema
            self._ema[...] = weights

    def get_state(self) -> dict[str, Any]:
        """What `set_state` needs to go on from here."""
        return {
            "iterations": self.iterations,
            "learning_rate": None if self._schedule is not None else self._learning_rate,
            "slots": self.slots,
            "ema": self._ema,
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
        if self._ema is not None:
            pairs.append((self._ema, state["ema"]))
        if any(np.shape(value) != slot.shape for slot, value in pairs):
            raise ValueError(f"{self.name}: the state is that of another optimizer or model")
        for slot, value in pairs:
            slot[...] = value
        self.iterations = state["iterations"]
        self._averaged = state["averaged"]
        if self._schedule is None and state["learning_rate"] is not None:
            self._learning_rate = state["learning_rate"]

    def _clip(self, buffer: ParameterBuffer) -> None:
        grads = buffer.grads
        if self.clipvalue:
            np.clip(grads, -self.clipvalue, self.clipvalue, out=grads)
        elif self.global_clipnorm:
            _limit_norm(grads, self.global_clipnorm)
        elif self.clipnorm:
            for _, span in buffer.spans:
                _limit_norm(grads[span], self.clipnorm)

    def _average(self, weights: Array, average: Array) -> None:
        average *= self.ema_momentum
        average += (1 - self.ema_momentum) * weights
        every = self.ema_overwrite_frequency
        if every and self.iterations % every == 0:
            weights[...] = average

    def variables(self) -> list[Array]:
        """Slots of each parameter in the order in which Keras saves them.

        Returns
        -------
        list of ndarray
            For each parameter in model order, its part of every slot: flat views.
        """
        if self._buffer is None:
            return []
        return [
            self.slots[name][span] for _, span in self._buffer.spans for name in self.slot_names
        ]

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same optimizer again."""
        return {
            "name": self.name,
            "learning_rate": self.learning_rate if self._schedule is None else self._schedule,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """Make an optimizer from what `get_config` returned."""
        return cls(**config)


def _limit_norm(grads: Array, limit: float) -> None:
    norm = math.sqrt(float(np.dot(grads, grads)))
    if norm > limit:
        grads *= limit / norm
