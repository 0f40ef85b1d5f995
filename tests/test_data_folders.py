"""Folders of pictures and recordings as data sets."""

from __future__ import annotations

import itertools
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers
from fastrnn.audio import LogMel
from fastrnn.data import labelled_files, split_files
from fastrnn.utils import audio_dataset_from_directory, image_dataset_from_directory, save_img

SHADES = {"cat": [10, 20, 30, 40, 50], "dog": [110, 120, 130], "eel": [210, 220]}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name, shades in SHADES.items():
        for person, shade in enumerate(shades):
            save_img(
                tmp_path / name / f"p{person}_{name}.png", np.full((9, 7, 3), shade), scale=False
            )
    return tmp_path


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for number, length in enumerate((300, 500, 400)):
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 1000, 0, "NONE", ""))
            file.writeframes(np.full(length, 1000 * (number + 1), "<i2").tobytes())
    return tmp_path


def folder_of(pictures: Path, **options: Any) -> Any:
    options = {"image_size": (6, 5), "verbose": False, "seed": 3} | options
    return image_dataset_from_directory(pictures, **options)


def shades(dataset: Any) -> list[int]:
    return [round(float(value)) for x, _ in dataset for value in x[:, 0, 0, 0]]


def test_pictures_keep_their_labels(pictures: Path) -> None:
    dataset = folder_of(pictures, batch_size=4)
    assert len(dataset) == 3
    assert dataset.class_names == list(SHADES)
    found = []
    for x, y in dataset:
        assert x.shape[1:] == (6, 5, 3)
        assert x.dtype == np.float32
        assert y.dtype == np.int32
        found += [(int(label), round(float(row[0, 0, 0]))) for label, row in zip(y, x, strict=True)]
    wanted = [(n, shade) for n, part in enumerate(SHADES.values()) for shade in part]
    assert sorted(found) == wanted
    assert found != wanted


def test_the_order_follows_from_seed_and_epoch(pictures: Path) -> None:
    one, other = folder_of(pictures, batch_size=4), folder_of(pictures, batch_size=4)
    first = shades(one)
    assert first == shades(other)
    one.on_epoch_end()
    second = shades(one)
    assert second != first
    assert sorted(second) == sorted(first)
    resumed = folder_of(pictures, batch_size=4, seed=99)
    resumed.set_state(one.get_state())
    assert shades(resumed) == second
    assert shades(folder_of(pictures, seed=4)) != first
    plain = folder_of(pictures, shuffle=False)
    assert shades(plain) == [shade for part in SHADES.values() for shade in part]


@pytest.mark.parametrize(
    ("mode", "shape", "dtype"),
    [("int", (2,), np.int32), ("categorical", (2, 3), np.float32), ("float", (2,), np.float32)],
)
def test_targets(pictures: Path, mode: str, shape: tuple[int, ...], dtype: type) -> None:
    x, y = folder_of(pictures, label_mode=mode, batch_size=2)[1]
    assert y.shape == shape
    assert y.dtype == dtype
    classes = y.argmax(axis=1) if mode == "categorical" else y
    np.testing.assert_array_equal(classes, x[:, 0, 0, 0] // 100)


def test_two_classes_no_labels_and_single_pictures(pictures: Path) -> None:
    x, y = folder_of(pictures, label_mode="binary", class_names=["eel", "cat"])[0]
    np.testing.assert_array_equal(y[:, 0], x[:, 0, 0, 0] < 100)
    assert y.shape == (7, 1)
    assert folder_of(pictures, labels=None)[0].shape == (10, 6, 5, 3)
    assert folder_of(pictures, label_mode=None, color_mode="grayscale")[0].shape == (10, 6, 5, 1)
    x, y = folder_of(pictures, batch_size=None)[4]
    assert x.shape == (6, 5, 3)
    assert int(y) == x[0, 0, 0] // 100
    numbers = np.arange(10.0) / 2
    dataset = folder_of(pictures, labels=numbers, label_mode="float", shuffle=False)
    np.testing.assert_array_equal(dataset[0][1], numbers)


def test_parts_have_targets_of_one_width(pictures: Path) -> None:
    """The last class has one picture, which is in the training part."""
    options = {"labels": [0, 1] * 4 + [1, 2], "label_mode": "categorical"}
    parts = folder_of(pictures, validation_split=0.3, subset="both", **options)
    assert [part[0][1].shape[1] for part in parts] == [3, 3]


def test_parts_are_disjoint_and_whole_groups(pictures: Path) -> None:
    train, held = folder_of(pictures, validation_split=0.4, subset="both")
    assert sorted(shades(train) + shades(held)) == sorted(itertools.chain(*SHADES.values()))
    classes = held.labels.tolist()
    assert [classes.count(label) for label in range(3)] == [2, 1, 1]
    alone = folder_of(pictures, validation_split=0.4, subset="validation")
    assert alone.file_paths == held.file_paths
    parts = folder_of(pictures, validation_split=0.3, subset="both", group="^p[0-9]")
    people = [{Path(path).name[:2] for path in part.file_paths} for part in parts]
    assert people[1]
    assert not people[0] & people[1]


def test_a_model_trains_on_it(pictures: Path) -> None:
    model = fastrnn.Sequential(
        [layers.Input((6, 5, 3)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3)]
    )
    model.compile(
        fastrnn.optimizers.Adam(0.05),
        fastrnn.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    history = model.fit(folder_of(pictures, batch_size=4), epochs=30, verbose=0)
    assert history.history["loss"][-1] < 0.7 * history.history["loss"][0]


def test_a_damaged_picture_is_named_once_and_left_out(pictures: Path) -> None:
    broken = pictures / "dog" / "p1_dog.png"
    broken.write_bytes(broken.read_bytes()[:20])
    dataset = folder_of(pictures)
    with pytest.warns(UserWarning, match=r"skipped: .*p1_dog\.png is no picture") as caught:
        x, y = dataset[0]
    assert len(x) == len(y) == 9
    assert len(caught) == 1
    np.testing.assert_array_equal(y, x[:, 0, 0, 0] // 100)
    assert len(dataset[0][0]) == 9  # and no second warning, which would be an error here
    assert list(dataset.skipped) == [str(broken)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "guess"}, "labels must be 'inferred', a function"),
        ({"labels": [0, 1]}, r"labels must be 10, one per file, got \(2,\)"),
        ({"class_names": ["cat", "cow"]}, "no file of class 'cow'"),
        ({"label_mode": "ints"}, "unknown label_mode 'ints'; did you mean 'int'"),
        ({"label_mode": "binary"}, "needs two classes, there are 3"),
        ({"validation_split": 0.2}, "validation_split and subset go together"),
        ({"subset": "training"}, "validation_split and subset go together"),
        ({"validation_split": 0.2, "subset": "test"}, "got 0.2 and 'test'"),
        ({"validation_split": 1.2, "subset": "both"}, r"fraction must be in \[0, 1\)"),
        ({"batch_size": 0}, "batch_size must be positive"),
    ],
)
def test_options_are_checked(pictures: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        folder_of(pictures, **options)


def test_folders_are_checked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        labelled_files(tmp_path / "nowhere", {".png"})
    with pytest.raises(ValueError, match=r"no file to read; expected .*/<class>/<name>\.png"):
        labelled_files(tmp_path, {".png"})
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="not a folder"):
        labelled_files(tmp_path / "file", {".png"})


