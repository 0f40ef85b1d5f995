"""`fastrnn train`: each task's options are those of its dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from fastrnn.cli.errors import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    DebugOption,
    errors_in_one_line,
)

if TYPE_CHECKING:
    from fastrnn.apps import Task

RUN = "Run"
BESIDE_RESUME = {"data", "resume", "save_steps", "profile", "debug"}

# The command takes all words as they are: which options there are is known with the task.
CONTEXT = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def train(context: typer.Context) -> None:
    """Train a network on a folder of clips, images or other data."""
    words = context.args
    debug, named = "--debug" in words, _value_of("--task", words)
    with errors_in_one_line(debug, EXIT_ERROR if named is None else EXIT_USAGE):
        task = _task_of(words, named)
    code = command_of(task).main(words, prog_name=context.command_path, standalone_mode=False)
    if isinstance(code, int):
        raise typer.Exit(code)


def _task_of(words: list[str], named: str | None) -> Task:
    """The task that is named, or that the run to resume is of, or whose data are named."""
    from fastrnn.apps.run import arguments_of
    from fastrnn.apps.tasks import TASKS, task_for, task_named

    if named is not None:
        return task_named(named)
    run = _value_of("--resume", words)
    if run is not None:
        return task_named(arguments_of(run)["task"])
    data = _first_argument(words)
    if data is None or {"-h", "--help"} & set(words):
        return TASKS["video"]
    return task_for(Path(data))


def _value_of(flag: str, words: list[str]) -> str | None:
    for number, word in enumerate(words):
        if word == flag and number + 1 < len(words):
            return words[number + 1]
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return None


def _first_argument(words: list[str]) -> str | None:
    """The first word that is neither an option nor an option's value."""
    from fastrnn.apps.settings import settings_of
    from fastrnn.apps.tasks import TASKS

    alone = {"--debug", "--profile"}
    for task in TASKS.values():
        alone |= {_flag(each) for each, hint in settings_of(task.options) if hint is bool}
    is_value = False
    for word in words:
        if not word.startswith("-") and not is_value:
            return word
        is_value = word.startswith("-") and "=" not in word and word not in alone
    return None


def command_of(task: Task) -> Any:
    """The command for one task, with its options."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command(no_args_is_help=True)(_command(task))
    return typer.main.get_command(app)


def _command(task: Task) -> Callable[..., None]:
    """The task's options between those of every training."""
    from fastrnn.apps.settings import settings_of
    from fastrnn.apps.tasks import TASKS

    settings = settings_of(task.options)

    def run(context: typer.Context, **given: Any) -> None:
        if given["resume"] is not None:
            _refuse_new_options(context)
        own = {each.name: given.pop(each.name) for each, _ in settings}
        _run(task, own, **given)

    run.__doc__ = f"""Train a network. {task.about}

    This page is of --task {task.name}; there are {", ".join(TASKS)}. By default the task is what
    the data are clearly for.

    The folder of results, runs/train1, holds the model, last.keras (of the last epoch),
    history.csv, args.json, results.json and curves.png. Ctrl-C saves and says how to go on; a
    training whose process was killed goes on with --resume, too, and ends as if nothing had
    happened.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    Example: fastrnn train DATA --task {task.name} --epochs 20
    """
    common = list(inspect.signature(_run, eval_str=True).parameters.values())[2:]
    common[1:1] = [_parameter(each, hint) for each, hint in settings]
    kind = inspect.Parameter.KEYWORD_ONLY
    common.insert(0, inspect.Parameter("context", kind, annotation=typer.Context))
    run.__signature__ = inspect.Signature(common)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in common}
    return run


def _refuse_new_options(context: typer.Context) -> None:
    """With --resume a training goes on as it began."""
    given = [
        each.opts[0]
        for each in context.command.params
        if each.name not in BESIDE_RESUME
        and (source := context.get_parameter_source(str(each.name))) is not None
        and source.name == "COMMANDLINE"
    ]
    if given:
        raise typer.BadParameter(
            "a training is resumed with the options that it began with: leave out "
            f"{', '.join(given)}, or start a new training without --resume"
        )


