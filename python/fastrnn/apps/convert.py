"""From one kind of model or weights file to another."""

from __future__ import annotations

import os
from pathlib import Path

from fastrnn.apps.classifier import VideoClassifier
from fastrnn.models import Model, load_model

_MODELS = (".keras", ".h5", ".hdf5")


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

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileExistsError
        If there is a `target` and `overwrite` is False.
    ValueError
        If the file is damaged, or what it holds has no place in the other kind.

    Examples
    --------
    >>> from fastrnn import Sequential, layers
    >>> from fastrnn.apps import convert_file
    >>> Sequential([layers.Input((3,)), layers.Dense(2)]).save("model.keras")
    >>> convert_file("model.keras", "model.safetensors", torch=True)
    """
    source, target = Path(source), Path(target)
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists; allow its replacement to overwrite it")
    form = "torch" if torch else None
    if model is None and VideoClassifier.is_file(source):
        classifier = VideoClassifier.load(source)
        if target.suffix == ".keras":
            classifier.save(target)
            return
        network: Model = classifier.model
    else:
        network = load_model(source if model is None else model, compile=training)
    if model is not None:
        network.load_weights(source, format=form if source.suffix == ".safetensors" else None)
    if target.suffix in _MODELS and not target.name.endswith(".weights.h5"):
        network.save(target, overwrite, training)
    else:
        network.save_weights(target, overwrite, form if target.suffix == ".safetensors" else None)
