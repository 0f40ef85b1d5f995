"""What the layers LSTM, GRU and SimpleRNN share: their weights, and the kernels that run them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from fastrnn import activations, initializers, ops
from fastrnn.layers.dropout import kept
from fastrnn.layers.layer import Array, check_positive, check_rate
from fastrnn.layers.recurrent_base import RecurrentBase
from fastrnn.layers.variable import Variable
from fastrnn.ops.bound import BoundRecurrent
from fastrnn.utils.random import generator


class Recurrent(RecurrentBase):
    """Base of the recurrent layers with a kernel of their own.

    A subclass says which cell of `fastrnn.ops` it runs (`cell`, `gates`, `states`) and which
    options the cell takes (`cell_options`).

    Attributes
    ----------
    kernel : Variable, shape (inputs, gates * units)
    recurrent_kernel : Variable, shape (units, gates * units)
    bias : Variable or None
    """

    roles = ("kernel", "recurrent", "bias")
    output_state = 0
    train_back: ClassVar[Callable[..., Any]] = staticmethod(BoundRecurrent.backward)
    # Whether prediction runs on packed weights.
    packs_weights: ClassVar[bool] = True

    cell: ClassVar[str]
    gates: ClassVar[int]
    states: ClassVar[int]

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_positive(self.name, units=units)
        check_rate(self.name, dropout=dropout, recurrent_dropout=recurrent_dropout)
        self.units = int(units)
        self.activation = activations.resolve(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.dropout = float(dropout)
        self.recurrent_dropout = float(recurrent_dropout)
        self.seed = seed
        self.bias: Variable | None = None
        self._rng = generator(seed)
        self._training: BoundRecurrent | None = None
        self._packed: tuple[int, Any] = 0, None
        self._options: dict[str, Any] = {}

    def cell_options(self) -> dict[str, Any]:
        """Keyword arguments that the cell's functions in `fastrnn.ops` take."""
        return {"activation": self.activation}

    def bias_shape(self) -> tuple[int, ...]:
        """Shape of the bias."""
        return (self.gates * self.units,)

    # Weights ---------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 3 or None in input_shape[2:]:
            raise ValueError(
                f"{self.name}: needs inputs (N, T, features) of known features, got {input_shape}"
            )
        columns = self.gates * self.units
        features = math.prod(input_shape[2:])
        self._options = self.cell_options()
        self.kernel = self.add_weight(
            (features, columns), self.kernel_initializer, name="kernel", **self.of_role("kernel")
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, columns),
            self.recurrent_initializer,
            name="recurrent_kernel",
            **self.of_role("recurrent"),
        )
        if self.use_bias:
            self.bias = self.add_weight(
                self.bias_shape(), self.initial_bias, name="bias", **self.of_role("bias")
            )

    def initial_bias(self, shape: Any, dtype: Any = None) -> Array:
        """The bias at build time."""
        value: Array = self.bias_initializer(shape, dtype)
        return value

    # Passes ----------------------------------------------------------------------------

    def run_steps(
        self, x: Array, initial: Sequence[Array], training: bool, mask: Array | None, reverse: bool
    ) -> tuple[Array, tuple[Array, ...], Any]:
        shape = x.shape
        if len(shape) != 3:
            x = self._flat_frames(x)
        if not training:
            y, *states = self.infer(x, initial, mask, reverse)
            return y, tuple(states), None
        options: dict[str, Any] = {"mask": mask, "reverse": reverse}
        if (self.dropout or self.recurrent_dropout) and training is True:
            options |= self._dropout_masks(x)
        y, *states, cache = self.train_steps(x, initial, **options)
        return y, tuple(states), (cache, shape)

    def train_steps(self, x: Array, initial: Any, **options: Any) -> Any:
        """The output of every step, the final states, and a cache for the way back."""
        training = self._training
        if training is None or training.kernel is not self.kernel.value:
            training = self._training = BoundRecurrent(
                self.cell, *self.weight_values(), **self._options
            )
        return training.forward(x, *initial, **options)

    def weight_values(self) -> tuple[Any, ...]:
        """Kernel, recurrent kernel and bias as the ops take them."""
        bias = None if self.bias is None else self.bias.value
        return self.kernel.value, self.recurrent_kernel.value, bias

    def infer(self, x: Array, initial: Any, mask: Array | None, reverse: bool) -> Any:
        """The output of every step and the final states."""
        return self.packed_weights().run(x, *initial, mask=mask, reverse=reverse)

    def run_steps_back(
        self, cache: Any, dy: Array | None, dstates: Sequence[Array | None]
    ) -> tuple[Array | None, list[Array]]:
        cache, shape = cache
        grads = self.train_back(
            cache, dy, *dstates, need_dx=self.need_dx, out=self.gradient_arrays()
        )
        dx = grads.get("x")
        if dx is not None and dx.shape != shape:
            dx = dx.reshape(shape)
        return dx, [grads[name] for name in ("h0", "c0")[: self.states]]

    def packed_weights(self) -> Any:
        """The weights in the kernels' layout, made anew after every change."""
        version = self.kernel.storage.version
        if self._packed[0] != version:
            packed = ops.PackedRecurrent(self.cell, *self.weight_values(), **self._options)
            self._packed = version, packed
        return self._packed[1]

    def __getstate__(self) -> dict[str, Any]:
        # A copy makes its own of its weights; the core's objects cannot be pickled.
        return super().__getstate__() | {"_training": None, "_packed": (0, None)}

    def _flat_frames(self, x: Array) -> Array:
        """Frames of several axes as rows."""
        if x.ndim < 3:
            raise ValueError(f"{self.name}: needs inputs (N, T, features), got shape {x.shape}")
        return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))

    def _dropout_masks(self, x: Array) -> dict[str, Array]:
        """Factors of dropout, drawn once for all steps.

        As in Keras, recurrent dropout draws for each gate, and then so does input dropout;
        a SimpleRNN has but one gate.
        """
        rows, dtype = len(x), x.dtype
        gates = (self.gates,) if self.recurrent_dropout and self.gates > 1 else ()
        masks = {}
        if self.dropout:
            shape = (*gates, rows, x.shape[2])
            masks["dropout_mask"] = kept(self._rng, shape, self.dropout, dtype)
        if self.recurrent_dropout:
            shape = (*gates, rows, self.units)
            masks["recurrent_dropout_mask"] = kept(self._rng, shape, self.recurrent_dropout, dtype)
        return masks

    # Description -----------------------------------------------------------------------

    def state_shapes(self, input_shape: Any) -> list[tuple[int | None, ...]]:
        return [(input_shape[0], self.units)] * self.states

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": initializers.serialize(self.recurrent_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }
