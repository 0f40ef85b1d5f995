"""Folders of recordings with what is said in them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastrnn._files import files_under
from fastrnn.apps.segments import (
    SEGMENT_SUFFIXES,
    SILENCES,
    Segment,
    files_of,
    read_segments,
    sound_starts,
)
from fastrnn.data import AUDIO_SUFFIXES, split_files


@dataclass(frozen=True)
class Recording:
    """A sound file, or a part of one, and what is said in it.

    Attributes
    ----------
    path : Path
        The file.
    text : str
        A word, or words with a space between them.
    start : float
        Second at which the part begins.
    stop : float or None
        Second at which it ends; None is the end of the file.
    """

    path: Path
    text: str
    start: float = 0.0
    stop: float | None = None


def find_words(
    folder: str | os.PathLike[str], *, label: str = "[^_]+", words: Sequence[str] | None = None
) -> list[Recording]:
    """Find recordings of single words.

    Parameters
    ----------
    folder : str or os.PathLike
        Sound files in one sub-folder per word; or beside each other, the word in the file's name;
        or files of whole sentences with a file of segments each, by which they are cut, see
        `find_sentences`.
    label : str
        Regular expression searched for in a file's name: the text that it (or its first group)
        matches is the word. Used where there are neither sub-folders nor segments.
    words : sequence of str, optional
        Take these words alone.

    Returns
    -------
    list of Recording
        By word, then by file.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If there are fewer than two words, or a name does not match.
    """
    root, files = _sound_files(folder)
    segments = _segments(root, files)
    if segments:
        found = [
            Recording(path, each.label, each.start, each.stop)
            for path, spans in segments.items()
            for each in spans
            if each.label not in SILENCES and each.stop > each.start
        ]
    else:
        found = [Recording(path, _word_of(root, path, label)) for path in files]
    if words is not None:
        missing = sorted(set(words) - {each.text for each in found})
        if missing:
            raise ValueError(f"{root}: nowhere is said {', '.join(missing)}")
        found = [each for each in found if each.text in set(words)]
    if len({each.text for each in found}) < 2:
        raise ValueError(f"{root}: needs recordings of two words or more")
    return sorted(found, key=lambda each: (each.text, each.path, each.start))


def find_sentences(folder: str | os.PathLike[str]) -> list[Recording]:
    """Find recordings of sentences.

    Parameters
    ----------
    folder : str or os.PathLike
        Sound files, and for each, anywhere in the folder, a file of the same name with what is
        said: ``.txt`` with the words, or ``.align`` or ``.csv`` with their times, see
        `fastrnn.apps.segments.read_segments`. Sound files without one are left out. Where files
        start later than the times count from, ``index.csv`` in the folder says by how much, in
        the columns ``id`` (the name) and ``audio_start_s``.

    Returns
    -------
    list of Recording
        By file; words in lower case.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If no file has a text, or it is not clear which is whose.
    """
    root, files = _sound_files(folder)
    segments = _segments(root, files)
    texts = files_of(files, files_under(root, {".txt"}))
    found = []
    for path in files:
        if path in segments:
            words = [each.label for each in segments[path] if each.label not in SILENCES]
        elif path in texts:
            words = texts[path].read_text("utf-8").split()
        else:
            continue
        if words:
            found.append(Recording(path, " ".join(words).lower()))
    if not found:
        raise ValueError(
            f"{root}: no sound file has a text; expected name.txt or name.align for name.wav"
        )
    return found


def holds_words(path: Path) -> bool:
    """Whether a path is a folder of sound files that have no texts beside them."""
    return path.is_dir() and bool(files_under(path, AUDIO_SUFFIXES)) and not holds_sentences(path)


def holds_sentences(path: Path) -> bool:
    """Whether a path is a folder of sound files that have texts or times of words beside them."""
    if not path.is_dir():
        return False
    sounds, texts = (
        {file.stem for file in files_under(path, suffixes)}
        for suffixes in (AUDIO_SUFFIXES, {".txt", *SEGMENT_SUFFIXES})
    )
    return bool(sounds & texts)


def split_recordings(
    recordings: Sequence[Recording],
    *,
    fraction: float = 0.2,
    group: str | None = None,
    match: str | None = None,
    seed: int = 0,
) -> tuple[list[Recording], list[Recording]]:
    """Hold back recordings for validation, never a part of a file without the others.

    Parameters
    ----------
    recordings : sequence of Recording
    fraction, group, match, seed :
        As of `fastrnn.data.split_files`: with `group`, whole speakers are held back.

    Returns
    -------
    train, validation : list of Recording
    """
    texts: dict[Path, str] = {}
    for each in recordings:
        texts[each.path] = each.text if each.path not in texts else ""  # several words: no class
    labels = {text: number for number, text in enumerate(sorted(set(texts.values())))}
    # Texts that differ from file to file are no classes to draw from one by one.
    alike = 2 * len(labels) <= len(texts)
    return split_files(
        recordings,
        lambda each: each.path,
        lambda each: labels[texts[each.path]] if alike else 0,
        fraction=fraction,
        group=group,
        match=match,
        seed=seed,
    )


def _sound_files(folder: str | os.PathLike[str]) -> tuple[Path, list[Path]]:
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"no such folder: {root}")
    files = files_under(root, AUDIO_SUFFIXES)
    if not files:
        raise ValueError(f"{root}: no .wav file in it")
    return root, files


def _segments(root: Path, files: Sequence[Path]) -> dict[Path, list[Segment]]:
    """Segments of the sound files that have some, in seconds from the file's start."""
    starts = sound_starts(root)
    found = {}
    for path, file in sorted(files_of(files, files_under(root, SEGMENT_SUFFIXES)).items()):
        shift = starts.get(path.stem, 0.0)
        found[path] = [
            Segment(max(each.start - shift, 0.0), max(each.stop - shift, 0.0), each.label)
            for each in read_segments(file)
        ]
    return found


def _word_of(root: Path, path: Path, label: str) -> str:
    folders = path.relative_to(root).parts[:-1]
    if folders:
        return folders[0]
    match = re.search(label, path.stem)
    if match is None:
        raise ValueError(f"{root}: label '{label}' does not match {path.name}")
    return next((text for text in match.groups() if text is not None), match.group())
