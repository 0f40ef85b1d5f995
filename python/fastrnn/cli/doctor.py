"""`fastrnn doctor`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fastrnn.cli.errors import EXIT_ERROR, DebugOption, errors_in_one_line


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: DebugOption = False,
) -> None:
    """Describe the machine and the installation, and check them.

    The exit code is 1 if a check fails. Add the output to a report of a problem.
    """
    with errors_in_one_line(debug):
        from fastrnn.apps import diagnose

        sections = diagnose()
        if as_json:
            typer.echo(json.dumps(sections, indent=2, default=str))
        else:
            for title, values in sections.items():
                typer.echo(title)
                for name, value in values.items():
                    typer.echo(f"  {name}: {value}")
        if any(value != "ok" for value in sections["checks"].values()):
            raise typer.Exit(EXIT_ERROR)
