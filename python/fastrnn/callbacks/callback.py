"""The hooks that a callback may define."""

from __future__ import annotations

from typing import Any, ClassVar


class Callback:
    """Base of callbacks: define the hooks that you need.

    ``self.model`` is the model, ``self.params`` holds verbose, epochs and steps. ``logs``
    holds the loss and the metrics by name; setting ``self.model.stop_training = True`` ends
    `fit` after the batch.

    Examples
    --------
    >>> from fastrnn.callbacks import Callback
    >>> class StopAtLoss(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         if logs["loss"] < 0.1:
    ...             self.model.stop_training = True
    """

    # Attributes that a checkpoint keeps: numbers, strings, arrays, lists and dicts of these.
    state_names: ClassVar[tuple[str, ...]] = ()
    # Hooks of batches that would do nothing, and are not called for that.
    idle_hooks: tuple[Any, ...] = ()
    # Whether the hooks run after those of all other callbacks.
    runs_last = False

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that is being trained, evaluated or predicts."""
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before anything else, with verbose, epochs and steps."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Called before anything else, with the model."""
        self._model = model

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint keeps: the attributes that ``state_names`` lists."""
        return {name: getattr(self, name) for name in self.state_names}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned; called after `on_train_begin`."""
        for name, value in state.items():
            setattr(self, name, value)

    def listens(self, kind: str) -> bool:
        """Whether a hook of batches is defined: of "train", "test" or "predict"."""
        names = [f"on_{kind}_batch_begin", f"on_{kind}_batch_end"]
        if kind == "train":
            names += ["on_batch_begin", "on_batch_end"]
        return any(
            getattr(getattr(self, name), "__func__", None)
            not in (getattr(Callback, name), *self.idle_hooks)
            for name in names
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Called before each epoch of `fit`."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Called after each epoch of `fit`, validation included."""

    def on_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Called before each batch of `fit`."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Called after each batch of `fit`, with the means over the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Called before each batch of `evaluate` and of validation."""

    def on_test_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Called after each batch of `evaluate` and of validation."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called before each batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after each batch of `predict`, with its ``outputs``."""

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Called once when `fit` begins."""

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Called once when `fit` ends."""

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Called when `evaluate` or validation begins."""

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Called when `evaluate` or validation ends."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called when `predict` begins."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called when `predict` ends."""
