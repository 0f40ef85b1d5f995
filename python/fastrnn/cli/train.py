"""`fastrnn train`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from fastrnn.cli.errors import EXIT_INTERRUPTED, DebugOption, errors_in_one_line

FRAMES = "Frames and windows"
NETWORK = "Network"
TRAINING = "Training"
VALIDATION = "Validation"


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height of '32' or '32x24'."""
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text.strip())
    if match is None:
        raise typer.BadParameter(f"expected a size such as 32 or 32x24, got '{text}'")
    return int(match[1]), int(match[2] or match[1])


def parse_sizes(text: str | None) -> tuple[int, ...] | None:
    """Return the numbers of '128,64', or None."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"expected numbers such as 128 or 128,64, got '{text}'") from None


def train(
    folder: Annotated[
        Path, typer.Argument(help="Folder with one sub-folder of video files per class.")
    ],
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over the training clips.", rich_help_panel=TRAINING)
    ] = 40,
    batch: Annotated[
        int, typer.Option(min=1, help="Windows per step.", rich_help_panel=TRAINING)
    ] = 32,
    lr: Annotated[
        float,
        typer.Option(help="Adam's learning rate at the start.", rich_help_panel=TRAINING),
    ] = 1e-3,
    shift: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Move training pictures at random by up to this many pixels.",
            show_default="an eighth of the picture",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of all that is random.", rich_help_panel=TRAINING)
    ] = 0,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTH[xHEIGHT]",
            help="Resize frames to this many pixels.",
            show_default="48 where there are convolutions, else 32",
            rich_help_panel=FRAMES,
        ),
    ] = None,
    colour: Annotated[
        bool, typer.Option("--colour", help="Keep the colours.", rich_help_panel=FRAMES)
    ] = False,
    window: Annotated[
        int, typer.Option(min=1, help="Frames in a window.", rich_help_panel=FRAMES)
    ] = 16,
    stride: Annotated[
        int, typer.Option(min=1, help="Frames between window starts.", rich_help_panel=FRAMES)
    ] = 4,
    step: Annotated[
        int, typer.Option(min=1, help="Use every so many-th frame.", rich_help_panel=FRAMES)
    ] = 1,
    view: Annotated[
        str,
        typer.Option(
            help="What the network sees: pixels as they are; background: minus the window's mean "
            "picture; difference: minus the frame before.",
            metavar="pixels|background|difference",
            rich_help_panel=FRAMES,
        ),
    ] = "background",
    model: Annotated[
        str,
        typer.Option(
            help="The network: convolutions over each frame, then LSTM or GRU layers; a ConvLSTM; "
            "LSTM layers over the rows of each frame, or over whole frames.",
            metavar="cnn-lstm|cnn-gru|convlstm|rows-lstm|frames-lstm",
            rich_help_panel=NETWORK,
        ),
    ] = "cnn-lstm",
    units: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N...]",
            help="Units of each recurrent layer.",
            show_default="what suits the network",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    filters: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N...]",
            help="Filters of each convolution.",
            show_default="what suits the network",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    dropout: Annotated[
        float,
        typer.Option(help="Share dropped after each recurrent layer.", rich_help_panel=NETWORK),
    ] = 0.2,
    validation: Annotated[
        float,
        typer.Option("--val", help="Part of the clips held back.", rich_help_panel=VALIDATION),
    ] = 0.2,
    validation_group: Annotated[
        str | None,
        typer.Option(
            "--val-group",
            metavar="REGEX",
            help="Hold back whole groups: clips whose names match alike stay together, such as "
            "'[^_]+' for person_action.avi.",
            rich_help_panel=VALIDATION,
        ),
    ] = None,
    validation_match: Annotated[
        str | None,
        typer.Option(
            "--val-match",
            metavar="REGEX",
            help="Hold back exactly the clips whose names match.",
            rich_help_panel=VALIDATION,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Parent folder of the results.")] = Path("runs"),
    name: Annotated[str, typer.Option(help="Results go to OUT/NAME1, NAME2, ...")] = "train",
    debug: DebugOption = False,
) -> None:
    """Train a network on a folder with one sub-folder of clips per class.

    Whole clips are held back to measure accuracy, per window and per clip. The folder of results
    holds model.keras (weights, class names and preprocessing), history.csv, args.json,
    results.json, curves.png and confusion.png. Ctrl-C ends training and keeps the best model.

    Example: fastrnn train clips --epochs 60 --val-group '[^_]+'
    """
    sides = None if size is None else parse_size(size)
    layer_units, layer_filters = parse_sizes(units), parse_sizes(filters)
    with errors_in_one_line(debug):
        from rich.console import Console

        from fastrnn.apps import NETWORKS, Architecture, TrainingOptions, train_classifier
        from fastrnn.cli.progress import TerminalProgress
        from fastrnn.cli.report import print_result
        from fastrnn.video import Preprocessing

        architecture = Architecture(model, layer_units, layer_filters, dropout)
        width, height = sides or (NETWORKS[model].size,) * 2
        options = TrainingOptions(
            preprocessing=Preprocessing(
                width=width,
                height=height,
                window=window,
                stride=stride,
                frame_step=step,
                view=view,  # type: ignore[arg-type]  # checked by Preprocessing
                colour=colour,
            ),
            architecture=architecture,
            epochs=epochs,
            batch_size=batch,
            learning_rate=lr,
            shift=min(width, height) // 8 if shift is None else shift,
            validation=validation,
            validation_group=validation_group,
            validation_match=validation_match,
            seed=seed,
        )
        console = Console()
        with TerminalProgress(console, epochs) as progress:
            result = train_classifier(folder, options, out=out, name=name, progress=progress)
        print_result(console, result)
        if result.interrupted:
            raise typer.Exit(EXIT_INTERRUPTED)
