"""Options of a task: a dataclass that is also the command's options and lies in args.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

Options = TypeVar("Options")


def setting(
    default: Any,
    help: str,
    *,
    flag: str | None = None,
    panel: str = "Training",
    metavar: str | None = None,
    shown: str | None = None,
    parse: Callable[[str], Any] | None = None,
) -> Any:
    """A field of an options dataclass, which `fastrnn train` offers as an option.

    Parameters
    ----------
    default : object
        Its value where nothing is said.
    help : str
        The line on the help page.
    flag : str, optional
        The option's name, ``--`` and the field's name when not given.
    panel : str
        Heading on the help page.
    metavar, shown : str, optional
        What stands there for the value, and for the default.
    parse : callable, optional
        From the text on the command line to the value; needed for anything but numbers, strings,
        paths, bools and tuples of ints.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from fastrnn.apps.settings import setting
    >>> @dataclass(frozen=True)
    ... class WordOptions:
    ...     epochs: int = setting(30, "Passes over the training words.")
    ...     units: tuple[int, ...] = setting((64,), "Units of each layer.", panel="Network")
    >>> WordOptions().units
    (64,)
    """
    about = {"help": help, "flag": flag, "panel": panel, "metavar": metavar}
    return field(default=default, metadata={**about, "shown": shown, "parse": parse})


def from_json(kind: type[Options], values: Mapping[str, Any]) -> Options:
    """The options that `dataclasses.asdict` made a dictionary of, and JSON lists of tuples.

    Raises
    ------
    ValueError
        If a value has an unknown name.
    """
    hints = get_type_hints(kind)
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(values.keys() - known)
    if unknown:
        raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}; another version's options?")
    return kind(**{name: _typed(hints[name], value) for name, value in values.items()})


def _typed(hint: Any, value: Any) -> Any:
    if isinstance(value, dict) and is_dataclass(hint):
        return from_json(hint, value)  # type: ignore[arg-type]
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and Path in (hint, *get_args(hint)):
        return Path(value)
    return value


def settings_of(kind: type) -> list[tuple[Field[Any], Any]]:
    """The fields made by `setting`, each with its type."""
    hints = get_type_hints(kind)
    return [
        (each, hints[each.name])
        for each in fields(kind)
        if "help" in each.metadata and each.default is not MISSING
    ]
