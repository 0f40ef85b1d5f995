"""Batches from data sets by number, generators and other iterables."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from itertools import islice
from typing import Any

import numpy as np

from fastrnn.models.batches import Batches
from fastrnn.utils.dataset import PyDataset

Prepare = Callable[[Any], "list[Any]"]


def yields_batches(x: Any) -> bool:
    """Whether `x` gives batches one after the other, and is no array, nor lists of numbers."""
    if isinstance(x, list):
        return bool(x) and all(isinstance(part, tuple) and len(part) in (2, 3) for part in x)
    if isinstance(x, (PyDataset, Iterator)):
        return True
    return isinstance(x, Iterable) and not (
        isinstance(x, (tuple, dict, str, bytes, np.ndarray))
        or hasattr(x, "__array__")
        or hasattr(x, "__array_interface__")
    )


def batches_of(x: Any, prepare: Prepare, shuffle: np.random.Generator | None = None) -> Batches:
    """Batches for whatever `yields_batches` is true of; `prepare` checks and converts each."""
    if isinstance(x, PyDataset):
        return DatasetBatches(x, prepare, shuffle)
    return IterableBatches(x, prepare)


def set_threads(x: Any, options: dict[str, Any]) -> None:
    """Set the attributes of a `PyDataset` that Keras 2 has as arguments of `fit`."""
    for name, value in options.items():
        if name not in ("max_queue_size", "use_multiprocessing", "workers"):
            raise TypeError(f"fit, evaluate and predict have no argument {name!r}")
        if isinstance(x, PyDataset):
            setattr(x, name, value)


class DatasetBatches(Batches):
    """Batches of a `PyDataset`, made ahead by its threads."""

    def __init__(
        self, dataset: PyDataset, prepare: Prepare, shuffle: np.random.Generator | None = None
    ) -> None:
        steps = dataset.num_batches
        kept = steps is None or dataset.keeps_order
        super().__init__(steps, steps or 0, None if kept else shuffle)
        self._dataset = dataset
        self._prepare = prepare

    def epoch(self, steps: int | None = None) -> Generator[list[Any], None, None]:
        self._dataset.on_epoch_begin()
        yield from super().epoch(steps)
        self._dataset.on_epoch_end()
        if self.steps is not None and self.position == 0:
            self.steps = self._items = self._dataset.num_batches or 0

    def _batches_of(self, numbers: range) -> Generator[list[Any], None, None]:
        dataset = self._dataset
        raw = prefetched(
            lambda number: dataset[self._place(number)],
            numbers,
            int(dataset.workers),
            max(1, int(dataset.max_queue_size)),
        )
        for batch in raw:
            yield self._prepare(batch)

    def get_state(self) -> dict[str, Any]:
        return super().get_state() | {"dataset": self._dataset.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        self._dataset.set_state(state.get("dataset", {}))
        super().set_state(state)


class IterableBatches(Batches):
    """Batches of any iterable; a generator is drawn from only as batches are needed."""

    def __init__(self, iterable: Iterable[Any], prepare: Prepare) -> None:
        super().__init__(len(iterable) if isinstance(iterable, Sized) else None)
        self._iterable = iterable
        self._iterator: Iterator[Any] | None = None
        self._prepare = prepare

    def epoch(self, steps: int | None = None) -> Generator[list[Any], None, None]:
        if self.position == self.steps:
            self.restart()
        found = 0
        while steps is None or found < steps:
            if self._iterator is None:
                self._iterator = iter(self._iterable)
                for _ in islice(self._iterator, self.position):
                    pass
            try:
                batch = next(self._iterator)
            except StopIteration:
                once = self._iterator is self._iterable
                empty = not self.position
                self.steps, self.position, self._iterator = self.position, 0, None
                self.exhausted = once or empty
                if steps is None or self.exhausted:
                    return
                continue
            self.position += 1
            found += 1
            yield self._prepare(batch)

    def restart(self) -> None:
        if self._iterator is not self._iterable:
            self.position, self._iterator = 0, None

    def set_state(self, state: dict[str, Any]) -> None:
        # What a generator has given before cannot be given again: it starts afresh.
        once = isinstance(self._iterable, Iterator)
        self.position, self._iterator = 0 if once else state["position"], None


def prefetched(
    get: Callable[[int], Any], numbers: Iterable[int], workers: int, ahead: int
) -> Generator[Any, None, None]:
    """``get(number)`` for each number, in order, made by threads up to `ahead` at a time.

    An exception of `get` comes out where its result would. Closing the generator, as every
    way out of a loop over it does, ends the threads.
    """
    if workers < 1:
        for number in numbers:
            yield get(number)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    pending: deque[Future[Any]] = deque()
    rest = iter(numbers)
    with ThreadPoolExecutor(min(workers, ahead), "fastrnn-prefetch") as pool:
        try:
            pending.extend(pool.submit(get, number) for number in islice(rest, ahead))
            while pending:
                result = pending.popleft().result()
                pending.extend(pool.submit(get, number) for number in islice(rest, 1))
                yield result
        finally:
            for future in pending:
                future.cancel()
