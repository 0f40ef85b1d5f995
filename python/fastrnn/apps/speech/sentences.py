"""Recognition of spoken sentences with connectionist temporal classification."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn import ops
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.settings import setting
from fastrnn.apps.speech.augment import Variation
from fastrnn.apps.speech.batches import SpeechBatches, padded
from fastrnn.apps.speech.corpus import Recording, find_sentences
from fastrnn.apps.speech.front_end import FloatArray, FrontEnd
from fastrnn.apps.speech.options import NETWORK, SpeechOptions
from fastrnn.apps.speech.recognizer import Recognizer
from fastrnn.apps.speech.training import (
    Part,
    build_network,
    fit_recognizer,
    read_part,
    read_parts,
)
from fastrnn.apps.wording import parts_line
from fastrnn.audio import AudioError, LogMel
from fastrnn.losses import CTC
from fastrnn.metrics import LabelErrorRate, edit_distance

BEAM_WIDTH = 16
# Much tempo: CTC lets a network that hears both ways write words long before they are said, and
# what it learns so, it learns slowly. Speech that is never as fast twice makes that harder.
VARIATION = Variation(warp=0.1, tempo=0.4, colour=0.3, mask=0.1)


@dataclass(frozen=True)
class SentenceOptions(SpeechOptions):
    """How to train a `SentenceRecognizer`; what `SpeechOptions` has, and this.

    Attributes
    ----------
    symbols : str
        What the network writes: ``words``, those that are in the training sentences; or
        ``characters``, which can spell others.
    """

    batch_size: int = setting(8, "Recordings per step.", flag="--batch")
    epochs: int = setting(60, "Passes over the training recordings.")
    dropout: float = setting(0.2, "Share dropped after each layer.", panel=NETWORK)
    units: tuple[int, ...] = setting(
        (96, 96), "Units of each GRU layer, in each direction.", metavar="N[,N...]", panel=NETWORK
    )
    symbols: str = setting(
        "words",
        "What the network writes: the words of the training sentences, or characters.",
        metavar="words|characters",
        panel=NETWORK,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.symbols not in ("words", "characters"):
            raise ValueError(
                f"train: symbols must be 'words' or 'characters', got {self.symbols!r}"
            )


@dataclass(frozen=True)
class Transcript:
    """What is said in a recording.

    Attributes
    ----------
    path : Path
        The recording.
    text : str
        Words with a space between them.
    """

    path: Path
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a dictionary that JSON can hold."""
        return {"file": str(self.path), "text": self.text}

    def __str__(self) -> str:
        return self.text


class SentenceRecognizer(Recognizer):
    """Writes down what is said in a recording.

    Its names are the symbols, words or characters, that the network's outputs 1, 2, ... stand
    for; output 0 is the blank.

    Examples
    --------
    >>> from fastrnn.apps import SentenceRecognizer
    >>> recognizer = SentenceRecognizer.load("model.keras")     # doctest: +SKIP
    >>> recognizer.predict("recording.wav").text                # doctest: +SKIP
    'lay green by s nine please'
    """

    KIND = "fastrnn sentence recognizer"

    @property
    def separator(self) -> str:
        """What stands between two symbols; the space itself is one where they are characters."""
        return "" if " " in self.names else " "

    def predict(self, path: str | os.PathLike[str]) -> Transcript:
        """Write down what is said in one sound file.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        fastrnn.audio.AudioError
            If it cannot be read.
        """
        frames = self.front_end.read(Recording(Path(path), ""))
        return Transcript(Path(path), self.texts([frames])[0])

    def texts(self, frames: Sequence[FloatArray]) -> list[str]:
        """What is said in several recordings, given their log-mel frames; by a beam search."""
        return [self._decoded(logits[:steps]) for logits, steps in self.outputs(frames)]

    def _decoded(self, logits: FloatArray) -> str:
        best = ops.ctc_decode(logits[None], strategy="beam_search", beam_width=BEAM_WIDTH)[0]
        said = [self.names[number - 1] for number in best[0, 0] if number > 0]
        return self.separator.join(said)


def error_rates(true: Iterable[str], said: Iterable[str]) -> dict[str, float]:
    """Edits that sentences need, per true word and per true character.

    Returns
    -------
    dict
        ``word_error_rate``, ``character_error_rate``, and ``sentence_accuracy``, the share of
        sentences without an error.

    Examples
    --------
    >>> from fastrnn.apps.speech import error_rates
    >>> error_rates(["lay red", "by one"], ["lay bed", "by one"])["word_error_rate"]
    0.25
    """
    pairs = list(zip(true, said, strict=True))
    words = sum(edit_distance(a.split(), b.split()) for a, b in pairs)
    characters = sum(edit_distance(a, b) for a, b in pairs)
    return {
        "word_error_rate": words / sum(len(text.split()) for text, _ in pairs),
        "character_error_rate": characters / sum(len(text) for text, _ in pairs),
        "sentence_accuracy": sum(a == b for a, b in pairs) / len(pairs),
    }