def test_recordings(sounds: Path) -> None:
    def dataset(**options: Any) -> Any:
        return audio_dataset_from_directory(
            sounds, verbose=False, shuffle=False, labels=lambda path: path.stem, **options
        )

    x, y = dataset()[0]
    assert x.shape == (3, 500, 1)
    np.testing.assert_array_equal(y, [0, 1, 2])
    np.testing.assert_array_equal((x != 0).sum(axis=1)[:, 0], [300, 500, 400])
    np.testing.assert_allclose(x[:, 10, 0] * 2**15, [1000, 2000, 3000])
    assert dataset(sampling_rate=500)[0][0].shape == (3, 250, 1)
    assert dataset(output_sequence_length=350)[0][0].shape == (3, 350, 1)
    settings = LogMel(sample_rate=1000, mels=6, window=0.064, step=0.02)
    x, _ = dataset(features=settings)[0]
    assert x.shape == (3, 1 + (500 - 64) // 20, 6)
    np.testing.assert_array_equal(x[1], settings.read(sounds / "1.wav"))


def test_a_damaged_recording_is_left_out(sounds: Path) -> None:
    (sounds / "1.wav").write_bytes(b"RIFF")
    dataset = audio_dataset_from_directory(sounds, labels=[5, 6, 7], shuffle=False)
    with pytest.warns(UserWarning, match=r"1\.wav: not a WAVE file"):
        x, y = dataset[0]
    assert y.tolist() == [5, 7]
    assert x.shape == (2, 400, 1)
    single = audio_dataset_from_directory(sounds, labels=None, shuffle=False, batch_size=1)
    with (
        pytest.warns(match="skipped"),
        pytest.raises(ValueError, match="no file of a batch can be"),
    ):
        single[1]


def test_the_length_is_said(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audio_dataset_from_directory(sounds, labels=None, validation_split=0.3, subset="both")
    assert capsys.readouterr().out == "Found 3 files; using 2 and 1.\n"


def test_mono_and_stereo_do_not_mix_unnoticed(tmp_path: Path) -> None:
    for name, channels, data in (("one", 1, [0, 64]), ("two", 2, [0, 32, 0, 96, 0, 0])):
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setparams((channels, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(data * 2))
    how: dict[str, Any] = {"labels": None, "shuffle": False, "verbose": False}
    with pytest.raises(ValueError, match="of 1 and of 2 channels; mono=True averages"):
        audio_dataset_from_directory(tmp_path, **how)[0]
    sounds = audio_dataset_from_directory(tmp_path, mono=True, **how)[0]
    expected = [[0.5, 0.5, 0], [(0.25 + 0.75) / 2, 0.125, (0.75 + 0) / 2]]
    assert sounds.shape == (2, 3, 1)
    np.testing.assert_allclose(sounds[0, :, 0], expected[0])
    with wave.open(str(tmp_path / "one.wav"), "wb") as file:  # both of two channels
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes([0, 64, 0, 32]))
    assert audio_dataset_from_directory(tmp_path, **how)[0].shape == (2, 3, 2)


def test_what_lies_in_a_file_stays_together() -> None:
    """Words of sentences: by draw, by person and by name, never a file in both parts."""
    words = [(Path(f"{who}_{n}.wav"), word) for who in "abc" for n in range(4) for word in range(3)]
    found = split_files(words, lambda word: word[0], fraction=0.25, seed=1)
    files = [{path for path, _ in part} for part in found]
    assert [len(part) for part in found] == [27, 9]
    assert not files[0] & files[1]
    whole = split_files(words, lambda word: word[0], fraction=0.3, group="^[a-z]", seed=1)[1]
    assert len({path.name[0] for path, _ in whole}) == 1
    assert len(whole) == 12
    named = split_files(words, lambda word: word[0], match="_[02]")[1]
    assert {path.name[2] for path, _ in named} == {"0", "2"}
    classes = split_files(words, lambda word: word[0], lambda word: int(word[0].name[2]))[1]
    assert {path.name[2] for path, _ in classes} == set("0123")  # one file of each class
