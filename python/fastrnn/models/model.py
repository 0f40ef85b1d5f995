"""What every model has: compilation, one training step, weights and files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn import ops, optimizers
from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.variable import Variable
from fastrnn.models.objective import Objective
from fastrnn.models.parameters import FlatParameters
from fastrnn.models.training import Training


class Model(Training, Layer):
    """Base of models: a layer that can be compiled, trained, evaluated and saved.

    A subclass defines `layers`, `propagate` and `propagate_back`.
    """

    def __init__(self, *, name: str | None = None, trainable: bool = True, **kwargs: Any) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self.optimizer: optimizers.Optimizer | None = None
        self.objective: Objective | None = None
        self.history: Any = None
        self.stop_training = False
        self._parameters: FlatParameters | None = None
        self._trained: list[Variable] | None = None
        self._compile_arguments: dict[str, Any] = {}

    # What a subclass defines -----------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The model's layers."""
        raise TypeError(f"{type(self).__name__} must define layers")

    def propagate(
        self, x: Any, training: bool, mask: Array | None = None, logits: bool = False
    ) -> tuple[Any, Array | None]:
        """Output and its mask; with `logits`, without the final activation."""
        raise TypeError(f"{type(self).__name__} must define propagate()")

    def propagate_back(self, dy: Any, logits: bool = False) -> Any:
        """Gradients of all weights for that of the output of the last `propagate`."""
        raise TypeError(f"{type(self).__name__} must define propagate_back()")

    @property
    def final_activation(self) -> Any:
        """The activation that a loss may take over from the last layer."""
        return None

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
        self.objective = Objective(loss, metrics, weighted_metrics)
        self.loss_factor = _single_weight(self.name, loss_weights)
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

    @property
    def compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self.objective is not None

    @property
    def metrics_names(self) -> list[str]:
        """Names of what `evaluate` returns."""
        return [] if self.objective is None else list(self.objective.results())

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
        if self._trained is None:
            self._trained = self.trainable_weights
        if self._parameters is None or not self._parameters.holds(self._trained):
            self._parameters = FlatParameters(self._trained)
        self.optimizer.build(self._parameters)
        self._arrange_backward()

    def _arrange_backward(self) -> None:
        """Settle which layers need run backward, and which must return an input gradient."""

    # One step --------------------------------------------------------------------------

    def _train_step(self, x: Any, y: Array, weight: Array | None) -> None:
        """One update of the weights. `y` is from `Objective.prepare`."""
        objective, optimizer = self.objective, self.optimizer
        assert objective is not None and objective.loss is not None and optimizer is not None
        loss = objective.loss
        activation = self._fused_activation(loss)
        fused = activation is not None
        out, mask = self.propagate(x, True, None, fused)
        if fused:
            values, gradient = loss.value_and_gradient_from_logits(y, out)
        else:
            values, gradient = loss.value_and_gradient(y, out)
        value = loss.reduce(values, gradient, weight, _both(mask, loss.valid(y)))
        if self.loss_factor != 1.0:
            value *= self.loss_factor
            gradient *= self.loss_factor
        if self._parameters is not None and self._parameters.variables:
            self.propagate_back(gradient, fused)
            optimizer.step()
        if fused and objective.watches:
            out = ops.activation(out, activation)
        objective.record(value, y, out, weight, mask)

    def _test_step(self, x: Any, y: Array, weight: Array | None) -> None:
        """Add a batch to the running loss and metrics."""
        objective = self.objective
        assert objective is not None and objective.loss is not None
        loss = objective.loss
        activation = self._fused_activation(loss)
        out, mask = self.propagate(x, False, None, activation is not None)
        if activation is not None:
            values, _ = loss.value_and_gradient_from_logits(y, out)
            if objective.watches:
                out = ops.activation(out, activation)
        else:
            values, _ = loss.value_and_gradient(y, out)
        value = loss.reduce(values, None, weight, _both(mask, loss.valid(y)))
        objective.record(value * self.loss_factor, y, out, weight, mask)

    def _fused_activation(self, loss: Any) -> str | None:
        """The final activation, where the loss computes it together with itself."""
        wanted: str | None = loss.fused_activation
        return wanted if wanted is not None and self.final_activation == wanted else None

    # Weights ---------------------------------------------------------------------------

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of a name or at a position.

        Raises
        ------
        ValueError
            If there is none.
        """
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    f"{self.name}: index must be below {len(self.layers)}, got {index}"
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"{self.name}: has no layer {name!r}; it has {names}")

    def reset_states(self) -> None:
        """Start the next batch of every stateful layer from zeros."""
        for layer in self.layers:
            if getattr(layer, "stateful", False):
                layer.reset_states()  # type: ignore[attr-defined]

    @property
    def stateful(self) -> bool:
        """Whether a layer keeps its state from batch to batch."""
        return any(getattr(layer, "stateful", False) for layer in self.layers)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write all weights to a ``.weights.h5`` file that Keras 3 reads, too.

        The file appears under its name when it is complete; a file of that name is whole at
        any time.

        Parameters
        ----------
        filepath : path
            Must end in ``.weights.h5``.
        overwrite : bool
            Whether a file may be replaced.

        Raises
        ------
        ValueError
            If the name ends otherwise, or the model has no weights yet.
        FileExistsError
            If there is a file and `overwrite` is False.
        """
        from fastrnn.formats import weights_h5

        weights_h5.save(self, filepath, overwrite=overwrite)

    def load_weights(
        self, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any
    ) -> None:
        """Read all weights from a ``.weights.h5`` file, ours or Keras 3's.

        Parameters
        ----------
        filepath : path
        skip_mismatch : bool
            Leave layers alone whose weights are missing or of other shapes, with a warning.

        Raises
        ------
        ValueError
            If the file's weights do not fit; the model's are then unchanged.
        """
        from fastrnn.formats import weights_h5

        weights_h5.load(self, filepath, skip_mismatch=skip_mismatch)

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print the layers with their output shapes and numbers of weights.

        Parameters
        ----------
        line_length : int, optional
            Width of the table.
        positions : sequence of float, optional
            Where columns end, as shares of the width.
        print_fn : callable(str), optional
            Takes the text in place of standard output.
        expand_nested : bool
            Show layers inside layers.
        show_trainable : bool
            Show which layers are trained.
        layer_range : sequence of two str, optional
            Names of the first and last layer to show.
        """
        from fastrnn.models.summary import print_summary

        print_summary(
            self,
            line_length=line_length,
            positions=positions,
            print_fn=print_fn,
            expand_nested=expand_nested,
            show_trainable=show_trainable,
            layer_range=layer_range,
        )


def _both(mask: Array | None, valid: Array | None) -> Array | None:
    if mask is None or valid is None:
        return valid if mask is None else mask
    return np.asarray(mask & valid)


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
