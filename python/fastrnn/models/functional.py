"""A model that is a graph of layer calls."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from copy import copy
from functools import partial
from typing import Any

from fastrnn.layers import Layer, register
from fastrnn.layers.symbolic import Node
from fastrnn.layers.weighted import all_layers, by_class
from fastrnn.models import graph_config
from fastrnn.models.composite import Composite
from fastrnn.models.graph import flat_tensors, ordered_calls
from fastrnn.utils.custom_objects import custom_object_scope


class Step:
    """One layer call of a graph, between numbered slots for its tensors.

    Attributes
    ----------
    source, target : int or list of int
        Slots of inputs and outputs.
    masks : int or list of int
        Slots of the inputs that hand their masks over.
    release : list of int
        Slots that nothing after this step reads.
    family : list of Layer
        Where some layer of the call is called elsewhere, too: all layers whose ``saved`` must be
        kept for this call.
    """

    def __init__(self, node: Node, slots: dict[int, int]) -> None:
        layer = self.layer = node.layer
        source = [slots[id(tensor)] for tensor in node.inputs]
        target = [slots[id(tensor)] for tensor in node.outputs]
        self.source: Any = source if node.several else source[0]
        self.target: Any = target if len(target) > 1 else target[0]
        self.masks: Any = source[: node.masked] if node.masked else source[0]
        self.forward: Any = (
            partial(layer.forward, **node.options) if node.options else layer.forward
        )
        self.backward: Any = layer.backward
        self.release: list[int] = []
        self.family: list[Layer] = []
        # Settled by Functional.arrange_backward: inputs whose gradients are needed, variables to
        # train, and those of them that a later call has written gradients of.
        self.reached: list[int] = []
        self.trained: list[Any] = []
        self.summed: list[Any] = []

    def fused(self) -> Step:
        """The same step without the layer's activation."""
        step = copy(self)
        step.forward, step.backward = self.layer.forward_logits, self.layer.backward_logits
        return step


