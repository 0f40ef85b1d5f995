"""What every optimizer has: clipping, weight decay, averages, and one update over all weights."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from fastrnn import ops
from fastrnn.optimizers import schedules
from fastrnn.optimizers.parameters import FlatParameters
from fastrnn.optimizers.state import Array, State
from fastrnn.utils.naming import description, to_snake_case, unexpected_arguments

# Of files of Keras 2; they change nothing here.
_IGNORED = ("jit_compile", "is_legacy_optimizer")


class Optimizer(State):
    """Base of optimizers.

    A subclass names its slots (flat arrays as long as the parameters) in `slot_names` and
    defines `update`.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        A callable takes the number of steps so far, or nothing.
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
    loss_scale_factor : float, optional
        What `apply` divides gradients by; `fit` needs no scale.
    gradient_accumulation_steps : int, optional
        Update every so many steps, by the mean of their gradients.
    name : str, optional
    lr : float, optional
        Keras 2's name of `learning_rate`.
    decay : float, optional
        Keras 2's: the learning rate is divided by ``1 + decay * steps``.

    Examples
    --------
    An optimizer of one's own changes the weights, a flat array, in place:

    >>> import numpy as np
    >>> from fastrnn import Sequential, layers, optimizers
    >>> class SignDescent(optimizers.Optimizer):
    ...     slot_names = ("last",)
    ...
    ...     def update(self, weights, grads, learning_rate, step):
    ...         weights -= learning_rate * np.sign(grads + self.slots["last"])
    ...         self.slots["last"][...] = grads
    >>> model = Sequential([layers.Dense(1, input_shape=(3,))])
    >>> model.compile(SignDescent(0.01), "mse")
    >>> model.train_on_batch(np.ones((4, 3)), np.ones((4, 1))) >= 0
    True
    """

    # Names of the constructor's arguments beside those of this class.
    arguments: ClassVar[tuple[str, ...]] = ()
    # Whether `update` takes the keywords scale, limit and keep of the ops into its own pass.
    fused: ClassVar[bool] = False

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
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        learning_rate = kwargs.pop("lr", learning_rate)
        decay = kwargs.pop("decay", None)
        if decay:
            learning_rate = schedules.InverseTimeDecay(learning_rate, 1, decay)
        for ignored in _IGNORED:
            kwargs.pop(ignored, None)
        if kwargs:
            raise unexpected_arguments(type(self), kwargs, ["lr", "decay"])
        super().__init__()
        self.name = name or to_snake_case(type(self).__name__)
        limits = {
            "clipnorm": clipnorm,
            "clipvalue": clipvalue,
            "global_clipnorm": global_clipnorm,
        }
        for argument, value in (limits | {"loss_scale_factor": loss_scale_factor}).items():
            if value is not None and value <= 0:
                raise ValueError(f"{self.name}: {argument} must be positive, got {value}")
        if list(limits.values()).count(None) < 2:
            raise ValueError(
                f"{self.name}: only one of clipnorm, clipvalue and global_clipnorm may be given"
            )
        if not 0 <= ema_momentum <= 1:
            raise ValueError(f"{self.name}: ema_momentum must be from 0 to 1, got {ema_momentum}")
        steps = gradient_accumulation_steps
        if steps is not None and (not isinstance(steps, int) or steps < 2):
            raise ValueError(
                f"{self.name}: gradient_accumulation_steps must be an integer from 2, got {steps}"
            )
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = steps
        self.learning_rate = learning_rate
        self._exempt: set[int] = set()
        self._exempt_names: re.Pattern[str] | None = None
        self._decayed: list[slice] | None = None

    def exclude_from_weight_decay(
        self, var_list: Iterable[Any] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leave weights out of the weight decay; call it before the model is compiled.

        Parameters
        ----------
        var_list : iterable of Variable, optional
        var_names : iterable of str, optional
            Regular expressions: weights whose name contains one (``"bias"``) are left out.

        Raises
        ------
        ValueError
            If the slots exist.
        """
        if self.built:
            raise ValueError(f"{self.name}: exclude weights before the optimizer is built")
        self._exempt = set(map(id, var_list or ()))
        self._exempt_names = re.compile("|".join(var_names)) if var_names else None

    # Steps -----------------------------------------------------------------------------

    def build(self, variables: FlatParameters | Sequence[Any]) -> None:
        super().build(variables)
        buffer = self._buffer
        if buffer is not None and (self._exempt or self._exempt_names):
            pairs = zip(buffer.variables, buffer.spans, strict=True)
            self._decayed = [span for weight, (_, span) in pairs if self._decays(weight)]

    def _decays(self, weight: Any) -> bool:
        pattern = self._exempt_names
        return id(weight) not in self._exempt and not (pattern and pattern.search(weight.name))

    def step(self, left_out: Collection[int] = ()) -> None:
        """Update all parameters once from the gradients in the buffer.

        Parameters
        ----------
        left_out : collection of int
            Identities of variables that stay as they are, with their slots.
        """
        buffer = self._buffer
        if buffer is None:
            raise ValueError(f"{self.name}: build the optimizer with a model's parameters first")
        buffer.touch()
        frozen = [span for identity, span in buffer.spans if identity in left_out] * bool(left_out)
        kept = [
            (array, span, array[span].copy())
            for span in frozen
            for array in (buffer.weights, *(self.slots[name] for name in self.slot_names))
        ]
        for span in frozen:
            buffer.grads[span] = 0
        every = self.gradient_accumulation_steps
        if every is None:
            self._update(buffer, 1.0)
        else:
            sums = self.slots["gradient_accumulator"]
            sums += buffer.grads
            if (self._iterations + 1) % every == 0:
                buffer.grads[...] = sums
                sums[...] = 0
                for span in frozen:
                    buffer.grads[span] = 0
                self._update(buffer, 1 / every)
        for array, span, before in kept:
            array[span] = before
        if self.use_ema:
            self._average(buffer.weights)
        self._iterations += 1
        if buffer.constrained:
            buffer.constrain(left_out)

    def update(self, weights: Array, grads: Array, learning_rate: float, step: int) -> None:
        """Change `weights` in place; `step` counts from 1."""
        raise TypeError(f"{type(self).__name__} must define update()")

    def _update(self, buffer: FlatParameters, scale: float) -> None:
        """Clip and shrink, and run the rule on gradients times `scale`."""
        weights, grads = buffer.weights, buffer.grads
        rate = self._learning_rate if self._schedule is None else self.learning_rate
        if self.global_clipnorm:
            scale *= _shrinkage(ops.norm(grads) * scale, self.global_clipnorm)
        elif self.clipnorm:
            for _, span in buffer.spans:
                grads[span] *= _shrinkage(ops.norm(grads[span]) * scale, self.clipnorm)
        keep = 1 - rate * (self.weight_decay or 0.0)
        if self._decayed is not None:
            for span in self._decayed:
                weights[span] *= keep
            keep = 1.0
        limit = self.clipvalue or math.inf
        step = self.iterations + 1
        if self.fused:
            before: dict[str, Any] = {"scale": scale, "limit": limit, "keep": keep}
            self.update(weights, grads, rate, step, **before)
            return
        if scale != 1:
            grads *= scale
        if limit < math.inf:
            np.clip(grads, -limit, limit, out=grads)
        if keep != 1:
            weights *= keep
        self.update(weights, grads, rate, step)

    def _average(self, weights: Array) -> None:
        average, first = self.slots["average"], self.iterations == 0
        ops.average_update(average, weights, momentum=0.0 if first else self.ema_momentum)
        every = self.ema_overwrite_frequency
        if every and (self.iterations + 1) % every == 0:
            weights[...] = average

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> int:
        """Update variables once, in a training loop of one's own.

        Parameters
        ----------
        grads_and_vars : iterable of (gradient, Variable)
            All variables that the optimizer is for, the first time; then any of them. Those left
            out, or whose gradient is None, stay as they are, with what is kept for them.

        Returns
        -------
        int
            Number of steps so far.

        Raises
        ------
        ValueError
            If the optimizer was built for others, or a gradient has another shape.
        """
        grads_and_vars = list(grads_and_vars)
        pairs = [(grad, variable) for grad, variable in grads_and_vars if grad is not None]
        for grad, variable in pairs:
            if np.shape(grad) != variable.shape:
                raise ValueError(
                    f"{self.name}: the gradient of {variable.name} must be of shape "
                    f"{variable.shape}, got {np.shape(grad)}"
                )
        if not grads_and_vars:
            return self._iterations
        if not pairs:
            raise ValueError(f"{self.name}: there is a gradient for none of the variables")
        buffer = self._buffer
        variables = buffer.variables if buffer else [variable for _, variable in grads_and_vars]
        known = set(map(id, variables))
        strange = [variable.name for _, variable in pairs if id(variable) not in known]
        if strange:
            raise ValueError(
                f"{self.name}: was built for other variables than {strange[0]}; build() it for all "
                "that it is to update, or use another optimizer"
            )
        if buffer is None or not buffer.holds(variables):
            self.build(variables)
            buffer = self._buffer
        assert buffer is not None
        for grad, variable in pairs:
            np.divide(grad, self.loss_scale_factor or 1.0, out=variable.grad, casting="same_kind")
        self.step(known - {id(variable) for _, variable in pairs})
        return self._iterations

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """`apply_gradients` of two lists; the variables are those of before if not given."""
        if trainable_variables is None:
            if self._buffer is None:
                raise ValueError(f"{self.name}: give the variables that the gradients are for")
            trainable_variables = self._buffer.variables
        self.apply_gradients(zip(grads, trainable_variables, strict=True))

    # Description -----------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same optimizer again."""
        schedule = self._schedule
        config = {
            "name": self.name,
            "learning_rate": self._learning_rate if schedule is None else description(schedule),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }
        return config | {name: getattr(self, name) for name in self.arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """Make an optimizer from what `get_config` returned."""
        return cls(**config)


def _shrinkage(norm: float, limit: float) -> float:
    """What makes gradients of a norm keep to the limit; no number, where the norm is none."""
    return 1.0 if norm <= limit else limit / norm + (norm - norm)
