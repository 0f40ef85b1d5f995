"""`fastrnn bench`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from fastrnn.cli.errors import DebugOption, errors_in_one_line


def bench(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: DebugOption = False,
) -> None:
    """Time a step of each kind of layer, beside Keras where it is installed.

    Takes some seconds. The outputs are compared before anything is timed, and both are measured
    in turns; close other programs. `python benchmarks/bench_models.py` in the sources measures
    whole networks, with memory and other packages.
    """
    with errors_in_one_line(debug):
        from rich.console import Console
        from rich.table import Table

        from fastrnn.apps import run_bench
        from fastrnn.config import show_config

        config = show_config()
        about = {name: config[name] for name in ("version", "isa", "threads") if name in config}
        console = Console(highlight=False, stderr=as_json)
        console.print(", ".join(f"{name} {value}" for name, value in about.items()))
        timings = []
        with console.status("measuring"):
            for timing in run_bench():
                timings.append(timing)
                console.print(f"{timing.name}: {timing.step}", style="dim")
        if as_json:
            typer.echo(json.dumps({**about, "timings": [asdict(each) for each in timings]}))
            return
        peers = [who for who in timings[0].milliseconds if who != "fastrnn"]
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("layer")
        table.add_column("size")
        table.add_column("step")
        for who in ("fastrnn", *peers):
            table.add_column(f"{who}, ms", justify="right")
        if peers:
            table.add_column("times faster", justify="right")
        for each in timings:
            cells = [f"{value:.2f}" for value in each.milliseconds.values()]
            ours = each.milliseconds["fastrnn"]
            cells += [f"{each.milliseconds[who] / ours:.1f}" for who in peers]
            table.add_row(each.name, each.shape, each.step, *cells)
        console.print(table)
