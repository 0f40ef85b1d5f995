"""Which kernel each layer of a model runs on, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastrnn import layers, ops
from fastrnn.config import get_num_threads, isa
from fastrnn.layers.affine import Affine
from fastrnn.layers.convolution_base import Windowed
from fastrnn.layers.fused_cells import FusedCell
from fastrnn.layers.global_pooling import GlobalPooling
from fastrnn.layers.merging import Merge
from fastrnn.layers.pooling import Pooling
from fastrnn.layers.recurrent_base import RecurrentBase
from fastrnn.layers.up_sampling import UpSampling


@dataclass(frozen=True)
class Record:
    """What runs a layer.

    Attributes
    ----------
    layer, kind : str
        Name and class.
    kernel : str
        What does the work.
    reason : str
    remedy : str
        What to change to have a faster kernel; empty where this is the fast one.
    """

    layer: str
    kind: str
    kernel: str
    reason: str = ""
    remedy: str = ""

    @property
    def fast(self) -> bool:
        """Whether nothing faster is there for what the layer computes."""
        return not self.remedy


class Explanation(list[Record]):
    """A record for each layer, and the whole as text by `str`."""

    def __init__(self, records: list[Record], notes: list[str]) -> None:
        super().__init__(records)
        self.notes = notes

    def __str__(self) -> str:
        width = max((len(f"{r.layer} ({r.kind})") for r in self), default=0)
        lines = list(self.notes)
        for r in self:
            head = f"{r.layer} ({r.kind})".ljust(width)
            reason = f": {r.reason}" if r.reason else ""
            lines.append(f"{head}  {r.kernel}{reason}" + (f"; {r.remedy}" if r.remedy else ""))
        return "\n".join(lines)

    __repr__ = __str__


def explain(model: Any, strict: bool = False) -> Explanation:
    """The kernels of a built model; parameters as in `Model.explain`."""
    if not model.built:
        raise ValueError(f"{model.name}.explain: build the model first, by an Input or build()")
    records = list(_of_layers(model.layers, False))
    slow = next((record for record in records if not record.fast), None)
    if strict and slow is not None:
        raise ValueError(
            f"{model.name}.explain: {slow.layer} ({slow.kind}) runs on {slow.kernel}: "
            f"{slow.reason}; {slow.remedy}"
        )
    return Explanation(records, _notes(model))


def _notes(model: Any) -> list[str]:
    threads = get_num_threads()
    count = f"up to {threads} threads" if threads > 1 else "one thread"
    notes = [f"{model.name}: {model.dtype.name}, {isa()} kernels, {count}"]
    objective = model.objective
    if objective is not None:
        flags = objective.fuses(model.final_activation)
        fused = any(flags) if isinstance(flags, (list, tuple)) else bool(flags)
        activation = model.final_activation
        if fused:
            notes.append(f"loss: computed together with the final {activation}, from its input")
        else:
            notes.append("loss: computed from the output")
    return notes


def _of_layers(stack: list[Any], masked: bool) -> Iterator[Record]:
    for layer in stack:
        if hasattr(layer, "layers"):
            yield from _of_layers(layer.layers, masked)
        else:
            yield from _of_layer(layer, masked)
        masked = layer.makes_mask or (masked and layer.supports_masking)


def _of_layer(layer: Any, masked: bool) -> Iterator[Record]:
    """A layer's records; `masked` says whether a mask may reach it."""
    if isinstance(layer, layers.TimeDistributed):
        yield from _of_layers([layer.layer], False)
    elif isinstance(layer, layers.Bidirectional):
        yield from _of_layers([layer.forward_layer, layer.backward_layer], masked)
    elif isinstance(layer, RecurrentBase):
        for runner in layer.runners:
            yield _recurrent(layer, runner, masked)
    else:
        name, kind = layer.name, type(layer).__name__
        described = next((of for cls, of in _DESCRIBED if isinstance(layer, cls)), None)
        yield Record(name, kind, *(described(layer, masked) if described else _unknown(layer)))


