"""Trainings that are broken off and go on end as those that were not, to the bit."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import callbacks, layers, optimizers
from fastrnn.formats.state_file import read_state, write_state
from small_models import Array, C, F, T, problem

EPOCHS = 4
KILLS = 2


class Noisy(fastrnn.utils.Sequence):
    """Batches that are augmented and shuffled by generators of their own."""

    def __init__(self, x: Array, y: Array) -> None:
        super().__init__(workers=0)
        self.x, self.y = x, y
        self.order = np.arange(len(x))
        self.noise = np.random.default_rng(8)

    def __len__(self) -> int:
        return -(-len(self.x) // 7)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        chosen = self.order[7 * index : 7 * index + 7]
        x = self.x[chosen]
        return x + 0.1 * self.noise.normal(size=x.shape) + random.gauss(0, 1), self.y[chosen]

    def on_epoch_end(self) -> None:
        random.shuffle(self.order)  # type: ignore[arg-type]

    def get_state(self) -> dict[str, Any]:
        return super().get_state() | {"order": self.order}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self.order = state["order"]


def new_model() -> fastrnn.Sequential:
    fastrnn.utils.set_random_seed(11)
    model = fastrnn.Sequential(
        [
            layers.Input((T, F)),
            layers.GaussianNoise(0.1),
            layers.Bidirectional(
                layers.LSTM(4, dropout=0.2, recurrent_dropout=0.1, return_sequences=True)
            ),
            layers.BatchNormalization(),
            layers.GRU(5),
            layers.Dropout(0.3),
            layers.Dense(C, activation="softmax"),
        ]
    )
    model.compile(
        optimizers.Adam(0.02, use_ema=True),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["accuracy"],
    )
    return model


def train(folder: Path, kind: str, *extra: Any) -> tuple[list[Array], dict[str, Any]]:
    """A training that uses what may have a state; returns weights, history and log."""
    x, y = problem()
    model = new_model()
    watching: list[Any] = [
        callbacks.EarlyStopping("loss", patience=EPOCHS, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("loss", patience=1, factor=0.7, min_delta=0.3),
        callbacks.LearningRateScheduler(lambda epoch, rate: 0.97 * rate),
        callbacks.CSVLogger(folder / "log.csv"),
    ]
    arguments: dict[str, Any] = {"x": x, "y": y, "batch_size": 7}
    if kind == "sequence":
        arguments = {"x": Noisy(x, y), "shuffle": True}
    elif kind == "steps":
        arguments |= {"steps_per_epoch": 4}
    elif kind == "iterable":
        arguments = {"x": [(x[i : i + 7], y[i : i + 7]) for i in range(0, 40, 7)]}
    history = model.fit(
        **arguments,
        epochs=EPOCHS,
        validation_data=(x, y),
        callbacks=[*extra, *watching],
        verbose=0,
    ).history
    log = (folder / "log.csv").read_text("utf-8")
    return model.get_weights(), {"history": history, "log": log}


class Killed(Exception):
    pass


class Kill(callbacks.Callback):
    """Ends the training as a lost process would, after so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.batches = batches

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.batches -= 1
        if self.batches < 0:
            raise Killed


@pytest.mark.parametrize("save_freq", ["epoch", 1, 3])
@pytest.mark.parametrize("kind", ["arrays", "steps", "sequence", "iterable"])
def test_a_killed_training_goes_on_to_the_bit(kind: str, save_freq: Any, tmp_path: Path) -> None:
    expected, record = train(tmp_path, kind)
    backup = tmp_path / "backup"
    survived = 0
    for batches in (9, 2, 0, 11, 8, 100):
        try:
            found, again = train(
                tmp_path, kind, callbacks.BackupAndRestore(backup, save_freq), Kill(batches)
            )
        except Killed:
            survived += 1
        else:
            break
    assert survived >= 3
    np.testing.assert_equal(found, expected)
    assert again == record
    assert not backup.exists()


PROGRAM = """
    import sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    import numpy as np
    from fastrnn import callbacks
    from test_checkpoints import train
    folder = Path(sys.argv[1])
    told = callbacks.LambdaCallback(on_train_batch_end=lambda *args: print("step", flush=True))
    backup = callbacks.BackupAndRestore(folder / "backup", save_freq=1)
    weights, _ = train(folder, "sequence", told, backup)
    np.savez(folder / "weights.npz", *weights)
"""


