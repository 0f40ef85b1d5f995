"""A trained thing in one ``.keras`` file: its network, and what else it needs, as an asset.

Keras reads the network from it; `fastrnn` knows by the asset what it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastrnn.formats import keras_json, keras_zip
from fastrnn.models import Model, load_model

ASSET = "fastrnn.json"


def save_trained(
    path: str | os.PathLike[str], model: Model, kind: str, about: Mapping[str, Any]
) -> None:
    """Write a file; one that is there is replaced in one step.

    Parameters
    ----------
    path : path
        Ends in ``.keras``.
    model : Model
    kind : str
        What it is: ``"fastrnn video classifier"``.
    about : dict
        Names of classes, preprocessing and the like, as JSON can hold them.
    """
    from fastrnn import __version__

    text = json.dumps({"format": kind, "fastrnn_version": __version__, **about})
    keras_zip.save(model, path, include_optimizer=False, assets={ASSET: text.encode()})


def load_trained(path: str | os.PathLike[str], kind: str) -> tuple[Model, dict[str, Any]]:
    """Read what `save_trained` wrote: the model, not compiled, and what is said about it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is something else, or damaged.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such model file: {path}")
    about = _about(path)
    if about.get("format") != kind:
        raise ValueError(f"{path}: not a {kind} file")
    return load_model(path, compile=False), about


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """What a ``.keras`` file holds; None for a plain model, and for other files."""
    if Path(path).suffix != ".keras" or not Path(path).is_file():
        return None
    return _about(path).get("format")


def _about(path: str | os.PathLike[str]) -> dict[str, Any]:
    with keras_zip.open_file(path) as file:
        asset = file.asset(ASSET)
    return {} if asset is None else keras_json.parse(f"{path}: {ASSET}", asset)
