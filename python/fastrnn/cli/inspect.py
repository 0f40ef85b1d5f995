"""`fastrnn inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fastrnn.cli.errors import DebugOption, errors_in_one_line


def inspect(
    file: Annotated[Path, typer.Argument(help=".keras, .h5, .weights.h5 or .safetensors.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: DebugOption = False,
) -> None:
    """Show what FILE holds: layers, what the model is compiled for, weights and their ranges.

    Nothing in the file is run. The exit code is 1 if it is damaged or could do harm.

    Example: fastrnn inspect model.keras
    """
    with errors_in_one_line(debug):
        from fastrnn.apps import inspect_file

        found = inspect_file(file)
        if as_json:
            # Numbers that JSON does not have become text: "NaN", "Infinity".
            found = json.loads(json.dumps(found), parse_constant=str)
            typer.echo(json.dumps(found, indent=2, allow_nan=False))
        else:
            _print(found)


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    versions = ", ".join(f"{name} {value}" for name, value in found["versions"].items())
    heading = f"{found['file']}: {found['kind']}, {found['bytes']:,} bytes"
    console.print(heading, markup=False, soft_wrap=True)
    if versions:
        console.print(f"  {versions}", markup=False, soft_wrap=True)
    if found.get("classes"):
        console.print(f"  classes {', '.join(found['classes'])}", markup=False, soft_wrap=True)
    if found.get("unreadable"):
        reason = f"  fastrnn cannot make this model: {found['unreadable']}"
        console.print(reason, markup=False, style="yellow", soft_wrap=True)
    if "layers" in found:
        rows = [
            [layer["name"], layer["class"], _shape(layer["output_shape"]), layer["parameters"]]
            for layer in found["layers"]
        ]
        _print_table(console, ["layer", "class", "output shape", ">parameters"], rows)
    if found.get("compiled"):
        console.print("compiled for", style="bold")
        for name, value in found["compiled"].items():
            if value is not None:
                console.print(f"  {name}: {_short(value)}", markup=False, soft_wrap=True)
    rows = [
        [weight["name"], weight["dtype"], _shape(weight["shape"])]
        + ["" if weight[key] is None else f"{weight[key]:.4g}" for key in ("min", "max", "mean")]
        for weight in found["weights"]
    ]
    _print_table(console, ["weight", "type", "shape", ">min", ">max", ">mean"], rows)


def _print_table(console: Any, columns: list[str], rows: list[list[Any]]) -> None:
    """A table; columns whose names begin with ">" are of numbers."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(
            name.removeprefix(">"),
            justify="right" if name.startswith(">") else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(f"{v:,}" if isinstance(v, int) else str(v or "")) for v in row))
    console.print(table)


def _shape(shape: Any) -> str:
    if shape is None:
        return ""
    if shape and isinstance(shape[0], (list, tuple)):
        return ", ".join(map(_shape, shape))
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"


def _short(value: Any) -> str:
    """An object's class and the settings it was given, or the value itself."""
    if isinstance(value, dict) and "class_name" in value:
        config = value.get("config") or {}
        if not isinstance(config, dict):
            return str(config)
        given = ", ".join(f"{k}={_short(v)}" for k, v in config.items() if v is not None)
        return f"{value['class_name']}({given})"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_short, value))
    return str(value)