class Functional(Composite):
    """A model from symbolic inputs to symbolic outputs; ``Model(inputs, outputs)`` makes one.

    Parameters
    ----------
    inputs : SymbolicTensor, or list or dict of them
    outputs : SymbolicTensor, or list or dict of them
        Where they are a dict, so are predictions, and losses and targets may be.
    name : str, optional
    trainable : bool

    Attributes
    ----------
    inputs, outputs : list of SymbolicTensor
    input_names, output_names : list of str

    Notes
    -----
    As in Keras 3, all layers run in the mode of the model, whatever `training` a layer was called
    with; set ``trainable = False`` to keep the statistics of a BatchNormalization.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import Model, layers
    >>> x = layers.Input((4,))
    >>> hidden = layers.Dense(8, activation="relu")(x)
    >>> y = layers.Dense(2)(layers.Concatenate()([x, hidden]))
    >>> model = Model(x, y)
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(np.ones((6, 4)), np.ones((6, 2)), epochs=2, verbose=0)
    >>> model.predict(np.ones((3, 4)), verbose=0).shape
    (3, 2)
    """

    def __init__(
        self, inputs: Any, outputs: Any, name: str | None = None, trainable: bool = True
    ) -> None:
        super().__init__(name=name)
        self._input_structure, self._output_structure = inputs, outputs
        self.inputs = flat_tensors(self.name, "inputs", inputs)
        self.outputs = flat_tensors(self.name, "outputs", outputs)
        if len({id(tensor) for tensor in self.inputs}) < len(self.inputs):
            raise ValueError(f"{self.name}: an input is given twice")
        self.calls, self._layers = ordered_calls(self.name, self.inputs, self.outputs)
        self._input_names = [_key(inputs, i) or t.name for i, t in enumerate(self.inputs)]
        self._output_names = _distinct(
            [_key(outputs, i) or t.node.layer.name for i, t in enumerate(self.outputs)]
        )
        shapes: list[Any] = [tensor.shape for tensor in self.inputs]
        self.input_shape = shapes if len(shapes) > 1 else shapes[0]
        self.dtype = next((call.layer.dtype for call in self.calls if call.inputs), self.dtype)
        self.built = True
        self._lay_out()
        self.arrange_backward(True)
        if not trainable:
            self.trainable = False

    def _lay_out(self) -> None:
        """Number the tensors, and plan the steps once for all passes."""
        calls = [call for call in self.calls if call.inputs]
        tensors = [*self.inputs, *(tensor for call in calls for tensor in call.outputs)]
        slots = {id(tensor): slot for slot, tensor in enumerate(tensors)}
        self._count = len(tensors)
        self._in = [slots[id(tensor)] for tensor in self.inputs]
        self._out = [slots[id(tensor)] for tensor in self.outputs]
        self._steps = [Step(call, slots) for call in calls]
        kept = set(self._out)
        for step in reversed(self._steps):
            read = {*_listed(step.source), *_listed(step.target)} - kept
            step.release = sorted(read)
            kept |= read
        users: dict[int, int] = {}
        families = [all_layers(step.layer) for step in self._steps]
        for family in families:
            for layer in family:
                users[id(layer)] = users.get(id(layer), 0) + 1
        for step, family in zip(self._steps, families, strict=True):
            if any(users[id(layer)] > 1 for layer in family):
                step.family = family
        self._shares = any(step.family for step in self._steps)
        self.makes_mask = any(step.layer.makes_mask for step in self._steps)
        self._fusible = [self._last_step(slot) for slot in self._out]
        self._plans: dict[Any, list[Step]] = {}

    def _last_step(self, slot: int) -> int | None:
        """The step that makes an output alone, which nothing else reads."""
        readers = sum(_listed(step.source).count(slot) for step in self._steps)
        if readers or self._out.count(slot) > 1:
            return None
        for index, step in enumerate(self._steps):
            if step.target == slot:
                return index
        return None

    # Structure -------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, those of the inputs included, in Keras' order."""
        return list(self._layers)

    def sublayers(self) -> Iterator[tuple[str, Layer]]:
        for place, layer in by_class(self._layers):
            yield f"layers/{place}", layer

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        return list(self._input_names)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: of their layers, or the keys of a dict."""
        return list(self._output_names)

    @property
    def input(self) -> Any:
        """The symbolic inputs as they were given."""
        return self._input_structure

    @property
    def output(self) -> Any:
        """The symbolic outputs as they were given."""
        return self._output_structure

    @property
    def output_shape(self) -> Any:
        """Shapes of the outputs, the batch axis being None."""
        shapes = [tensor.shape for tensor in self.outputs]
        return shapes if len(shapes) > 1 else shapes[0]

    def ensure_built(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        several = bool(input_shape) and isinstance(input_shape[0], (list, tuple))
        given = input_shape if several else [input_shape]
        if len(given) != len(self.inputs):
            raise ValueError(f"{self.name}: takes {len(self.inputs)} inputs, got {len(given)}")
        shapes: list[Any] = [None] * self._count
        for slot, shape, tensor in zip(self._in, given, self.inputs, strict=True):
            pairs = zip(shape[1:], tensor.shape[1:], strict=False)
            if len(shape) != tensor.ndim or any(a != b and None not in (a, b) for a, b in pairs):
                raise ValueError(
                    f"{self.name}: {tensor.name} must be of shape {tensor.shape}, got {shape}"
                )
            shapes[slot] = shape
        options = [call.options for call in self.calls if call.inputs]
        for step, option in zip(self._steps, options, strict=True):
            made = step.layer.compute_output_shape(_gather(shapes, step.source), **option)
            _scatter(shapes, step.target, made)
        made = [shapes[slot] for slot in self._out]
        return made if len(made) > 1 else made[0]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As of a layer; inputs may be a dict by name."""
        if len(args) == 1:
            x = args[0]
            if isinstance(x, dict):
                x = list(self._by_input(self.name, x))
            if isinstance(x, (list, tuple)) and len(x) == len(self.inputs) == 1:
                x = x[0]
            args = (x,)
        return super().__call__(*args, **kwargs)

    def arrange(self, outputs: Any) -> Any:
        structure = self._output_structure
        if isinstance(structure, dict):
            listed = outputs if len(self.outputs) > 1 else [outputs]
            return dict(zip(sorted(structure), listed, strict=True))
        return list(outputs) if len(self.outputs) > 1 else outputs

    # Passes ----------------------------------------------------------------------------

    def propagate(
        self, x: Any, training: bool, mask: Any = None, logits: Any = False
    ) -> tuple[Any, Any]:
        values: list[Any] = [None] * self._count
        _scatter(values, self._in if len(self._in) > 1 else self._in[0], x)
        masks: list[Any] | None = None
        if mask is not None or self.makes_mask:
            masks = [None] * self._count
            if mask is not None:
                _scatter(masks, self._in if len(self._in) > 1 else self._in[0], mask)
        saved: list[Any] | None = [] if training and self._shares else None
        for step in self._plan(logits):
            source, target = step.source, step.target
            given = values[source] if type(source) is int else [values[i] for i in source]
            if masks is None:
                y = step.forward(given, training, None)
            else:
                m = _gather(masks, step.masks)
                if type(m) is list and not any(one is not None for one in m):
                    m = None
                y = step.forward(given, training, m)
                if m is not None or step.layer.makes_mask:
                    _spread(masks, target, step.layer.compute_mask(given, m), values=y)
            if type(target) is int:
                values[target] = y
            else:
                for slot, part in zip(target, y, strict=True):
                    values[slot] = part
            for slot in step.release:
                values[slot] = None
            if saved is not None:
                saved.append([layer.saved for layer in step.family])
        if saved is not None:
            self.saved = saved
        out = self._out
        if len(out) == 1:
            return values[out[0]], None if masks is None else masks[out[0]]
        outputs = tuple(values[slot] for slot in out)
        return outputs, None if masks is None else tuple(masks[slot] for slot in out)

    def _plan(self, logits: Any) -> list[Step]:
        """The steps, the last ones without their activations where `logits` says so."""
        if logits not in self._plans:
            flags = (logits,) * len(self._out) if isinstance(logits, bool) else logits
            steps = list(self._steps)
            for index, flag in zip(self._fusible, flags, strict=True):
                if flag and index is not None:
                    steps[index] = steps[index].fused()
            self._plans[logits] = steps
        return self._plans[logits]

    def propagate_back(self, dy: Any, logits: Any = False) -> Any:
        grads: list[Any] = [None] * self._count
        for slot, gradient in zip(self._out, dy if len(self._out) > 1 else (dy,), strict=True):
            _add(grads, slot, gradient)
        saved = self.saved if self._shares else None
        plan = self._plan(logits)
        for index in self._backward_order:
            step = plan[index]
            target, source = step.target, step.source
            if type(target) is int:
                dy, grads[target] = grads[target], None
            else:
                dy = [grads[slot] for slot in target]
            if dy is None or (type(dy) is list and not any(part is not None for part in dy)):
                for variable in step.trained:
                    if variable.grad is not None and variable not in step.summed:
                        variable.grad[...] = 0
                continue
            if saved is None or not step.family:
                dx = step.backward(dy)
            else:
                for layer, kept in zip(step.family, saved[index], strict=True):
                    layer.saved = kept
                before = [(v, v.grad.copy()) for v in step.summed if v.grad is not None]
                dx = step.backward(dy)
                for variable, gradient in before:
                    variable.grad += gradient
            if type(source) is int:
                if step.reached and dx is not None:
                    _add(grads, source, dx)
            elif dx is not None:
                for slot, part in zip(source, dx, strict=True):
                    if part is not None and slot in step.reached:
                        _add(grads, slot, part)
        if not self._needs_dx:
            return None
        return _gather(grads, self._in if len(self._in) > 1 else self._in[0])

    def arrange_backward(self, need_dx: bool, trained: Collection[int] | None = None) -> None:
        super().arrange_backward(need_dx, trained)
        ids = self._trained_ids() if trained is None else trained
        reached = set(self._in) if need_dx else set()
        order = []
        wanted: dict[int, bool] = {}
        for index, step in enumerate(self._steps):
            step.reached = [slot for slot in _listed(step.source) if slot in reached]
            step.trained = [weight for weight in step.layer.weights if id(weight) in ids]
            if step.reached or step.trained:
                reached.update(_listed(step.target))
                order.append(index)
                # One for all calls of a layer.
                key = id(step.layer)
                wanted[key] = wanted.get(key, False) or bool(step.reached)
        self._backward_order = order[::-1]
        written: set[int] = set()
        for index in self._backward_order:
            step = self._steps[index]
            step.layer.arrange_backward(wanted[id(step.layer)], ids)
            step.summed = [weight for weight in step.trained if id(weight) in written]
            written.update(map(id, step.trained))
        self._plans = {}  # fused steps are copies

    @property
    def final_activation(self) -> Any:
        """Activations that losses may take over from the outputs: a list where these are."""
        found = [
            None if index is None else getattr(self._steps[index].layer, "final_activation", None)
            for index in self._fusible
        ]
        return found if len(found) > 1 else found[0]

    # Description -----------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        return graph_config.describe(self)

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Functional:
        """Make a model, with new weights, from what `get_config` returned."""
        with custom_object_scope(custom_objects):
            inputs, outputs = graph_config.rebuild(config)
        trainable = config.get("trainable")
        return cls(inputs, outputs, config.get("name"), trainable is None or bool(trainable))


