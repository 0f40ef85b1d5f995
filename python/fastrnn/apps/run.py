"""One training in one folder: by this every task of `fastrnn train` trains.

A task's function does no more than make data and model::

    def train_words(folder, options=None, *, run=None):
        options, run = options or WordOptions(), run or TrainingRun()
        train, held_back = ...                    # what can be wrong with the data is said here
        run.start("words", folder, options)       # the folder with args.json; seeds all
        recognizer = WordRecognizer(...)          # has the compiled model
        run.fit(recognizer.model, train, epochs=options.epochs, validation_data=held_back,
                save=recognizer.save)             # the best weights are in the model afterwards
        run.finish({"validation": recognizer.evaluate(held_back)})
        return recognizer

`fastrnn train --resume` calls the same function with the same data and options, and a run made by
`TrainingRun.resume`: the data, split and model come out as before, and `fit` goes on from the
checkpoint. So nothing before `fit` may depend on anything but data, options and seed, and a
data set whose batches are random draws them from its seed, the epoch and the batch's number (or
keeps its generator's state with `get_state`, and has no workers).
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from fastrnn.apps.data_files import describe_files
from fastrnn.apps.figures import draw_curves
from fastrnn.apps.interrupt import Interrupt
from fastrnn.apps.run_folder import new_run_folder, write_csv, write_json
from fastrnn.callbacks import BackupAndRestore, Callback
from fastrnn.callbacks.monitor import Monitor
from fastrnn.formats import keras_json
from fastrnn.utils import set_random_seed

Row = dict[str, Any]


class Progress(Callback):
    """What happens in a run; override what is of interest. The base class is silent.

    It is among the callbacks of `fit`, so that it hears of batches, too.
    """

    def note(self, text: str) -> None:
        """One line for the user, such as a file that is skipped."""

    def advance(self, what: str, done: int, total: int | None) -> None:
        """`done` of `total` pieces are done of something long beside training, reading say."""

    def epoch_done(self, row: Row, best: bool) -> None:
        """After each epoch, with its row of history.csv.

        `best` says that it is the best so far; never where the last epoch is taken anyway.
        """


class TrainingRun:
    """A training in a folder ``out/nameN`` that survives Ctrl-C and the end of its process.

    The folder holds ``args.json``, ``history.csv``, ``curves.png``, ``model.keras`` (of the best
    epoch, or of the last where none is chosen, see `fit`), ``last.keras`` (of the last), and
    ``results.json``; until the end ``checkpoint/``.

    Parameters
    ----------
    out, name : str
        The folder is ``out/name1``, or the next number that is free.
    progress : Progress, optional
        Told of what happens.
    save_steps : int, optional
        Save a checkpoint after so many steps, too, not after each epoch alone.
    profile : bool
        Measure which share of each epoch's training is computing, the rest being spent waiting
        for data; it becomes the column ``busy`` of the history.

    Attributes
    ----------
    folder : Path or None
        None before `start`.
    interrupted : bool
        True if Ctrl-C ended `fit`.
    results : dict
        What results.json holds.
    """

    def __init__(
        self,
        out: str | os.PathLike[str] = "runs",
        name: str = "train",
        *,
        progress: Progress | None = None,
        save_steps: int | None = None,
        profile: bool = False,
    ) -> None:
        if save_steps is not None and save_steps < 1:
            raise ValueError(f"train: save_steps must be at least 1, got {save_steps}")
        if not name or set(name) & {"/", os.sep, "\0"}:
            raise ValueError(f"train: name must be that of a folder in {out}, got {name!r}")
        self.out = Path(out)
        self.name = name
        self.progress = progress or Progress()
        self.save_steps = save_steps
        self.profile = profile
        self.folder: Path | None = None
        self.interrupted = False
        self.results: dict[str, Any] = {}
        self._epochs = _Epochs(self.progress)

    @classmethod
    def resume(cls, folder: str | os.PathLike[str], **options: Any) -> TrainingRun:
        """A run that goes on in its folder; `options` are as those of `TrainingRun`.

        Raises
        ------
        FileNotFoundError
            If the folder is not there or no run's.
        ValueError
            If the run has come to its end.
        """
        path = Path(folder)
        run = cls(path.parent, **options)
        arguments_of(path)
        run.folder = path
        if not run.goes_on:
            raise ValueError(f"{path}: this training is complete, there is nothing to resume")
        return run

    @property
    def goes_on(self) -> bool:
        """Whether there is a folder whose training has not come to its end, to be resumed."""
        if self.folder is None:
            return False
        results = self.folder / "results.json"
        return not results.exists() or bool(
            json.loads(results.read_text("utf-8")).get("interrupted")
        )

    @property
    def path(self) -> Path:
        """The folder, once there is one."""
        if self.folder is None:
            raise ValueError("train: the run has no folder before start()")
        return self.folder

    @property
    def history(self) -> list[Row]:
        """The rows of history.csv."""
        return self._epochs.rows

    @property
    def model_epoch(self) -> int:
        """Epoch of the saved model, from 1; 0 before the first is done."""
        return self._epochs.best_epoch

    @property
    def best_epoch(self) -> int | None:
        """The same where the best epoch is chosen, None where the last is taken, see `fit`."""
        return self.model_epoch if self._epochs.monitor else None

    def start(self, task: str, data: str | os.PathLike[str] | None, options: Any) -> None:
        """Make the folder with args.json, unless it is there, and seed all that is random.

        Parameters
        ----------
        task : str
            Its name in `fastrnn.apps.tasks.TASKS`.
        data : path or None
            What is trained on; None where nothing is read.
        options : dataclass
            With a field ``seed``; numbers, strings, paths, tuples and dataclasses of these.

        Raises
        ------
        ValueError
            If a run is resumed on other files than it began with.
        """
        from fastrnn import __version__

        if self.folder is None:
            place = None if data is None else str(Path(data).absolute())
            arguments = {"task": task, "data": place, "files": describe_files(data)}
            about = {"options": asdict(options), "fastrnn_version": __version__}
            folder = new_run_folder(self.out, self.name)
            write_json(folder / "args.json", arguments | about)
            self.folder = folder
        else:
            self.check_data(data)
        set_random_seed(options.seed)

    def check_data(self, data: str | os.PathLike[str] | None) -> None:
        """Refuse data that are not what the run in the folder began with.

        With other files another part would be held back, of which some were trained on. Of runs
        that did not note their files nothing is said.

        Raises
        ------
        ValueError
            If files have gone, come, or changed their sizes.
        """
        began, now = arguments_of(self.path).get("files"), describe_files(data)
        if not began or not now or began == now:
            return
        counts = f"{began['count']} files then, {now['count']} now"
        if began["count"] == now["count"]:
            counts = "names or sizes of files differ"
        raise ValueError(
            f"{self.path}: {data} is not what this training began with ({counts}); restore the "
            "files, or start a new training"
        )

    def fit(
        self,
        model: Any,
        x: Any,
        y: Any = None,
        *,
        epochs: int,
        save: Callable[[Path], Any],
        monitor: str | None = "auto",
        callbacks: Sequence[Callback] = (),
        **options: Any,
    ) -> None:
        """Train by `model.fit`, on from the checkpoint where there is one.

        Parameters
        ----------
        model : Model
            Compiled. Afterwards it has the weights of the best epoch.
        x, y, epochs, callbacks, **options :
            As of `Model.fit`.
        save : callable
            Writes the trained thing, as it is now, to a path.
        monitor : str or None
            The log that says which epoch is best; by default ``val_loss``, or ``loss`` without
            validation data. With None the last epoch is.

        Raises
        ------
        RuntimeError
            If the loss, or what `monitor` names, is no number in any epoch.
        """
        folder, epochs_done = self.path, self._epochs
        if monitor == "auto":
            validated = options.get("validation_data") is not None
            monitor = "val_loss" if validated else "loss"
        epochs_done.watch(monitor, folder, save)
        with Interrupt() as interrupt:
            hooks = [*callbacks, epochs_done, self.progress]
            hooks.append(_Checkpoint(folder / "checkpoint", self.save_steps, interrupt))
            if self.profile:
                epochs_done.busy = busy = _Busy()
                hooks.insert(0, busy)
            try:
                model.fit(x, y, epochs=epochs, verbose=0, callbacks=hooks, **options)
            except KeyboardInterrupt:
                self.interrupted = True
        save(folder / "last.keras")
        if self.history:
            draw_curves(folder / "curves.png", self.history)
        if epochs_done.best_weights is not None:
            model.set_weights(epochs_done.best_weights)
        elif self.history:
            row = self.history[-1]
            what = monitor if monitor and math.isfinite(row["loss"]) else "loss"
            where = f"the {what} is {row.get(what)} in epoch {row['epoch']}"
            raise RuntimeError(f"{where}, and no better before; use a smaller learning rate")
        else:  # Ctrl-C in the first epoch
            save(folder / "model.keras")

    def finish(self, results: Mapping[str, Any]) -> None:
        """Write results.json; the checkpoint goes, unless Ctrl-C ended the training."""
        self.results = {
            "best_epoch": self.best_epoch,
            "model_epoch": self.model_epoch,
            "epochs": len(self.history),
            "seconds": round(sum(row["seconds"] for row in self.history), 1),
            **results,
            "interrupted": self.interrupted,
        }
        write_json(self.path / "results.json", self.results)
        if not self.interrupted:
            shutil.rmtree(self.path / "checkpoint", ignore_errors=True)


def arguments_of(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """What args.json of a run says: task, data, options.

    Raises
    ------
    FileNotFoundError
        If the folder is no run's.
    ValueError
        If the file is damaged.
    """
    path = Path(folder, "args.json")
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is no folder of a training: it has no args.json")
    arguments = keras_json.parse(str(path), path.read_bytes())
    missing = sorted({"task", "data", "options"} - arguments.keys())
    if missing:
        raise ValueError(f"{path} does not say {', '.join(missing)}")
    return arguments


def trained_on(model: str | os.PathLike[str], data: str | os.PathLike[str]) -> bool:
    """Whether the folder of a training, in which a model file lies, says that these are its data.

    Of a file that was moved out of its folder nothing is known.
    """
    folder = Path(model).parent
    if not (folder / "args.json").is_file():
        return False
    place = arguments_of(folder)["data"]
    return place is not None and Path(place).resolve() == Path(data).resolve()


class _Epochs(Monitor):
    """The rows of the history, and the best weights so far."""

    state_names: ClassVar[tuple[str, ...]] = ("rows", "best", "best_epoch", "best_weights")

    def __init__(self, progress: Progress) -> None:
        super().__init__("loss")
        self.progress = progress
        self.rows: list[Row] = []
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None
        self.busy: _Busy | None = None
        self._started = 0.0

    def watch(self, monitor: str | None, folder: Path, save: Callable[[Path], Any]) -> None:
        self.monitor = monitor or ""
        self._folder = folder
        self._save = save

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        seconds = time.perf_counter() - self._started
        row: Row = {"epoch": epoch + 1, **logs, "seconds": round(seconds, 3)}
        if self.busy is not None:
            row["busy"] = round(self.busy.share, 4)
        self.rows.append(row)
        names = dict.fromkeys(name for each in self.rows for name in each)
        write_csv(self._folder / "history.csv", self.rows, list(names))
        finite = math.isfinite(logs.get("loss", 0.0))
        best = finite and self._is_best(logs)
        if best:
            self.best_epoch = epoch + 1
            self.best_weights = self.model.get_weights()
            self._save(self._folder / "model.keras")
        if not finite:
            self.model.stop_training = True
        self.progress.epoch_done(row, best and self.monitor != "")

    def _is_best(self, logs: dict[str, float]) -> bool:
        if not self.monitor:
            return True
        value = logs.get(self.monitor)
        if value is None or not math.isfinite(value) or not self.improves(value, self.best):
            return False
        self.best = value
        return True


class _Checkpoint(BackupAndRestore):
    """A checkpoint after each epoch, after every so many steps, and on Ctrl-C."""

    def __init__(self, folder: Path, save_steps: int | None, interrupt: Interrupt) -> None:
        super().__init__(folder, save_steps or "epoch", delete_checkpoint=False)
        self.idle_hooks = ()
        self._interrupt = interrupt

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._interrupt.asked or self._frequency.after_batch():
            self._save()
            self._interrupt.check()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._save()
        self._interrupt.check()


class _Busy(Callback):
    """The share of an epoch's training that is spent in the steps, not between them."""

    share = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._first = self._began = time.perf_counter()
        self._busy = 0.0

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        now = time.perf_counter()
        self._busy += now - self._began
        self.share = self._busy / (now - self._first)
