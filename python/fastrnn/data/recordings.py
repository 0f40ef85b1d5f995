"""A folder of recordings as a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.audio import LogMel, read_wav
from fastrnn.data.labelled import FileDataset, LabelledFiles, Labels, datasets_of, labelled_files

Array = npt.NDArray[np.float32]

AUDIO_SUFFIXES = frozenset((".wav", ".wave"))


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
    *,
    features: LogMel | None = None,
    mono: bool = False,
    group: str | None = None,
    workers: int = 2,
) -> Any:
    """Batches of recordings from a folder, each read when it is needed.

    Parameters
    ----------
    directory : str or os.PathLike
        One sub-folder per class, WAVE files inside; without classes, the files.
    sampling_rate : int, optional
        Resample to so many samples per second; as recorded when not given.
    output_sequence_length : int, optional
        Cut, or fill with zeros, to so many samples (or frames of `features`); else a batch is as
        long as its longest.
    features : LogMel, optional
        Give its frames, of the mean of the channels, in place of the samples.
    mono : bool
        Average the channels; needed where not all recordings have as many.
    labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset :
        As in `image_dataset_from_directory`.
    follow_links, verbose, group, workers :
        As there.

    Returns
    -------
    FileDataset
        Batches ``(sounds, labels)``: samples (N, T, channels) from -1 to 1, or features
        (N, T, mels), float32, filled with zeros at the end; and targets. A recording that
        cannot be read is named in a warning and left out. With "both", two.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, ValueError
        If there is no such folder, nothing in it, or options do not fit.

    Examples
    --------
    >>> import wave
    >>> from fastrnn.audio import LogMel
    >>> from fastrnn.utils import audio_dataset_from_directory
    >>> for name in ("1_ann.wav", "1_bob.wav", "2_ann.wav"):
    ...     with wave.open(name, "wb") as file:
    ...         file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...         file.writeframes(bytes(1600))
    >>> digits = audio_dataset_from_directory(
    ...     ".", labels=lambda path: path.name[0], features=LogMel(sample_rate=8000, mels=20)
    ... )
    Found 3 files of 2 classes; using 3.
    >>> digits[0][0].shape
    (3, 8, 20)
    """

    def read(path: Path) -> Array:
        if features is not None:
            return features.read(path)
        samples = read_wav(path, sample_rate=sampling_rate, mono=mono)[0]
        return samples.reshape(len(samples), -1)

    def stack(sounds: list[Array]) -> Array:
        length = output_sequence_length or max(len(sound) for sound in sounds)
        channels = sorted({sound.shape[1] for sound in sounds})
        if len(channels) > 1:
            raise ValueError(
                f"a batch has recordings of {' and of '.join(map(str, channels))} channels; "
                "mono=True averages them"
            )
        batch = np.zeros((len(sounds), length, sounds[0].shape[1]), np.float32)
        for row, sound in zip(batch, sounds, strict=True):
            row[: len(sound)] = sound[:length]
        return batch

    def make(part: LabelledFiles, _: bool) -> FileDataset:
        return FileDataset(
            part,
            read,
            stack,
            label_mode=label_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            workers=workers,
        )

    files = labelled_files(
        directory,
        AUDIO_SUFFIXES,
        labels=labels,
        label_mode=label_mode,
        class_names=class_names,
        follow_links=follow_links,
    )
    return datasets_of(
        files,
        make,
        validation_split=validation_split,
        subset=subset,
        seed=seed,
        group=group,
        verbose=verbose,
    )
