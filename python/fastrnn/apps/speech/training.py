"""The way from recordings to a trained network that words and sentences share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastrnn import layers
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.speech.batches import PADDING, SpeechBatches
from fastrnn.apps.speech.corpus import Recording, split_recordings
from fastrnn.apps.speech.front_end import FloatArray, FrontEnd
from fastrnn.apps.speech.options import SpeechOptions
from fastrnn.apps.speech.recognizer import Recognizer
from fastrnn.audio import AudioError
from fastrnn.models import Sequential
from fastrnn.optimizers import Adam
from fastrnn.optimizers.schedules import CosineDecay


class Part(NamedTuple):
    """Recordings that could be read, and the log-mel frames of each."""

    recordings: list[Recording]
    frames: list[FloatArray]

    @property
    def texts(self) -> list[str]:
        """What is said in each."""
        return [each.text for each in self.recordings]


def read_parts(
    recordings: Sequence[Recording],
    options: SpeechOptions,
    front_end: FrontEnd,
    progress: Progress,
) -> tuple[Part, Part]:
    """Split recordings as the options say, and read both parts; the second may be empty."""
    parts = split_recordings(
        recordings,
        fraction=options.validation,
        group=options.validation_group,
        match=options.validation_match,
        seed=options.seed,
    )
    done = 0
    read = Part([], []), Part([], [])
    for part, chosen in zip(read, parts, strict=True):
        for each in chosen:
            try:
                part.frames.append(front_end.read(each))
                part.recordings.append(each)
            except (AudioError, OSError) as error:
                progress.note(f"skipped: {error}")
            done += 1
            progress.advance("reading", done, len(recordings))
        if chosen and not part.frames:
            raise AudioError(f"none of {len(chosen)} recordings can be read")
    return read


def build_network(width: int, outputs: int, options: SpeechOptions, *, pooled: bool) -> Sequential:
    """Bidirectional GRU layers over the steps of padded inputs (N, steps, width).

    With `pooled`, the mean over the steps and a softmax give probabilities (N, outputs); else
    each step has its logits (N, steps, outputs).
    """
    model = Sequential()
    model.add(layers.Input((None, width)))
    model.add(layers.Masking(PADDING))
    for size in options.units:
        model.add(layers.Bidirectional(layers.GRU(size, return_sequences=True)))
        if options.dropout:
            model.add(layers.Dropout(options.dropout))
    if pooled:
        model.add(layers.GlobalAveragePooling1D())
    model.add(layers.Dense(outputs, activation="softmax" if pooled else None))
    return model


def fit_recognizer(
    recognizer: Recognizer,
    loss: Any,
    metric: Any,
    train: SpeechBatches,
    held: SpeechBatches,
    options: SpeechOptions,
    run: TrainingRun,
) -> None:
    """Train a recognizer to the last epoch: nothing is chosen by the recordings held back."""
    rate = CosineDecay(options.learning_rate, options.epochs * len(train))
    recognizer.model.compile(Adam(rate, clipnorm=5.0), loss, metrics=[metric])
    run.fit(
        recognizer.model,
        train,
        epochs=options.epochs,
        save=recognizer.save,
        monitor=None,
        validation_data=held if len(held) else None,
    )
