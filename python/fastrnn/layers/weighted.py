"""What a layer has of weights: its own, made at build time, and those of layers inside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastrnn import constraints, initializers, regularizers
from fastrnn.initializers.reserved import initial_value
from fastrnn.layers.regularized import Regularized
from fastrnn.layers.variable import Storage, Variable
from fastrnn.ops.bound import OwnGradients
from fastrnn.utils.naming import to_snake_case

if TYPE_CHECKING:
    from fastrnn.layers.layer import Layer

Array = NDArray[Any]


class Weighted(Regularized):
    """Part of `Layer`: its variables, and those of its `sublayers`."""

    def __init__(self, name: str, dtype: np.dtype[Any], trainable: bool) -> None:
        self.name = name
        self.dtype = dtype
        self.built = False
        self._trainable = trainable
        self._variables: list[Variable] = []
        self._storage = Storage()

    if TYPE_CHECKING:

        def sublayers(self) -> Iterator[tuple[str, Layer]]: ...

    def add_weight(
        self,
        shape: Sequence[int],
        initializer: Any = "glorot_uniform",
        trainable: bool = True,
        name: str = "weight",
        regularizer: Any = None,
        constraint: Any = None,
    ) -> Variable:
        """Make a weight; call it from `build`.

        Parameters
        ----------
        shape : sequence of int
        initializer : str, dict or callable(shape, dtype)
        trainable : bool
        name : str
        regularizer : str, dict or Regularizer, optional
        constraint : str, dict or callable, optional

        Returns
        -------
        Variable
        """
        value = initial_value(initializers.get(initializer), tuple(shape), self.dtype)
        if value.shape != tuple(shape):
            raise ValueError(
                f"{self.name}: {name}'s initializer must return shape {tuple(shape)}, "
                f"got {value.shape}"
            )
        variable = Variable(
            name,
            value,
            self._storage,
            trainable,
            regularizers.get(regularizer),
            constraints.get(constraint),
        )
        self._variables.append(variable)
        return variable

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; takes effect at `compile` or the next `fit`."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for _, layer in self.sublayers():
            layer.trainable = value

    @property
    def weights(self) -> list[Variable]:
        """All weights: those of the layer, then those of layers in it."""
        inner = [weight for _, layer in self.sublayers() for weight in layer.weights]
        return _once(self._variables + inner)

    variables = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        if not self._trainable:
            return []
        own = [variable for variable in self._variables if variable.trainable]
        return _once(own + [w for _, layer in self.sublayers() for w in layer.trainable_weights])

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone."""
        trainable = {id(weight) for weight in self.trainable_weights}
        return [weight for weight in self.weights if id(weight) not in trainable]

    def get_weights(self) -> list[Array]:
        """Copies of all weights."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights, in the order of `get_weights`.

        Raises
        ------
        ValueError
            If their number or a shape differs.
        """
        if not self.built:
            raise ValueError(
                f"{self.name}: has no weights yet; build it first, by a call or build(input_shape)"
            )
        assign_all(self.name, self.weights, weights)

    def count_params(self) -> int:
        """Number of entries of all weights."""
        return sum(weight.size for weight in self.weights)

    def gradient_arrays(self) -> OwnGradients:
        """Where `backward` writes the weights' gradients, by the weights' names."""
        out = OwnGradients()
        for variable in self._variables:
            if variable.grad is None:
                variable.grad = np.empty_like(variable.value)
            out[variable.name] = variable.grad
        return out

    def set_gradient(self, variable: Variable, gradient: Array) -> None:
        """Hand over a weight's gradient from `backward`."""
        if variable.grad is None:
            variable.grad = gradient
        else:
            variable.grad[...] = gradient


def _once(variables: list[Variable]) -> list[Variable]:
    """Without repetition, where layers inside share some."""
    return list(dict.fromkeys(variables))


def all_layers(layer: Layer) -> list[Layer]:
    """A layer and those inside it."""
    return [layer, *(part for _, inner in layer.sublayers() for part in all_layers(inner))]


def by_class(layers: Iterable[Layer]) -> Iterator[tuple[str, Layer]]:
    """Layers under the names that Keras' files give them: their classes, numbered in order."""
    seen: dict[str, int] = {}
    for layer in layers:
        over_frames = layer.over_frames
        name = "time_distributed" if over_frames else to_snake_case(type(layer).__name__)
        number = seen.get(name, 0)
        seen[name] = number + 1
        place = f"{name}_{number}" if number else name
        yield f"{place}/layer" if over_frames else place, layer


def assign_all(owner: str, variables: Sequence[Variable], weights: Sequence[Any]) -> None:
    """Assign to all variables, or to none where a number or shape does not fit."""
    if len(weights) != len(variables):
        raise ValueError(f"{owner}: has {len(variables)} weights, got {len(weights)}")
    for variable, weight in zip(variables, weights, strict=True):
        if np.shape(weight) != variable.shape:
            raise ValueError(
                f"{owner}: {variable.name} must be of shape {variable.shape}, "
                f"got {np.shape(weight)}"
            )
    for variable, weight in zip(variables, weights, strict=True):
        variable.assign(weight)
