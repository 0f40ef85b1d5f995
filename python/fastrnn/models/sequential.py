"""A model whose layers follow one another."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile
from typing import Any

from fastrnn.layers import Flatten, InputLayer, Layer, RepeatVector, Reshape, deserialize, register
from fastrnn.layers.layer import Array
from fastrnn.layers.serialization import serialize_stack
from fastrnn.layers.symbolic import Node, SymbolicTensor
from fastrnn.layers.weighted import by_class
from fastrnn.models.composite import Composite
from fastrnn.models.model import Model

_FRAME_AXES = 5  # (N, T, H, W, C)


class Sequential(Composite):
    """Layers one after the other, each with one input and one output.

    Parameters
    ----------
    layers : sequence of Layer, optional
        `add` takes more. The first may be `Input`, or have an ``input_shape``; else the model
        is built when it first sees data.
    trainable : bool
    name : str, optional

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import Sequential, layers
    >>> model = Sequential()
    >>> model.add(layers.LSTM(8, input_shape=(20, 3)))
    >>> model.add(layers.Dense(2, activation="softmax"))
    >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> x, y = np.random.rand(16, 20, 3), np.arange(16) % 2
    >>> history = model.fit(x, y, epochs=2, verbose=0)
    >>> sorted(history.history)
    ['accuracy', 'loss']
    >>> model.predict(x, verbose=0).shape
    (16, 2)
    """

    def __init__(
        self,
        layers: Sequence[Layer] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self._input_layer: InputLayer | None = None
        self._graph: tuple[SymbolicTensor, Any, list[tuple[Layer, Node]]] | None = None
        self._layers: list[Layer] = []
        self._backward_layers: list[Layer] | None = None
        self._output_shape: Any = None
        for layer in layers or ():
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._layers)

    @property
    def input(self) -> SymbolicTensor:
        """The symbolic input, for a `Model` of some of the layers."""
        return self._traced()[0]

    @property
    def output(self) -> Any:
        """The symbolic output, or list of outputs."""
        return self._traced()[1]

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic input in a list."""
        return [self.input]

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic outputs in a list."""
        return self.output if isinstance(self.output, list) else [self.output]

    def _traced(self) -> tuple[SymbolicTensor, Any, list[tuple[Layer, Node]]]:
        """Input and output of the layers as a graph, and the layers' calls in it."""
        if self._graph is None:
            if not self.built:
                raise ValueError(f"{self.name}: has no shapes yet; give it an Input or build() it")
            known = self._input_layer
            x = y = (known or InputLayer(batch_shape=self.input_shape)).output
            for layer in self._layers:
                y = layer(y)
            nodes = [(layer, layer.inbound_nodes[-1]) for layer in self._layers]
            self._graph = x, y, nodes
        return self._graph

    def _changed(self) -> None:
        """Forget what was made of the layers when they were others."""
        self._parameters = self._trained = self._backward_layers = None
        if self._graph is not None:
            for layer, node in self._graph[2]:
                layer.inbound_nodes.remove(node)
            self._graph = None

    def add(self, layer: Any) -> None:
        """Append a layer; build it if the shape of its input is known.

        Raises
        ------
        TypeError
            If `layer` is none.
        ValueError
            If it does not fit the layer before it, or its name is taken.
        """
        if isinstance(layer, SymbolicTensor):
            layer = layer.node.layer
        self._changed()
        if not isinstance(layer, Layer):
            hint = "; make an instance of it" if isinstance(layer, type) else ""
            raise TypeError(f"{self.name}: add() takes layers, got {layer!r}{hint}")
        if isinstance(layer, InputLayer):
            if self._layers or self._input_layer is not None:
                raise ValueError(f"{self.name}: Input must come first and once")
            self._input_layer = layer
            self.input_shape = self._output_shape = layer.batch_shape
            return
        if any(other.name == layer.name for other in self._layers):
            raise ValueError(
                f"{self.name}: has a layer named {layer.name!r}; all names must differ"
            )
        if self.input_shape is None and not self._layers:
            shape = layer.batch_shape
            if shape is None and isinstance(layer, Model):
                shape = layer.input_shape
            self.input_shape = self._output_shape = shape
        if not self._layers:
            self.dtype = layer.dtype
        if self._output_shape is not None:
            self._append_built(layer)
        self._layers.append(layer)
        self.built = self._output_shape is not None

    def pop(self) -> None:
        """Remove the last layer."""
        if not self._layers:
            raise ValueError(f"{self.name}: has no layer to remove")
        self._changed()
        removed = self._layers.pop()
        self._output_shape = self.input_shape
        if self.input_shape is not None:
            for layer in self._layers:
                self._output_shape = layer.compute_output_shape(self._output_shape)
            if _starts_with_time(removed):
                self._flatten_frames(False)
        self.built = bool(self._layers) and self._output_shape is not None

    def _append_built(self, layer: Layer) -> None:
        if isinstance(self._output_shape, list):
            before = self._layers[-1].name
            raise ValueError(
                f"{layer.name}: takes one input, but {before} has "
                f"{len(self._output_shape)} outputs (return_state=True or merge_mode=None)"
            )
        if len(self._output_shape) == 2 and _starts_with_time(layer):
            self._flatten_frames(True)
        try:
            layer.ensure_built(self._output_shape)
        except ValueError as error:
            last = self._layers[-1] if self._layers else None
            if last is None or len(self._output_shape) != 2:
                raise
            if getattr(last, "return_sequences", None) is not False:
                raise
            hint = f"give {last.name} return_sequences=True"
            raise ValueError(f"{error}: {hint}") from None
        self._output_shape = layer.compute_output_shape(self._output_shape)

    def _flatten_frames(self, each: bool) -> bool | None:
        """Have the Flatten that ends the frames flatten each one, or all of them together.

        It may be inside a Sequential among the layers. What follows it is built anew for the
        other shape; if that cannot be, nothing changes.

        Returns
        -------
        bool or None
            True if that was done; False if there is none, so that one may come before; None if
            there is nothing to be done.
        """
        after: list[Layer] = []
        for layer in reversed(self._layers):
            turned = _flatten_each(layer, each)
            if turned is None:
                return None
            if turned:
                break
            after.insert(0, layer)
        else:
            return False
        shape = layer.compute_output_shape(layer.input_shape)
        try:
            for later in after:
                later.unbuild()
                later.ensure_built(shape)
                shape = later.compute_output_shape(shape)
        except ValueError:
            self._flatten_frames(not each)
            return None
        self._output_shape = shape
        self._parameters = self._trained = None
        return True

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of a shape.

        Parameters
        ----------
        input_shape : tuple
            With None for the batch axis.
        """
        if input_shape is None:
            input_shape = self.input_shape
        if input_shape is None:
            raise ValueError(f"{self.name}: build() needs the shape of the input")
        if self.built:
            return
        if not self._layers:
            raise ValueError(f"{self.name}: has no layers; add() some")
        self.input_shape = self._output_shape = tuple(input_shape)
        added, self._layers = self._layers, []
        try:
            for layer in added:
                self._append_built(layer)
                self._layers.append(layer)
        except ValueError:
            self._layers, self.input_shape, self._output_shape = added, None, None
            raise
        self.built = True

    @property
    def output_shape(self) -> Any:
        """Shape of the output, the batch axis being None."""
        if not self.built:
            raise ValueError(f"{self.name}: has no shapes yet; give it an Input or build() it")
        return self._output_shape

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self._layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def sublayers(self) -> Iterator[tuple[str, Layer]]:
        for place, layer in by_class(self._layers):
            yield f"layers/{place}", layer

    # Passes ----------------------------------------------------------------------------

    def propagate(
        self, x: Any, training: bool, mask: Array | None = None, logits: bool = False
    ) -> tuple[Any, Array | None]:
        layers = self._layers
        last = layers[-1]
        for layer in layers:
            if logits and layer is last:
                y = layer.forward_logits(x, training, mask)  # type: ignore[attr-defined]
            else:
                y = layer.forward(x, training, mask)
            if mask is not None or layer.makes_mask:
                mask = layer.compute_mask(x, mask)
            x = y
        return x, mask

    def propagate_back(self, dy: Any, logits: bool = False) -> Any:
        if self._backward_layers is None:
            self.arrange_backward(True)
        layers = self._backward_layers or []
        if logits and layers:
            dy = layers[0].backward_logits(dy)  # type: ignore[attr-defined]
            layers = layers[1:]
        for layer in layers:
            dy = layer.backward(dy)
        return dy

    def arrange_backward(self, need_dx: bool, trained: Collection[int] | None = None) -> None:
        super().arrange_backward(need_dx, trained)
        ids = self._trained_ids() if trained is None else trained
        reached: list[Layer] = []
        for layer in self._layers:
            if need_dx or reached or any(id(w) in ids for w in layer.weights):
                layer.arrange_backward(need_dx or bool(reached), ids)
                reached.append(layer)
        self._backward_layers = reached[::-1]

    @property
    def makes_mask(self) -> bool:  # type: ignore[override]
        """Whether a mask may go out where none comes in."""
        return any(layer.makes_mask for layer in self._layers)

    @property
    def final_activation(self) -> Any:
        return getattr(self._layers[-1], "final_activation", None) if self._layers else None

    # Description -----------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        described = [] if self._input_layer is None else [self._input_layer]
        if not described and self.input_shape is not None:
            described = [InputLayer(batch_shape=self.input_shape, name=f"{self.name}_input")]
        entries = serialize_stack([*described, *self._layers])
        return {"name": self.name, "trainable": self._trainable, "layers": entries}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Sequential:
        """Make a model, with new weights, from what `get_config` returned."""
        layers = [deserialize(entry, custom_objects) for entry in config["layers"]]
        return cls(layers, trainable=config.get("trainable", True), name=config.get("name"))


register(Sequential, module="keras")


def _flatten_each(layer: Layer, each: bool) -> bool | None:
    """`Sequential._flatten_frames` for any layer."""
    if isinstance(layer, Sequential):
        return layer._flatten_frames(each)
    if isinstance(layer, Flatten) and len(layer.input_shape) == _FRAME_AXES:
        if layer.keeps_time == each:
            return None
        layer.keeps_time = each
        return True
    return None if layer.needs_time else False


def _starts_with_time(layer: Layer) -> bool:
    """Whether a layer, or a model before it gives its input another shape, needs steps."""
    if isinstance(layer, Sequential):
        same = takewhile(lambda part: not isinstance(part, (Reshape, RepeatVector)), layer.layers)
        return any(_starts_with_time(part) for part in same)
    return layer.needs_time
