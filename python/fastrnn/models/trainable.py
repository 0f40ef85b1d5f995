"""Compilation, checked data, and the single training and test step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn import optimizers
from fastrnn.layers import activity
from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.variable import Variable
from fastrnn.metrics import Metric
from fastrnn.models.batches import class_weights_of, numeric_array, rows_of
from fastrnn.models.joint_objective import JointObjective, for_each
from fastrnn.models.objective import Objective
from fastrnn.optimizers.parameters import FlatParameters


class Trainable(Layer):
    """A layer made of layers that can be compiled for a loss and an optimizer."""

    # What layers' backward passes are arranged for: a model's `_settled`, or something else.
    _in_force: Any = None

    def __init__(self, *, name: str | None = None, trainable: bool = True, **kwargs: Any) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self.optimizer: optimizers.Optimizer | None = None
        self.objective: Objective | None = None
        self.history: Any = None
        self.stop_training = False
        self._parameters: FlatParameters | None = None
        self._trained: list[Variable] | None = None
        self._settled: Any = None
        self._regularized: list[Variable] = []
        self._counts_activity = False
        self._compile_arguments: dict[str, Any] = {}

    # Structure -------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The model's layers."""
        return [layer for _, layer in self.sublayers()]

    def propagate(
        self, x: Any, training: bool, mask: Any = None, logits: Any = False
    ) -> tuple[Any, Any]:
        """Output and its mask; with `logits`, without the final activation."""
        return self.forward(x, training, mask), None

    def propagate_back(self, dy: Any, logits: Any = False) -> Any:
        """Gradients of all weights for that of the output of the last `propagate`."""
        return self.backward(dy)

    @property
    def final_activation(self) -> Any:
        """The activation that a loss may take over from the last layer."""
        return None

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, where the model gives them names."""
        return []

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, where the model gives them names."""
        return []

    @property
    def output_shape(self) -> Any:
        """Shape of the output, the batch axis being None."""
        return self.compute_output_shape(self.input_shape)

    # Compilation -----------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Sequence[Any] | None = None,
        weighted_metrics: Sequence[Any] | None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is to be trained.

        Parameters
        ----------
        optimizer : str, dict or Optimizer
        loss : str, dict or Loss
        loss_weights : float or list of one float, optional
            Factor of the loss.
        metrics, weighted_metrics : list of str, function or Metric, optional
            ``"accuracy"`` becomes the binary, categorical or sparse one by the shapes of the
            data.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss :
            Accepted for Keras' sake; there is nothing to compile.

        Raises
        ------
        ValueError
            If a name is unknown.

        Examples
        --------
        >>> from fastrnn import Sequential, layers
        >>> model = Sequential([layers.Input((5, 3)), layers.LSTM(4), layers.Dense(2)])
        >>> model.compile("adam", "mse", metrics=["mae"])
        """
        self.optimizer = optimizers.get(optimizer)
        self.objective = self._objective(loss, loss_weights, metrics, weighted_metrics)
        self.loss = loss
        self._compile_arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self._trained = None
        if self.built:
            self._collect_parameters()

    def _objective(
        self,
        loss: Any,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
    ) -> Objective:
        """What the outputs are trained and watched for."""
        names = self.output_names
        if not self.built:
            listed = next((a for a in (loss, loss_weights) if isinstance(a, (list, tuple))), ())
            names = [f"output_{i + 1}" for i in range(len(listed))]
        if len(names) > 1:
            return JointObjective(self.name, names, loss, loss_weights, metrics, weighted_metrics)
        factor = _single_weight(self.name, loss_weights)
        return Objective(loss, metrics, weighted_metrics, factor)

    @property
    def compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self.objective is not None

    @property
    def metrics_names(self) -> list[str]:
        """Names of what `evaluate` returns."""
        return [] if self.objective is None else list(self.objective.results())

    @property
    def metrics(self) -> list[Metric]:
        """What keeps running values: the loss, then the metrics, those made by shapes included."""
        return [] if self.objective is None else list(self.objective.trackers())

    def reset_metrics(self) -> None:
        """Start the running loss and metrics afresh."""
        if self.objective is not None:
            self.objective.reset()

    def _collect_parameters(self) -> None:
        """Have all weights that are trained in one buffer, the optimizer's slots beside it.

        Which weights that are is settled by `compile`; another model that shares some may
        have moved them since.
        """
        assert self.optimizer is not None
        self._settle_weights()
        assert self._trained is not None
        if self._parameters is None or not self._parameters.holds(self._trained):
            self._parameters = FlatParameters(self._trained)
        self.optimizer.build(self._parameters)
        if Trainable._in_force is not self._settled:
            self.arrange_backward(False)
            Trainable._in_force = self._settled

    def _trained_ids(self) -> set[int]:
        """Identities of the weights that are trained."""
        return set(map(id, self.trainable_weights if self._trained is None else self._trained))

    def _settle_weights(self) -> None:
        """Settle which weights are trained, and what adds penalties to the loss."""
        if self._trained is None:
            self._trained = self.trainable_weights
            self._settled = object()  # another one for a copy of the model
            self._regularized = [w for w in self._trained if w.regularizer is not None]
            self._counts_activity = self.regularizes_activity

    # One step --------------------------------------------------------------------------

    def _train_step(self, x: Any, y: Any, weight: Any) -> None:
        """One update of the weights. `y` is from `Objective.prepare`."""
        objective, optimizer = self.objective, self.optimizer
        assert objective is not None
        assert optimizer is not None
        fused = objective.fuses(self.final_activation)
        out, mask, penalty = self._propagate(x, True, fused)
        value, gradient = objective.value_and_gradient(y, out, weight, mask, fused)
        if self._parameters is not None and self._parameters.variables:
            self.propagate_back(gradient, fused)
            for variable in self._regularized:
                penalty += variable.regularizer.penalize(variable.value, variable.grad)
            optimizer.step()
        value += penalty
        objective.record(value, y, out, weight, mask, fused)

    def _test_step(self, x: Any, y: Any, weight: Any) -> None:
        """Add a batch to the running loss and metrics."""
        objective = self.objective
        assert objective is not None
        fused = objective.fuses(self.final_activation)
        out, mask, penalty = self._propagate(x, False, fused)
        value, _ = objective.value_and_gradient(y, out, weight, mask, fused, differentiate=False)
        for variable in self._regularized:
            penalty += variable.regularizer.penalize(variable.value)
        value += penalty
        objective.record(value, y, out, weight, mask, fused)

    def _propagate(self, x: Any, training: bool, fused: Any) -> tuple[Any, Any, float]:
        """Output, its mask, and the penalties on layers' outputs."""
        if not self._counts_activity:
            return (*self.propagate(x, training, None, fused), 0.0)
        with activity.penalties() as penalties:
            out, mask = self.propagate(x, training, None, fused)
        return out, mask, sum(penalties)

    # Data ------------------------------------------------------------------------------

    def _compiled_objective(self, action: str) -> Objective:
        """The objective; where the model turned out to have several outputs, one of each."""
        if self.objective is None:
            raise ValueError(
                f"{self.name}.{action}: compile the model first, with a loss and an optimizer"
            )
        if type(self.objective) is Objective and len(self.output_names) > 1:
            arguments = {k: v for k, v in self._compile_arguments.items() if k != "optimizer"}
            self.objective = self._objective(**arguments)
        return self.objective

    def _inputs(self, action: str, x: Any) -> Any:
        """Inputs as arrays of the model's input shapes; builds the model at first sight.

        A tuple where the model has several inputs.
        """
        if (
            isinstance(x, np.ndarray)
            and x.dtype == self.dtype
            and self.built
            and x.shape[1:] == self.input_shape[1:]
        ):
            return x
        owner = f"{self.name}.{action}"
        names = self.input_names
        if len(names) > 1:
            checked = zip(names, self._by_input(owner, x), self.input_shape, strict=True)
            inputs = tuple(
                _checked_input(numeric_array(owner, f"x[{name!r}]", part), shape, name)
                for name, part, shape in checked
            )
            rows = [len(array) for array in inputs]
            if len(set(rows)) > 1:
                raise ValueError(f"{owner}: the inputs {', '.join(names)} have {rows} samples")
            return inputs
        if isinstance(x, dict) and names:
            (x,) = self._by_input(owner, x)
        elif _lists_one(x) and x[0].ndim == len(self.input_shape or x[0].shape):
            x = x[0]
        array = numeric_array(owner, "x", x)
        if not self.built:
            self.build((None, *array.shape[1:]))
        return _checked_input(array, self.input_shape, self.layers[0].name)

    def _by_input(self, owner: str, x: Any) -> tuple[Any, ...]:
        """The entries of a list or dict in the order of the inputs."""
        names = self.input_names
        if isinstance(x, dict):
            x = {name: x[name] for name in names if name in x}  # others may serve the caller
        parts = for_each(owner, "x", x, names)
        missing = [name for name, part in zip(names, parts, strict=True) if part is None]
        if missing:
            raise ValueError(f"{owner}: x has no {missing[0]!r}, needed are {', '.join(names)}")
        return parts

    def _of_output(self, owner: str, argument: str, value: Any) -> Any:
        """What is given for the only output, also in a dict or list of one."""
        if isinstance(value, dict):
            (value,) = for_each(owner, argument, value, self.output_names)
        return value[0] if _lists_one(value) else value

    def _training_arrays(
        self, action: str, x: Any, y: Any, sample_weight: Any, class_weight: Any
    ) -> list[Any]:
        """Inputs, targets in the loss' form, and weights: all checked, with as many rows.

        Each is an array, or a tuple where the model has several inputs or outputs.
        """
        owner = f"{self.name}.{action}"
        self._compiled_objective(action)
        if y is None:
            if isinstance(x, tuple) and len(x) in (2, 3):
                x, y, *rest = x
                sample_weight = rest[0] if rest else sample_weight
            else:
                raise ValueError(f"{owner}: needs targets y beside the inputs x")
        inputs = self._inputs(action, x)
        objective = self._compiled_objective(action)
        if len(self.output_names) == 1:
            y = self._of_output(owner, "y", y)
            sample_weight = self._of_output(owner, "sample_weight", sample_weight)
        targets = objective.prepare(owner, y, self.output_shape, self.dtype)
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(f"{owner}: give class_weight or sample_weight, not both")
            if isinstance(targets, tuple):
                raise ValueError(f"{owner}: with several outputs, use sample_weight")
            weights = class_weights_of(owner, numeric_array(owner, "y", y), class_weight)
        else:
            weights = objective.prepare_weights(owner, sample_weight)
        rows = rows_of(inputs)
        for name, part in (("x", inputs), ("y", targets), ("sample_weight", weights)):
            for array in part if isinstance(part, tuple) else (part,):
                if array is not None and len(array) != rows:
                    raise ValueError(f"{owner}: x has {rows} samples, but {name} has {len(array)}")
        if not rows:
            raise ValueError(f"{owner}: x has no samples")
        if action in ("fit", "train_on_batch"):
            self._collect_parameters()
        else:
            self._settle_weights()
        return [inputs, targets, weights]


