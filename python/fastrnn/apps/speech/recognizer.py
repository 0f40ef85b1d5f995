"""What recognizers of words and of sentences have in common: network, names and front end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, TypeVar

import numpy as np

from fastrnn.apps.model_file import load_trained, save_trained
from fastrnn.apps.speech.batches import SpeechBatches
from fastrnn.apps.speech.front_end import FloatArray, FrontEnd
from fastrnn.models import Model

Self = TypeVar("Self", bound="Recognizer")


class Recognizer:
    """A network over recordings of speech, with all it needs to hear one.

    Parameters
    ----------
    names : iterable of str
        What the network's outputs are called.
    front_end : FrontEnd
        From sound to the network's input.
    model : Model
        From (N, steps, width) to the outputs.
    """

    KIND: ClassVar[str]

    def __init__(self, names: Iterable[str], front_end: FrontEnd, model: Model) -> None:
        self.names = tuple(names)
        self.front_end = front_end
        self.model = model

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all of it to one ``.keras`` file; an existing file is replaced in one step."""
        about = {"names": list(self.names), "front_end": self.front_end.to_dict()}
        save_trained(path, self.model, self.KIND, about)

    @classmethod
    def load(cls: type[Self], path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is no recognizer of this kind, or damaged.
        """
        model, about = load_trained(path, cls.KIND)
        try:
            front_end = FrontEnd.from_dict(about["front_end"])
            return cls([str(name) for name in about["names"]], front_end, model)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: damaged: {error}") from None

    def outputs(
        self, frames: Sequence[FloatArray], *, batch_size: int = 32
    ) -> Iterator[tuple[FloatArray, int]]:
        """The network's output for each recording's log-mel frames, and its number of steps."""
        for first in range(0, len(frames), batch_size):
            some = frames[first : first + batch_size]
            batches = SpeechBatches(
                some, np.zeros(len(some), np.int64), self.front_end, batch_size=batch_size
            )
            results = np.asarray(self.model.predict_on_batch(batches[0][0]), np.float32)
            for row, each in zip(results, some, strict=True):
                yield row, -(-len(each) // self.front_end.stride)
