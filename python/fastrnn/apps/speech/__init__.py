"""Recognition of speech: single words, and sentences."""

from fastrnn.apps.speech.augment import Variation
from fastrnn.apps.speech.corpus import Recording, find_sentences, find_words, split_recordings
from fastrnn.apps.speech.front_end import FrontEnd
from fastrnn.apps.speech.sentences import (
    SentenceOptions,
    SentenceRecognizer,
    error_rates,
    train_sentences,
)
from fastrnn.apps.speech.words import WordOptions, WordPrediction, WordRecognizer, train_words

__all__ = [
    "FrontEnd",
    "Recording",
    "SentenceOptions",
    "SentenceRecognizer",
    "Variation",
    "WordOptions",
    "WordPrediction",
    "WordRecognizer",
    "error_rates",
    "find_sentences",
    "find_words",
    "split_recordings",
    "train_sentences",
    "train_words",
]
