"""Callbacks: when they are called, and what each of them does."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import callbacks, optimizers
from fastrnn.formats.event_file import EventFile, crc32c
from small_models import Array, C, model_of, problem


@pytest.fixture
def data() -> tuple[Array, Array]:
    return problem()


class Losses(callbacks.Callback):
    """Puts values of its own into the logs, before the callbacks that come after it."""

    def __init__(self, values: list[float], name: str = "loss") -> None:
        super().__init__()
        self.values = values
        self.name = name

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        logs[self.name] = self.values[epoch]


def fit_with(data: tuple[Array, Array], values: list[float], *extra: Any, **kwargs: Any) -> Any:
    model = model_of()
    model.fit(
        *data,
        epochs=len(values),
        verbose=0,
        callbacks=[Losses(values, kwargs.pop("name", "loss")), *extra],
        **kwargs,
    )
    return model


# When hooks are called -----------------------------------------------------------------


def test_hooks_are_called_in_order(data: tuple[Array, Array]) -> None:
    seen: list[str] = []
    names = [name for name in vars(callbacks.Callback) if name.startswith("on_")]

    def note(name: str) -> Any:
        return lambda *args: seen.append(f"{name}{args[:-1]}")

    hooks = {name: note(name[3:]) for name in names if name not in ("on_batch_end",)}
    model = model_of()
    everything = callbacks.LambdaCallback(**hooks)
    model.fit(*data, batch_size=20, validation_data=data, callbacks=everything, verbose=0)
    steps = [
        f"{kind}_batch_{when}({i},)"
        for kind in ("train",)
        for i in range(2)
        for when in ("begin", "end")
    ]
    tests = [f"test_batch_{when}({i},)" for i in range(2) for when in ("begin", "end")]
    expected = ["train_begin()", "epoch_begin(0,)", *steps, "test_begin()", *tests, "test_end()"]
    assert seen == [*expected, "epoch_end(0,)", "train_end()"]
    seen.clear()
    model.predict(data[0], batch_size=20, callbacks=[everything], verbose=0)
    assert seen[0] == "predict_begin()"
    assert seen[1:3] == ["predict_batch_begin(0,)", "predict_batch_end(0,)"]
    assert seen[-1] == "predict_end()"
    with pytest.raises(TypeError, match="on_epoch_ende.*did you mean 'on_epoch_end'"):
        callbacks.LambdaCallback(on_epoch_ende=print)


def test_batch_hooks_cost_nothing_where_none_is_defined(data: tuple[Array, Array]) -> None:
    idle = [
        callbacks.EarlyStopping("loss"),
        callbacks.ModelCheckpoint("x.weights.h5", save_weights_only=True),
        callbacks.TensorBoard(),
        callbacks.CSVLogger("x.csv"),
        callbacks.LambdaCallback(on_epoch_end=print),
        callbacks.History(),
    ]
    assert not any(c.listens(kind) for c in idle for kind in ("train", "test", "predict"))
    busy = [
        callbacks.ModelCheckpoint("x.weights.h5", save_weights_only=True, save_freq=3),
        callbacks.TensorBoard(update_freq=2),
        callbacks.TensorBoard(write_steps_per_second=True),
        callbacks.LambdaCallback(on_batch_end=print),
        callbacks.TerminateOnNaN(),
    ]
    assert all(c.listens("train") for c in busy)

    class Mine(callbacks.ModelCheckpoint):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            """A hook of one's own is called, whatever the base class needs."""

    assert Mine("x.weights.h5", save_weights_only=True).listens("train")


def test_parameters_and_model_are_set(data: tuple[Array, Array]) -> None:
    seen = {}

    class Look(callbacks.Callback):
        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
            seen.update(self.params, model=self.model)

    model = model_of()
    model.fit(*data, epochs=3, batch_size=16, verbose=0, callbacks=[Look()])
    assert seen == {"verbose": 0, "epochs": 3, "steps": 3, "model": model}
    with pytest.raises(TypeError, match=r"must be fastrnn.callbacks.Callback objects, got str"):
        model.fit(*data, callbacks=["EarlyStopping"], verbose=0)


