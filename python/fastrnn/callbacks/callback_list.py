"""The list that calls all callbacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fastrnn.callbacks.callback import Callback
from fastrnn.callbacks.history import History
from fastrnn.callbacks.progress import ProgbarLogger

Logs = dict[str, float]


class CallbackList(Callback):
    """Calls every callback in turn; costs nothing per batch where none listens to batches.

    Parameters
    ----------
    callbacks : Callback or iterable of Callback, optional
    add_history : bool
        Add a `History` if there is none.
    add_progbar : bool
        Add a `ProgbarLogger` if there is none.
    model : optional
        What the callbacks get as ``self.model``.
    **params
        What they get as ``self.params``: verbose, epochs, steps.
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        if callbacks is None:
            callbacks = []
        elif isinstance(callbacks, Callback):
            callbacks = [callbacks]
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(
                    "callbacks must be fastrnn.callbacks.Callback objects, "
                    f"got {type(callback).__name__}"
                )
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and history is None:
            history = History()
            self.callbacks.append(history)
        self.history = history
        self.callbacks.sort(key=lambda callback: callback.runs_last)
        self.set_params(params)
        self.set_model(model)
        self._batch_hooks = {
            kind: [c for c in self.callbacks if c.listens(kind)]
            for kind in ("train", "test", "predict")
        }

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        self._model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def get_state(self) -> dict[str, Any]:
        """The states of the callbacks that have any, by class and number."""
        return {name: state for name, c in self._named() if (state := c.get_state())}

    def set_state(self, state: dict[str, Any]) -> None:
        for name, callback in self._named():
            if name in state:
                callback.set_state(state[name])

    def _named(self) -> Iterator[tuple[str, Callback]]:
        """Callbacks under names that another process finds again: ``EarlyStopping_0``."""
        seen: Counter[str] = Counter()
        for callback in self.callbacks:
            kind = type(callback).__name__
            yield f"{kind}_{seen[kind]}", callback
            seen[kind] += 1

    def batch_begin(self, kind: str, batch: int) -> None:
        """Call ``on_<kind>_batch_begin`` where it is defined."""
        for callback in self._batch_hooks[kind]:
            getattr(callback, f"on_{kind}_batch_begin")(batch, {})

    def batch_end(self, kind: str, batch: int, logs: Callable[[], Logs]) -> None:
        """Call ``on_<kind>_batch_end`` where it is defined; `logs` is only then computed."""
        hooks = self._batch_hooks[kind]
        if not hooks:
            return
        computed: Logs | None = None
        for callback in hooks:
            if isinstance(callback, ProgbarLogger) and not callback.due(batch):
                continue
            if computed is None:
                computed = logs()
            getattr(callback, f"on_{kind}_batch_end")(batch, computed)


def _indexed(name: str) -> Callable[..., None]:
    def hook(self: CallbackList, index: int, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            getattr(callback, name)(index, {} if logs is None else logs)

    return hook


def _plain(name: str) -> Callable[..., None]:
    def hook(self: CallbackList, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            getattr(callback, name)({} if logs is None else logs)

    return hook


# Every hook of the list calls that of all callbacks, in training loops of one's own, too.
for _name in vars(Callback):
    if _name.startswith("on_"):
        _numbered = "_epoch_" in _name or "_batch_" in _name
        setattr(CallbackList, _name, (_indexed if _numbered else _plain)(_name))
