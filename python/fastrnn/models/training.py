"""Training, evaluation and prediction over whole data sets."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn.callbacks import Callback, CallbackList, History
from fastrnn.models.batches import ArrayBatches, Batches, rows_of, split_off_validation
from fastrnn.models.checkpoint import Progress
from fastrnn.models.feeding import Feeding
from fastrnn.models.sources import batches_of, set_threads, yields_batches
from fastrnn.utils.random import generator
from fastrnn.utils.structures import joined, leaves, mapped


class Training(Feeding):
    """What a model can do with whole data sets."""

    _progress: Progress | None = None  # of the running `fit`
    _resumes_from: dict[str, Any] | None = None  # what a checkpoint says of its `fit`

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Callback | Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        **kwargs: Any,
    ) -> History:
        """Train on arrays, or on batches from elsewhere, for a number of epochs.

        Parameters
        ----------
        x : array_like, shape (N, ...), or batches
            Batches come from a `fastrnn.utils.Sequence`, a generator or another iterable: each
            ``(x, y)`` or ``(x, y, sample_weight)``. Where the model has several inputs, arrays
            are given in a list, or in a dict by name.
        y : array_like, shape (N, ...)
            None where `x` gives batches. Where the model has several outputs, a list or dict;
            so with `sample_weight`.
        batch_size : int
            32 when not given; batches have their own.
        epochs : int
            Number of the last epoch; `initial_epoch` is that of the first.
        verbose : {"auto", 0, 1, 2}
            Silent, a bar, or one line per epoch; "auto" is 1.
        callbacks : Callback or sequence of Callback, optional
        validation_split : float
            Share of the data, taken from its end before shuffling, that is validated on.
        validation_data : tuple (x, y) or (x, y, sample_weight), or batches, optional
        shuffle : bool or "batch"
            Draw the order of samples anew for each epoch; with "batch", and for a `Sequence`,
            that of the batches. Generators and other iterables keep their order.
        class_weight : dict, optional
            Weight of the samples of each class.
        sample_weight : array_like, shape (N,) or of the losses, optional
        initial_epoch : int
        steps_per_epoch : int, optional
            Batches per epoch; the next epoch goes on where the last one stopped. Without it an
            epoch goes through all data once. Data that end earlier are begun again; with a
            generator, which cannot be, training ends.
        validation_steps : int, optional
            Batches per validation.
        validation_batch_size : int, optional
        validation_freq : int or sequence of int
            Validate every so many epochs, or after these.
        workers, max_queue_size, use_multiprocessing : optional
            Keras 2's way to set these attributes of a `Sequence`.

        Returns
        -------
        History
            ``.history`` holds the loss and metrics of each epoch.

        Raises
        ------
        ValueError
            If the model is not compiled, or shapes do not fit.
        TypeError
            If data hold no numbers.

        Notes
        -----
        After Ctrl+C the model is whole, with the weights of the last complete step, and
        ``model.history`` holds the epochs that were completed.
        """
        self._compiled_objective("fit")
        set_threads(x, kwargs)
        assert self.optimizer is not None
        if not isinstance(validation_freq, (int, np.integer, list, tuple, set, range)):
            kind = type(validation_freq).__name__
            raise ValueError(
                f"{self.name}.fit: validation_freq must be an integer or a list of epochs, "
                f"got {kind}"
            )
        rng, whole = generator() if shuffle else None, shuffle == "batch"
        size = validation_batch_size or batch_size
        validation: Batches | None = None
        if validation_split and validation_data is None:
            if yields_batches(x):
                raise ValueError(
                    f"{self.name}.fit: validation_split cuts arrays; beside batches that "
                    f"{type(x).__name__} yields, give validation_data"
                )
            arrays = self._training_arrays("fit", x, y, sample_weight, class_weight)
            arrays, held = split_off_validation(self.name, arrays, validation_split)
            if class_weight is not None:
                held[2] = None  # classes are weighted in training alone
            source: Batches = self._batches(arrays, batch_size, rng, whole)
            validation = self._batches(held, size)
        else:
            data = x, y, sample_weight
            source = self._source("fit", data, class_weight, batch_size, rng, whole)
            if validation_data is not None:
                held_back = self._unpacked("fit", "validation_data", validation_data)
                validation = self._source("evaluate", held_back, None, size)
        verbose = 1 if verbose == "auto" else int(verbose)
        steps = steps_per_epoch or source.steps
        hooks = _hooks(
            callbacks, self, verbose=verbose, epochs=epochs, steps=steps, add_history=True
        )
        assert hooks.history is not None
        self.history = hooks.history
        self.stop_training = False
        sources = [source] if validation is None else [source, validation]
        self._progress = progress = Progress(hooks, sources, initial_epoch)
        logs: dict[str, float] = {}
        try:
            hooks.on_train_begin()
            resumed, self._resumes_from = self._resumes_from, None
            if resumed is not None:
                progress.resume(self, resumed, epochs)
            while progress.epoch < epochs and not self.stop_training:
                epoch, rate = progress.epoch, self.optimizer.learning_rate
                self.reset_metrics()
                hooks.on_epoch_begin(epoch)
                if progress.step and self.optimizer.learning_rate != rate:
                    self.optimizer.learning_rate = rate  # this epoch has begun before
                logs = self._train_epoch(progress, steps_per_epoch)
                if source.exhausted:
                    self._note_exhausted(epoch, epochs, progress.step)
                    if not progress.step:
                        break
                if validation is not None and _is_due(epoch, validation_freq):
                    results = self._evaluate(validation, validation_steps, hooks)
                    logs |= {f"val_{name}": value for name, value in sorted(results.items())}
                progress.epoch, progress.step = epoch + 1, 0
                hooks.on_epoch_end(epoch, logs)
                if source.exhausted:
                    break
        finally:
            self._progress = None
            self._forget_passes()
        self.optimizer.finalize()
        hooks.on_train_end(logs)
        return hooks.history

    def _train_epoch(self, progress: Progress, steps: int | None) -> dict[str, float]:
        """Train on the batches of an epoch, or on what is left of it; return its logs."""
        train_step, results = self._train_step, self._sorted_results
        hooks, source, step = progress.hooks, progress.sources[0], progress.step
        length = source.steps if step and steps is None else steps
        left = None if length is None else length - step
        with contextlib.closing(source.epoch(left)) as batches:
            for x, y, weight in batches:
                if progress.metrics:
                    progress.restore_metrics(self)
                hooks.batch_begin("train", step)
                train_step(x, y, weight)
                progress.step = step + 1
                hooks.batch_end("train", step, results)
                step += 1
                if self.stop_training:
                    break
        if progress.metrics:  # the checkpoint was written after the last batch
            progress.metrics = []
            return progress.logs
        return results()

    def _note_exhausted(self, epoch: int, epochs: int, steps: int) -> None:
        """Say that there are no more batches where more were asked for."""
        if not steps and not self.history.epoch:
            raise ValueError(f"{self.name}.fit: x yields no batches in epoch {epoch + 1}")
        if epoch + 1 < epochs:
            warnings.warn(
                f"{self.name}.fit: x ended in epoch {epoch + 1} of {epochs}, after {steps} "
                "batches, and training ends with it; a generator must not end, beside "
                "steps_per_epoch, or give a fastrnn.utils.Sequence",
                stacklevel=3,
            )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Loss and metrics, without training.

        Parameters
        ----------
        x, y, batch_size, verbose, sample_weight, callbacks, workers, ... :
            As in `fit`.
        steps : int, optional
            Stop after so many batches.
        return_dict : bool
            Return a dict by name.

        Returns
        -------
        float, list of float or dict
            The loss; with metrics a list [loss, metric, ...].
        """
        set_threads(x, kwargs)
        source = self._source("evaluate", (x, y, sample_weight), None, batch_size)
        verbose = 1 if verbose == "auto" else int(verbose)
        total = _least(steps, source.steps)
        hooks = _hooks(callbacks, self, verbose=verbose, epochs=1, steps=total)
        results = self._evaluate(source, steps, hooks)
        if return_dict:
            return results
        values = list(results.values())
        return values[0] if len(values) == 1 else values

    def _evaluate(
        self, source: Batches, steps: int | None, hooks: CallbackList
    ) -> dict[str, float]:
        self.reset_metrics()
        hooks.on_test_begin()
        source.restart()
        step = 0
        with contextlib.closing(source.epoch(_least(steps, source.steps))) as batches:
            for x, y, weight in batches:
                hooks.batch_begin("test", step)
                self._test_step(x, y, weight)
                hooks.batch_end("test", step, self._sorted_results)
                step += 1
        if not step:
            raise ValueError(
                f"{self.name}.evaluate: there are no batches to evaluate on; a generator gives "
                "each but once: say how many by steps or validation_steps"
            )
        hooks.on_test_end(self._sorted_results())
        return self._compiled_objective("evaluate").results()

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Outputs, batch by batch.

        Parameters
        ----------
        x : array_like, shape (N, ...), or batches
            As in `fit`; targets in the batches are ignored.
        batch_size, verbose, callbacks, workers, ... :
            As in `fit`.
        steps : int, optional
            Stop after so many batches.

        Returns
        -------
        ndarray, shape (N, ...), or list of ndarray where the model has several outputs
        """
        if kwargs:
            set_threads(x, kwargs)
        verbose = 1 if verbose == "auto" else int(verbose)
        source: Batches
        if not isinstance(x, list) and yields_batches(x):
            source = batches_of(x, self._prediction_batch)
        else:
            array = self._inputs("predict", x)
            size = self._batch_size(batch_size)
            if not verbose and not callbacks and rows_of(array) <= size:
                return self.arrange(self._predicted(self._converted(array)))
            source = ArrayBatches([array], [self.dtype], size)
        total = _least(steps, source.steps)
        hooks = _hooks(callbacks, self, verbose=verbose, epochs=1, steps=total)
        hooks.on_predict_begin()
        parts: list[Any] = []
        with contextlib.closing(source.epoch(total)) as batches:
            for step, (part,) in enumerate(batches):
                hooks.batch_begin("predict", step)
                parts.append(self._predicted(part))
                hooks.batch_end("predict", step, lambda: {"outputs": parts[-1]})
        if not parts:
            raise ValueError(f"{self.name}.predict: there are no batches to predict for")
        hooks.on_predict_end()
        return self.arrange(joined(parts))

    def _predicted(self, x: Any) -> Any:
        """Outputs for a batch, none of them a view of it; a list where there are several."""
        out, _ = self.propagate(x, False)
        given = leaves(x)

        def own(part: Any) -> Any:
            return part.copy() if any(np.may_share_memory(part, a) for a in given) else part

        return mapped(own, list(out) if isinstance(out, tuple) else out)

    # Single batches --------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One update of the weights.

        Parameters
        ----------
        x, y, sample_weight, class_weight :
            As in `fit`, all one batch.
        return_dict : bool

        Returns
        -------
        float, list of float or dict
            As `evaluate`, of this batch alone, before the update.
        """
        arrays = self._training_arrays("train_on_batch", x, y, sample_weight, class_weight)
        self.reset_metrics()
        self._train_step(*self._one_batch(arrays))
        return self._returned(return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch; arguments and result as in `train_on_batch`."""
        arrays = self._training_arrays("test_on_batch", x, y, sample_weight, None)
        self.reset_metrics()
        self._test_step(*self._one_batch(arrays))
        return self._returned(return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch.

        Parameters
        ----------
        x : array_like, shape (N, ...)
        """
        batch = self._converted(self._inputs("predict_on_batch", x))
        return self.arrange(self._predicted(batch))

    def _returned(self, return_dict: bool) -> Any:
        assert self.objective is not None
        results = self.objective.results()
        if return_dict:
            return results
        values = list(results.values())
        return values[0] if len(values) == 1 else values

    def _sorted_results(self) -> dict[str, float]:
        """Running values in the order in which Keras logs them: by name."""
        assert self.objective is not None
        return dict(sorted(self.objective.results().items()))

    def _forget_passes(self) -> None:
        """Drop what backward passes would need."""
        pending = list(self.layers)
        while pending:
            layer = pending.pop()
            layer.saved = None
            pending.extend(inner for _, inner in layer.sublayers())


def _hooks(callbacks: Any, model: Any, add_history: bool = False, **params: Any) -> CallbackList:
    listed = isinstance(callbacks, CallbackList)
    return CallbackList(
        callbacks.callbacks if listed else callbacks,
        add_history=add_history,
        add_progbar=not listed and params["verbose"] != 0,
        model=model,
        **params,
    )


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Whether an epoch, counted from 0, is followed by validation."""
    if isinstance(frequency, (int, np.integer)):
        return bool((epoch + 1) % frequency == 0)
    return epoch + 1 in frequency


def _least(*numbers: int | None) -> int | None:
    """The smallest of the numbers that are known."""
    return min((number for number in numbers if number is not None), default=None)
