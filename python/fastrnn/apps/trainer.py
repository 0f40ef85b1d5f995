"""The training loop over windows of clips."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.augment import shift_windows
from fastrnn.apps.classifier import VideoClassifier
from fastrnn.apps.evaluation import cross_entropy
from fastrnn.apps.options import TrainingOptions
from fastrnn.data import Clip, WindowedClips
from fastrnn.optimizers import Adam
from fastrnn.video import apply_view

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EpochStats:
    """Figures of one epoch; those of the validation part are None where nothing is held back."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    seconds: float


class TrainingProgress:
    """What happens during training; override what is of interest. The base class is silent."""

    def clip_read(self, clip: Clip, reason: str | None, done: int, total: int) -> None:
        """After each clip; `reason` says why it was skipped, None if it was read."""

    def training_started(self, train: WindowedClips, validation: WindowedClips) -> None:
        """After all clips have been read."""

    def batch_done(self, epoch: int, done: int, total: int, loss: float) -> None:
        """After each step, with the mean loss of the epoch so far."""

    def epoch_done(self, stats: EpochStats, best: bool) -> None:
        """After each epoch; `best` says that the model was saved."""


class Trainer:
    """The loop over epochs and batches; keeps the best weights.

    Parameters
    ----------
    classifier : VideoClassifier
        Trained in place.
    train, validation : WindowedClips
        Windows to learn from, and windows that decide which epoch is best; may be empty.
    options : TrainingOptions
        How to train.
    progress : TrainingProgress
        Told of what happens.
    model_path : Path
        Where the best model is saved, as soon as it is known.
    """

    def __init__(
        self,
        classifier: VideoClassifier,
        train: WindowedClips,
        validation: WindowedClips,
        options: TrainingOptions,
        progress: TrainingProgress,
        model_path: Path,
    ) -> None:
        self.classifier = classifier
        self.train = train
        self.validation = validation
        self.options = options
        self.progress = progress
        self.model_path = model_path
        self.optimizer = Adam(learning_rate=options.learning_rate)
        self.random = np.random.default_rng(options.seed)
        self.history: list[EpochStats] = []
        self.best_epoch = 0
        self._best_loss = np.inf
        self._best_weights: list[npt.NDArray[Any]] = []

    def run(self) -> bool:
        """Train; leave the best weights in the classifier and in its file.

        Returns
        -------
        bool
            True if Ctrl-C ended the training.

        Raises
        ------
        RuntimeError
            If the loss is no finite number before any epoch is done.
        """
        self.classifier.model.compile(
            optimizer=self.optimizer,
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        interrupted = False
        try:
            for epoch in range(1, self.options.epochs + 1):
                self._epoch(epoch)
                if not np.isfinite(self.history[-1].loss):
                    break
        except KeyboardInterrupt:
            interrupted = True
        if self._best_weights:
            self.classifier.model.set_weights(self._best_weights)
        elif self.history:
            raise RuntimeError(
                f"the loss is {self.history[-1].loss} in epoch 1; use a smaller learning rate"
            )
        self.classifier.save(self.model_path)
        return interrupted

    def _epoch(self, epoch: int) -> None:
        start = time.perf_counter()
        model = self.classifier.model
        fraction = (epoch - 1) / self.options.epochs
        self.optimizer.learning_rate = (
            self.options.learning_rate * 0.5 * (1.0 + np.cos(np.pi * fraction))
        )
        order = self.random.permutation(len(self.train)).astype(np.int64)
        size = self.options.batch_size
        total = -(-len(order) // size)
        loss = accuracy = 0.0  # means over the windows seen in this epoch
        for step in range(total):
            chosen = order[step * size : (step + 1) * size]
            inputs, labels = self._training_batch(chosen)
            model.reset_metrics()
            figures = model.train_on_batch(inputs, labels, return_dict=True)
            share = len(chosen) / (step * size + len(chosen))
            loss += share * (float(figures["loss"]) - loss)
            accuracy += share * (float(figures["accuracy"]) - accuracy)
            self.progress.batch_done(epoch, step + 1, total, loss)
        val_loss = val_accuracy = None
        if len(self.validation):
            probabilities = self.classifier.predict_windows(self.validation)
            labels = self.validation.labels
            val_loss = cross_entropy(probabilities, labels)
            val_accuracy = float((probabilities.argmax(axis=1) == labels).mean())
        stats = EpochStats(
            epoch=epoch,
            loss=loss,
            accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            seconds=time.perf_counter() - start,
        )
        self.history.append(stats)
        self.progress.epoch_done(stats, self._keep_if_best(stats))

    def _training_batch(self, chosen: IntArray) -> tuple[npt.NDArray[np.float32], IntArray]:
        pixels = self.train.pixels(chosen, self.random)
        if self.options.shift:
            pixels = shift_windows(pixels, self.options.shift, self.random)
        view = self.options.preprocessing.view
        return apply_view(pixels, view), self.train.labels[chosen]

    def _keep_if_best(self, stats: EpochStats) -> bool:
        loss = stats.loss if stats.val_loss is None else stats.val_loss
        if not loss < self._best_loss:
            return False
        self._best_loss = loss
        self.best_epoch = stats.epoch
        self._best_weights = [
            np.array(weight, copy=True) for weight in self.classifier.model.get_weights()
        ]
        self.classifier.save(self.model_path)
        return True
