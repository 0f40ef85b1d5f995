"""Recognition of single spoken words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.classification import FilePrediction
from fastrnn.apps.classification.evaluation import evaluate_probabilities
from fastrnn.apps.figures import draw_confusion
from fastrnn.apps.options import check_expression
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.settings import setting
from fastrnn.apps.speech.augment import Variation
from fastrnn.apps.speech.batches import SpeechBatches
from fastrnn.apps.speech.corpus import Recording, find_words
from fastrnn.apps.speech.front_end import FloatArray, FrontEnd
from fastrnn.apps.speech.options import SOUND, SpeechOptions
from fastrnn.apps.speech.recognizer import Recognizer
from fastrnn.apps.speech.training import (
    Part,
    build_network,
    fit_recognizer,
    read_part,
    read_parts,
)
from fastrnn.apps.wording import counted, parts_line
from fastrnn.audio import LogMel


def parse_words(text: str) -> tuple[str, ...]:
    """The words of ``one,two``."""
    return tuple(word.strip() for word in text.split(","))


@dataclass(frozen=True)
class WordOptions(SpeechOptions):
    """How to train a `WordRecognizer`; what `SpeechOptions` has, and these.

    Attributes
    ----------
    words : tuple of str, optional
        The words to know; all that are found when not given.
    label : str
        Regular expression that finds the word in a file's name, see `find_words`.
    """

    words: tuple[str, ...] | None = setting(
        None, "Know these words alone.", metavar="WORD,WORD...", panel=SOUND, parse=parse_words
    )
    label: str = setting(
        "[^_]+",
        "Finds the word in a file's name, where there are no sub-folders.",
        metavar="REGEX",
        panel=SOUND,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_expression("label", self.label)


class WordRecognizer(Recognizer):
    """Tells which of its words is said in a recording.

    Examples
    --------
    >>> from fastrnn.apps import WordRecognizer
    >>> recognizer = WordRecognizer.load("model.keras")     # doctest: +SKIP
    >>> recognizer.predict("recording.wav").label           # doctest: +SKIP
    'seven'
    """

    KIND = "fastrnn word recognizer"

    def predict(self, path: str | os.PathLike[str]) -> FilePrediction:
        """Recognize the word of one sound file.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        fastrnn.audio.AudioError
            If it cannot be read.
        """
        frames = self.front_end.read(Recording(Path(path), ""))
        return FilePrediction(self.names, self.probabilities([frames])[0], Path(path))

    def probabilities(self, frames: Sequence[FloatArray]) -> FloatArray:
        """Probabilities (recordings, words) for log-mel frames of several recordings."""
        return np.stack([row for row, _ in self.outputs(frames)])


def train_words(
    folder: str | os.PathLike[str],
    options: WordOptions | None = None,
    *,
    run: TrainingRun | None = None,
) -> WordRecognizer:
    """Train a network on recordings of words.

    Parameters
    ----------
    folder : str or os.PathLike
        The recordings, see `find_words`.
    options : WordOptions, optional
        How to train.
    run : TrainingRun, optional
        Where to; its `results` hold the accuracy on the recordings held back.

    Returns
    -------
    WordRecognizer
        With the weights of the last epoch, none being chosen by the recordings held back.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds fewer than two words, or too little to hold back a part.
    fastrnn.audio.AudioError
        If no recording can be read.

    Examples
    --------
    >>> from fastrnn.apps import TrainingRun, WordOptions, train_words
    >>> run = TrainingRun("runs", "words")                                    # doctest: +SKIP
    >>> recognizer = train_words("digits", WordOptions(epochs=20), run=run)   # doctest: +SKIP
    >>> run.results["validation"]["accuracy"]                                 # doctest: +SKIP
    0.9
    """
    options, run = options or WordOptions(), run or TrainingRun()
    found = find_words(folder, label=options.label, words=options.words)
    words = sorted({each.text for each in found})
    front_end = FrontEnd(LogMel(options.sample_rate, options.mels), context=7, stride=3, trim=5.0)
    train, held = read_parts(found, options, front_end, run.progress)
    parts = parts_line("recording", len(train.texts), len(held.texts))
    run.progress.note(f"{counted(len(words), 'word')}; {parts}")
    run.start("words", folder, options)
    model = build_network(front_end, len(words), options, pooled=True)
    recognizer = WordRecognizer(words, front_end, model)
    size, labels = options.batch_size, {word: number for number, word in enumerate(words)}
    truth, held_truth = (
        np.array([labels[text] for text in part.texts], np.int64) for part in (train, held)
    )
    fit_recognizer(
        recognizer,
        "sparse_categorical_crossentropy",
        "accuracy",
        SpeechBatches(
            train.frames,
            truth,
            front_end,
            batch_size=size,
            variation=Variation(),
            seed=options.seed,
        ),
        SpeechBatches(held.frames, held_truth, front_end, batch_size=size),
        options,
        run,
    )
    figures = None
    if len(held_truth):
        figures = _figures(recognizer, held, truth)
        draw_confusion(run.path / "confusion.png", np.array(figures["confusion"]), words)
    counts = {"train_recordings": len(truth), "recordings": len(held_truth)}
    run.finish({**counts, "validation": figures})
    return recognizer


def evaluate_words(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """How well a model does on a folder of recordings.

    Parameters
    ----------
    model : path
        A file that `WordRecognizer.save` wrote.
    folder : path
        The recordings, see `find_words`; those of words that the model does not know are left out.
    progress : Progress, optional
        Told of what happens.

    Returns
    -------
    dict
        As `Evaluation.to_dict`.
    """
    recognizer = WordRecognizer.load(model)
    known = [each for each in find_words(folder) if each.text in recognizer.names]
    if not known:
        raise ValueError(f"{folder}: none of the model's words is said")
    part = read_part(known, recognizer.front_end, progress or Progress())
    return {"recordings": len(part.frames)} | _figures(recognizer, part)


def _figures(
    recognizer: WordRecognizer, part: Part, train_labels: npt.NDArray[np.int64] | None = None
) -> dict[str, Any]:
    truth = np.array([recognizer.names.index(text) for text in part.texts], np.int64)
    said = recognizer.probabilities(part.frames)
    return evaluate_probabilities(said, truth, recognizer.names, train_labels).to_dict()
