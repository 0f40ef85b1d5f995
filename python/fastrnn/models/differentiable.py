"""Gradients for training loops of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn.layers.layer import DIFFERENTIATE, Array
from fastrnn.models.training import Training


class Differentiable(Training):
    """What a model can do in a training loop that is not `fit`."""

    def gradients(
        self,
        x: Any,
        y: Any = None,
        loss: Any = None,
        sample_weight: Any = None,
        training: bool = True,
        need_dx: bool = False,
        dy: Any = None,
    ) -> tuple[Any, list[Array], Any]:
        """Gradients of a loss for the weights, and for the inputs if asked for.

        Parameters
        ----------
        x : array_like, or list or dict of them
            One batch.
        y : array_like, or list or dict of them, optional
            Targets; None with `dy`.
        loss : str, Loss, or list or dict of them, optional
            That of `compile`, with the regularizers' penalties, if not given.
        sample_weight : array_like, optional
        training : bool
            Whether layers act as in training: dropout drops, BatchNormalization follows the batch.
        need_dx : bool
            Whether gradients for the inputs are wanted.
        dy : array_like, or list of them, or callable, optional
            Gradient for the output in place of a loss, or a function that makes it of the output.

        Returns
        -------
        value : float, or ndarray
            The loss; with `dy`, the output.
        grads : list of ndarray
            One for each of `trainable_weights`.
        dx : ndarray, list of ndarray or None

        Examples
        --------
        >>> import numpy as np
        >>> from fastrnn import Sequential, layers, optimizers
        >>> model = Sequential([layers.Input((3,)), layers.Dense(2)])
        >>> optimizer = optimizers.SGD(0.1)
        >>> x, y = np.ones((4, 3)), np.zeros((4, 2))
        >>> before, grads, _ = model.gradients(x, y, loss="mse")
        >>> steps = optimizer.apply_gradients(zip(grads, model.trainable_weights))
        >>> after, _, dx = model.gradients(x, y, loss="mse", need_dx=True)
        >>> after < before, dx.shape
        (True, (4, 3))
        """
        owner = f"{self.name}.gradients"
        if (y is None) == (dy is None):
            raise ValueError(f"{owner}: give either targets y or the output's gradient dy")
        batch = self._converted(self._inputs("gradients", x))
        weights = self.trainable_weights
        for weight in weights:  # a layer that no gradient reaches writes none
            if weight.grad is not None:
                weight.grad[...] = 0
        self.arrange_backward(need_dx, set(map(id, weights)))
        mode: Any = True if training else DIFFERENTIATE
        try:
            if dy is None:
                value, dx = self._loss_gradient(owner, batch, y, loss, sample_weight, mode)
            else:
                value, _ = self.propagate(batch, mode)
                given = dy(self.arrange(value)) if callable(dy) else dy
                dx = self.propagate_back(self._output_gradients(owner, given, value))
                value = self.arrange(value)
        finally:
            self.arrange_backward(False)
        grads = [np.zeros_like(w.value) if w.grad is None else w.grad.copy() for w in weights]
        return value, grads, dx if need_dx else None

    def _loss_gradient(
        self, owner: str, batch: Any, y: Any, loss: Any, sample_weight: Any, mode: Any
    ) -> tuple[float, Any]:
        """The loss, and the inputs' gradient; the weights' are written."""
        objective = self._compiled_objective("gradients") if loss is None else self._objective(loss)
        targets = objective.prepare(owner, y, self.output_shape, self.dtype)
        weight = self._converted(objective.prepare_weights(owner, sample_weight))
        fused = objective.fuses(self.final_activation)
        penalty = 0.0
        if loss is None:
            self._settle_weights()
            out, mask, penalty = self._propagate(batch, mode, fused)
        else:
            out, mask = self.propagate(batch, mode, None, fused)
        value, gradient = objective.value_and_gradient(targets, out, weight, mask, fused)
        dx = self.propagate_back(gradient, fused)
        if loss is None:
            for variable in self._regularized:
                penalty += variable.regularizer.penalize(variable.value, variable.grad)
            value += penalty
        return value, dx

    def _output_gradients(self, owner: str, dy: Any, out: Any) -> Any:
        """Gradients of the outputs' shapes and type, in a list where there are several."""
        if isinstance(dy, dict):
            dy = [dy.get(name) for name in self.output_names]
        if not isinstance(out, (list, tuple)):
            return _fitting(owner, dy, out)
        if not isinstance(dy, (list, tuple)) or len(dy) != len(out):
            raise ValueError(f"{owner}: dy must be a list of {len(out)}, one for each output")
        pairs = zip(dy, out, strict=True)
        return [None if one is None else _fitting(owner, one, other) for one, other in pairs]


def _fitting(owner: str, dy: Any, out: Array) -> Array:
    array = np.ascontiguousarray(dy, out.dtype)
    if array.shape != out.shape:
        raise ValueError(
            f"{owner}: dy must be of the output's shape {out.shape}, got {array.shape}"
        )
    return array