def _run(
    task: Any,
    settings: dict[str, Any],
    *,
    data: Annotated[Path | None, typer.Argument(help="The folder to learn from.")] = None,
    task_name: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="NAME",
            help="What to learn; each task has options of its own.",
            show_default="by what the data are",
            rich_help_panel=RUN,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Parent folder of the results.", rich_help_panel=RUN)
    ] = Path("runs"),
    name: Annotated[
        str, typer.Option(help="Results go to OUT/NAME1, NAME2, ...", rich_help_panel=RUN)
    ] = "train",
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with the training in this folder, on its data and with its options; only "
            "--save-steps, --profile and --debug may be given with it.",
            rich_help_panel=RUN,
        ),
    ] = None,
    save_steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Save a checkpoint after so many steps, too.",
            show_default="after each epoch alone",
            rich_help_panel=RUN,
        ),
    ] = None,
    profile: Annotated[
        bool,
        typer.Option(
            "--profile",
            help="Tell which share of each epoch is computing, not waiting for data.",
            rich_help_panel=RUN,
        ),
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Train a task with its settings, or go on with a run."""
    if (resume is None) == (data is None) and (task.needs_data or resume is not None):
        raise typer.BadParameter("give either DATA or --resume RUN")
    from rich.console import Console

    from fastrnn.apps import TrainingRun, tasks
    from fastrnn.apps.run_folder import check_place
    from fastrnn.cli.progress import TerminalProgress
    from fastrnn.cli.report import print_how_to_go_on, print_run

    console = Console()
    progress = TerminalProgress(console)
    with errors_in_one_line(debug, EXIT_USAGE):
        options = task.options(**settings)
        how: dict[str, Any] = {"save_steps": save_steps, "profile": profile, "progress": progress}
        run = TrainingRun(out, name, **how)
    with errors_in_one_line(debug):
        if resume is None:
            check_place(out)
        else:
            run = TrainingRun.resume(resume, **how)
        try:
            with progress:
                if resume is None:
                    task.train(data, options, run=run)
                else:
                    tasks.resume(run)
            print_run(console, run.path, run.results)
        except KeyboardInterrupt:  # before or after `fit`, which ends in order, or a second one
            if not run.goes_on:
                raise
            print_how_to_go_on(console, run.path)
            if debug:
                raise
            raise typer.Exit(EXIT_INTERRUPTED) from None
        if run.interrupted:
            raise typer.Exit(EXIT_INTERRUPTED)


def _parameter(each: Any, hint: Any) -> inspect.Parameter:
    """A field of the options as a parameter of the command."""
    about = each.metadata
    extra: dict[str, Any] = {}
    parse = about["parse"]
    if parse is None and any(
        getattr(kind, "__origin__", kind) is tuple for kind in (hint, *get_args(hint))
    ):
        parse = _parse_ints
        extra["metavar"] = "N[,N...]"
    if parse is not None:
        extra["parser"] = _parser(parse)
        hint = str | None
    if about["metavar"]:
        extra["metavar"] = about["metavar"]
    if about["shown"]:
        extra["show_default"] = about["shown"]
    flag = _flag(each)
    option = typer.Option(flag, help=about["help"], rich_help_panel=about["panel"], **extra)
    default = each.default
    if parse is not None and isinstance(default, tuple):
        default = ",".join(map(str, default))
    return inspect.Parameter(
        each.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[hint, option],
    )


def _flag(each: Any) -> str:
    flag: str = each.metadata["flag"] or "--" + each.name.replace("_", "-")
    return flag


def _parser(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def parsed(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parsed


def _parse_ints(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"expected numbers such as 128 or 128,64, got '{text}'") from None
