"""Training, evaluation and prediction over whole data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastrnn.callbacks import Callback, CallbackList, History
from fastrnn.models.batches import ArrayBatches, rows_of, split_off_validation
from fastrnn.models.trainable import Trainable
from fastrnn.utils.random import generator

_DEFAULT_BATCH = 32


class Training(Trainable):
    """What a model can do with whole data sets."""

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
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train on arrays for a number of epochs.

        Parameters
        ----------
        x : array_like, shape (N, ...)
            Where the model has several inputs, a list of them, or a dict by name.
        y : array_like, shape (N, ...)
            Where the model has several outputs, a list or dict; so with `sample_weight`.
        batch_size : int
            32 when not given.
        epochs : int
            Number of the last epoch; `initial_epoch` is that of the first.
        verbose : {"auto", 0, 1, 2}
            Silent, a bar, or one line per epoch; "auto" is 1.
        callbacks : Callback or sequence of Callback, optional
        validation_split : float
            Share of the data, taken from its end before shuffling, that is validated on.
        validation_data : tuple (x, y) or (x, y, sample_weight), optional
        shuffle : bool
            Draw the order of samples anew for each epoch.
        class_weight : dict, optional
            Weight of the samples of each class.
        sample_weight : array_like, shape (N,) or of the losses, optional
        initial_epoch : int
        steps_per_epoch : int, optional
            Batches per epoch; the next epoch goes on where the last one stopped.
        validation_steps : int, optional
            Batches per validation.
        validation_batch_size : int, optional
        validation_freq : int or sequence of int
            Validate every so many epochs, or after these.

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
        arrays = self._training_arrays("fit", x, y, sample_weight, class_weight)
        if validation_split and validation_data is None:
            arrays, held_back = split_off_validation(self.name, arrays, validation_split)
            if class_weight is not None:
                held_back[2] = None  # classes are weighted in training alone
        elif validation_data is not None:
            held_back = self._validation_arrays(validation_data)
        else:
            held_back = None
        rng = generator() if shuffle else None
        batches = self._batches(arrays, batch_size, rng)
        validation = None
        if held_back is not None:
            validation = self._batches(held_back, validation_batch_size or batch_size)
        assert self.optimizer is not None
        assert self.objective is not None
        endless = batches.endless() if steps_per_epoch else None
        steps = steps_per_epoch or batches.steps
        verbose = 1 if verbose == "auto" else int(verbose)
        hooks = _hooks(
            callbacks, self, verbose=verbose, epochs=epochs, steps=steps, add_history=True
        )
        assert hooks.history is not None
        self.history = hooks.history
        self.stop_training = False
        hooks.on_train_begin()
        logs: dict[str, float] = {}
        try:
            for epoch in range(initial_epoch, epochs):
                self.objective.reset()
                hooks.on_epoch_begin(epoch)
                self._train_epoch(endless or iter(batches), steps, hooks)
                logs = self._sorted_results()
                if validation is not None and _is_due(epoch, validation_freq):
                    results = self._evaluate(validation, validation_steps, hooks)
                    logs |= {f"val_{name}": value for name, value in sorted(results.items())}
                hooks.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
        finally:
            self._forget_passes()
        self.optimizer.finalize()
        hooks.on_train_end(logs)
        return hooks.history

    def _train_epoch(self, batches: Iterator[list[Any]], steps: int, hooks: CallbackList) -> None:
        train_step, results = self._train_step, self._sorted_results
        for step in range(steps):
            x, y, weight = next(batches)
            hooks.batch_begin("train", step)
            train_step(x, y, weight)
            hooks.batch_end("train", step, results)
            if self.stop_training:
                break

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
        """Loss and metrics over arrays, without training.

        Parameters
        ----------
        x, y, batch_size, verbose, sample_weight, callbacks :
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
        arrays = self._training_arrays("evaluate", x, y, sample_weight, None)
        batches = self._batches(arrays, batch_size)
        verbose = 1 if verbose == "auto" else int(verbose)
        total = min(steps or batches.steps, batches.steps)
        hooks = _hooks(callbacks, self, verbose=verbose, epochs=1, steps=total)
        results = self._evaluate(batches, steps, hooks)
        if return_dict:
            return results
        values = list(results.values())
        return values[0] if len(values) == 1 else values

    def _evaluate(
        self, batches: ArrayBatches, steps: int | None, hooks: CallbackList
    ) -> dict[str, float]:
        assert self.objective is not None
        self.objective.reset()
        hooks.on_test_begin()
        for step, (x, y, weight) in enumerate(batches):
            if steps is not None and step >= steps:
                break
            hooks.batch_begin("test", step)
            self._test_step(x, y, weight)
            hooks.batch_end("test", step, self._sorted_results)
        hooks.on_test_end(self._sorted_results())
        return self.objective.results()

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
    ) -> Any:
        """Outputs for an array, batch by batch.

        Parameters
        ----------
        x : array_like, shape (N, ...)
        batch_size, verbose, callbacks :
            As in `fit`.
        steps : int, optional
            Stop after so many batches.

        Returns
        -------
        ndarray, shape (N, ...), or list of ndarray where the model has several outputs
        """
        array = self._inputs("predict", x)
        verbose = 1 if verbose == "auto" else int(verbose)
        size = batch_size or _DEFAULT_BATCH
        if not verbose and not callbacks and rows_of(array) <= size:
            return self._outputs(array)
        batches = ArrayBatches([array], [self.dtype], size)
        total = min(steps or batches.steps, batches.steps)
        hooks = _hooks(callbacks, self, verbose=verbose, epochs=1, steps=total)
        hooks.on_predict_begin()
        collected: list[list[Any]] = []
        several = False
        for step, (part,) in enumerate(batches):
            if step >= total:
                break
            hooks.batch_begin("predict", step)
            out = _own(self.propagate(part, False)[0], part)
            several = isinstance(out, (list, tuple))
            collected.append(list(out) if several else [out])
            hooks.batch_end("predict", step, lambda: {"outputs": out})  # noqa: B023
        hooks.on_predict_end()
        joined = [np.concatenate(parts) for parts in zip(*collected, strict=True)]
        return self.arrange(joined if several else joined[0])

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
        return self._outputs(self._inputs("predict_on_batch", x))

    def _outputs(self, array: Any) -> Any:
        """Outputs for one batch of checked inputs."""
        x = _contiguous(array, self.dtype)
        return self.arrange(_own(self.propagate(x, False)[0], array))

    def _one_batch(self, arrays: list[Any]) -> list[Any]:
        types = self._batch_types(arrays)
        return [_contiguous(part, dtype) for part, dtype in zip(arrays, types, strict=True)]

    def _returned(self, return_dict: bool) -> Any:
        assert self.objective is not None
        results = self.objective.results()
        if return_dict:
            return results
        values = list(results.values())
        return values[0] if len(values) == 1 else values

    # Batches ---------------------------------------------------------------------------

    def _batch_types(self, arrays: list[Any]) -> list[Any]:
        # Targets have types of their own from Objective.prepare.
        return [self.dtype, None, self.dtype]

    def _batches(
        self, arrays: list[Any], batch_size: int | None, rng: np.random.Generator | None = None
    ) -> ArrayBatches:
        size = _DEFAULT_BATCH if batch_size is None else batch_size
        if size < 1:
            raise ValueError(f"{self.name}: batch_size must be positive, got {batch_size}")
        return ArrayBatches(arrays, self._batch_types(arrays), int(size), rng)

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
    if isinstance(callbacks, CallbackList):
        return callbacks
    verbose = params["verbose"]
    return CallbackList(
        callbacks, add_history=add_history, add_progbar=verbose != 0, model=model, **params
    )


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Whether an epoch, counted from 0, is followed by validation."""
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def _contiguous(part: Any, dtype: Any) -> Any:
    """An array, or a tuple of them, as the layers take it; None stays None."""
    if part is None:
        return None
    if isinstance(part, tuple):
        return tuple(_contiguous(array, dtype) for array in part)
    return np.ascontiguousarray(part, dtype or part.dtype)


def _own(out: Any, x: Any) -> Any:
    """An output that is no view of the caller's input."""
    if isinstance(out, (list, tuple)):
        return [_own(part, x) for part in out]
    if isinstance(x, tuple):
        return out.copy() if any(np.may_share_memory(out, part) for part in x) else out
    return out.copy() if np.may_share_memory(out, x) else out