def test_lists_of_callbacks_serve_loops_of_ones_own(data: tuple[Array, Array]) -> None:
    seen: list[Any] = []
    each = callbacks.LambdaCallback(on_batch_end=lambda *args: seen.append(args))
    listed = callbacks.CallbackList(each, add_history=True, model=None)
    listed.on_train_begin()
    listed.on_train_batch_end(3, {"loss": 1.0})
    listed.on_train_batch_end(4)
    listed.on_epoch_end(0, {"loss": 2.0})
    assert seen == [(3, {"loss": 1.0}), (4, {})]
    assert listed.history is not None
    assert listed.history.history == {"loss": [2.0]}
    seen.clear()
    model = model_of()
    model.fit(*data, callbacks=callbacks.CallbackList([each]), verbose=0)
    assert len(seen) == 2
    assert each.model is model


# Watching a quantity -------------------------------------------------------------------


def test_early_stopping_restores_the_best_weights(
    data: tuple[Array, Array], capsys: pytest.CaptureFixture[str]
) -> None:
    values = [5.0, 3.0, 4.0, 3.5, 2.0, 1.0]
    kept: list[Any] = []
    keep = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(keep.model.get_weights())
    )
    stop = callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True, verbose=1)
    model = fit_with(data, values, keep, stop)
    assert model.history.epoch == [0, 1, 2, 3]
    assert (stop.stopped_epoch, stop.best_epoch, stop.best) == (3, 1, 3.0)
    np.testing.assert_equal(model.get_weights(), kept[1])
    assert capsys.readouterr().out == (
        "Epoch 4: early stopping\nRestoring the weights of the best epoch: 2.\n"
    )


@pytest.mark.parametrize(
    ("monitor", "values", "epochs"),
    [
        ("accuracy", [0.1, 0.2, 0.1, 0.1, 0.3], 4),
        ("val_accuracy", [0.1, 0.2, 0.3, 0.4, 0.5], 5),
        ("mae", [0.1, 0.2, 0.1, 0.05, 0.01], 3),
        ("val_loss", [0.5, 0.4, 0.4, 0.4, 0.3], 4),
    ],
)
def test_directions_are_found_by_the_metric(
    monitor: str, values: list[float], epochs: int, data: tuple[Array, Array]
) -> None:
    x, y = data
    model = model_of(loss="categorical_crossentropy")
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy", "mae"])
    extra = [Losses(values, monitor), callbacks.EarlyStopping(monitor, patience=2)]
    history = model.fit(x, np.eye(C)[y], epochs=5, callbacks=extra, verbose=0)
    assert len(history.epoch) == epochs


def test_what_cannot_be_watched_is_named(data: tuple[Array, Array]) -> None:
    with pytest.warns(UserWarning, match=r"the logs have no 'val_loss'; there are accuracy, loss"):
        fit_with(data, [1.0], callbacks.EarlyStopping())
    with pytest.warns(UserWarning, match=r"mode must be one of auto, min, max, got 'low'"):
        callbacks.EarlyStopping(mode="low")
    with pytest.raises(ValueError, match=r"cannot tell whether 'worst' is better lower"):
        fit_with(data, [1.0], callbacks.EarlyStopping("worst"), name="worst")
    with pytest.raises(ValueError, match=r"factor must be below 1, got 1"):
        callbacks.ReduceLROnPlateau(factor=1.0)


