"""The commands and their options; each calls one function of `fastrnn.apps`."""

from __future__ import annotations

from typing import Annotated

import typer

from fastrnn.cli.bench import bench
from fastrnn.cli.convert import convert
from fastrnn.cli.demo import demo
from fastrnn.cli.doctor import doctor
from fastrnn.cli.eval import evaluate
from fastrnn.cli.features import features
from fastrnn.cli.generate import generate
from fastrnn.cli.inspect import inspect
from fastrnn.cli.predict import predict
from fastrnn.cli.track import track
from fastrnn.cli.train import CONTEXT, train

app = typer.Typer(
    name="fastrnn",
    help="Train recurrent networks on clips, images, sound and the like, and use them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # fills the paragraphs of the help pages
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(context_settings=CONTEXT, add_help_option=False)(train)
app.command("eval")(evaluate)
app.command()(predict)
app.command()(track)
app.command()(features)
app.command()(generate)
app.command()(inspect)
app.command()(convert)
app.command()(bench)
app.command()(demo)
app.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from fastrnn import __version__

        typer.echo(f"fastrnn {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass
