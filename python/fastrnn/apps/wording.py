"""Counts in sentences for the user."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number and what is counted.

    Examples
    --------
    >>> from fastrnn.apps.wording import counted
    >>> counted(1, "clip"), counted(3, "clip"), counted(0, "class", "classes")
    ('1 clip', '3 clips', '0 classes')
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def parts_line(noun: str, train: int, held_back: int) -> str:
    """What is learned from, and what is not.

    Examples
    --------
    >>> from fastrnn.apps.wording import parts_line
    >>> parts_line("recording", 4, 1)
    'training on 4 recordings, holding back 1'
    """
    return f"training on {counted(train, noun)}, holding back {held_back}"
