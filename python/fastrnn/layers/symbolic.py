"""Tensors without values: what layers are called on to describe a model as a graph."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from itertools import count
from typing import Any

import numpy as np

from fastrnn.utils.naming import suggestion

_numbers = count()


class SymbolicTensor:
    """What a layer will output once a model runs: a shape, and where it comes from.

    `Input` makes the first one; a layer called on symbolic tensors returns symbolic tensors,
    and ``Model(inputs, outputs)`` is the graph between them. ``+``, ``-`` and ``*`` stand for the
    layers `Add`, `Subtract` and `Multiply`.

    Attributes
    ----------
    shape : tuple
        The batch axis, and axes of any size, are None.
    dtype : str
    name : str
    node : Node
        The call that it comes from.
    index : int
        Its place among the outputs of that call.

    Examples
    --------
    >>> from fastrnn import layers
    >>> x = layers.Input((28, 3))
    >>> layers.LSTM(8)(x).shape
    (None, 8)
    """

    __slots__ = ("dtype", "index", "name", "node", "shape")
    # NumPy must leave `array + tensor` to __radd__, which explains itself.
    __array_ufunc__ = None

    def __init__(self, shape: Any, dtype: str, node: Node, index: int, name: str = "") -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.node = node
        self.index = index
        self.name = name or f"tensor_{next(_numbers)}"

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __add__(self, other: Any) -> Any:
        return self._merged("Add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self._merged("Add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self._merged("Subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._merged("Subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self._merged("Multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._merged("Multiply", other, self)

    def _merged(self, name: str, one: Any, other: Any) -> Any:
        from fastrnn import layers

        if not (isinstance(one, SymbolicTensor) and isinstance(other, SymbolicTensor)):
            stranger = other if one is self else one
            raise TypeError(
                f"{self.name}: has no values yet, so only another symbolic tensor can be combined "
                f"with it, got {type(stranger).__name__}; use a layer"
            )
        return getattr(layers, name)()([one, other])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(f"{self.name}: {_NO_VALUES}")

    def __bool__(self) -> bool:
        raise TypeError(f"{self.name}: {_NO_VALUES}")

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self.name}: {_NO_VALUES}")

    def __repr__(self) -> str:
        return f"<SymbolicTensor {self.name}, shape={self.shape}>"


_NO_VALUES = "is symbolic and has no values; make a Model of it and call that on arrays"


class Node:
    """One call of a layer on symbolic tensors.

    Attributes
    ----------
    layer : Layer
    args, kwargs :
        As given.
    inputs : list of SymbolicTensor
        All tensors in them, in order.
    several : bool
        Whether `forward` takes a list of inputs, which may have one entry.
    masked : int
        How many of the inputs hand their masks over in a list; 0 where just the first does.
    options : dict
        Other arguments, for `forward`.
    outputs : list of SymbolicTensor
    """

    __slots__ = (
        "args", "inputs", "kwargs", "layer", "masked", "options", "outputs", "several",
    )  # fmt: skip

    def __init__(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.layer = layer
        self.args, self.kwargs = args, kwargs
        self.options = dict(kwargs)
        self.options.pop("training", None)  # a model has one mode for all of its layers
        if self.options.pop("mask", None) is not None:
            raise ValueError(
                f"{layer.name}: takes no mask in a graph; masks go along with the tensors"
            )
        self.inputs, self.several, self.masked = split_call(args, self.options)
        check_options(layer, self.options)
        self.outputs: list[SymbolicTensor] = []


def split_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], bool, int]:
    """The inputs in a call's arguments, whether they are several, how many hand masks over.

    That is 0 where only the first does, and its mask is in no list. Takes the inputs out of
    `kwargs`; what stays there are options.
    """
    masked = 0
    if len(args) == 1 and not is_several(args[0]):
        inputs = [args[0]]
    else:
        inputs = [tensor for argument in args for tensor in _tensors(argument)]
        masked = len(inputs)
    several = masked > 0
    for name in [name for name, value in kwargs.items() if is_tensor(value) or is_several(value)]:
        inputs += _tensors(kwargs.pop(name))
        several = True
    return inputs, several, masked


def check_options(layer: Any, options: dict[str, Any]) -> None:
    """Raise TypeError for arguments that a layer's `forward` does not take."""
    if options:
        known = signature(type(layer).forward).parameters
        for name in options:
            if name not in known:
                hint = suggestion(name, known)
                raise TypeError(f"{layer.name}: unexpected argument {name!r} of the call{hint}")


def is_tensor(value: Any) -> bool:
    """Whether a value is an array or a symbolic tensor."""
    return isinstance(value, (SymbolicTensor, np.ndarray))


def is_several(value: Any) -> bool:
    """Whether a value is a list of tensors."""
    return isinstance(value, (list, tuple)) and bool(value) and all(map(is_tensor, value))


def is_symbolic(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call's arguments hold a symbolic tensor."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, SymbolicTensor):
            return True
        if isinstance(value, (list, tuple)) and any(isinstance(v, SymbolicTensor) for v in value):
            return True
    return False


def _tensors(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def call(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Note a layer's call in the graph; builds the layer and returns its outputs.

    Raises
    ------
    TypeError
        If arrays and symbolic tensors are mixed.
    ValueError
        If the layer does not take inputs of these shapes.
    """
    node = Node(layer, args, kwargs)
    for tensor in node.inputs:
        if not isinstance(tensor, SymbolicTensor):
            raise TypeError(
                f"{layer.name}: was called on symbolic tensors and on {type(tensor).__name__}; "
                "give all inputs as symbolic tensors, a constant one by an Input"
            )
    shapes: Any = [tensor.shape for tensor in node.inputs]
    shape = shapes if node.several else shapes[0]
    layer.ensure_built(shape)
    produced = layer.compute_output_shape(shape, **node.options)
    shapes = produced if isinstance(produced, list) else [produced]
    return layer.arrange(connect(node, shapes, isinstance(produced, list)))


def connect(node: Node, shapes: list[Any], several: bool = False, name: str = "") -> Any:
    """Make a node's outputs and note the node on its layer."""
    dtype = node.layer.dtype.name
    node.outputs = [
        SymbolicTensor(shape, dtype, node, index, name) for index, shape in enumerate(shapes)
    ]
    node.layer.inbound_nodes.append(node)
    return list(node.outputs) if several else node.outputs[0]
