"""The convolutional LSTM layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastrnn import ops
from fastrnn.layers.conv_lstm_cell import DroppedConvLSTMCell
from fastrnn.layers.convolution_base import PerAxis
from fastrnn.layers.dropout import kept
from fastrnn.layers.layer import Array, check_positive
from fastrnn.layers.lstm import LSTM
from fastrnn.layers.rnn import CellRunner
from fastrnn.layers.spatial import check_data_format, check_padding, per_axis, window_sizes
from fastrnn.layers.variable import Variable


class ConvLSTM2D(LSTM):
    """Convolutional LSTM: frames (N, T, H, W, C) to (N, OH, OW, filters).

    The equations of `LSTM` with convolutions in place of products. The input's has the strides,
    padding and dilation rate given here; the recurrent one steps by 1 and keeps the size.

    Parameters
    ----------
    filters : int
        Channels of the state and of the output.
    kernel_size : int or (int, int)
        Of both convolutions.
    strides, dilation_rate : int or (int, int)
        Of the input's convolution.
    padding : {"valid", "same"}
        Of the input's convolution.
    data_format : {"channels_last"}, optional
    activation, recurrent_activation : str
        As for `LSTM`, of the names in ``fastrnn.ops.FUSED_ACTIVATIONS``.
    use_bias : bool
    kernel_initializer, recurrent_initializer, bias_initializer :
        As `fastrnn.initializers.get` takes them.
    unit_forget_bias : bool
        Start the bias of f from 1.
    use_peepholes : bool
        Let the gates see the cell's state, through a weight for each pixel and filter. The size
        of the frames must then be known.
    dropout : float
        Share of the inputs that training sets to 0; drawn once per batch for all steps.
    recurrent_dropout : float
        Share of the state that training sets to 0; drawn once per batch for each gate, and so is
        then that of the inputs. Training then runs step by step, several times slower.
    seed, return_sequences, return_state, go_backwards, stateful :
        As for `LSTM`.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Attributes
    ----------
    kernel : Variable, shape (KH, KW, channels, 4F)
    recurrent_kernel : Variable, shape (KH, KW, filters, 4F)
    bias : Variable or None, shape (4F,)
    peephole : Variable or None, shape (3, OH, OW, filters)

    References
    ----------
    Shi et al. 2015, "Convolutional LSTM Network: A Machine Learning Approach for Precipitation
    Nowcasting".

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.ConvLSTM2D(4, 3, padding="same")(np.ones((2, 5, 8, 6, 3))).shape
    (2, 8, 6, 4)
    """

    cell = "conv_lstm2d"
    packs_weights = False

    def __init__(
        self,
        filters: int,
        kernel_size: PerAxis,
        strides: PerAxis = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: PerAxis = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        *,
        use_peepholes: bool = False,
        **kwargs: Any,
    ) -> None:
        check_positive(type(self).__name__, filters=filters)
        super().__init__(
            filters,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            unit_forget_bias,
            **kwargs,
        )
        check_data_format(self.name, data_format, 2)
        self.filters = self.units
        self.kernel_size = per_axis(self.name, 2, kernel_size=kernel_size)
        self.strides = per_axis(self.name, 2, strides=strides)
        self.padding = check_padding(self.name, padding)
        self.dilation_rate = per_axis(self.name, 2, dilation_rate=dilation_rate)
        self.use_peepholes = use_peepholes
        self.peephole: Variable | None = None
        for argument in ("activation", "recurrent_activation"):
            if getattr(self, argument) not in ops.FUSED_ACTIVATIONS:
                known = ", ".join(sorted(ops.FUSED_ACTIVATIONS))
                raise ValueError(
                    f"{self.name}: {argument} must be one of {known}; "
                    f"got {getattr(self, argument)!r}"
                )

    def cell_options(self) -> dict[str, Any]:
        return super().cell_options() | {
            "strides": self.strides,
            "padding": self.padding,
            "dilation": self.dilation_rate,
        }

    def call_options(self) -> dict[str, Any]:
        """What the ops take beside the arrays, the peepholes included."""
        if self.peephole is None:
            return self._options
        return self._options | {"peephole": self.peephole.value}

    # Weights ---------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        sizes = self._output_sizes(input_shape)
        self._options = self.cell_options()
        columns = self.gates * self.filters
        for name, channels, role in (
            ("kernel", input_shape[-1], "kernel"),
            ("recurrent_kernel", self.filters, "recurrent"),
        ):
            shape = (*self.kernel_size, channels, columns)
            initializer = getattr(self, f"{role}_initializer")
            weight = self.add_weight(shape, initializer, name=name, **self.of_role(role))
            setattr(self, name, weight)
        if self.use_bias:
            self.bias = self.add_weight(
                self.bias_shape(), self.initial_bias, name="bias", **self.of_role("bias")
            )
        if self.use_peepholes:
            if None in sizes:
                raise ValueError(
                    f"{self.name}: use_peepholes needs frames of known size, got {input_shape}"
                )
            shape = (3, *sizes, self.filters)
            self.peephole = self.add_weight(shape, "zeros", name="peephole")

    # Passes ----------------------------------------------------------------------------

    train_back = staticmethod(ops.conv_lstm2d_backward)

    def infer(self, x: Array, initial: Any, mask: Array | None, reverse: bool) -> Any:
        options = self.call_options()
        return ops.conv_lstm2d(
            x, *self.weight_values(), *initial, mask=mask, reverse=reverse, **options
        )

    def train_steps(self, x: Array, initial: Any, **options: Any) -> Any:
        options |= self.call_options()
        return ops.conv_lstm2d_forward(x, *self.weight_values(), *initial, **options)

    def _flat_frames(self, x: Array) -> Array:
        return x

    def _dropout_masks(self, x: Array) -> dict[str, Array]:
        shape = (len(x), *x.shape[2:])
        return {"dropout_mask": kept(self._rng, shape, self.dropout, x.dtype)}

    def run_steps(
        self, x: Array, initial: Sequence[Array], training: bool, mask: Array | None, reverse: bool
    ) -> tuple[Array, tuple[Array, ...], Any]:
        if training is not True or not self.recurrent_dropout:
            return super().run_steps(x, initial, training, mask, reverse)
        state: Any = self.state_shapes(x.shape)[0]
        x_mask: Any = 1
        if self.dropout:
            x_mask = kept(self._rng, (4, len(x), *x.shape[2:]), self.dropout, x.dtype)
        h_mask = kept(self._rng, (4, *state), self.recurrent_dropout, x.dtype)
        runner = CellRunner(DroppedConvLSTMCell(self, state[1:], x_mask, h_mask))
        y, states, cache = runner.run_steps(x, initial, training, mask, reverse)
        return y, states, (cache, runner)

    def run_steps_back(
        self, cache: Any, dy: Array | None, dstates: Sequence[Array | None]
    ) -> tuple[Array | None, list[Array]]:
        inner, runner = cache
        if not isinstance(runner, CellRunner):
            return super().run_steps_back(cache, dy, dstates)
        runner.need_dx = self.need_dx
        return runner.run_steps_back(inner, dy, dstates)

    # Description -----------------------------------------------------------------------

    def _output_sizes(self, input_shape: Any) -> tuple[int | None, ...]:
        if len(input_shape) != 5 or input_shape[-1] is None:
            raise ValueError(
                f"{self.name}: needs frames (N, T, height, width, channels) of known channels, "
                f"got {tuple(input_shape)}"
            )
        return window_sizes(
            self.name,
            tuple(input_shape[2:4]),
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            self.padding,
        )

    def state_shapes(self, input_shape: Any) -> list[tuple[int | None, ...]]:
        return [(input_shape[0], *self._output_sizes(input_shape), self.filters)] * self.states

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["units"]
        own = {"use_peepholes": True} if self.use_peepholes else {}
        return (
            config
            | own
            | {
                "filters": self.filters,
                "kernel_size": self.kernel_size,
                "strides": self.strides,
                "padding": self.padding,
                "data_format": "channels_last",
                "dilation_rate": self.dilation_rate,
            }
        )
