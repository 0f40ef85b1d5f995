"""What fit, evaluate and predict take beside arrays: data sets, generators, iterables."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import callbacks, layers
from fastrnn.models.batches import ArrayBatches
from fastrnn.models.sources import IterableBatches
from small_models import Array, C, F, N, model_of, problem

SIZE = 9  # does not divide N


@pytest.fixture
def data() -> tuple[Array, Array]:
    return problem()


class Pieces(fastrnn.utils.Sequence):
    """The problem cut into batches; notes which are made, where and when epochs end."""

    def __init__(
        self, *arrays: Array, fail_at: int = -1, pause: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.arrays = arrays
        self.fail_at = fail_at
        self.pause = pause
        self.made: list[int] = []
        self.threads: set[str] = set()
        self.epochs = [0, 0]

    def __len__(self) -> int:
        return -(-len(self.arrays[0]) // SIZE)

    def __getitem__(self, index: int) -> tuple[Array, ...]:
        self.made.append(index)
        self.threads.add(threading.current_thread().name)
        time.sleep(self.pause)
        if index == self.fail_at:
            raise KeyError("no such clip")
        return tuple(array[index * SIZE : (index + 1) * SIZE] for array in self.arrays)

    def on_epoch_begin(self) -> None:
        self.epochs[0] += 1

    def on_epoch_end(self) -> None:
        self.epochs[1] += 1


def batches_of(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    for start in range(0, len(arrays[0]), SIZE):
        yield tuple(array[start : start + SIZE] for array in arrays)


def endless(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    while True:
        yield from batches_of(*arrays)


def trained(*args: Any, **kwargs: Any) -> tuple[list[Array], dict[str, list[float]]]:
    model = model_of()
    history = model.fit(*args, verbose=0, epochs=3, shuffle=False, **kwargs).history
    return model.get_weights(), history


@pytest.mark.parametrize("weighted", [False, True])
def test_every_kind_of_data_trains_alike(weighted: bool, data: tuple[Array, Array]) -> None:
    """With the same batches in the same order, weights and history agree to the bit."""
    arrays: tuple[Array, ...] = data
    if weighted:
        arrays = (*data, np.random.default_rng(1).random(N))
    keywords: dict[str, Any] = {"validation_data": arrays, "validation_batch_size": SIZE}
    expected = trained(*data, batch_size=SIZE, **_weight(arrays), **keywords)
    kinds: list[tuple[Any, dict[str, Any]]] = [
        (Pieces(*arrays), {}),
        (Pieces(*arrays, workers=0), {}),
        (Pieces(*arrays, workers=3, max_queue_size=2, use_multiprocessing=True), {}),
        (list(batches_of(*arrays)), {}),
        (endless(*arrays), {"steps_per_epoch": 5}),
        (map(list, endless(*arrays)), {"steps_per_epoch": 5}),
    ]
    for x, more in kinds:
        assert_same(trained(x, **more, **keywords), expected)
    keywords["validation_data"] = Pieces(*arrays)
    assert_same(trained(Pieces(*arrays), **keywords), expected)


def _weight(arrays: tuple[Array, ...]) -> dict[str, Array]:
    return {"sample_weight": arrays[2]} if len(arrays) == 3 else {}


def assert_same(found: Any, expected: Any) -> None:
    for one, other in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[1] == expected[1]


def test_class_weights_count_in_batches(data: tuple[Array, Array]) -> None:
    weights = {0: 0.5, 2: 2.0}
    expected = trained(*data, batch_size=SIZE, class_weight=weights)
    assert_same(trained(Pieces(*data), class_weight=weights), expected)
    assert expected[1] != trained(*data, batch_size=SIZE)[1]


def test_evaluate_and_predict_take_batches(data: tuple[Array, Array]) -> None:
    x, _ = data
    model = model_of()
    expected = model.evaluate(*data, batch_size=SIZE, verbose=0)
    outputs = model.predict(x, batch_size=SIZE, verbose=0)
    for kind in (Pieces, batches_of, lambda *arrays: list(batches_of(*arrays))):
        assert model.evaluate(kind(*data), verbose=0) == expected
    for given in (
        Pieces(*data),
        batches_of(*data),
        batches_of(x),
        (part for (part,) in batches_of(x)),
    ):
        np.testing.assert_array_equal(model.predict(given, verbose=0), outputs)
    assert len(model.predict(endless(x), steps=2, verbose=0)) == 2 * SIZE
    two = model.evaluate(x[: 2 * SIZE], data[1][: 2 * SIZE], batch_size=SIZE, verbose=0)
    assert model.evaluate(endless(*data), steps=2, verbose=0) == two


def test_batches_of_a_data_set_are_shuffled_and_epochs_announced(
    data: tuple[Array, Array],
) -> None:
    pieces = Pieces(*data)
    model_of().fit(pieces, epochs=4, verbose=0)
    assert pieces.epochs == [4, 4]
    orders = [tuple(pieces.made[start : start + 5]) for start in range(0, 20, 5)]
    assert all(sorted(order) == list(range(5)) for order in orders)
    assert len(set(orders)) > 1
    assert pieces.threads == {"fastrnn-prefetch_0"}


def test_epochs_of_given_length_go_on_where_the_last_ended(data: tuple[Array, Array]) -> None:
    pieces = Pieces(*data, workers=0)
    model_of().fit(pieces, epochs=3, steps_per_epoch=3, shuffle=False, verbose=0)
    assert pieces.made == [0, 1, 2, 3, 4, 0, 1, 2, 3]
    drawn = []

    def counted() -> Iterator[tuple[Array, ...]]:
        for batch in endless(*data):
            drawn.append(1)
            yield batch

    model_of().fit(counted(), epochs=3, steps_per_epoch=4, verbose=0)
    assert len(drawn) == 12  # none ahead of its use


def test_validation_begins_with_the_first_batch(data: tuple[Array, Array]) -> None:
    held_back = Pieces(*data, workers=0)
    model_of().fit(*data, epochs=2, validation_data=held_back, validation_steps=2, verbose=0)
    assert held_back.made == [0, 1, 0, 1]


def test_a_generator_that_ends_ends_the_training(data: tuple[Array, Array]) -> None:
    model = model_of()
    with pytest.warns(UserWarning, match="ended in epoch 1 of 3, after 5 batches"):
        assert model.fit(batches_of(*data), epochs=3, verbose=0).epoch == [0]
    with pytest.warns(UserWarning, match="ended in epoch 2 of 4, after 2 batches"):
        assert model.fit(batches_of(*data), epochs=4, steps_per_epoch=3, verbose=0).epoch == [0, 1]
    with pytest.warns(UserWarning, match="ended in epoch 2 of 4, after 0 batches"):
        assert model.fit(batches_of(*data), epochs=4, steps_per_epoch=5, verbose=0).epoch == [0]
    assert model.fit(batches_of(*data), verbose=0).epoch == [0]  # as wanted: no warning
    with pytest.raises(ValueError, match="yields no batches in epoch 1"):
        model.fit(iter([]), verbose=0)
    with pytest.raises(ValueError, match="no batches to evaluate on"):
        model.evaluate(iter([]), verbose=0)
    with pytest.raises(ValueError, match="no batches to predict for"):
        model.predict(iter([]), verbose=0)


def test_batches_are_shuffled_whole() -> None:
    rng = np.random.default_rng(2)
    x = np.arange(23)
    batches = ArrayBatches([x, None, None], [None, None, None], 5, rng, whole=True)
    parts = [list(part) for part, _, _ in batches.epoch()]
    assert sorted(parts) == [list(x[start : start + 5]) for start in range(0, 23, 5)]
    assert parts != sorted(parts)


def test_nested_arrays_are_cut_alike() -> None:
    rows = np.arange(13)
    arrays = [{"a": rows, "b": [rows * 2.0, None]}, (rows + 1, rows), None]
    batches = ArrayBatches(arrays, ["float32", None, None], 4, np.random.default_rng(3))
    seen = []
    for x, y, weight in batches.epoch():
        np.testing.assert_array_equal(x["a"] * 2, x["b"][0])
        np.testing.assert_array_equal(y[0], y[1] + 1)
        assert x["a"].dtype == np.float32
        assert x["b"][1] is weight is None
        seen.extend(y[1].tolist())
    assert sorted(seen) == list(rows)


@pytest.mark.parametrize("whole", [False, True])
def test_batches_resume_where_they_were(whole: bool) -> None:
    def source(seed: int) -> ArrayBatches:
        rng = np.random.default_rng(seed)
        return ArrayBatches([np.arange(23), None, None], [None] * 3, 5, rng, whole)

    for steps in (0, 3, 5, 12):
        one, other = source(4), source(5)
        list(one.epoch(steps))
        other.set_state(one.get_state())
        for _ in range(2):
            found = [part.tolist() for part, _, _ in other.epoch(7)]
            assert found == [part.tolist() for part, _, _ in one.epoch(7)]
    listed = [[number] for number in range(7)]
    items = IterableBatches(listed, lambda batch: batch)
    list(items.epoch(3))
    again = IterableBatches(listed, lambda batch: batch)
    again.set_state(items.get_state())
    assert list(again.epoch(6)) == [[3], [4], [5], [6], [0], [1]]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_errors_of_a_data_set_are_its_own(workers: int, data: tuple[Array, Array]) -> None:
    pieces = Pieces(*data, fail_at=3, workers=workers)
    with pytest.raises(KeyError, match="no such clip") as caught:
        model_of().fit(pieces, verbose=0)
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-1] == "__getitem__"
    assert_no_threads()

    def broken() -> Iterator[tuple[Array, ...]]:
        yield from batches_of(*data)
        raise OSError("no such clip")

    with pytest.raises(OSError, match="no such clip") as failed:
        model_of().fit(broken(), verbose=0)
    assert traceback.extract_tb(failed.value.__traceback__)[-1].name == "broken"


def assert_no_threads() -> None:
    assert [t.name for t in threading.enumerate() if t.name.startswith("fastrnn-prefetch")] == []


def test_threads_end_with_training(data: tuple[Array, Array]) -> None:
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            self.model.stop_training = batch == 1

    class Break(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            raise ZeroDivisionError

    class Interrupt(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    def pieces() -> Pieces:
        return Pieces(*data, workers=2, pause=0.002)

    model = model_of()
    model.fit(pieces(), validation_data=pieces(), epochs=2, verbose=0)
    assert_no_threads()
    model.fit(pieces(), epochs=2, callbacks=Stop(), verbose=0)
    assert_no_threads()
    with pytest.raises(ZeroDivisionError):
        model.fit(pieces(), callbacks=Break(), verbose=0)
    assert_no_threads()
    model.predict(pieces(), steps=2, verbose=0)
    model.evaluate(pieces(), steps=2, verbose=0)
    assert_no_threads()
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals reach the main thread alone")
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(pieces(), callbacks=Interrupt(), verbose=0)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert_no_threads()


def test_a_model_is_built_by_its_first_batch(data: tuple[Array, Array]) -> None:
    model = fastrnn.Sequential([layers.GRU(4), layers.Dense(C, activation="softmax")])
    with pytest.raises(ValueError, match="compile the model first"):
        model.fit(Pieces(*data), verbose=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(endless(*data), steps_per_epoch=2, verbose=0)
    assert model.output_shape == (None, C)


def test_data_sets_without_end(data: tuple[Array, Array]) -> None:
    class Endless(fastrnn.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index: int) -> tuple[Array, Array]:
            return data[0][index : index + 4], data[1][index : index + 4]

    model = model_of()
    assert len(model.fit(Endless(), steps_per_epoch=3, epochs=2, verbose=0).epoch) == 2
    assert len(model.predict(Endless(), steps=3, verbose=0)) == 12
    with pytest.raises(ValueError, match="the batches never end: say how many"):
        model.fit(Endless(), verbose=0)
    assert_no_threads()


def test_keras_2_sets_the_threads_of_a_data_set(data: tuple[Array, Array]) -> None:
    pieces, model = Pieces(*data), model_of()
    model.fit(pieces, workers=0, max_queue_size=3, verbose=0)
    assert pieces.threads == {"MainThread"}
    model.evaluate(pieces, workers=2, use_multiprocessing=True, verbose=0)
    model.predict(pieces, workers=2, verbose=0)
    assert (pieces.workers, pieces.max_queue_size) == (2, 3)
    with pytest.raises(TypeError, match="have no argument 'worker'"):
        model.evaluate(*data, worker=2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("package", ["tensorflow", "torch"])
def test_data_sets_of_other_packages(package: str, data: tuple[Array, Array]) -> None:
    module = pytest.importorskip(package)
    x, y = data
    if package == "tensorflow":
        given = module.data.Dataset.from_tensor_slices((x, y)).batch(SIZE)
    else:
        tensors = [module.from_numpy(array) for array in data]
        given = module.utils.data.DataLoader(module.utils.data.TensorDataset(*tensors), SIZE)
    assert_same(trained(given), trained(x, y, batch_size=SIZE))
    model = model_of()
    np.testing.assert_array_equal(
        model.predict(given, verbose=0), model.predict(x, batch_size=SIZE, verbose=0)
    )


def test_wrong_batches_are_named(data: tuple[Array, Array]) -> None:
    model = model_of()
    x, y = data
    with pytest.raises(ValueError, match="yields whole batches"):
        model.fit(Pieces(*data), y, verbose=0)
    with pytest.raises(ValueError, match="yields whole batches"):
        model.evaluate(batches_of(*data), sample_weight=y, verbose=0)
    with pytest.raises(ValueError, match="validation_split cuts arrays"):
        model.fit(Pieces(*data), validation_split=0.5, verbose=0)
    with pytest.raises(ValueError, match=r"a batch must be \(x, y\) .* got ndarray"):
        model.fit((part for (part,) in batches_of(x)), verbose=0)
    with pytest.raises(ValueError, match=r"a batch must be \(x, y\) .* got tuple of 4"):
        model.fit(batches_of(x, y, y, y), verbose=0)
    with pytest.raises(ValueError, match=r"validation_data must be \(x, y\)"):
        model.fit(x, y, validation_data=x, verbose=0)
    with pytest.raises(ValueError, match="give class_weight or sample_weight"):
        model.fit(Pieces(x, y, y), class_weight={0: 2.0}, verbose=0)
    with pytest.raises(TypeError, match="must define __len__"):
        model.fit(fastrnn.utils.PyDataset(), verbose=0)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc/self/statm")
def test_prediction_of_varying_shapes_leaves_memory_flat(rng: np.random.Generator) -> None:
    model = fastrnn.Sequential(
        [
            layers.Input((None, F)),
            layers.Conv1D(8, 3, padding="same", activation="relu"),
            layers.Bidirectional(layers.LSTM(8, return_sequences=True)),
            layers.GRU(8),
            layers.Dense(C, activation="softmax"),
        ]
    )
    x = rng.normal(size=(17, 120, F)).astype(np.float32)
    shapes = [(1 + i * 7 % 17, 1 + i * 131 % 120) for i in range(1000)]

    def resident() -> int:
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    sizes = []
    for number, (rows, steps) in enumerate([(17, 120), *shapes]):
        if number % 500 == 0:
            sizes.append(resident())
        model.predict(x[:rows, :steps], verbose=0)
    # Buffers and the allocator settle in the first half; what leaks does so in the second, too.
    assert sizes[2] - sizes[1] < 1 << 20


def test_progress_of_unknown_length(
    data: tuple[Array, Array], capsys: pytest.CaptureFixture[str]
) -> None:
    model_of().fit(batches_of(*data), verbose=1)
    assert "5/5" in capsys.readouterr().out