def _key(structure: Any, index: int) -> Any:
    return sorted(structure)[index] if isinstance(structure, dict) else None


def _distinct(names: list[str]) -> list[str]:
    """Names of outputs, numbered where one layer has several."""
    counts: dict[str, int] = {}
    result = []
    for name in names:
        number = counts.get(name, 0)
        counts[name] = number + 1
        result.append(f"{name}_{number}" if number else name)
    return result


def _listed(slots: Any) -> list[int]:
    return slots if isinstance(slots, list) else [slots]


def _gather(values: list[Any], slots: Any) -> Any:
    return values[slots] if type(slots) is int else [values[slot] for slot in slots]


def _scatter(values: list[Any], slots: Any, parts: Any) -> None:
    if type(slots) is int:
        values[slots] = parts
    else:
        for slot, part in zip(slots, parts, strict=True):
            values[slot] = part


def _spread(masks: list[Any], target: Any, mask: Any, values: Any) -> None:
    """Note the masks of a step's outputs: one for each, or that of those with a time axis."""
    if type(target) is int or isinstance(mask, (list, tuple)):
        _scatter(masks, target, mask)
    else:
        for slot, value in zip(target, values, strict=True):
            masks[slot] = mask if value.ndim == values[0].ndim else None


def _add(grads: list[Any], slot: int, gradient: Any) -> None:
    """Gradients of a tensor used several times add up."""
    held = grads[slot]
    if held is None:
        grads[slot] = gradient
    elif gradient is not None:
        grads[slot] = held + gradient


register(Functional, module="keras.src.models.functional")
