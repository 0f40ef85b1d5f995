"""`fastrnn convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrnn.cli.errors import DebugOption, errors_in_one_line


def convert(
    old: Annotated[Path, typer.Argument(help="A file of a model or of weights.")],
    new: Annotated[Path, typer.Argument(help="The file to write; its name says its kind.")],
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The model whose weights OLD holds, where it says not."),
    ] = None,
    torch: Annotated[
        bool, typer.Option("--torch", help="Safetensors in the form of PyTorch's state_dict.")
    ] = False,
    training: Annotated[
        bool,
        typer.Option(
            "--training/--no-training", help="Keep loss, metrics and the optimizer's state."
        ),
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace NEW.")] = False,
    debug: DebugOption = False,
) -> None:
    """Write the model or weights of OLD as NEW.

    Whole models: .keras (Keras 3) and .h5 (Keras 2). Weights alone: .weights.h5 and
    .safetensors.

    Example: fastrnn convert old_model.h5 model.keras
    """
    with errors_in_one_line(debug):
        from fastrnn.apps import convert_file

        convert_file(old, new, model=model, torch=torch, training=training, overwrite=overwrite)
        typer.echo(f"wrote {new}")
