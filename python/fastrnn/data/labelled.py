"""Files with labels: found in a folder, divided, and given out in batches."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn._files import files_under
from fastrnn.data.split import split_files
from fastrnn.utils.labels import to_categorical
from fastrnn.utils.naming import unknown
from fastrnn.utils.rows import RowsDataset

Array = NDArray[Any]
# The sub-folders' names, one label per file in sorted order, the label's name by the file, none.
Labels = str | ArrayLike | Callable[[Path], str] | None

_LABEL_MODES = ("binary", "categorical", "float", "int")
_CLASS_MODES = ("binary", "categorical")  # whose targets depend on how many classes there are
_SUBSETS = ("both", "training", "validation")


@dataclass(frozen=True)
class LabelledFiles:
    """Files, what each one shows, and the classes' names.

    Attributes
    ----------
    paths : tuple of Path
    labels : ndarray or None
        One label per file; numbers of classes where there are such.
    class_names : tuple of str
        Empty where the labels were given as numbers, unless targets depend on how many there are.
    """

    paths: tuple[Path, ...]
    labels: Array | None
    class_names: tuple[str, ...] = ()

    def parts(
        self, fraction: float | None, subset: str | None, *, seed: int | None, group: str | None
    ) -> list[LabelledFiles]:
        """The part or, with "both", the two parts that are asked for; see `split_clips`."""
        if fraction is None and subset is None:
            return [self]
        if fraction is None or subset not in _SUBSETS:
            raise ValueError(
                "validation_split and subset go together: a number between 0 and 1, and "
                f"'training', 'validation' or 'both'; got {fraction} and {subset!r}"
            )
        classes = [0] * len(self.paths)
        if self.labels is not None and self.labels.dtype.kind in "iu" and self.labels.ndim == 1:
            classes = self.labels.tolist()
        split = split_files(
            range(len(self.paths)),
            self.paths.__getitem__,
            classes.__getitem__,
            fraction=fraction,
            group=group,
            seed=seed or 0,
        )
        parts = [self._rows(part) for part in split]
        return parts if subset == "both" else [parts[subset == "validation"]]

    def _rows(self, rows: list[int]) -> LabelledFiles:
        labels = None if self.labels is None else self.labels[rows]
        return LabelledFiles(tuple(self.paths[row] for row in rows), labels, self.class_names)


def labelled_files(
    directory: str | os.PathLike[str],
    suffixes: Collection[str],
    *,
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    follow_links: bool = False,
) -> LabelledFiles:
    """Find the files of a folder and the label of each.

    Parameters
    ----------
    directory : str or os.PathLike
    suffixes : collection of str
        Of the files to take, in small letters.
    labels : "inferred", callable, array_like or None
        By the sub-folders' names; by what a function of the path returns, a class's name; one
        for each file, in the order of sorted paths; or none.
    label_mode : str or None
        As in `LabelledDataset`; with "categorical" and "binary" numbers are names, too.
    class_names : sequence of str, optional
        The classes to take, in the order of their numbers; all, sorted, when not given.
    follow_links : bool
        Look into folders behind symbolic links.

    Returns
    -------
    LabelledFiles

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no such folder.
    ValueError
        If there is no file, a class has none, or labels do not fit.
    """
    folder = Path(directory)
    if not folder.exists():
        raise FileNotFoundError(f"no such folder: {folder}")
    if not folder.is_dir():
        raise NotADirectoryError(f"not a folder: {folder}")
    paths = files_under(folder, suffixes, follow_links)
    if isinstance(labels, str) and labels != "inferred":
        raise ValueError(f"labels must be 'inferred', a function, numbers or None, got {labels!r}")
    if labels is None or not (callable(labels) or isinstance(labels, str)):
        numbers = None if labels is None else np.asarray(labels)
        if numbers is not None and numbers.shape[:1] != (len(paths),):
            raise ValueError(f"labels must be {len(paths)}, one per file, got {numbers.shape}")
        if numbers is not None and numbers.size and not class_names and label_mode in _CLASS_MODES:
            # Named, so that all parts know of all classes.
            class_names = [str(number) for number in range(int(numbers.max()) + 1)]
        found = LabelledFiles(tuple(paths), numbers, tuple(class_names or ()))
    else:
        if callable(labels):
            names = [str(labels(path)) for path in paths]
        else:
            paths = [path for path in paths if path.parent != folder]
            names = [path.relative_to(folder).parts[0] for path in paths]
        classes = list(class_names or sorted(set(names)))
        empty = sorted(set(classes) - set(names))
        if empty:
            raise ValueError(f"{folder}: no file of class {empty[0]!r}")
        kept = [row for row, name in enumerate(names) if name in classes]
        numbers = np.array([classes.index(names[row]) for row in kept], np.int64)
        found = LabelledFiles(tuple(paths[row] for row in kept), numbers, tuple(classes))
    if not found.paths:
        wanted = f"{folder}/<class>/<name>" if labels == "inferred" else f"{folder}/<name>"
        raise ValueError(f"{folder}: no file to read; expected {wanted}{min(suffixes)} or the like")
    return found


class LabelledDataset(RowsDataset):
    """Batches of samples with their labels.

    Parameters
    ----------
    labels : ndarray or None
        One per row.
    label_mode : {"int", "categorical", "binary", "float", None}
        Targets: numbers of classes, one-hot rows, 0 or 1, the labels as floats, or no targets.
    class_names : sequence of str
    options :
        As in `RowsDataset`.
    """

    def __init__(
        self,
        rows: int,
        labels: Array | None,
        label_mode: str | None,
        class_names: Sequence[str],
        **options: Any,
    ) -> None:
        if label_mode is not None and label_mode not in _LABEL_MODES:
            raise unknown("label_mode", label_mode, _LABEL_MODES)
        self.labels = labels
        self.label_mode = None if labels is None else label_mode
        self.class_names = list(class_names)
        self.num_classes = len(class_names)
        if labels is not None and label_mode != "float" and not class_names:
            self.num_classes = int(labels.max()) + 1 if labels.size else 0
        if self.label_mode == "binary" and self.num_classes != 2:
            raise ValueError(f"label_mode='binary' needs two classes, there are {self.num_classes}")
        super().__init__(rows, **options)

    def _targets(self, rows: Array) -> Array:
        """Targets of rows; a subclass may have others."""
        assert self.labels is not None
        labels = self.labels[rows]
        if self.label_mode == "categorical":
            return to_categorical(labels, self.num_classes)
        if self.label_mode == "binary":
            return np.asarray(labels[:, None], np.float32)
        return np.asarray(labels, np.float32 if self.label_mode == "float" else np.int32)

    def _with_targets(self, x: Array, rows: Array) -> Any:
        return x if self.label_mode is None else (x, self._targets(rows))


def two_sides(image_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width, checked to be two."""
    try:
        height, width = image_size
    except (TypeError, ValueError):
        raise ValueError(f"image_size must be (height, width), got {image_size!r}") from None
    return height, width