def train_sentences(
    folder: str | os.PathLike[str],
    options: SentenceOptions | None = None,
    *,
    run: TrainingRun | None = None,
) -> SentenceRecognizer:
    """Train a network on recordings of sentences, whose words have no times.

    Parameters
    ----------
    folder : str or os.PathLike
        The recordings with their texts, see `find_sentences`.
    options : SentenceOptions, optional
        How to train.
    run : TrainingRun, optional
        Where to; its `results` hold the error rates on the recordings held back, beside those of
        always writing the commonest word at each place.

    Returns
    -------
    SentenceRecognizer
        With the weights of the last epoch, none being chosen by the recordings held back.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If no recording has a text, or there are too few to hold back a part.
    fastrnn.audio.AudioError
        If no recording can be read.

    Examples
    --------
    >>> from fastrnn.apps import TrainingRun, train_sentences
    >>> run = TrainingRun("runs", "sentences")              # doctest: +SKIP
    >>> recognizer = train_sentences("corpus", run=run)     # doctest: +SKIP
    >>> run.results["validation"]["word_error_rate"]        # doctest: +SKIP
    0.03
    """
    options, run = options or SentenceOptions(), run or TrainingRun()
    front_end = FrontEnd(LogMel(options.sample_rate, options.mels))
    train, held = read_parts(find_sentences(folder), options, front_end, run.progress)
    by_word = options.symbols == "words"
    train = _long_enough(train, by_word, front_end.stride, run.progress)
    symbols = sorted({symbol for text in train.texts for symbol in _split(text, by_word)})
    run.progress.note(parts_line("recording", len(train.texts), len(held.texts)))
    run.start("sentences", folder, options)
    model = build_network(front_end, len(symbols) + 1, options, pooled=False)
    recognizer = SentenceRecognizer(symbols, front_end, model)
    number = {symbol: n for n, symbol in enumerate(symbols, 1)}
    # Symbols that occur in sentences held back alone can't be written; they count as errors.
    labels = [
        [[number[each] for each in _split(text, by_word) if each in number] for text in part.texts]
        for part in (train, held)
    ]
    fit_recognizer(
        recognizer,
        CTC(),
        LabelErrorRate(name="error_rate"),
        SpeechBatches(
            train.frames,
            _rows(labels[0]),
            front_end,
            batch_size=options.batch_size,
            variation=VARIATION,
            seed=options.seed,
        ),
        SpeechBatches(held.frames, _rows(labels[1]), front_end, batch_size=options.batch_size),
        options,
        run,
    )
    counts = {"train_recordings": len(train.texts), "recordings": len(held.texts)}
    always = commonest_words(train.texts)
    figures = _figures(recognizer, held, always) if held.texts else None
    run.finish({**counts, "validation": figures})
    return recognizer


def evaluate_sentences(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """How well a model does on a folder of recordings with their texts.

    Parameters
    ----------
    model : path
        A file that `SentenceRecognizer.save` wrote.
    folder : path
        The recordings, see `find_sentences`.
    progress : Progress, optional
        Told of what happens.

    Returns
    -------
    dict
        What `error_rates` returns, and as ``baseline`` the same of the commonest words.
    """
    recognizer = SentenceRecognizer.load(model)
    found = find_sentences(folder)
    part = read_part(found, recognizer.front_end, progress or Progress())
    always = commonest_words(part.texts)
    return {"recordings": len(part.frames)} | _figures(recognizer, part, always)


def _figures(recognizer: SentenceRecognizer, part: Part, always: str) -> dict[str, Any]:
    rates = error_rates(part.texts, recognizer.texts(part.frames))
    return {**rates, "baseline": error_rates(part.texts, [always] * len(part.texts))}


def _split(text: str, by_word: bool) -> list[str]:
    return text.split() if by_word else list(text)


def _long_enough(part: Part, by_word: bool, stride: int, progress: Progress) -> Part:
    """Without recordings that have fewer steps than CTC needs, whose loss would be infinite."""
    kept = Part([], [])
    for recording, frames in zip(*part, strict=True):
        symbols = _split(recording.text, by_word)
        needed = len(symbols) + sum(one == next_one for one, next_one in pairwise(symbols))
        if -(-round(len(frames) * (1 - VARIATION.tempo)) // stride) < needed:
            progress.note(f"skipped: {recording.path} is too short for '{recording.text}'")
        else:
            kept.recordings.append(recording)
            kept.frames.append(frames)
    if not kept.frames:
        raise AudioError("all recordings are too short for what is said in them")
    return kept


def _rows(labels: Sequence[Sequence[int]]) -> npt.NDArray[np.int64]:
    """Labels (N, longest), zeros behind the shorter ones."""
    rows = [np.array(each, np.int64) for each in labels]
    return np.asarray(padded(rows)) if rows else np.empty((0, 0), np.int64)


def commonest_words(texts: Sequence[str]) -> str:
    """The commonest word at each place of sentences of the commonest length."""
    split = [text.split() for text in texts]
    lengths = [len(words) for words in split]
    length = max(sorted(set(lengths)), key=lengths.count)
    places = zip(*(words for words in split if len(words) == length), strict=True)
    return " ".join(max(sorted(set(words)), key=words.count) for words in places)
