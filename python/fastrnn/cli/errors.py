"""Errors in one line, and the exit codes of the command."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Annotated

import typer

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # as a shell reports a command ended by Ctrl-C

DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show the full trace of an error.", rich_help_panel="Other")
]


@contextlib.contextmanager
def errors_in_one_line(debug: bool, code: int = EXIT_ERROR) -> Iterator[None]:
    """Print an error as one line and leave with an exit code; with `debug`, let it through.

    Warnings are one line each, too.

    Exit codes: 0 done, 1 error, 2 wrong usage, 130 interrupted.
    """
    try:
        with warnings.catch_warnings():
            if not debug:
                warnings.showwarning = _print_warning
            yield
    except KeyboardInterrupt:
        if debug:
            raise
        typer.echo("fastrnn: interrupted", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except _expected() as error:
        if debug or isinstance(error, typer.Exit):
            raise
        text = " ".join(str(error).split()) or type(error).__name__
        typer.echo(f"fastrnn: error: {text}", err=True)
        raise typer.Exit(code) from None


def _expected() -> tuple[type[BaseException], ...]:
    """Errors that say what is wrong with files, values or the machine; OpenCV's own, too."""
    kinds = OSError, ValueError, TypeError, RuntimeError, ImportError, MemoryError
    opencv = sys.modules.get("cv2")
    return kinds if opencv is None else (*kinds, opencv.error)


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    typer.echo(f"fastrnn: {' '.join(str(message).split())}", err=True)
