"""Learning rates that change with the steps: Keras' names, arguments and formulas."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from typing import Any, ClassVar

from fastrnn.utils import custom_object_scope, naming

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule:
    """Base of schedules: ``schedule(step)`` is the learning rate after so many steps.

    Examples
    --------
    >>> from fastrnn import optimizers
    >>> class Halving(optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 / 2**step
    >>> optimizers.SGD(Halving()).learning_rate
    0.1
    """

    # Names of the constructor's arguments.
    arguments: ClassVar[tuple[str, ...]] = ()

    def __call__(self, step: int) -> float:
        raise TypeError(f"{type(self).__name__} must define __call__(step)")

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same schedule again."""
        return {name: getattr(self, name) for name in self.arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Make a schedule from what `get_config` returned."""
        return cls(**config)


class _Decay(LearningRateSchedule):
    """A schedule over a number of steps."""

    steps_argument = "decay_steps"

    def __init__(self, initial_learning_rate: float, steps: float, name: str | None) -> None:
        if steps <= 0:
            raise ValueError(
                f"{type(self).__name__}: {self.steps_argument} must be positive, got {steps}"
            )
        self.initial_learning_rate = initial_learning_rate
        setattr(self, self.steps_argument, steps)
        self._steps = float(steps)
        self.name = name


class ExponentialDecay(_Decay):
    """initial_learning_rate * decay_rate ** (step / decay_steps).

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    decay_rate : float
    staircase : bool
        Round ``step / decay_steps`` down.
    name : str

    Examples
    --------
    >>> from fastrnn.optimizers import schedules
    >>> schedules.ExponentialDecay(0.5, 10, 0.25)(5)
    0.25
    """

    arguments = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "ExponentialDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.decay_rate = decay_rate
        self.staircase = staircase

    def __call__(self, step: int) -> float:
        return float(self.initial_learning_rate * self.decay_rate ** self._periods(step))

    def _periods(self, step: int) -> float:
        periods = step / self._steps
        return math.floor(periods) if self.staircase else periods


class InverseTimeDecay(ExponentialDecay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps).

    Parameters
    ----------
    initial_learning_rate, decay_steps, decay_rate, staircase, name :
        As for `ExponentialDecay`.

    Examples
    --------
    >>> from fastrnn.optimizers import schedules
    >>> schedules.InverseTimeDecay(0.5, 10, 2.0)(5)
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate / (1 + self.decay_rate * self._periods(step))


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and including step boundaries[i]; the last value after the last boundary.

    Parameters
    ----------
    boundaries : sequence of int
        Increasing.
    values : sequence of float
        One more than boundaries.
    name : str

    Examples
    --------
    >>> from fastrnn.optimizers import schedules
    >>> schedule = schedules.PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1])
    >>> [schedule(step) for step in (10, 11, 21)]
    [1.0, 0.5, 0.1]
    """

    arguments = ("boundaries", "values", "name")

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str | None = "PiecewiseConstant",
    ) -> None:
        if len(values) != len(boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstantDecay: needs one value more than boundaries, got {len(values)} "
                f"values and {len(boundaries)} boundaries"
            )
        self.boundaries = list(boundaries)
        self.values = list(values)
        self.name = name

    def __call__(self, step: int) -> float:
        return float(self.values[bisect.bisect_left(self.boundaries, step)])


class PolynomialDecay(_Decay):
    """From initial_learning_rate to end_learning_rate within decay_steps, by a power.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    end_learning_rate : float
    power : float
    cycle : bool
        Go on beyond decay_steps, to the next multiple of them.
    name : str

    Examples
    --------
    >>> from fastrnn.optimizers import schedules
    >>> schedules.PolynomialDecay(1.0, 10, end_learning_rate=0.5, power=2.0)(5)
    0.625
    """

    arguments = (
        "initial_learning_rate",
        "decay_steps",
        "end_learning_rate",
        "power",
        "cycle",
        "name",
    )

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = "PolynomialDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle

    def __call__(self, step: int) -> float:
        steps = self._steps
        if self.cycle:
            steps *= max(1, math.ceil(step / steps))
        left = 1 - min(step, steps) / steps
        span = self.initial_learning_rate - self.end_learning_rate
        return float(span * left**self.power + self.end_learning_rate)


class CosineDecay(_Decay):
    """Half a cosine from initial_learning_rate down to alpha of it, after an optional warm-up.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    alpha : float
    name : str
    warmup_target : float, optional
        Where given, the rate first rises to this on a straight line, and decays from there.
    warmup_steps : int

    References
    ----------
    Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts".

    Examples
    --------
    >>> from fastrnn.optimizers import schedules
    >>> schedule = schedules.CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=4)
    >>> [round(schedule(step), 6) for step in (1, 4, 9, 20)]
    [0.25, 1.0, 0.5, 0.0]
    """

    arguments = (
        "initial_learning_rate",
        "decay_steps",
        "alpha",
        "name",
        "warmup_target",
        "warmup_steps",
    )

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str | None = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.alpha = alpha
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: int) -> float:
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            top, step = self.warmup_target, step - self.warmup_steps
        return top * _cosine(min(step, self._steps) / self._steps, 1.0, self.alpha)


class CosineDecayRestarts(_Decay):
    """`CosineDecay` again and again, each time over more steps, from a changed rate.

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : int
    t_mul : float
        Factor of the number of steps at each restart.
    m_mul : float
        Factor of the rate at each restart.
    alpha : float
    name : str

    References
    ----------
    Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts".

    Examples
    --------
    >>> from fastrnn.optimizers import schedules
    >>> schedule = schedules.CosineDecayRestarts(1.0, 10, m_mul=0.5)
    >>> [round(schedule(step), 6) for step in (0, 5, 10, 20)]
    [1.0, 0.5, 0.5, 0.25]
    """

    arguments = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")
    steps_argument = "first_decay_steps"

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = "SGDRDecay",
    ) -> None:
        super().__init__(initial_learning_rate, first_decay_steps, name)
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha

    def __call__(self, step: int) -> float:
        done = step / self._steps
        if self.t_mul == 1:
            restarts = math.floor(done)
            done -= restarts
        else:
            restarts = math.floor(math.log(1 - done * (1 - self.t_mul), self.t_mul) + 1e-9)
            period = self.t_mul**restarts
            done = (done - (1 - period) / (1 - self.t_mul)) / period
        return self.initial_learning_rate * _cosine(done, self.m_mul**restarts, self.alpha)


def _cosine(done: float, factor: float, alpha: float) -> float:
    """Half a cosine from the factor down to alpha."""
    return (1 - alpha) * factor * 0.5 * (1 + math.cos(math.pi * done)) + alpha


_CLASSES: tuple[type[LearningRateSchedule], ...] = (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
_TABLE: dict[str, Any] = {cls.__name__: cls for cls in _CLASSES}


def serialize(learning_rate_schedule: Any) -> Any:
    """Keras' description of a schedule; of a function of the user's, its name."""
    return naming.description(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The schedule for what `serialize` returned.

    Examples
    --------
    >>> from fastrnn.optimizers import schedules
    >>> described = schedules.serialize(schedules.InverseTimeDecay(0.5, 10, 2.0))
    >>> schedules.deserialize(described)(5)
    0.25
    """
    with custom_object_scope(custom_objects):
        return naming.from_config("learning rate schedule", config, _TABLE)