def test_learning_rates_follow(
    data: tuple[Array, Array], capsys: pytest.CaptureFixture[str]
) -> None:
    slower = callbacks.ReduceLROnPlateau(
        "loss", factor=0.5, patience=1, cooldown=1, min_lr=0.004, verbose=1
    )
    model = fit_with(data, [1.0] * 7, slower)
    rates = model.history.history["learning_rate"]
    assert rates == [0.02, 0.02, 0.01, 0.005, 0.004, 0.004, 0.004]
    assert capsys.readouterr().out.count("ReduceLROnPlateau reducing learning rate to") == 3
    for schedule in (lambda epoch, rate: rate / 2, lambda epoch: 0.02 / 2 ** (epoch + 1)):
        model = fit_with(data, [1.0] * 3, callbacks.LearningRateScheduler(schedule))
        assert model.history.history["learning_rate"] == [0.01, 0.005, 0.0025]
    wrong = callbacks.LearningRateScheduler(lambda epoch, rate: None)
    with pytest.raises(TypeError, match="schedule must return a float, got None"):
        fit_with(data, [1.0], wrong)
    model = model_of()
    model.compile(optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)), "mse")
    setting = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    with pytest.raises(TypeError, match="the learning rate follows ExponentialDecay and cannot"):
        model.fit(data[0], np.eye(C)[data[1]], callbacks=setting, verbose=0)


def test_training_ends_at_the_first_loss_that_is_no_number(
    data: tuple[Array, Array], capsys: pytest.CaptureFixture[str]
) -> None:
    x = data[0].copy()
    x[10] = np.nan
    model = model_of()
    steps: list[int] = []
    count = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    guard = callbacks.TerminateOnNaN()
    model.fit(
        x, data[1], batch_size=8, epochs=3, shuffle=False, callbacks=[guard, count], verbose=0
    )
    assert steps == [0, 1]
    assert capsys.readouterr().out == "Batch 1: Invalid loss, terminating training\n"
    with pytest.raises(RuntimeError, match="the loss is nan after batch 0"):
        model.fit(x, data[1], callbacks=[callbacks.TerminateOnNaN(raise_error=True)], verbose=0)


# Files ---------------------------------------------------------------------------------


def test_checkpoints_are_saved_under_their_names(tmp_path: Path, data: tuple[Array, Array]) -> None:
    pattern = str(tmp_path / "a" / "{epoch:02d}-{loss:.2f}.weights.h5")
    every = callbacks.ModelCheckpoint(pattern, save_weights_only=True)
    best = callbacks.ModelCheckpoint(
        tmp_path / "b" / "{epoch}.weights.h5",
        monitor="loss",
        save_best_only=True,
        save_weights_only=True,
        initial_value_threshold=2.5,
    )
    whole = callbacks.ModelCheckpoint(tmp_path / "c" / "last.keras")
    model = fit_with(data, [3.0, 2.0, 2.25, 1.125], every, best, whole)
    assert _names(tmp_path / "a") == [
        "01-3.00.weights.h5", "02-2.00.weights.h5", "03-2.25.weights.h5", "04-1.12.weights.h5"
    ]  # fmt: skip
    assert _names(tmp_path / "b") == ["2.weights.h5", "4.weights.h5"]
    again = fastrnn.models.load_model(tmp_path / "c" / "last.keras")
    np.testing.assert_equal(again.get_weights(), model.get_weights())
    model.load_weights(tmp_path / "b" / "4.weights.h5")
    np.testing.assert_equal(again.get_weights(), model.get_weights())


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_checkpoints_after_batches(tmp_path: Path, data: tuple[Array, Array]) -> None:
    saved = callbacks.ModelCheckpoint(
        tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=4
    )
    model_of().fit(*data, epochs=2, batch_size=7, callbacks=[saved], verbose=0)  # 6 batches each
    assert _names(tmp_path) == ["1-4.weights.h5", "2-2.weights.h5", "2-6.weights.h5"]