def _recurrent(layer: Any, runner: Any, masked: bool) -> Record:
    of = layer.name, type(layer).__name__
    if not isinstance(runner, layers.Recurrent):
        cell = type(runner.cell).__name__
        return Record(
            *of, "Python, step by step", f"{cell} is a cell of one's own",
            "LSTMCell, GRUCell and SimpleRNNCell run on fused kernels",
        )  # fmt: skip
    if isinstance(runner, layers.ConvLSTM2D) and runner.recurrent_dropout:
        return Record(
            *of, "fused conv_lstm2d, in training step by step",
            "recurrent_dropout has a mask for each gate",
            "leave recurrent_dropout 0, or drop out the inputs",
        )  # fmt: skip
    names: list[Any] = [runner.activation, getattr(runner, "recurrent_activation", "linear")]
    unknown = [name for name in names if name not in ops.FUSED_ACTIVATIONS]
    if unknown:
        shown = [
            name if isinstance(name, str) else getattr(name, "__name__", "a callable")
            for name in unknown
        ]
        known = ", ".join(sorted(ops.FUSED_ACTIVATIONS))
        return Record(
            *of, "NumPy, step by step",
            f"the kernels do not know the activation {' and '.join(shown)}",
            f"use one of {known}",
        )  # fmt: skip
    inside = [*dict.fromkeys(names[: 1 if runner.gates == 1 else 2])]
    inside += ["dropout"] * bool(runner.dropout or runner.recurrent_dropout)
    inside += ["mask"] * masked
    return Record(*of, f"fused {runner.cell}", f"{', '.join(inside)} within the kernel")


# Kernel, reason and remedy by class --------------------------------------------------------

Text = tuple[str, ...]


def _activated(layer: Any, kernel: str) -> Text:
    """An op and the activation at its end."""
    activation = layer.activation
    if not isinstance(activation, str):
        return _called(kernel, activation)
    if activation == "linear":
        return (kernel,)
    if activation in ops.FUSED_ACTIVATIONS:
        return kernel, f"{activation} applied to the sums in registers"
    return kernel, f"{activation} in a second sweep"


def _called(kernel: str, function: Any) -> Text:
    name = getattr(function, "__name__", "a callable")
    return (
        f"{kernel}, then Python",
        f"the activation {name} is a function of one's own",
        "use an activation by its name",
    )


def _dense(layer: Any, masked: bool) -> Text:
    return _activated(layer, "matrix product")


def _windowed(layer: Any, masked: bool) -> Text:
    kinds = {
        "Separable": "depthwise convolution and matrix product",
        "Depthwise": "depthwise convolution",
    }
    name = type(layer).__name__
    kernel = next((text for prefix, text in kinds.items() if name.startswith(prefix)), None)
    return _activated(layer, kernel or f"{_algorithm(layer)} convolution")


def _algorithm(layer: Any) -> str:
    """The algorithm for a batch of 32 where the layer's input leaves its size open."""
    if layer.op.endswith("_transpose"):
        return "transposed"
    batch, *sizes = layer.input_shape
    if len(sizes) > layer.rank + 1:  # frames are folded into the batch
        steps, *sizes = sizes
        batch = (batch or 32) * (steps or 1)
    x = tuple(size or 64 for size in sizes)
    return ops.conv_algorithm((batch or 32, *x), layer.kernel.shape, **layer.op_options())


def _activation(layer: Any, masked: bool) -> Text:
    if not isinstance(layer.activation, str):
        return _called("nothing", layer.activation)
    return (f"{layer.activation} sweep",)


def _batch_normalization(layer: Any, masked: bool) -> Text:
    if not masked:
        return ("batch normalization",)
    return (
        "batch normalization, in training NumPy",
        "a mask leaves steps out of the statistics",
        "put it before the mask is made",
    )


def _simply(kernel: str) -> Callable[[Any, bool], Text]:
    return lambda layer, masked: (kernel,)


def _unknown(layer: Any) -> Text:
    if type(layer).__module__.startswith("fastrnn."):
        return ("NumPy",)
    return "Python", "a layer of one's own"


_DESCRIBED: tuple[tuple[Any, Callable[[Any, bool], Text]], ...] = (
    (layers.Dense, _dense),
    (Windowed, _windowed),
    (Affine, _dense),
    (Pooling, _simply("pooling")),
    (GlobalPooling, _simply("global pooling")),
    (layers.BatchNormalization, _batch_normalization),
    (layers.LayerNormalization, _simply("layer normalization")),
    (layers.Activation, _activation),
    (layers.Embedding, _simply("gather of rows")),
    ((layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU), _simply("elementwise sweep")),
    (layers.Softmax, _simply("softmax of rows")),
    (UpSampling, _simply("up-sampling")),
    (
        (layers.Flatten, layers.Reshape, layers.InputLayer, layers.Identity),
        _simply("none: the same memory"),
    ),
    (layers.Dropout, _simply("NumPy in training, else nothing")),
    (layers.GaussianNoise, _simply("NumPy in training, else nothing")),
    (layers.Masking, _simply("NumPy: comparison")),
    (layers.Rescaling, _simply("NumPy: two sweeps")),
    (Merge, _simply("NumPy: one sweep an input")),
    (FusedCell, _simply("one step of its layer's kernel")),
)
