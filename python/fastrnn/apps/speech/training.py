"""The way from recordings to a trained network that words and sentences share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

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


def read_part(recordings: Sequence[Recording], front_end: FrontEnd, progress: Progress) -> Part:
    """Read recordings; those that cannot be read are noted and left out.

    Raises
    ------
    fastrnn.audio.AudioError
        If none can be read.
    """
    read: dict[int, FloatArray] = {}
    # Each file is read once, however many of its parts there are.
    by_file = sorted(range(len(recordings)), key=lambda number: recordings[number].path)
    path, samples = None, np.empty(0, np.float32)
    for done, number in enumerate(by_file, 1):
        each = recordings[number]
        try:
            if each.path != path:
                path, samples = each.path, front_end.samples(each.path)
            read[number] = front_end.part(samples, each)
        except (AudioError, OSError) as error:
            path = None
            progress.note(f"skipped: {error}")
        progress.advance("reading", done, len(recordings))
    if recordings and not read:
        raise AudioError(f"none of {len(recordings)} recordings can be read")
    kept = sorted(read)
    return Part([recordings[number] for number in kept], [read[number] for number in kept])


def read_parts(
    recordings: Sequence[Recording],
    options: SpeechOptions,
    front_end: FrontEnd,
    progress: Progress,
) -> tuple[Part, Part]:
    """Split recordings as the options say, and read both parts; the second may be empty."""
    train, held = split_recordings(
        recordings,
        fraction=options.validation,
        group=options.validation_group,
        match=options.validation_match,
        seed=options.seed,
    )
    return read_part(train, front_end, progress), read_part(held, front_end, progress)


def build_network(
    front_end: FrontEnd, outputs: int, options: SpeechOptions, *, pooled: bool
) -> Sequential:
    """Convolutions over the bands of each step, bidirectional GRUs over the steps.

    Pooling of neighbouring bands makes up for voices of different pitch. Inputs are padded,
    (N, steps, width).

    With `pooled`, the mean over the steps and a softmax give probabilities (N, outputs); else
    each step has its logits (N, steps, outputs).
    """
    model = Sequential()
    model.add(layers.Input((None, front_end.width)))
    model.add(layers.Masking(PADDING))
    filters = [count for count in options.filters if count]
    if filters:
        bands = (front_end.log_mel.mels, front_end.context)
        model.add(layers.TimeDistributed(layers.Reshape(bands)))
        for count in filters:
            convolution = layers.Conv1D(count, 5, padding="same", activation="relu")
            model.add(layers.TimeDistributed(convolution))
            model.add(layers.TimeDistributed(layers.MaxPooling1D(2, padding="same")))
        model.add(layers.TimeDistributed(layers.Flatten()))
        model.add(layers.BatchNormalization(momentum=0.9))
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
