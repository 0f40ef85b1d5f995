"""Weights from and for PyTorch: a ``state_dict``, given as arrays or as a safetensors file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrnn.formats import safetensors
from fastrnn.formats.torch_layout import Part, parts_of_layers
from fastrnn.layers import BatchNormalization, Bidirectional, Layer, Recurrent

__all__ = ["load", "state_dict"]

Array = NDArray[Any]

_RECURRENT = re.compile(r"((?:weight|bias)_[a-z]{2})(?:_l(\d+))?(_reverse)?")
_UNUSED = "num_batches_tracked"


def load(model: Any, source: Any, names: Mapping[str, str] | None = None) -> None:
    """Set a model's weights from those of a PyTorch model with the same layers.

    Each layer takes the first module that is left, in the order of the state_dict, whose arrays
    fit it. A file of safetensors does not keep that order: there, modules go by their names,
    numbers by their value, and two of different names that fit alike are an error.

    Parameters
    ----------
    model : Model
        Built.
    source : dict of str to ndarray or torch.Tensor, or path
        A ``state_dict``, or a ``.safetensors`` file of one.
    names : dict of str to str, optional
        The module of a layer, by its name, where the order does not do: ``{"dense": "head"}``.
        The second layer of an ``nn.LSTM`` named ``rnn`` is ``"rnn.l1"``.

    Raises
    ------
    ValueError
        If a layer or a module is left over, or the source is a pickle; the weights are then
        unchanged.

    Notes
    -----
    PyTorch's BatchNorm and LayerNorm have epsilon 1e-5, Keras' 1e-3, and a state_dict does not
    say: make the layers with ``epsilon=1e-5``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import Sequential, layers
    >>> from fastrnn.formats import torch_state_dict
    >>> model = Sequential([layers.Input((3,)), layers.Dense(2)])
    >>> torch_state_dict.load(model, {"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2)})
    >>> model.predict(np.ones((1, 3)), verbose=0)
    array([[3., 3.]], dtype=float32)
    """
    ordered = isinstance(source, Mapping)
    arrays = dict(source) if ordered else _read(Path(source))
    modules = _modules(arrays if ordered else dict(sorted(arrays.items(), key=_natural)))
    found: list[tuple[Part, Any]] = []
    for layer, parts in parts_of_layers(model):
        module = _choose(layer, parts, modules, (names or {}).get(layer.name), ordered)
        modules.remove(module)
        found += [(part, module.arrays.get(part.name)) for part in parts]
    if modules:
        left = ", ".join(module.label for module in modules)
        raise ValueError(f"{model.name}: has no layers for the modules {left}")
    values = {id(part.variable): np.zeros(part.variable.shape) for part, _ in found}
    for part, array in found:
        if array is not None:
            part.add_to(values[id(part.variable)], _as_array(array))
    for part, _ in found:
        part.variable.assign(values[id(part.variable)])


def state_dict(model: Any) -> dict[str, Array]:
    """A model's weights as PyTorch's modules have them, under the names of the layers.

    Returns
    -------
    dict of str to ndarray
        For ``load_state_dict`` of a module whose parts have the layers' names, once
        ``torch.from_numpy`` has made tensors of them.

    Raises
    ------
    ValueError
        If PyTorch has no counterpart of a layer.

    Examples
    --------
    >>> from fastrnn import Sequential, layers
    >>> from fastrnn.formats import torch_state_dict
    >>> model = Sequential([layers.Input((5, 3)), layers.GRU(4, name="rnn")])
    >>> [(name, value.shape) for name, value in torch_state_dict.state_dict(model).items()][:2]
    [('rnn.weight_ih_l0', (12, 3)), ('rnn.weight_hh_l0', (12, 4))]
    """
    result: dict[str, Array] = {}
    for layer, parts in parts_of_layers(model):
        for part in parts:
            name = part.name
            if isinstance(layer, (Recurrent, Bidirectional)):
                name = f"{name.removesuffix('_reverse')}_l0{'_reverse' * name.endswith('_reverse')}"
            result[f"{layer.name}.{name}"] = part.to_torch()
        if isinstance(layer, BatchNormalization):
            result[f"{layer.name}.{_UNUSED}"] = np.zeros((), np.int64)
    return result


def save_file(model: Any, path: Path, overwrite: bool, format: str | None) -> None:
    """Write a model's weights as safetensors, in PyTorch's names or our own."""
    if _is_torch(format):
        safetensors.save_file(state_dict(model), path, {"format": "pt"}, overwrite)
    else:
        safetensors.save_weights(model, path, overwrite)


def load_file(model: Any, path: Path, format: str | None) -> None:
    """Set a model's weights from safetensors in PyTorch's names or our own."""
    _, metadata = safetensors.read_header(path)
    if _is_torch(format) or (format is None and metadata.get("format") == "pt"):
        load(model, path)
    else:
        safetensors.load_weights(model, path)


def _is_torch(format: str | None) -> bool:
    if format not in (None, "torch"):
        raise ValueError(f"format must be 'torch' or None, got {format!r}")
    return format == "torch"


@dataclass
class _Module:
    """The arrays of one module, or of one layer of a recurrent one."""

    label: str
    arrays: dict[str, Any] = field(default_factory=dict)

    def misfit(self, parts: list[Part]) -> str | None:
        """Why the module is not the one of a layer, or None; biases may be missing."""
        wanted = {part.name: part.indices.shape for part in parts}
        for name, array in self.arrays.items():
            if name not in wanted:
                return f"has {name}, which the layer has not"
            if tuple(array.shape) != wanted[name]:
                return f"has {name} of shape {tuple(array.shape)}, the layer {wanted[name]}"
        missing = [name for name in wanted if name not in self.arrays and "bias" not in name]
        return f"has no {missing[0]}" if missing else None


def _modules(arrays: Mapping[str, Any]) -> list[_Module]:
    """A state_dict's arrays by module; each layer of a recurrent module counts as one."""
    found: dict[str, _Module] = {}
    for key, array in arrays.items():
        if not isinstance(key, str) or not hasattr(array, "shape"):
            raise ValueError(f"a state_dict must hold arrays by name, got {key!r}: {type(array)}")
        prefix, _, name = key.rpartition(".")
        if name == _UNUSED:
            continue
        recurrent = _RECURRENT.fullmatch(name)
        if recurrent:
            prefix = f"{prefix}.l{recurrent[2] or 0}".removeprefix(".")
            name = recurrent[1] + (recurrent[3] or "")
        found.setdefault(prefix, _Module(prefix)).arrays[name] = array
    return list(found.values())


def _choose(
    layer: Layer, parts: list[Part], modules: list[_Module], name: str | None, ordered: bool
) -> _Module:
    if name is not None:
        modules = [module for module in modules if module.label in (name, f"{name}.l0")]
    fitting = [module for module in modules if module.misfit(parts) is None]
    if not fitting:
        reason = f": {modules[0].label} {modules[0].misfit(parts)}" if modules else ""
        raise ValueError(f"{layer.name}: no module fits {type(layer).__name__}{reason}")
    kinds = {re.sub(r"\d+", "0", module.label) for module in fitting}
    if not ordered and len(kinds) > 1:
        labels = " and ".join(module.label for module in fitting[:2])
        raise ValueError(
            f"{layer.name}: {labels} fit alike, and the file does not say which comes first; "
            f"call torch_state_dict.load(model, file, names={{{layer.name!r}: ...}})"
        )
    return fitting[0]


def _natural(item: tuple[str, Any]) -> list[Any]:
    """Sort "10" after "9"."""
    return [(0, int(w), "") if w.isdigit() else (1, 0, w) for w in re.split(r"(\d+)", item[0])]


def _read(path: Path) -> dict[str, Array]:
    if path.suffix in (".pt", ".pth", ".bin", ".ckpt"):
        raise ValueError(pickle_refusal(path))
    return safetensors.load_file(path)


def pickle_refusal(path: str | os.PathLike[str]) -> str:
    """Why a file of PyTorch's is not read, and what to do."""
    name = Path(path).name
    return (
        f"{name} holds a pickle, which may run code when it is read; in PyTorch, "
        "safetensors.torch.save_file(torch.load("
        f"{name!r}, weights_only=True), 'model.safetensors') makes a file of it that is read here"
    )


def _as_array(value: Any) -> Array:
    """An array of what a state_dict holds, torch's tensors and their bfloat16 included."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if not value.dtype.is_complex and value.itemsize < 4 else value
        value = value.numpy()
    return np.asarray(value)