def test_wrong_names_of_checkpoints(data: tuple[Array, Array]) -> None:
    with pytest.raises(ValueError, match=r"must end in .weights.h5 with save_weights_only=True"):
        callbacks.ModelCheckpoint("x.keras", save_weights_only=True)
    with pytest.raises(ValueError, match=r"must end in .keras or .h5"):
        callbacks.ModelCheckpoint("x")
    with pytest.raises(ValueError, match=r"save_freq must be 'epoch' or an integer, got 'batch'"):
        callbacks.ModelCheckpoint("x.keras", save_freq="batch")
    named = callbacks.ModelCheckpoint("{val_loss}.weights.h5", save_weights_only=True)
    with pytest.raises(KeyError, match=r"names 'val_loss'; there are epoch, accuracy, loss"):
        fit_with(data, [1.0], named)


def test_rows_of_epochs(tmp_path: Path, data: tuple[Array, Array]) -> None:
    path = tmp_path / "log.csv"
    first = callbacks.CSVLogger(path, separator=";")
    model = fit_with(data, [1.5, 0.5], first)
    accuracy = model.history.history["accuracy"]
    assert path.read_text("utf-8").splitlines() == [
        "epoch;accuracy;loss;val_accuracy;val_loss",
        f"0;{accuracy[0]};1.5;NA;NA",
        f"1;{accuracy[1]};0.5;NA;NA",
    ]
    more = callbacks.CSVLogger(path, separator=";", append=True)
    fit_with(data, [0.25], more)
    assert [line[0] for line in path.read_text("utf-8").splitlines()] == ["e", "0", "1", "0"]
    fit_with(data, [0.125], callbacks.CSVLogger(path))
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_averaged_weights_are_evaluated(data: tuple[Array, Array]) -> None:
    x, y = data
    averages: list[Any] = []

    class Look(callbacks.Callback):
        def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
            averages.append(self.model.get_weights())

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            averages.append(self.model.get_weights())

    def run(swap_on_epoch: bool) -> list[Array]:
        averages.clear()
        model = model_of()
        model.compile(
            optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8), "sparse_categorical_crossentropy"
        )
        extra = [callbacks.SwapEMAWeights(swap_on_epoch), Look()]
        model.fit(x, y, epochs=2, callbacks=extra, validation_data=data, verbose=0)
        return model.get_weights()

    finals = [run(False)]
    (test1, plain1, test2, plain2), before = list(averages), finals[0]
    np.testing.assert_equal(finals[0], test2)  # fit ends with the average
    assert not np.array_equal(test1[0], plain1[0])
    finals.append(run(True))
    for found, expected in zip(averages, (test1, test1, test2, test2), strict=True):
        np.testing.assert_equal(found, expected)
    np.testing.assert_equal(finals[1], before)
    assert not np.array_equal(plain2[0], before[0])
    with pytest.raises(ValueError, match="sgd keeps no average; make it with use_ema=True"):
        fit = model_of()
        fit.compile("sgd", "sparse_categorical_crossentropy")
        fit.fit(x, y, callbacks=[callbacks.SwapEMAWeights()], verbose=0)


# TensorBoard ---------------------------------------------------------------------------


def records(folder: Path) -> list[bytes]:
    """The records of the one event file in a folder, their checksums verified."""
    (path,) = folder.iterdir()
    assert ".tfevents." in path.name
    content, found = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        for part, at in ((content[:8], 8), (content[12 : 12 + length], 12 + length)):
            (masked,) = struct.unpack("<I", content[at : at + 4])
            turned = (masked - 0xA282EAD8) & 0xFFFFFFFF
            assert (turned >> 17 | turned << 15) & 0xFFFFFFFF == crc32c(part)
        found.append(content[12 : 12 + length])
        content = content[16 + length :]
    return found


def test_checksums() -> None:
    # RFC 3720, appendix B.4
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_a_number_beyond_float32_is_infinite(tmp_path: Path) -> None:
    log = EventFile(tmp_path)
    log.scalar("loss", -1e300, 1)
    log.flush()
    assert records(tmp_path)[1].endswith(struct.pack("<f", float("-inf")))


