"""The calls between a model's symbolic inputs and outputs, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fastrnn.layers import InputLayer, Layer
from fastrnn.layers.symbolic import Node, SymbolicTensor


def flat_tensors(owner: str, argument: str, structure: Any) -> list[SymbolicTensor]:
    """The tensors in a list or dict, the latter in the order of its keys.

    Raises
    ------
    TypeError
        If something else is in it.
    """
    if isinstance(structure, dict):
        entries = [structure[key] for key in sorted(structure)]
    elif isinstance(structure, (list, tuple)):
        entries = list(structure)
    else:
        entries = [structure]
    for entry in entries:
        if not isinstance(entry, SymbolicTensor):
            raise TypeError(
                f"{owner}: {argument} must be symbolic tensors, which Input and layers called on "
                f"it return, or a flat list or dict of them, got {type(entry).__name__}"
            )
    if not entries:
        raise ValueError(f"{owner}: {argument} must hold a tensor, got none")
    return entries


def ordered_calls(
    owner: str, inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]
) -> tuple[list[Node], list[Layer]]:
    """The calls that lead from inputs to outputs, in an order to run them, and their layers.

    Layers are in Keras' order: by their distance from the outputs, the farthest first. Keras'
    weights and files follow it.

    Raises
    ------
    ValueError
        If an output depends on another input, or two layers have one name.
    """
    given = {id(tensor) for tensor in inputs}
    calls, seen = _upstream(given, outputs)
    for node in calls:
        if isinstance(node.layer, InputLayer) and id(node.outputs[0]) not in given:
            raise ValueError(
                f"{owner}: the outputs depend on {node.outputs[0].name!r}, which is not among the "
                f"inputs {[tensor.name for tensor in inputs]}; add it to them"
            )
    layers = _by_distance(given, calls, seen)
    used = {id(layer) for layer in layers}
    for tensor in inputs:  # that no output depends on
        layer = tensor.node.layer
        if isinstance(layer, InputLayer) and id(layer) not in used:
            layers.append(layer)
            used.add(id(layer))
    names: set[str] = set()
    for layer in layers:
        if layer.name in names:
            raise ValueError(f"{owner}: two layers are named {layer.name!r}; all names must differ")
        names.add(layer.name)
    return calls, layers


def _upstream(
    given: set[int], outputs: Sequence[SymbolicTensor]
) -> tuple[list[Node], dict[int, int]]:
    """All calls that outputs depend on, inputs first, and when each layer was first seen."""
    calls: list[Node] = []
    seen: dict[int, int] = {}
    begun: set[int] = set()
    stack: list[tuple[Node, Iterator[SymbolicTensor]]] = []

    def begin(tensor: SymbolicTensor) -> None:
        node = tensor.node
        inside = not node.inputs or id(tensor) not in given
        if inside and id(node) not in begun:
            begun.add(id(node))
            seen.setdefault(id(node.layer), len(seen))
            stack.append((node, iter(node.inputs)))

    for output in outputs:
        begin(output)
        while stack:
            node, sources = stack[-1]
            source = next(sources, None)
            if source is not None:
                begin(source)
            else:
                stack.pop()
                calls.append(node)
    return calls, seen


def _by_distance(given: set[int], calls: list[Node], seen: dict[int, int]) -> list[Layer]:
    distance: dict[int, int] = {}  # of calls
    farthest: dict[int, int] = {}  # of layers
    layers: dict[int, Layer] = {}
    for node in reversed(calls):
        layer = node.layer
        depth = max(distance.get(id(node), 0), farthest.get(id(layer), 0))
        farthest[id(layer)] = depth
        layers[id(layer)] = layer
        for tensor in node.inputs:
            if id(tensor) not in given or not tensor.node.inputs:
                source = id(tensor.node)
                distance[source] = max(depth + 1, distance.get(source, 0))
    return sorted(layers.values(), key=lambda layer: (-farthest[id(layer)], seen[id(layer)]))
