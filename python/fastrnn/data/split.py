"""Splitting of clips into a training and a validation part, never within a clip."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from fastrnn.data.folder import Clip

Item = TypeVar("Item")


class Split(NamedTuple):
    """Two disjoint lists of clips, each in its original order."""

    train: list[Clip]
    validation: list[Clip]


def split_clips(
    clips: Sequence[Clip], *, fraction: float = 0.2, group: str | None = None, seed: int = 0
) -> Split:
    """Hold back whole clips for validation.

    Parameters
    ----------
    clips : sequence of Clip
        All clips.
    fraction : float
        Part to hold back, in [0, 1).
    group : str, optional
        Regular expression searched for in a clip's file name; clips for which it (or its first
        parenthesised group) matches the same text stay together, so that for instance
        ``[^_]+`` holds back whole people where files are named ``person_action.avi``. Without
        it the clips are drawn separately in each class (stratified).
    seed : int
        Seed of the draw.

    Returns
    -------
    Split
        Clips for training and for validation. A class with a single clip keeps it for training.

    Raises
    ------
    ValueError
        If the fraction is out of range, the expression is wrong, does not match a file name or
        matches the same text in all of them, or a part comes out empty.

    Examples
    --------
    >>> from pathlib import Path
    >>> from fastrnn.data import Clip, split_clips
    >>> clips = [Clip(Path(f"{who}_{n}.avi"), n) for who in "abc" for n in range(2)]
    >>> [clip.path.name for clip in split_clips(clips, group="[^_]+", seed=1).validation]
    ['a_0.avi', 'a_1.avi']
    """
    if not 0.0 <= fraction < 1.0:
        raise ValueError(f"split_clips: fraction must be in [0, 1), got {fraction}")
    if fraction == 0.0:
        return Split(list(clips), [])
    random = np.random.default_rng(seed)
    held = _draw_groups(clips, fraction, group, random) if group else _draw(clips, fraction, random)
    train = [clip for index, clip in enumerate(clips) if index not in held]
    validation = [clip for index, clip in enumerate(clips) if index in held]
    if not train or not validation:
        raise ValueError(
            f"split_clips: {len(clips)} clips are too few to hold back a part of {fraction:g}; "
            "add clips or use a fraction of 0"
        )
    return Split(train, validation)


def split_matching(clips: Sequence[Clip], pattern: str) -> Split:
    """Hold back the clips whose file names match.

    Parameters
    ----------
    clips : sequence of Clip
        All clips.
    pattern : str
        Regular expression searched for in a clip's file name.

    Returns
    -------
    Split
        Clips that do not match for training, those that match for validation.

    Raises
    ------
    ValueError
        If the expression is wrong, or matches all clips or none.

    Examples
    --------
    >>> from pathlib import Path
    >>> from fastrnn.data import Clip, split_matching
    >>> clips = [Clip(Path(f"{who}_{n}.avi"), n) for who in "abc" for n in range(2)]
    >>> [clip.path.name for clip in split_matching(clips, "^c_").validation]
    ['c_0.avi', 'c_1.avi']
    """
    expression = _compiled("split_matching: pattern", pattern)
    matches = [expression.search(clip.path.name) is not None for clip in clips]
    if len(set(matches)) < 2:
        count = "all" if any(matches) else "none"
        raise ValueError(f"split_matching: pattern '{pattern}' matches {count} of the clips")
    return Split(
        [clip for clip, match in zip(clips, matches, strict=True) if not match],
        [clip for clip, match in zip(clips, matches, strict=True) if match],
    )


def split_files(
    items: Sequence[Item],
    path: Callable[[Item], Path],
    label: Callable[[Item], int] = lambda item: 0,
    *,
    fraction: float = 0.2,
    group: str | None = None,
    match: str | None = None,
    seed: int = 0,
) -> tuple[list[Item], list[Item]]:
    """Hold back things that lie in files, those of one file together.

    Parameters
    ----------
    items : sequence
    path, label : callable
        The file of an item, and the class that it has; see `split_clips`.
    fraction, group, seed :
        As of `split_clips`.
    match : str, optional
        In their place: as `pattern` of `split_matching`.

    Returns
    -------
    train, validation : list

    Examples
    --------
    >>> from pathlib import Path
    >>> from fastrnn.data import split_files
    >>> words = [("ann_1.wav", "one"), ("ann_1.wav", "two"), ("bob_1.wav", "one")]
    >>> split_files(words, lambda word: Path(word[0]), match="^ann")[1]
    [('ann_1.wav', 'one'), ('ann_1.wav', 'two')]
    """
    clips = [Clip(file, number) for file, number in {path(i): label(i) for i in items}.items()]
    if match:
        split = split_matching(clips, match)
    else:
        split = split_clips(clips, fraction=fraction, group=group, seed=seed)
    held = {clip.path for clip in split.validation}
    return [i for i in items if path(i) not in held], [i for i in items if path(i) in held]


def _draw(clips: Sequence[Clip], fraction: float, random: np.random.Generator) -> set[int]:
    held: set[int] = set()
    for label in sorted({clip.label for clip in clips}):
        members = [index for index, clip in enumerate(clips) if clip.label == label]
        if len(members) > 1:
            count = min(max(round(len(members) * fraction), 1), len(members) - 1)
            held.update(int(index) for index in random.permutation(members)[:count])
    return held


def _draw_groups(
    clips: Sequence[Clip], fraction: float, group: str, random: np.random.Generator
) -> set[int]:
    members: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        members.setdefault(_group_of(clip, group), []).append(index)
    if len(members) < 2:
        raise ValueError(
            f"split_clips: group '{group}' puts all clips in one group, '{next(iter(members))}'"
        )
    names = [str(name) for name in random.permutation(sorted(members))]
    held = list(members[names[0]])
    # Whole groups are added while that brings the part nearer to the fraction asked for.
    target = fraction * len(clips)
    for name in names[1:-1]:
        if abs(len(held) + len(members[name]) - target) < abs(len(held) - target):
            held += members[name]
    return set(held)


def _group_of(clip: Clip, group: str) -> str:
    match = _compiled("split_clips: group", group).search(clip.path.name)
    if match is None:
        raise ValueError(f"split_clips: group '{group}' does not match {clip.path.name}")
    return next((text for text in match.groups() if text is not None), match.group())


def _compiled(what: str, expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise ValueError(f"{what} '{expression}' is no regular expression: {error}") from None
