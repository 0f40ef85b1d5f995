"""From one kind of model or weights file to another."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from fastrnn._files import check_output
from fastrnn.apps.model_file import kind_of, load_trained, save_trained
from fastrnn.models import Model, load_model
from fastrnn.models.saving import FORMATS

_SUFFIXES = (*FORMATS, ".safetensors")


def convert_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | None = None,
    torch: bool = False,
    training: bool = True,
    overwrite: bool = False,
) -> None:
    """Write what a file holds as a file of another kind.

    Parameters
    ----------
    source : path
        A model (``.keras``, ``.h5`` back to Keras 2, what `fastrnn train` wrote), or, with
        `model`, weights (``.weights.h5``, ``.h5``, ``.safetensors``).
    target : path
        Its name says the kind: ``.keras`` and ``.h5`` a whole model, ``.weights.h5`` and
        ``.safetensors`` the weights alone.
    model : path, optional
        A file that describes the model whose weights `source` holds.
    torch : bool
        Of ``.safetensors``: names and layouts of a PyTorch ``state_dict``.
    training : bool
        Keep what the model is compiled for, and the optimizer's state.
    overwrite : bool
        Whether `target` may be replaced.

    Warns
    -----
    UserWarning
        If the file's names of classes and the like have no place in the other kind.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileExistsError
        If there is a `target` and `overwrite` is False.
    ValueError
        If the file is damaged, what it holds has no place in the other kind, or `target` is one
        of the files that are read.

    Examples
    --------
    >>> from fastrnn import Sequential, layers
    >>> from fastrnn.apps import convert_file
    >>> Sequential([layers.Input((3,)), layers.Dense(2)]).save("model.keras")
    >>> convert_file("model.keras", "model.safetensors", torch=True)
    """
    source, target = Path(source), Path(target)
    given = [source] if model is None else [source, Path(model)]
    check_output(target, "a model or its weights", _SUFFIXES, given)
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists; --overwrite (overwrite=True) replaces it")
    form = "torch" if torch else None
    kind = kind_of(source) if model is None else None
    network: Model
    if kind is not None:
        network, about = load_trained(source, kind)
        if target.suffix == ".keras":
            save_trained(target, network, kind, about)
            return
    else:
        network = load_model(source if model is None else model, compile=training)
    if model is not None:
        network.load_weights(source, format=form if source.suffix == ".safetensors" else None)
    if target.suffix in FORMATS and not target.name.endswith(".weights.h5"):
        network.save(target, overwrite, training)
    else:
        network.save_weights(target, overwrite, form if target.suffix == ".safetensors" else None)
    if kind is not None:
        warnings.warn(
            f"{target} holds the network alone: names of classes, preprocessing and what else "
            f"makes it a {kind} are kept by .keras files",
            stacklevel=2,
        )
