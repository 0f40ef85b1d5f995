"""Recognition of speech: single words, and sentences."""

from fastrnn.apps.speech.augment import Variation
from fastrnn.apps.speech.corpus import Recording, find_sentences, find_words, split_recordings
from fastrnn.apps.speech.front_end import FrontEnd
from fastrnn.apps.speech.sentences import (
    SentenceOptions,
    SentenceRecognizer,
    Transcript,
    commonest_words,
    error_rates,
    evaluate_sentences,
    train_sentences,
)
from fastrnn.apps.speech.words import (
    WordOptions,
    WordRecognizer,
    evaluate_words,
    train_words,
)

__all__ = [
    "FrontEnd",
    "Recording",
    "SentenceOptions",
    "SentenceRecognizer",
    "Transcript",
    "Variation",
    "WordOptions",
    "WordRecognizer",
    "commonest_words",
    "error_rates",
    "evaluate_sentences",
    "evaluate_words",
    "find_sentences",
    "find_words",
    "split_recordings",
    "train_sentences",
    "train_words",
]
