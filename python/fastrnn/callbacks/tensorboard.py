"""Logs for TensorBoard."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastrnn.callbacks.callback import Callback
from fastrnn.formats.event_file import EventFile


class TensorBoard(Callback):
    """Write what TensorBoard shows; neither it nor TensorFlow need be there.

    Parameters
    ----------
    log_dir : path
        Gets the folders ``train`` and ``validation``.
    histogram_freq : int
        Write histograms of the weights every so many epochs; never with 0.
    write_graph : bool
        Accepted for Keras' sake: there is no graph.
    write_images : bool
        Must be False.
    write_steps_per_second : bool
        Also write how fast training is.
    update_freq : {"epoch", "batch"} or int
        Also write the running loss and metrics after every batch, or every so many.
    profile_batch, embeddings_freq, embeddings_metadata :
        Must be left at 0 and None.

    Notes
    -----
    The names are Keras': ``epoch_loss``, ``epoch_learning_rate``, ``batch_loss``,
    ``evaluation_loss_vs_iterations``, ``<layer>/<weight>/histogram``.

    Examples
    --------
    >>> from fastrnn import callbacks
    >>> board = callbacks.TensorBoard("logs", histogram_freq=1)
    """

    state_names = ("_batches",)

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        for name, value in (
            ("write_images", write_images),
            ("profile_batch", profile_batch),
            ("embeddings_freq", embeddings_freq),
            ("embeddings_metadata", embeddings_metadata),
        ):
            if value:
                raise ValueError(f"TensorBoard: {name} is not supported, got {value!r}")
        if update_freq == "batch":
            update_freq = 1
        if update_freq != "epoch" and (not isinstance(update_freq, int) or update_freq < 1):
            raise ValueError(
                "TensorBoard: update_freq must be 'epoch', 'batch' or a positive integer, "
                f"got {update_freq!r}"
            )
        self.log_dir = Path(log_dir)
        self.histogram_freq = histogram_freq
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = update_freq
        if update_freq == "epoch" and not write_steps_per_second:
            self.idle_hooks = (TensorBoard.on_train_batch_begin, TensorBoard.on_train_batch_end)
        self._files: dict[str, EventFile] = {}
        self._batches = 0
        self._batch_started = 0.0
        self._epoch_started = 0.0, 0

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._files = {}

    def _write(self, part: str, scalars: dict[str, float], step: int) -> None:
        file = self._file(part)
        for tag, value in scalars.items():
            file.scalar(tag, value, step)

    def _file(self, part: str) -> EventFile:
        if part not in self._files:
            self._files[part] = EventFile(self.log_dir / part)
        return self._files[part]

    def _flush(self) -> None:
        for file in self._files.values():
            file.flush()

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._epoch_started = time.perf_counter(), self.model.optimizer.iterations

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._batch_started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._batches += 1
        if self.write_steps_per_second:
            rate = 1 / (time.perf_counter() - self._batch_started)
            self._write("train", {"batch_steps_per_second": rate}, self._batches)
        if self.update_freq != "epoch" and self._batches % self.update_freq == 0:
            scalars = {f"batch_{name}": value for name, value in (logs or {}).items()}
            self._write("train", scalars, self._batches)

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        if self.model.optimizer is not None:
            scalars = {f"evaluation_{name}_vs_iterations": v for name, v in (logs or {}).items()}
            self._write("validation", scalars, self.model.optimizer.iterations)
            self._flush()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        optimizer = self.model.optimizer
        parts: dict[str, dict[str, float]] = {"train": {}, "validation": {}}
        for name, value in ((logs or {}) | {"learning_rate": optimizer.learning_rate}).items():
            part = "validation" if name.startswith("val_") else "train"
            parts[part][f"epoch_{name.removeprefix('val_')}"] = value
        if self.write_steps_per_second:
            start, iterations = self._epoch_started
            rate = (optimizer.iterations - iterations) / (time.perf_counter() - start)
            parts["train"]["epoch_steps_per_second"] = rate
        for part, scalars in parts.items():
            if scalars:
                self._write(part, scalars, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for layer in self.model.layers:
                for name, weight in _named_weights(layer, layer.name):
                    self._file("train").histogram(f"{name}/histogram", weight, epoch)
        self._flush()


def _named_weights(layer: Any, path: str) -> Iterator[tuple[str, Any]]:
    """A layer's weights and those of the layers in it, under names of their own."""
    inner = [(f"{path}/{name}", sub) for name, sub in layer.sublayers()]
    within = {id(weight) for _, sub in inner for weight in sub.weights}
    for weight in layer.weights:
        if id(weight) not in within:
            yield f"{path}/{weight.name}", weight.value
    for name, sub in inner:
        yield from _named_weights(sub, name)