def test_a_process_killed_at_any_moment_leaves_a_whole_file(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    """SIGKILL while training and saving after every batch, then go on: the same weights."""
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("there is no SIGKILL")
    expected, record = train(tmp_path, "sequence")
    program = textwrap.dedent(PROGRAM.format(tests=str(Path(__file__).parent)))
    kills = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        # Let some batches pass, then a moment that lands anywhere in a step or a file.
        for _ in range(int(rng.integers(2, 8)) if kills < KILLS else 1000):
            if not process.stdout.readline():
                break
        if kills < KILLS:
            try:
                process.wait(float(rng.uniform(0, 0.004)))
            except subprocess.TimeoutExpired:
                process.kill()
        rest = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, rest
        kills += 1
        read_state(tmp_path / "backup" / "latest.npz")
    assert kills >= 2
    with np.load(tmp_path / "weights.npz") as found:
        np.testing.assert_equal([found[name] for name in found.files], expected)
    assert (tmp_path / "log.csv").read_text("utf-8") == record["log"]
    assert not (tmp_path / "backup").exists()


def test_checkpoints_between_trainings(tmp_path: Path) -> None:
    x, y = problem()
    model = new_model()
    model.fit(x, y, epochs=2, verbose=0)
    model.save_checkpoint(tmp_path / "c.npz")
    history = model.fit(x, y, epochs=2, verbose=0).history
    other = new_model()
    random.random()
    other.load_checkpoint(tmp_path / "c.npz")
    assert other.fit(x, y, epochs=2, verbose=0).history == history
    np.testing.assert_equal(other.get_weights(), model.get_weights())
    assert other.optimizer is not None
    assert other.optimizer.iterations == 8


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.Nadam(0.01),
        optimizers.Adam(0.01, amsgrad=True, gradient_accumulation_steps=2),
        optimizers.RMSprop(0.01, momentum=0.5, centered=True),
        optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), momentum=0.9),
        optimizers.Lion(0.01),
        optimizers.Ftrl(0.1),
    ],
    ids=lambda optimizer: optimizer.name,
)
def test_every_optimizer_goes_on(optimizer: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(8, 5)), rng.normal(size=(8, 2))
    models = []
    for _ in range(2):
        models.append(fastrnn.Sequential([layers.Input((5,)), layers.Dense(2)]))
        models[-1].compile(type(optimizer).from_config(optimizer.get_config()), "mse")
    one, other = models
    for _ in range(3):
        one.train_on_batch(x, y)
    one.save_checkpoint(tmp_path / "c.npz")
    other.load_checkpoint(tmp_path / "c.npz")
    for _ in range(3):
        assert one.train_on_batch(x, y) == other.train_on_batch(x, y)
    np.testing.assert_equal(one.get_weights(), other.get_weights())


