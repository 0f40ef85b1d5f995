"""Names of a user's own classes and functions, for files that mention them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

_known: ContextVar[Mapping[str, Any]] = ContextVar("custom objects", default=MappingProxyType({}))


@contextlib.contextmanager
def custom_object_scope(objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Have names stand for a user's own classes and functions within the block.

    Parameters
    ----------
    objects : dict of str to class or function, or None
        They come before the known ones.

    Examples
    --------
    >>> from fastrnn import layers
    >>> from fastrnn.utils import custom_object_scope
    >>> class Wide(layers.Dense):
    ...     pass
    >>> with custom_object_scope({"Wide": Wide}):
    ...     layer = layers.deserialize({"class_name": "Wide", "config": {"units": 3}})
    >>> layer.units
    3
    """
    token = _known.set({**_known.get(), **(objects or {})})
    try:
        yield
    finally:
        _known.reset(token)


def custom_object(*names: Any) -> Any:
    """What the first of `names` that is known in the scope stands for, or None."""
    known = _known.get()
    return next((known[name] for name in names if name in known), None)