def _checked_input(array: Array, shape: Any, name: str) -> Array:
    """An array that fits an input's shape; a last axis of size 1 may be left out."""
    if array.ndim == len(shape) - 1 and shape[-1] == 1:
        array = array[..., None]
    fits = array.ndim == len(shape) and all(
        wanted is None or wanted == size
        for wanted, size in zip(shape[1:], array.shape[1:], strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape[1:])
        hint = ""
        if array.ndim == len(shape) - 1:
            hint = "; a single sample x needs a batch axis: x[None]"
        raise ValueError(f"{name}: inputs must be of shape (N, {wanted}), got {array.shape}{hint}")
    return array


def _lists_one(value: Any) -> bool:
    """Whether an array is given in a list of its own, as one of several would be."""
    return isinstance(value, (list, tuple)) and len(value) == 1 and isinstance(value[0], np.ndarray)


def _single_weight(owner: str, loss_weights: Any) -> float:
    if loss_weights is None:
        return 1.0
    if isinstance(loss_weights, dict):
        loss_weights = list(loss_weights.values())
    if isinstance(loss_weights, (list, tuple)):
        if len(loss_weights) != 1:
            raise ValueError(f"{owner}: has one output, got {len(loss_weights)} loss_weights")
        loss_weights = loss_weights[0]
    return float(loss_weights)