def test_a_checkpoint_within_a_training_is_gone_on_from(tmp_path: Path) -> None:
    x, y = problem()
    path = tmp_path / "c.npz"

    class Save(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            if epoch == 2:
                self.model.save_checkpoint(path)

    model = new_model()
    # The last of the callbacks but History: what comes after it is of the next epoch.
    history = model.fit(x, y, epochs=5, verbose=0, callbacks=[callbacks.History(), Save()])
    other = new_model()
    other.load_checkpoint(path)
    assert other.fit(x, y, epochs=5, verbose=0).history == history.history
    np.testing.assert_equal(other.get_weights(), model.get_weights())
    other.load_checkpoint(path)
    with pytest.warns(UserWarning, match="3 epochs were done .* epochs=2 asks for no more"):
        other.fit(x, y, epochs=2, verbose=0)
    assert len(other.fit(x, y, epochs=1, verbose=0).epoch) == 1
    state = read_state(path)
    state["training"]["sources"][0]["position"] = 3
    write_state(path, state)
    other.load_checkpoint(path)
    with pytest.raises(ValueError, match="is from batch 3 of other data; these have 2 batches"):
        other.fit(x, y, epochs=5, verbose=0)


def test_every_layer_that_draws_goes_on(tmp_path: Path, rng: np.random.Generator) -> None:
    """In a graph, in a model in it, and in wrappers."""
    x, y = rng.normal(size=(8, T, F)), rng.normal(size=(8, 2))

    def make() -> Any:
        inner = fastrnn.Sequential([layers.Input((T, F)), layers.Dropout(0.3), layers.Dense(F)])
        given = layers.Input((T, F))
        hidden = layers.Add()([inner(given), layers.GaussianNoise(0.2)(given)])
        hidden = layers.SpatialDropout1D(0.2)(layers.TimeDistributed(layers.Dropout(0.2))(hidden))
        hidden = layers.Bidirectional(layers.GRU(3, dropout=0.3, return_sequences=True))(hidden)
        hidden = layers.RNN(layers.LSTMCell(3, recurrent_dropout=0.3))(hidden)
        model = fastrnn.Model(given, layers.Dense(2)(hidden))
        model.compile("rmsprop", "mse")
        return model

    one, other = make(), make()
    one.train_on_batch(x, y)
    one.save_checkpoint(tmp_path / "c.npz")
    other.load_checkpoint(tmp_path / "c.npz")
    for _ in range(3):
        assert one.train_on_batch(x, y) == other.train_on_batch(x, y)
    np.testing.assert_equal(one.get_weights(), other.get_weights())


def test_stateful_layers_go_on(tmp_path: Path, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(4, T, F)), rng.normal(size=(4, 3))

    def make() -> fastrnn.Sequential:
        stack = [layers.Input(batch_shape=(4, T, F)), layers.LSTM(3, stateful=True)]
        model = fastrnn.Sequential(stack)
        model.compile("sgd", "mse")
        return model

    one, other = make(), make()
    one.train_on_batch(x, y)
    one.save_checkpoint(tmp_path / "c.npz")
    other.load_checkpoint(tmp_path / "c.npz")
    assert one.train_on_batch(x, y) == other.train_on_batch(x, y)
    np.testing.assert_equal(one.get_weights(), other.get_weights())


def test_a_damaged_file_is_refused_and_the_one_before_taken(tmp_path: Path) -> None:
    expected, _ = train(tmp_path, "arrays")
    backup = tmp_path / "backup"

    def kept() -> callbacks.BackupAndRestore:
        return callbacks.BackupAndRestore(
            backup, 2, double_checkpoint=True, delete_checkpoint=False
        )

    with pytest.raises(Killed):
        train(tmp_path, "arrays", kept(), Kill(9))
    latest = backup / "latest.npz"
    content = bytearray(latest.read_bytes())
    content[len(content) // 3] ^= 1
    latest.write_bytes(content)
    with pytest.raises(ValueError, match="is no checkpoint, or is damaged"):
        new_model().load_checkpoint(latest)
    found, _ = train(tmp_path, "arrays", kept())
    np.testing.assert_equal(found, expected)
    assert sorted(path.name for path in backup.iterdir()) == ["latest.npz", "previous.npz"]
    backup.joinpath("previous.npz").unlink()
    latest.write_bytes(b"")
    with pytest.raises(ValueError, match="is no checkpoint, or is damaged"):
        train(tmp_path, "arrays", kept())


def test_what_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    model = new_model()
    model.save_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        model.load_checkpoint(tmp_path / "none.npz")
    other = fastrnn.Sequential([layers.Input((T, F)), layers.GRU(2)])
    with pytest.raises(ValueError, match=r"has the states of \d+ layers, .* has 3"):
        other.load_checkpoint(path)
    with pytest.raises(ValueError, match="has no weights to load into"):
        fastrnn.Sequential([layers.GRU(2)]).load_checkpoint(path)
    model.fit(*problem(), verbose=0)
    model.save_checkpoint(path)
    before = model.get_weights()
    model.compile("sgd", "mse")
    for change, message in (
        (lambda state: state["weights"].pop(), "has 15 weights, got 14"),
        (
            lambda state: state["optimizer"]["slots"].clear(),
            "that of another optimizer or model",
        ),
        (lambda state: state.update(format="?"), "is no checkpoint of a training"),
    ):
        fitting = new_model()
        state = read_state(path)
        change(state)
        write_state(tmp_path / "wrong.npz", state)
        with pytest.raises(ValueError, match=message):
            fitting.load_checkpoint(tmp_path / "wrong.npz")
        np.testing.assert_equal(fitting.get_weights(), new_model().get_weights())
    np.testing.assert_equal(model.get_weights(), before)


def test_states_are_kept_exactly(tmp_path: Path, rng: np.random.Generator) -> None:
    state = {
        "numbers": [1, -(1 << 100), 0.1, float("inf"), True, None, np.float32(0.1), np.int64(3)],
        "arrays": {"a": rng.normal(size=(3, 0, 2)), "b": [np.arange(5, dtype=np.uint8)]},
        "größe": "größe",
        "taken": [{"array": "0"}, {"array": {"array": np.arange(2)}}, {"array": [], "more": 1}],
    }
    write_state(tmp_path / "s.npz", state)
    found = read_state(tmp_path / "s.npz")
    np.testing.assert_equal(found, state)
    assert found["arrays"]["a"].dtype == np.float64
    assert [path.name for path in tmp_path.iterdir()] == ["s.npz"]
    for value, named in ((object(), "object"), ({1: 2}, "dict"), (np.array([None]), "ndarray")):
        with pytest.raises(TypeError, match=rf"cannot hold state\['x'\]\[0\]: it is {named}"):
            write_state(tmp_path / "s.npz", {"x": [value]})
    np.testing.assert_equal(read_state(tmp_path / "s.npz"), state)


def test_hostile_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    for content in (b"", b"PK", b"\x80\x04.", json.dumps({}).encode()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is no checkpoint, or is damaged"):
            read_state(path)
    np.savez_compressed(path, state=np.zeros(1 << 20))
    with pytest.raises(ValueError, match="is compressed"):
        read_state(path)
    np.savez(path, state=np.frombuffer(b"[" * 200_000, np.uint8))
    with pytest.raises(ValueError, match="is no checkpoint, or is damaged"):
        read_state(path)
    np.savez(path, state=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="is no checkpoint, or is damaged"):
        read_state(path)
    header = b"\x93NUMPY\x01\x00\x76\x00" + (
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }".ljust(117)
        + b"\n"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state.npy", header)
    with pytest.raises(ValueError, match="is no checkpoint, or is damaged"):
        read_state(path)