class FileDataset(LabelledDataset):
    """Batches of samples, each read from a file when it is needed.

    A file that cannot be read is named in a warning, once, and left out of its batch.

    Parameters
    ----------
    files : LabelledFiles
    read : callable
        From a path to a sample.
    stack : callable
        From samples to a batch.
    label_mode, options :
        As in `LabelledDataset`.

    Attributes
    ----------
    file_paths : list of str
    class_names : list of str
    labels : ndarray or None
    skipped : dict
        The reason for each file that could not be read so far.
    """

    def __init__(
        self,
        files: LabelledFiles,
        read: Callable[[Path], Array],
        stack: Callable[[list[Array]], Array] = np.stack,
        label_mode: str | None = "int",
        **options: Any,
    ) -> None:
        super().__init__(len(files.paths), files.labels, label_mode, files.class_names, **options)
        self.file_paths = [str(path) for path in files.paths]
        self.skipped: dict[str, str] = {}
        self._read, self._stack = read, stack

    def _batch(self, rows: Array, rng: np.random.Generator) -> Any:
        kept, samples = [], []
        for row in rows:
            path = self.file_paths[row]
            try:
                samples.append(self._read(Path(path)))
                kept.append(row)
            except (OSError, RuntimeError, ValueError) as error:
                if path not in self.skipped:
                    self.skipped[path] = str(error)
                    warnings.warn(f"skipped: {error}", stacklevel=2)
        if not samples:
            raise ValueError(f"no file of a batch can be read; {self.skipped[path]}")
        return self._with_targets(self._stack(samples), np.array(kept))


def datasets_of(
    files: LabelledFiles,
    make: Callable[[LabelledFiles, bool], Any],
    *,
    validation_split: float | None,
    subset: str | None,
    seed: int | None,
    group: str | None,
    verbose: bool,
) -> Any:
    """The data set or, with ``subset="both"``, the two that are asked for.

    `make` is told whether it gets what is not held back.
    """
    parts = files.parts(validation_split, subset, seed=seed, group=group)
    if verbose:
        classes = f" of {len(files.class_names)} classes" if files.class_names else ""
        using = " and ".join(str(len(part.paths)) for part in parts)
        print(f"Found {len(files.paths)} files{classes}; using {using}.")
    made = [make(part, part is parts[0] and subset != "validation") for part in parts]
    return made[0] if len(made) == 1 else tuple(made)
