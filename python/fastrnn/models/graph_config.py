"""Functional models as Keras describes them: layers, their calls, and names between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fastrnn.layers import InputLayer, Layer, deserialize, serialize
from fastrnn.layers.merging import Merge
from fastrnn.layers.symbolic import Node, SymbolicTensor

_TENSOR = "__keras_tensor__"


def describe(model: Any) -> dict[str, Any]:
    """The configuration of a functional model, which Keras 3 reads, too."""
    calls: dict[int, list[Node]] = {}
    for layer in model.layers:
        inside = {id(node) for node in model.calls if node.layer is layer}
        calls[id(layer)] = [node for node in layer.inbound_nodes if id(node) in inside]
    # Where a model begins within another's graph, an input takes the place of what is before.
    begun = [tensor for tensor in model.inputs if tensor.node.inputs]
    made = {id(tensor): InputLayer(batch_shape=tensor.shape, name=tensor.name) for tensor in begun}

    def place(tensor: SymbolicTensor) -> list[Any]:
        """Name of the layer, number of its call, number of the output."""
        if id(tensor) in made:
            return [tensor.name, 0, 0]
        layer = tensor.node.layer
        number = 0 if isinstance(layer, InputLayer) else calls[id(layer)].index(tensor.node)
        return [layer.name, number, tensor.index]

    def endpoint(tensor: SymbolicTensor) -> list[Any]:
        """The same in the lists of inputs and outputs, where Keras counts models from 1."""
        name, number, index = place(tensor)
        inner = id(tensor) not in made and _counts_from_1(tensor.node.layer)
        return [name, number + inner, index]

    def argument(tensor: SymbolicTensor) -> dict[str, Any]:
        config = {
            "shape": list(tensor.shape),
            "dtype": tensor.dtype,
            "keras_history": place(tensor),
        }
        return {"class_name": _TENSOR, "config": config}

    def entry(layer: Layer, nodes: list[Node]) -> dict[str, Any]:
        inbound = [
            {
                "args": [_mapped(argument, value) for value in node.args],
                "kwargs": {name: _mapped(argument, value) for name, value in node.kwargs.items()},
            }
            for node in nodes
            if node.inputs
        ]
        return serialize(layer) | {"name": layer.name, "inbound_nodes": inbound}

    return {
        "name": model.name,
        "trainable": model._trainable,
        "layers": [
            *(entry(layer, []) for layer in made.values()),
            *(entry(layer, calls[id(layer)]) for layer in model.layers),
        ],
        "input_layers": _mapped(endpoint, model.input),
        "output_layers": _mapped(endpoint, model.output),
    }


def rebuild(config: dict[str, Any]) -> tuple[Any, Any]:
    """Symbolic inputs and outputs of a configuration, Keras 2's or 3's, with new layers.

    Raises
    ------
    ValueError
        If its layers cannot be connected.
    """
    layers: dict[str, Layer] = {}
    waiting: dict[str, list[Any]] = {}
    outputs: dict[str, list[list[SymbolicTensor]]] = {}
    for name, entry in _needed(config).items():
        layer = layers[name] = deserialize(entry)
        waiting[name] = list(entry.get("inbound_nodes") or ())
        outputs[name] = [node.outputs for node in layer.inbound_nodes]

    def tensor(name: str, number: int, index: int, *rest: Any) -> SymbolicTensor:
        return outputs[name][number][index]

    def endpoint(name: str, number: int, index: int, *rest: Any) -> SymbolicTensor:
        return tensor(name, max(number - _counts_from_1(layers[name]), 0), index)

    while waiting:
        before = sum(map(len, waiting.values()))
        for name, nodes in list(waiting.items()):
            layer = layers[name]
            while nodes:
                try:
                    args, kwargs = _arguments(nodes[0], tensor, endpoint)
                except IndexError:  # a call that it depends on has not been made yet
                    break
                # Keras' operations on two tensors are our layers on a list of two.
                layer(*([args] if len(args) > 1 and isinstance(layer, Merge) else args), **kwargs)
                outputs[name].append(layer.inbound_nodes[-1].outputs)
                del nodes[0]
            if not nodes:
                del waiting[name]
        if waiting and sum(map(len, waiting.values())) == before:
            raise ValueError(f"the description never says what goes into {next(iter(waiting))!r}")
    return _ends(config["input_layers"], endpoint), _ends(config["output_layers"], endpoint)


def _needed(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Layers by name, without those that compute masks, which need no description here."""
    entries: dict[str, dict[str, Any]] = {}
    for entry in config["layers"]:
        entries[entry.get("name") or entry["config"]["name"]] = entry
    found: set[str] = set()
    pending = [*_names(config["input_layers"]), *_names(config["output_layers"])]
    while pending:
        name = pending.pop()
        if name not in entries:
            raise ValueError(f"the description has no layer {name!r}")
        if name not in found:
            found.add(name)
            for node in entries[name].get("inbound_nodes") or ():
                pending += _names(node)
    return {name: entry for name, entry in entries.items() if name in found}


def _names(described: Any) -> Iterator[str]:
    """Names of the layers whose outputs a description mentions, but as masks."""
    if isinstance(described, dict):
        if described.get("class_name") == _TENSOR:
            yield described["config"]["keras_history"][0]
        else:
            for key, value in described.items():
                if key != "mask":
                    yield from _names(value)
    elif isinstance(described, (list, tuple)):
        if described and isinstance(described[0], str):
            yield described[0]
        else:
            for value in described:
                yield from _names(value)


def _counts_from_1(layer: Layer) -> bool:
    """Whether Keras counts a call of its own as number 0."""
    return hasattr(layer, "calls")


def _arguments(
    node: Any, tensor: Callable[..., Any], endpoint: Callable[..., Any]
) -> tuple[list[Any], dict[str, Any]]:
    """What a layer is to be called with."""
    if isinstance(node, dict):
        args = [_revived(value, tensor) for value in node.get("args", ())]
        given = {k: v for k, v in (node.get("kwargs") or {}).items() if k != "mask"}
        return args, {k: _revived(v, tensor) for k, v in given.items()}
    # Keras 2: [[layer, call, output, options], ...]
    tensors = [endpoint(*part) for part in node]
    options = node[0][3] if len(node[0]) > 3 else {}
    return [tensors if len(tensors) > 1 else tensors[0]], dict(options)


def _revived(value: Any, tensor: Callable[..., Any]) -> Any:
    if isinstance(value, dict):
        if value.get("class_name") == _TENSOR:
            return tensor(*value["config"]["keras_history"])
        if value.get("class_name") == "__tuple__":
            value = value["config"]["items"] if "config" in value else value["items"]
        else:
            return {key: _revived(entry, tensor) for key, entry in value.items()}
    return (
        [_revived(entry, tensor) for entry in value] if isinstance(value, (list, tuple)) else value
    )


def _ends(described: Any, endpoint: Callable[..., Any]) -> Any:
    """Tensors in the structure in which the model has them."""
    if isinstance(described, dict):
        return {key: _ends(entry, endpoint) for key, entry in described.items()}
    if described and isinstance(described[0], str):
        return endpoint(*described)
    return [_ends(entry, endpoint) for entry in described]


def _mapped(describe_tensor: Callable[[SymbolicTensor], Any], value: Any) -> Any:
    """Arguments of a call with their tensors described."""
    if isinstance(value, SymbolicTensor):
        return describe_tensor(value)
    if isinstance(value, dict):
        return {key: _mapped(describe_tensor, entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mapped(describe_tensor, entry) for entry in value]
    return value
