"""What every layer has: arguments, a forward and a backward pass, masks, a description."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrnn.layers import symbolic
from fastrnn.layers.weighted import Weighted, by_class
from fastrnn.utils.dtypes import float_dtype
from fastrnn.utils.naming import numbered_name, unexpected_arguments

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = "tuple[int | None, ...]"

# A third mode of `forward` beside False and True: act as in inference, but keep what `backward`
# needs. Layers that act in another way in training ask whether `training is True`.
DIFFERENTIATE: Any = 2

_INPUT_ARGUMENTS = ("input_shape", "batch_input_shape", "batch_shape", "input_dim", "batch_size")
_IGNORED_ARGUMENTS = ("autocast", "input_length")


class Layer(Weighted):
    """Base of layers.

    A subclass makes its weights in `build` by `add_weight`, and defines `forward`, `backward`
    and, where the shape changes, `compute_output_shape`. A forward pass with
    ``training=True`` leaves in ``self.saved`` what the backward pass needs; nothing else of a
    pass may stay on the layer, so that several threads may predict at once. A layer of several
    inputs takes lists of arrays and of masks, and returns a list of gradients.

    Layers that are attributes, or in lists or dicts that are, belong to the layer, with their
    weights.

    Parameters
    ----------
    name : str, optional
        Numbered after the class when not given: ``lstm``, ``lstm_1``.
    trainable : bool
        Whether training changes the weights.
    dtype : {"float32", "float64"}, optional
        Type of the weights and of the computation.
    activity_regularizer : str, dict or Regularizer, optional
        Its penalty on the output, divided by the number of samples, adds to the loss.
    input_shape, batch_input_shape, input_dim, batch_size : optional
        Shape of the input, as Keras 2 gives it to the first layer of a model.

    Attributes
    ----------
    saved : object
        What `backward` needs of the last forward pass in training.
    need_dx : bool
        Whether `backward` must return the input's gradient; a model clears it on the first
        layer that has weights.

    Examples
    --------
    A layer of one's own:

    >>> import numpy as np
    >>> from fastrnn import layers
    >>> class Scale(layers.Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")
    ...
    ...     def forward(self, x, training=False, mask=None):
    ...         self.saved = x if training else None
    ...         return x * self.scale.value
    ...
    ...     def backward(self, dy):
    ...         self.set_gradient(self.scale, (dy * self.saved).reshape(-1, dy.shape[-1]).sum(0))
    ...         return dy * self.scale.value
    >>> Scale()(np.ones((2, 3), np.float32)).shape
    (2, 3)
    """

    # Whether a mask that comes in goes on to the next layer.
    supports_masking = False
    # Whether a mask may go out where none comes in.
    makes_mask = False
    # Whether each step of sequences (N, T, ...) is treated by itself, for `Model.stream`.
    stepwise = False
    # Whether inputs must have a time axis: a model then keeps that of frames when it flattens.
    needs_time = False
    # Whether rows of a batch have a say in each other's outputs in training.
    mixes_rows = False
    need_dx = True
    # Whether it was built for frames where Keras has it for images, inside TimeDistributed.
    over_frames = False

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        self._take_regularizers(activity_regularizer, kwargs)
        shape_arguments = {key: kwargs.pop(key) for key in _INPUT_ARGUMENTS if key in kwargs}
        for ignored in _IGNORED_ARGUMENTS:
            kwargs.pop(ignored, None)
        if kwargs:
            known = (*_INPUT_ARGUMENTS, "name", "dtype", *self.role_arguments())
            raise unexpected_arguments(type(self), kwargs, known)
        super().__init__(name or numbered_name(type(self).__name__), float_dtype(dtype), trainable)
        self.input_shape: Any = None
        self.batch_shape = _batch_shape(**shape_arguments)
        self.saved: Any = None
        self._warned_of_mask = False
        # Calls on symbolic tensors, in order.
        self.inbound_nodes: list[symbolic.Node] = []

    def sublayers(self) -> Iterator[tuple[str, Layer]]:
        """Layers inside this one, under the names that their weights have in files."""
        for name, value in self.__dict__.items():
            if isinstance(value, Layer):
                yield name, value
            elif isinstance(value, (list, tuple, dict)):
                held = value.values() if isinstance(value, dict) else value
                for place, layer in by_class(entry for entry in held if isinstance(entry, Layer)):
                    yield f"{name}/{place}", layer

    # Passes ----------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of a shape, the batch axis being None."""

    def unbuild(self) -> None:
        """Forget the weights, so that the layer can be built for another shape."""
        self._variables.clear()
        self.built = False
        self.input_shape = None
        for _, layer in self.sublayers():
            layer.unbuild()

    def ensure_built(self, input_shape: Any) -> None:
        """Build if that has not been done, and remember the shape."""
        if not self.built:
            self.build(input_shape)
            self.built = True
            self.input_shape = input_shape

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        """Outputs for inputs; with `training`, keep in ``saved`` what `backward` needs."""
        raise TypeError(f"{type(self).__name__} must define forward(x, training, mask)")

    def backward(self, dy: Any) -> Any:
        """Write the weights' gradients; return the input's, or None without `need_dx`."""
        raise TypeError(f"{type(self).__name__} must define backward(dy)")

    def arrange_backward(self, need_dx: bool, trained: Collection[int] | None = None) -> None:
        """Settle what `backward` must do.

        Parameters
        ----------
        need_dx : bool
        trained : collection of int, optional
            Identities of the variables whose gradients are wanted; all trainable ones if None.
        """
        self.need_dx = need_dx
        for _, layer in self.sublayers():  # their order is the subclass' own
            layer.arrange_backward(True, trained)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for a shape of the input; the same unless defined otherwise."""
        return input_shape

    def compute_mask(self, x: Any, mask: Array | None) -> Array | None:
        """The mask that goes on to the next layer."""
        if mask is None or self.supports_masking:
            return mask
        if not self._warned_of_mask:
            self._warned_of_mask = True
            warnings.warn(
                f"{self.name}: does not pass masks on, so layers after it count masked steps",
                stacklevel=2,
            )
        return None

    def __call__(
        self, *args: Any, training: bool | None = None, mask: Any = None, **kwargs: Any
    ) -> Any:
        """Build if need be, and run the forward pass on arrays.

        On symbolic tensors, note the call in their graph and return what it will output.

        Parameters
        ----------
        *args :
            The input, or a list of several.
        training : bool, optional
        mask : array_like of bool, optional
        **kwargs :
            More inputs (``initial_state``) and options of `forward`.
        """
        if len(args) > 1 and isinstance(args[-1], (bool, np.bool_)):
            *args, training = args  # type: ignore[assignment]
        kwargs = {name: value for name, value in kwargs.items() if value is not None}
        if self.needs_time and len(args) == 1 and symbolic.is_several(args[0]):
            first, *states = args[0]
            args = (first,)
            kwargs |= {"initial_state": states} if states else {}
        if symbolic.is_symbolic(args, kwargs):
            given = {"training": training, "mask": mask}
            kwargs |= {name: value for name, value in given.items() if value is not None}
            return symbolic.call(self, args, kwargs)
        inputs, several, masked = symbolic.split_call(args, kwargs)
        symbolic.check_options(self, kwargs)
        arrays = [np.ascontiguousarray(x, dtype=self.dtype) for x in inputs]
        shapes: list[Any] = [(None, *array.shape[1:]) for array in arrays]
        self.ensure_built(shapes if several else shapes[0])
        if mask is not None:
            masks = [m if m is None else np.asarray(m, bool) for m in (mask if masked else [mask])]
            mask = masks if masked else masks[0]
        batch: Any = arrays if several else arrays[0]
        return self.arrange(self.forward(batch, bool(training), mask, **kwargs))

    def arrange(self, outputs: Any) -> Any:
        """Outputs in the form that callers get: an array, or a list or dict of them."""
        return outputs

    @property
    def input(self) -> Any:
        """The symbolic input, or list of inputs, of the layer's first call in a graph."""
        node = self._first_node("input")
        return list(node.inputs) if node.several else node.inputs[0]

    @property
    def output(self) -> Any:
        """The symbolic output, or list of outputs, of the layer's first call in a graph."""
        outputs = self._first_node("output").outputs
        return list(outputs) if len(outputs) > 1 else outputs[0]

    def _first_node(self, what: str) -> symbolic.Node:
        if not self.inbound_nodes:
            raise AttributeError(
                f"{self.name}: has no symbolic {what}, since it has not been called on a symbolic "
                "tensor; in a Sequential, take the model's own input first"
            )
        return self.inbound_nodes[0]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"saved": None}  # copies have no pass to go back through

    # Description -----------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same layer again."""
        config = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype.name}
        return config | self._regularizer_config()

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """Make a layer from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def check_positive(owner: str, **numbers: Any) -> None:
    """Raise ValueError unless each number is an integer from 1."""
    for argument, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{owner}: {argument} must be a positive integer, got {value!r}")


def check_rate(owner: str, **rates: Any) -> None:
    """Raise ValueError unless each rate is a number from 0 to 1."""
    for argument, value in rates.items():
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ValueError(f"{owner}: {argument} must be from 0 to 1, got {value!r}")


def refuse_options(owner: str, options: dict[str, Any], names: Iterable[str]) -> None:
    """Take out arguments of Keras that only their default is known for, and check that it is."""
    for name in names:
        value = options.pop(name, None)
        if value is not None:
            raise ValueError(f"{owner}: {name} is not supported, leave it None, got {value!r}")


def _batch_shape(
    input_shape: Any = None,
    batch_input_shape: Any = None,
    batch_shape: Any = None,
    input_dim: int | None = None,
    batch_size: int | None = None,
) -> Shape | None:
    if batch_input_shape is None:
        batch_input_shape = batch_shape
    if batch_input_shape is not None:
        return tuple(batch_input_shape)
    if input_shape is None and input_dim is not None:
        input_shape = (input_dim,)
    if input_shape is None:
        return None
    if isinstance(input_shape, (int, np.integer)):
        input_shape = (input_shape,)
    return (batch_size, *input_shape)
