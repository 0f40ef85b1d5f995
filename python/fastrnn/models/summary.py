"""The table that `Model.summary` prints, as Keras prints it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastrnn.layers import InputLayer
from fastrnn.layers.layer import Layer
from fastrnn.layers.variable import Variable

_LINE_LENGTH = 88
_COLUMNS = (0.45, 0.80, 1.0)
# With a column for what a layer's inputs come from.
_GRAPH_LINE_LENGTH = 108
_GRAPH_COLUMNS = (0.3, 0.56, 0.74, 1.0)


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print the layers of a model; parameters as in `Model.summary`."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    graph = _is_branched(model)
    longest = (_GRAPH_LINE_LENGTH if graph else _LINE_LENGTH) + (12 if show_trainable else 0)
    width = line_length or min(longest, shutil.get_terminal_size().columns - 4)
    headers = ["Layer (type)", "Output Shape", "Param #"] + ["Connected to"] * graph
    ends = list(positions or (_GRAPH_COLUMNS if graph else _COLUMNS))
    if show_trainable:
        headers.append("Trainable")
        if positions is None:
            ends = [0.9 * end for end in ends] + [1.0]
    columns = []
    start = 0
    for header, end in zip(headers, ends, strict=True):
        column_width = int(end * width) - start
        if column_width < 4:
            raise ValueError(f"summary: line_length={width} leaves no room for {header!r}")
        start += column_width
        justify: Any = {"Param #": "right", "Trainable": "center"}.get(header, "left")
        columns.append(Column(header, justify=justify, width=column_width))
    table = Table(*columns, width=width, show_lines=True)
    layers = _chosen(model.layers, layer_range)
    for layer in layers:
        for depth, shown in _rows(layer, expand_nested):
            prefix = "   " * depth + "└ " if depth else ""
            name = f"{escape(prefix + shown.name)} ([blue]{escape(type(shown).__name__)}[/])"
            params = f"[green]{shown.count_params():,}[/]"
            row = [name, _shape_text(_output_shape(shown)), params]
            if not shown.built:
                row[2] += " (unbuilt)"
            if graph:
                row.append("-" if depth else escape(_connections(model, shown)))
            if show_trainable:
                row.append("-" if not shown.weights else "Y" if shown.trainable else "N")
            table.add_row(*row)

    options: dict[str, Any] = {"highlight": False}
    if print_fn is not None:
        options |= {"force_terminal": False, "color_system": None, "width": max(width + 4, 80)}
    console = Console(**options)
    with console.capture() as capture:
        console.print(f'[bold]Model: "{escape(model.name)}"[/]')
        console.print(table)
        for title, count, size in _totals(model):
            console.print(f"[bold] {title}: [/][green]{count:,}[/] ({_memory(size)})")
    if print_fn is None:
        console.file.write(capture.get())
        console.file.flush()
    else:
        print_fn(capture.get())


def _rows(layer: Layer, expand_nested: bool, depth: int = 0) -> Iterator[tuple[int, Layer]]:
    yield depth, layer
    if expand_nested and hasattr(layer, "layers"):
        for inner in layer.layers:
            yield from _rows(inner, expand_nested, depth + 1)


def _chosen(layers: list[Layer], layer_range: Sequence[str] | None) -> list[Layer]:
    """Layers from the first to the last whose names match two patterns."""
    if layer_range is None:
        return layers
    if len(layer_range) != 2:
        raise ValueError(f"summary: layer_range must hold two names, got {layer_range}")
    first = [i for i, layer in enumerate(layers) if re.match(layer_range[0], layer.name)]
    last = [i for i, layer in enumerate(layers) if re.match(layer_range[1], layer.name)]
    if not first or not last:
        raise ValueError(f"summary: no layers match {tuple(layer_range)}")
    return layers[min(first) : max(last) + 1]


def _output_shape(layer: Any) -> Any:
    """Shape of a layer's output where it was first called, if it was."""
    if isinstance(layer, InputLayer):
        return layer.batch_shape
    if not layer.built:
        return None
    if hasattr(layer, "layers"):
        return layer.output_shape
    return None if layer.input_shape is None else layer.compute_output_shape(layer.input_shape)


def _is_branched(model: Any) -> bool:
    """Whether a graph is more than one layer after the other."""
    calls = getattr(model, "calls", [])
    read = [id(tensor) for call in calls for tensor in call.inputs]
    return len(set(read)) < len(read) or len(read) != max(len(calls) - 1, 0)


def _connections(model: Any, layer: Layer) -> str:
    """Where a layer's inputs come from: layers, and numbers of their calls and outputs."""
    sources = []
    for call in model.calls:
        if call.layer is layer:
            for tensor in call.inputs:
                others = [other for other in model.calls if other.layer is tensor.node.layer]
                number = others.index(tensor.node) if tensor.node in others else 0
                sources.append(f"{tensor.node.layer.name}[{number}][{tensor.index}]")
    return ", ".join(sources) or "-"


def _shape_text(shape: Any) -> str:
    if shape is None:
        return "?"
    if isinstance(shape, list):
        return f"[{', '.join(_shape_text(part) for part in shape)}]".replace("[(", "\\[(")
    sizes = ", ".join(f"[cyan]{size}[/]" if size is None else f"[green]{size}[/]" for size in shape)
    return f"({sizes}{',' if len(shape) == 1 else ''})"


def _totals(model: Any) -> Iterator[tuple[str, int, int]]:
    parts = [
        ("Trainable params", *_count(model.trainable_weights)),
        ("Non-trainable params", *_count(model.non_trainable_weights)),
    ]
    optimizer = model.optimizer
    if optimizer is not None and optimizer.built and optimizer.iterations:
        state = optimizer.variables
        count, size = sum(array.size for array in state), sum(array.nbytes for array in state)
        parts.append(("Optimizer params", count, size))
    yield "Total params", sum(part[1] for part in parts), sum(part[2] for part in parts)
    yield from parts


def _count(weights: list[Variable]) -> tuple[int, int]:
    return sum(w.size for w in weights), sum(w.value.nbytes for w in weights)


def _memory(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} TB"
