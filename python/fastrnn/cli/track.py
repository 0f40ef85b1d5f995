"""`fastrnn track`."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fastrnn.cli.errors import DebugOption, errors_in_one_line
from fastrnn.cli.outputs import kept_on_interrupt, wrong_values

if TYPE_CHECKING:
    from fastrnn.apps.tracking import Tracker, TrackingSequence


def track(
    clip: Annotated[
        Path,
        typer.Argument(
            help="A video file, a folder of pictures, or a folder of a clip and its true boxes."
        ),
    ],
    box: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,W,H", help="The object in the first frame: left, top, width, height."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="A tracker that `fastrnn train --task track` wrote.",
            show_default="none, a rule judges",
        ),
    ] = None,
    detector: Annotated[
        Path | None,
        typer.Option(
            help="A detector that `fastrnn train --task detect` wrote: follow all it finds, by "
            "their overlaps, without a tracker's model."
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Lowest score of a detection, with --detector.",
            show_default="0.3",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Video file to write, with the boxes drawn in, .mp4, .avi or .mkv; one of that "
            "name is replaced."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the objects of each frame as a line of JSON.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Follow an object, or all that a detector finds, through a clip.

    With a folder that holds a clip and the true boxes of its frames (boxes.txt, gt.txt or
    groundtruth_rect.txt) the overlap with the truth is printed, beside that of a constant
    velocity, template matching and OpenCV's MIL tracker.

    Ctrl-C ends the clip, and the video that is written.

    Example: fastrnn track clip.mp4 --box 140,90,30,60 --output annotated.mp4
    """
    with errors_in_one_line(debug):
        from fastrnn.apps.detection import ObjectDetector
        from fastrnn.apps.tracking import (
            Tracker,
            has_truth,
            read_sequence,
            track_clip,
        )
        from fastrnn.video import parse_box
        from fastrnn.video.writer import check_video

        sequence = read_sequence(clip) if has_truth(clip) else None
        source = sequence.source if sequence else clip
        first = sequence.boxes[0] if sequence else None
        with wrong_values(debug):
            for given, flag in ((box, "--box"), (model, "--model")):
                if given is not None and detector is not None:
                    raise ValueError(f"give {flag} or --detector, not both")
            if threshold is not None and detector is None:
                raise ValueError("--threshold is for what a --detector finds; give one")
            if sequence is None and box is None and detector is None:
                raise ValueError("give the object's --box in the first frame, or a --detector")
            if box is not None:
                first = parse_box(box)
        if output is not None:
            with wrong_values(debug):
                check_video(output, source)
        tracker = Tracker.load(model) if model else Tracker()
        found = track_clip(
            source,
            None if detector else first,
            tracker=tracker,
            detector=ObjectDetector.load(detector) if detector else None,
            threshold=0.3 if threshold is None else threshold,
            output=output,
        )
        start, frames, numbers = time.perf_counter(), 0, set()
        sure = 0
        with kept_on_interrupt(output), contextlib.closing(found):
            for objects in found:
                if as_json:
                    line = {"frame": frames, "objects": [each.to_dict() for each in objects]}
                    typer.echo(json.dumps(line))
                elif frames % 25 == 0 and sys.stderr.isatty():
                    typer.echo(f"\rframe {frames}", err=True, nl=False)
                frames += 1
                numbers |= {each.number for each in objects}
                sure += any(each.confidence >= 0.5 for each in objects)
        seconds = time.perf_counter() - start
        typer.echo(
            f"\r{clip}: {frames} frame{'s'[: frames != 1]}, "
            f"{len(numbers)} object{'s'[: len(numbers) != 1]}, "
            f"sure of its place in {sure}, {frames / max(seconds, 1e-9):.0f} frames a second",
            err=as_json,
        )
        if output is not None:
            typer.echo(f"wrote {output}", err=as_json)
        if sequence is not None and detector is None and not box:
            _print_scores(sequence, tracker, as_json)


def _print_scores(sequence: TrackingSequence, tracker: Tracker, as_json: bool) -> None:
    from fastrnn.apps.tracking import compare_trackers

    typer.echo("overlap with the truth (mean IoU), and share of frames above 0.5:", err=as_json)
    for name, scores in compare_trackers(sequence, tracker).items():
        typer.echo(f"  {name:18} {scores['iou']:.3f}  {scores['success']:.3f}", err=as_json)
