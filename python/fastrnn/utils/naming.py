"""Names of objects: snake case, automatic numbering, suggestions for misspelt ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from inspect import signature
from typing import Any

from fastrnn.utils.custom_objects import custom_object

_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])")
_names_given: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """Keras' snake case of a class name.

    Examples
    --------
    >>> from fastrnn.utils.naming import to_snake_case
    >>> to_snake_case("SimpleRNN"), to_snake_case("LeakyReLU"), to_snake_case("Conv2DTranspose")
    ('simple_rnn', 'leaky_re_lu', 'conv2d_transpose')
    """
    return _WORD_START.sub("_", name).lower()


def numbered_name(class_name: str) -> str:
    """The next free automatic name: ``lstm``, ``lstm_1``, ``lstm_2``."""
    base = to_snake_case(class_name)
    count = _names_given[base]
    _names_given[base] += 1
    return f"{base}_{count}" if count else base


def clear_session(free_memory: bool = True) -> None:
    """Start the automatic numbering of names afresh; nothing else outlives its objects.

    Parameters
    ----------
    free_memory : bool
        Accepted for Keras' sake.

    Examples
    --------
    >>> from fastrnn import layers, utils
    >>> utils.clear_session()
    >>> layers.LSTM(2).name, layers.LSTM(2).name
    ('lstm', 'lstm_1')
    """
    _names_given.clear()


def suggestion(name: object, known: Iterable[str]) -> str:
    """``"; did you mean 'lstm'?"`` or, without a near match, ``""``."""
    close = get_close_matches(str(name), [str(entry) for entry in known], n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a name that no table has."""
    known = sorted(known)
    hint = suggestion(name, known) or f"; known are {', '.join(known)}"
    return ValueError(f"unknown {kind} {name!r}{hint}")


def unexpected_arguments(
    owner: type, arguments: Iterable[str], accepted: Iterable[str] = ()
) -> TypeError:
    """The error for keyword arguments that a constructor does not take."""
    first = next(iter(arguments))
    names = {name for cls in owner.__mro__[:-1] for name in signature(cls).parameters}
    hint = suggestion(first, [*(names - {"self", "args", "kwargs"}), *accepted])
    return TypeError(f"{owner.__name__}: unexpected argument {first!r}{hint}")


def description(value: Any) -> Any:
    """Keras' description of an object with a `get_config`; of a function, its name."""
    if value is None or not hasattr(value, "get_config"):
        return getattr(value, "__name__", None)
    cls = type(value)
    package, *parts = cls.__module__.split(".")
    own = package != "fastrnn"
    module = ".".join(["keras", *parts[: 2 if "schedules" in parts else 1]])
    return {
        "module": None if own else module,
        "class_name": cls.__name__,
        "config": value.get_config(),
        "registered_name": cls.__name__ if own else None,
    }


def from_config(kind: str, identifier: Any, table: dict[str, Any]) -> Any:
    """Make an object from a name or from ``{"class_name": ..., "config": ...}``.

    Parameters
    ----------
    kind : str
        What the table holds, for the error ("loss", "optimizer").
    identifier : str or dict
        Name (of any case that the table has) or a Keras object description.
    table : dict
        Known names and the classes they stand for; names in a `custom_object_scope` come first.
    """
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config") or {}
        if name == "function":  # Keras' form of one: its name is the configuration
            name, config = config, {}
        registered = identifier.get("registered_name")
    else:
        name, config, registered = identifier, {}, None
    made = custom_object(registered, name) or table.get(name or "")
    if made is None:
        raise unknown(kind, name, table)
    return made(**config) if isinstance(made, type) else made
