"""What every model has beside its training: layers by name, states, files, a summary."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrnn.layers.layer import Layer
from fastrnn.layers.symbolic import is_several
from fastrnn.layers.weighted import by_class
from fastrnn.models.differentiable import Differentiable

if TYPE_CHECKING:
    from fastrnn.models.explain import Explanation
    from fastrnn.models.stream import Stream


class Model(Differentiable):
    """A layer made of layers that can be compiled, trained, evaluated and saved.

    ``Model(inputs, outputs)`` makes a `Functional` model of a graph of layer calls. A subclass
    has layers as attributes, and defines `forward` and `backward` through them.

    Parameters
    ----------
    name : str, optional
    trainable : bool

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import Model, layers
    >>> class Residual(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.inner = layers.Dense(4, activation="tanh")
    ...         self.head = layers.Dense(1)
    ...
    ...     def forward(self, x, training=False, mask=None):
    ...         return self.head(x + self.inner(x, training=training), training=training)
    ...
    ...     def backward(self, dy):
    ...         dy = self.head.backward(dy)
    ...         return dy + self.inner.backward(dy)
    >>> model = Residual()
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    >>> len(model.trainable_weights)
    4
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Model:
        if cls is Model and (args or "inputs" in kwargs or "outputs" in kwargs):
            from fastrnn.models.functional import Functional

            cls = Functional
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not args and "inputs" not in kwargs and "outputs" not in kwargs:
            super().__init__(**kwargs)
            return
        # A subclass whose layers are a graph: it is a Functional model, too.
        from fastrnn.models.functional import Functional

        cls = type(self)
        self.__class__ = type(cls.__name__, (cls, Functional), {"__module__": cls.__module__})
        Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]

    def sublayers(self) -> Iterator[tuple[str, Layer]]:
        # Keras goes through attributes by name, so that `layers` comes before what follows it.
        named = {id(layer): (place, layer) for place, layer in reversed([*super().sublayers()])}
        own = list(reversed(named.values()))
        for (place, layer), (number, _) in zip(own, by_class(x for _, x in own), strict=True):
            yield (place if place.split("/")[0] < "layers" else f"layers/{number}"), layer

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of a shape, or list of shapes, by a pass of zeros."""
        several = isinstance(input_shape[0], (list, tuple))
        shapes = input_shape if several else [input_shape]
        zeros = [np.zeros([size or 1 for size in shape], self.dtype) for shape in shapes]
        out = self.forward(zeros if several else zeros[0])
        outputs = list(out) if isinstance(out, (list, tuple)) else [out]
        made: list[Any] = [(None, *array.shape[1:]) for array in outputs]
        self._output_shape: Any = made if isinstance(out, (list, tuple)) else made[0]
        self.input_shape = list(shapes) if several else tuple(input_shape)
        self.built = True

    def _inputs(self, action: str, x: Any) -> Any:
        if not self.built and is_several(x) and type(self).build is Model.build:
            self.build([(None, *array.shape[1:]) for array in x])
        return super()._inputs(action, x)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, if there are several."""
        several = isinstance(self.input_shape, list)
        return [f"input_{i + 1}" for i in range(len(self.input_shape))] if several else []

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, if there are several."""
        several = self.built and isinstance(self.output_shape, list)
        return [f"output_{i + 1}" for i in range(len(self.output_shape))] if several else []

    def compute_output_shape(self, input_shape: Any) -> Any:
        if not self.built:
            self.build(input_shape)
        return self._output_shape

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

    def stream(self, batch_size: int = 1) -> Stream:
        """A predictor that is given one time step after the other and keeps the states.

        Parameters
        ----------
        batch_size : int
            Number of streams that run side by side.

        Returns
        -------
        Stream

        Raises
        ------
        ValueError
            If a layer needs the whole sequence.

        Examples
        --------
        >>> import numpy as np
        >>> from fastrnn import Sequential, layers
        >>> model = Sequential([layers.Input((None, 3)), layers.LSTM(4), layers.Dense(2)])
        >>> stream, clip = model.stream(), np.random.rand(1, 9, 3).astype("float32")
        >>> for t in range(9):
        ...     y = stream.step(clip[:, t])
        >>> bool(np.allclose(y, model.predict(clip, verbose=0), atol=1e-6))
        True
        """
        from fastrnn.models.stream import Stream

        return Stream(self, batch_size)

    def explain(self, strict: bool = False) -> Explanation:
        """Which kernel each layer runs on, and why: a list of records that prints as a report.

        Parameters
        ----------
        strict : bool
            Whether to refuse a model with a layer for which there is a faster kernel.

        Returns
        -------
        Explanation

        Raises
        ------
        ValueError
            With `strict`: names the layer, the reason, and what to change.

        Examples
        --------
        >>> from fastrnn import Sequential, layers
        >>> model = Sequential([layers.Input((9, 3)), layers.LSTM(4, name="a"), layers.Dense(2)])
        >>> record = model.explain()[0]
        >>> record.layer, record.kernel, record.reason
        ('a', 'fused lstm', 'tanh, sigmoid within the kernel')
        """
        from fastrnn.models.explain import explain

        return explain(self, strict)

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        include_optimizer: bool = True,
    ) -> None:
        """Write the model to a file that `load_model` and Keras 3 read.

        Layers and weights, what the model is compiled for, and the optimizer's state: training
        goes on from the file as if it had not stopped. The file appears under its name when it
        is complete.

        Parameters
        ----------
        filepath : path
            Ends in ``.keras``, or in ``.h5`` for Keras' legacy form.
        overwrite : bool
            Whether a file may be replaced.
        include_optimizer : bool
            Whether the optimizer's state is written.

        Raises
        ------
        ValueError
            If the name ends otherwise, or the model has no weights yet.
        FileExistsError
            If there is a file and `overwrite` is False.
        """
        from fastrnn.models.saving import save_model

        save_model(self, filepath, overwrite, include_optimizer)

    def to_json(self, **kwargs: Any) -> str:
        """Layers, without weights, and compilation as JSON, for `model_from_json` and Keras'.

        Parameters
        ----------
        **kwargs
            Passed on to `json.dumps`.
        """
        import json

        from fastrnn.formats import keras_json

        return json.dumps(keras_json.describe_model(self), **kwargs)

    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        format: str | None = None,
    ) -> None:
        """Write all weights to a file that Keras or PyTorch reads, too.

        A ``.weights.h5`` file holds the state of a compiled model's optimizer as well. The file
        appears under its name when it is complete; a file of that name is whole at any time.

        Parameters
        ----------
        filepath : path
            ``.weights.h5`` as Keras 3 has it, ``.h5`` for Keras' legacy form, or
            ``.safetensors``.
        overwrite : bool
            Whether a file may be replaced.
        format : {"torch"}, optional
            Of a ``.safetensors`` file: the names and layouts of a PyTorch ``state_dict``.

        Raises
        ------
        ValueError
            If the name ends otherwise, or the model has no weights yet.
        FileExistsError
            If there is a file and `overwrite` is False.
        """
        from fastrnn.models.saving import save_weights

        save_weights(self, filepath, overwrite, format)

    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        skip_mismatch: bool = False,
        by_name: bool = False,
        format: str | None = None,
    ) -> None:
        """Read all weights from a file: ours, Keras' or PyTorch's.

        Parameters
        ----------
        filepath : path
            ``.weights.h5``, ``.keras``, Keras' legacy ``.h5``, or ``.safetensors``. Of the first
            two an optimizer that has made steps takes its state, too, as in Keras; where it does
            not fit, that is a warning.
        skip_mismatch : bool
            Leave layers alone whose weights are missing or of other shapes, with a warning.
        by_name : bool
            Of a legacy ``.h5``: set the layers whose names are in the file, not all in order.
        format : {"torch"}, optional
            Of a ``.safetensors`` file: a PyTorch ``state_dict``, whose layers are taken in order.

        Raises
        ------
        ValueError
            If the file's weights do not fit; the model's are then unchanged.
        """
        from fastrnn.models.saving import load_weights

        load_weights(self, filepath, skip_mismatch, by_name, format)

    def save_checkpoint(self, filepath: str | os.PathLike[str]) -> None:
        """Write all that decides how training goes on, so that it can do so to the bit.

        Weights, the optimizer's state, random generators, states of stateful layers; and while
        `fit` runs, from a callback, the epoch and batch, the order of the samples, the other
        callbacks' states and the running metrics. No pickle is used.

        Parameters
        ----------
        filepath : path
            The file appears under its name when it is complete; a file of that name is whole at
            any time.

        Raises
        ------
        ValueError
            If the model has no weights yet.
        TypeError
            If a callback's or data set's state holds what cannot be kept.

        Examples
        --------
        >>> import numpy as np
        >>> from fastrnn import Sequential, layers
        >>> model = Sequential([layers.Input((2,)), layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> model.save_checkpoint("training.npz")
        >>> model.load_checkpoint("training.npz")
        """
        from fastrnn.models import checkpoint

        checkpoint.save(self, filepath)

    def load_checkpoint(self, filepath: str | os.PathLike[str]) -> None:
        """Go on from a file of `save_checkpoint`.

        The model must be built and compiled as it was then. Where the file was written within
        `fit`, the next `fit`, with the same arguments, goes on from there.

        Parameters
        ----------
        filepath : path

        Raises
        ------
        FileNotFoundError
            If there is no file.
        ValueError
            If it is damaged, or of another model; nothing is changed then.
        """
        from fastrnn.models import checkpoint

        checkpoint.load(self, filepath)

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