def test_events_are_framed(tmp_path: Path, data: tuple[Array, Array]) -> None:
    board = callbacks.TensorBoard(tmp_path, histogram_freq=1, update_freq=2)
    fit_with(data, [0.5, 0.25], board, validation_data=data, batch_size=10)
    train, validation = records(tmp_path / "train"), records(tmp_path / "validation")
    assert b"brain.Event:2" in train[0]
    assert sum(b"epoch_loss" in record for record in train) == 2
    assert sum(b"batch_loss" in record for record in train) == 4
    assert sum(b"/kernel/histogram" in record for record in train) == 4
    assert any(
        record.endswith(struct.pack("<f", 0.25)) for record in train if b"epoch_loss" in record
    )
    assert sum(b"epoch_loss" in record for record in validation) == 2
    assert sum(b"evaluation_loss_vs_iterations" in record for record in validation) == 2
    for option in ("write_images", "profile_batch", "embeddings_freq"):
        with pytest.raises(ValueError, match=f"{option} is not supported, got 1"):
            callbacks.TensorBoard(**{option: 1})
    with pytest.raises(ValueError, match="update_freq must be"):
        callbacks.TensorBoard(update_freq=0)


def test_tensorflow_reads_the_events(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    rng = np.random.default_rng(4)
    values = rng.normal(size=(50, 3)).astype(np.float32)
    log = EventFile(tmp_path)
    for step in (0, 1, 300, 1 << 40):
        log.scalar("größe/loss", 1.5 - step, step)
    log.flush()
    log.histogram("weights", values, 7)
    log.histogram("nothing", np.array([np.nan]), 7)
    log.histogram("constant", np.zeros(4), 7)
    log.flush()
    events = list(tf.compat.v1.train.summary_iterator(str(log.path)))
    assert events[0].file_version == "brain.Event:2"
    found = [(e.step, v.tag, v.simple_value) for e in events[1:5] for v in e.summary.value]
    assert found == [(step, "größe/loss", np.float32(1.5 - step)) for step in (0, 1, 300, 1 << 40)]
    histogram = events[5].summary.value[0].histo
    assert (histogram.min, histogram.max, histogram.num) == (values.min(), values.max(), 150)
    assert histogram.sum == pytest.approx(values.sum(dtype=float))
    assert histogram.sum_squares == pytest.approx((values.astype(float) ** 2).sum())
    counts, edges = np.histogram(values.astype(float), 30)
    assert list(histogram.bucket) == list(counts)
    assert list(histogram.bucket_limit) == list(edges[1:])
    assert len(events) == 7
    shown = accumulator.EventAccumulator(str(tmp_path), size_guidance={"histograms": 0})
    shown.Reload()
    assert [event.step for event in shown.Scalars("größe/loss")] == [0, 1, 300, 1 << 40]
    assert shown.Histograms("weights")[0].histogram_value.num == 150


def test_callbacks_of_one_training_do_not_disturb_each_other(
    tmp_path: Path, data: tuple[Array, Array]
) -> None:
    """All of them at once, and states that a checkpoint keeps."""
    everything: list[callbacks.Callback] = [
        callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("val_accuracy", patience=1),
        callbacks.ModelCheckpoint(tmp_path / "m.keras", save_best_only=True),
        callbacks.CSVLogger(tmp_path / "log.csv"),
        callbacks.TensorBoard(tmp_path / "board"),
        callbacks.TerminateOnNaN(),
    ]
    listed = callbacks.CallbackList([*everything, callbacks.EarlyStopping("loss")])
    assert "EarlyStopping_1" in listed.get_state()
    model = model_of()
    model.fit(*data, epochs=3, validation_split=0.25, callbacks=everything, verbose=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["board", "log.csv", "m.keras"]
    state = callbacks.CallbackList(everything).get_state()
    assert state["EarlyStopping_0"]["best"] == min(model.history.history["val_loss"])
    assert state["ModelCheckpoint_0"]["best"] == state["EarlyStopping_0"]["best"]
