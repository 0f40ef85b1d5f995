"""Pictures and sequences on their way to a model, beside plain NumPy and Keras."""

from __future__ import annotations

import gzip
import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers
from fastrnn.datasets import mnist
from fastrnn.datasets.mnist import read_idx
from fastrnn.preprocessing.image import (
    ImageDataGenerator,
    array_to_img,
    img_to_array,
    load_img,
    save_img,
)
from fastrnn.preprocessing.sequence import TimeseriesGenerator, pad_sequences

Array = np.ndarray[Any, Any]

H, W, C = 13, 17, 3


def smooth(channels: int = C) -> Array:
    """A picture without edges, on which linear interpolation is nearly exact."""
    row, column, channel = np.ogrid[:H, :W, :channels]
    return np.asarray(
        100 + 60 * np.sin(row / 9 + channel) + 40 * np.cos(column / 7 + row / 11), np.float32
    )


def sampled(image: Array, matrix: Array) -> Array:
    """Linear interpolation at matrix @ (row, column, 1), places outside moved to the border."""
    rows, columns = np.mgrid[:H, :W].astype(float)
    r, c = (line[0] * rows + line[1] * columns + line[2] for line in matrix[:2])
    r, c = r.clip(0, H - 1), c.clip(0, W - 1)
    r0, c0 = np.minimum(r.astype(int), H - 2), np.minimum(c.astype(int), W - 2)
    fr, fc = (r - r0)[..., None], (c - c0)[..., None]
    top = image[r0, c0] * (1 - fc) + image[r0, c0 + 1] * fc
    bottom = image[r0 + 1, c0] * (1 - fc) + image[r0 + 1, c0 + 1] * fc
    return np.asarray(top * (1 - fr) + bottom * fr)


class TestChanges:
    @pytest.mark.parametrize("channels", [1, 3, 6])
    def test_one_affine_map(self, channels: int) -> None:
        """Keras: rotation, shift, shear, zoom about the centre, over (row, column)."""
        given = {"theta": 12.0, "tx": 1.5, "ty": -2.25, "shear": 9.0, "zx": 0.8, "zy": 1.1}
        turn, lean = np.deg2rad(12), np.deg2rad(9)
        rotation = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
        shift = [[1, 0, 1.5], [0, 1, -2.25], [0, 0, 1]]
        shear = [[1, -np.sin(lean), 0], [0, np.cos(lean), 0], [0, 0, 1]]
        zoom = np.diag([0.8, 1.1, 1])
        centre = np.array([[1, 0, (H - 1) / 2], [0, 1, (W - 1) / 2], [0, 0, 1]])
        matrix = centre @ rotation @ shift @ shear @ zoom @ np.linalg.inv(centre)
        image = smooth(channels)
        changed = ImageDataGenerator().apply_transform(image, given)
        # OpenCV may round places to 1/32 of a pixel; neighbours differ by up to 13.
        np.testing.assert_allclose(changed, sampled(image, matrix), atol=0.5)

    def test_whole_pixels(self) -> None:
        image = smooth()
        shifted = ImageDataGenerator().apply_transform(image, {"tx": 2, "ty": -3})
        np.testing.assert_array_equal(shifted[:-2, 3:], image[2:, :-3])
        np.testing.assert_array_equal(shifted[-2:, 3:], image[[-1, -1], :-3])

    @pytest.mark.parametrize(
        ("mode", "row"), [("nearest", 0), ("reflect", 1), ("wrap", H - 2), ("constant", None)]
    )
    def test_what_lies_beyond_the_border(self, mode: str, row: int | None) -> None:
        image = smooth()
        generator = ImageDataGenerator(fill_mode=mode, cval=7.0)
        beyond = generator.apply_transform(image, {"tx": -2})[0]
        wanted = np.full_like(beyond, 7.0) if row is None else image[row]
        np.testing.assert_array_equal(beyond, wanted)

    def test_flips_brightness_and_channels(self) -> None:
        image, generator = smooth(), ImageDataGenerator()
        flipped = generator.apply_transform(image, {"flip_horizontal": True})
        np.testing.assert_array_equal(flipped, image[:, ::-1])
        flipped = generator.apply_transform(image, {"flip_vertical": True})
        np.testing.assert_array_equal(flipped, image[::-1])
        brighter = generator.apply_transform(image, {"brightness": 2.0})
        np.testing.assert_array_equal(brighter, np.minimum(2 * image, 255))
        more = generator.apply_transform(image, {"channel_shift_intensity": 20.0})
        np.testing.assert_allclose(more, np.minimum(image + 20, image.max()), rtol=1e-6)

    def test_draws_stay_in_their_ranges(self) -> None:
        generator = ImageDataGenerator(
            rotation_range=30,
            width_shift_range=0.25,
            height_shift_range=3,
            shear_range=10,
            zoom_range=0.2,
            channel_shift_range=5,
            brightness_range=(0.5, 0.75),
            horizontal_flip=True,
        )
        drawn = [generator.get_random_transform((H, W, C), seed=seed) for seed in range(200)]
        limits = {
            "theta": (-30, 30), "tx": (-2, 2), "ty": (-W / 4, W / 4), "shear": (-10, 10),
            "zx": (0.8, 1.2), "zy": (0.8, 1.2), "channel_shift_intensity": (-5, 5),
            "brightness": (0.5, 0.75),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            values = np.array([one[name] for one in drawn])
            slack = 0.1 * (high - low)
            assert low <= values.min() <= low + slack, name
            assert high - slack <= values.max() <= high, name
        assert {one["tx"] for one in drawn} == {-2, -1, 0, 1, 2}
        assert {one["flip_horizontal"] for one in drawn} == {True, False}
        assert not any(one["flip_vertical"] for one in drawn)
        chosen = ImageDataGenerator(width_shift_range=[0.0, 4.0])
        values = {chosen.get_random_transform((H, W, C), seed)["ty"] for seed in range(40)}
        assert values == {-4.0, 0.0, 4.0}

    def test_a_seed_gives_the_same_picture(self) -> None:
        generator = ImageDataGenerator(rotation_range=40, zoom_range=[0.5, 1.5])
        one, two, other = (generator.random_transform(smooth(), seed) for seed in (3, 3, 4))
        np.testing.assert_array_equal(one, two)
        assert (one != other).any()


class TestNormalisation:
    images = np.random.default_rng(0).normal(3, 2, (20, 5, 4, 3)).astype(np.float32)

    def test_of_the_sample(self) -> None:
        generator = ImageDataGenerator(samplewise_std_normalization=True)
        image = generator.standardize(self.images[0])
        assert image.mean() == pytest.approx(0, abs=1e-6)
        assert image.std() == pytest.approx(1, abs=1e-5)

    def test_of_the_features(self) -> None:
        generator = ImageDataGenerator(featurewise_std_normalization=True)
        generator.fit(self.images)
        images = np.stack([generator.standardize(image) for image in self.images])
        np.testing.assert_allclose(images.mean(axis=(0, 1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(images.std(axis=(0, 1, 2)), 1, atol=1e-5)

    def test_whitening(self) -> None:
        rng = np.random.default_rng(1)
        images = (rng.normal(size=(400, 8)) @ rng.normal(size=(8, 8))).reshape(400, 2, 4, 1)
        generator = ImageDataGenerator(featurewise_center=True, zca_whitening=True, dtype="float64")
        generator.fit(images)
        flat = np.stack([generator.standardize(image).ravel() for image in images])
        np.testing.assert_allclose(flat.T @ flat / 400, np.eye(8), atol=1e-3)

    def test_fit_must_come_first(self) -> None:
        generator = ImageDataGenerator(featurewise_center=True)
        with pytest.warns(UserWarning, match=r"need fit\(x\) first"):
            generator.standardize(self.images[0])

    def test_fit_on_changed_pictures(self) -> None:
        generator = ImageDataGenerator(featurewise_center=True, brightness_range=(2.0, 2.0))
        generator.fit(np.abs(self.images), augment=True, rounds=2, seed=1)
        np.testing.assert_allclose(
            np.ravel(generator.mean), 2 * np.abs(self.images).mean(axis=(0, 1, 2)), rtol=1e-5
        )

    @pytest.mark.parametrize(
        "options",
        [
            {"samplewise_center": True, "rescale": 1 / 255},
            {"samplewise_center": True, "samplewise_std_normalization": True},
            {"featurewise_center": True, "preprocessing_function": lambda x: x * 3},
            {"featurewise_center": True, "featurewise_std_normalization": True},
            {"featurewise_center": True, "zca_whitening": True, "zca_epsilon": 1e-2},
        ],
    )
    def test_as_keras(self, options: dict[str, Any]) -> None:
        legacy = pytest.importorskip("keras.src.legacy.preprocessing.image")
        ours, theirs = ImageDataGenerator(**options), legacy.ImageDataGenerator(**options)
        if any(name.startswith("featurewise") for name in options):
            ours.fit(self.images)
            theirs.fit(self.images)
        np.testing.assert_allclose(
            ours.standardize(self.images[3]), theirs.standardize(self.images[3].copy()), atol=1e-4
        )


class TestFlow:
    x = np.arange(10 * 2 * 3, dtype=np.float32).reshape(10, 2, 3, 1)
    y = np.arange(10)

    def test_batches_by_number(self) -> None:
        flow = ImageDataGenerator(rescale=0.5).flow(self.x, self.y, batch_size=4, shuffle=False)
        assert len(flow) == 3
        images, labels = flow[2]
        np.testing.assert_array_equal(images, self.x[8:] / 2)
        np.testing.assert_array_equal(labels, [8, 9])
        with pytest.raises(IndexError, match="batch 3 of 3"):
            flow[3]
        weighted = ImageDataGenerator().flow(self.x, self.y, sample_weight=self.y * 2, seed=0)
        images, labels, weights = weighted[0]
        np.testing.assert_array_equal(images[:, 0, 0, 0], labels * 6)
        np.testing.assert_array_equal(weights, labels * 2)

    def test_endless(self) -> None:
        flow = ImageDataGenerator().flow(self.x, self.y, batch_size=4, seed=5)
        labels = [next(flow)[1] for _ in range(6)]
        first, second = np.concatenate(labels[:3]), np.concatenate(labels[3:])
        np.testing.assert_array_equal(np.sort(first), self.y)
        np.testing.assert_array_equal(np.sort(second), self.y)
        assert (first != second).any()

    def test_a_batch_follows_from_seed_epoch_and_number_alone(self) -> None:
        generator = ImageDataGenerator(rotation_range=90)
        one, two = (generator.flow(self.x, batch_size=3, seed=2) for _ in range(2))
        forwards = [one[index] for index in range(4)]
        backwards = [two[index] for index in reversed(range(4))][::-1]
        for a, b in zip(forwards, backwards, strict=True):
            np.testing.assert_array_equal(a, b)
        one.on_epoch_end()
        assert not all(np.array_equal(forwards[index], one[index]) for index in range(4))

    def test_training_on_it(self) -> None:
        """`fit` goes through it once an epoch, in its own order; a checkpoint goes on with it."""
        flow = ImageDataGenerator(rotation_range=5).flow(self.x, self.y, batch_size=4, seed=2)
        model = fastrnn.Sequential([layers.Input((2, 3, 1)), layers.Flatten(), layers.Dense(1)])
        model.compile("sgd", "mse")
        history = model.fit(flow, epochs=3, steps_per_epoch=3, verbose=0, validation_data=flow)
        assert len(history.history["val_loss"]) == 3
        again = ImageDataGenerator(rotation_range=5).flow(self.x, self.y, batch_size=4)
        again.set_state(flow.get_state())
        for one, two in zip(next(flow), next(again), strict=True):
            np.testing.assert_array_equal(one, two)

    def test_parts(self) -> None:
        generator = ImageDataGenerator(validation_split=0.3)
        parts = [
            generator.flow(
                self.x, self.y % 2, shuffle=False, subset=subset, ignore_class_split=True
            )
            for subset in ("validation", "training")
        ]
        np.testing.assert_array_equal(parts[0][0][0], self.x[:3])
        np.testing.assert_array_equal(parts[1][0][0], self.x[3:])
        with pytest.raises(ValueError, match="hold different classes; shuffle"):
            generator.flow(self.x, self.y, subset="training")

    def test_wrong_data(self) -> None:
        with pytest.raises(ValueError, match=r"x must be \(N, H, W, C\), got \(2, 3\)"):
            ImageDataGenerator().flow(np.zeros((2, 3)))
        with pytest.raises(ValueError, match="x has 10 samples, but y has 9"):
            ImageDataGenerator().flow(self.x, self.y[:9])

    def test_pictures_to_look_at(self, tmp_path: Path) -> None:
        flow = ImageDataGenerator().flow(
            self.x, batch_size=4, save_to_dir=tmp_path, save_prefix="p", save_format="jpg"
        )
        next(flow)
        assert len(list(tmp_path.glob("p_*.jpg"))) == 4


class TestDirectory:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        rng = np.random.default_rng(0)
        for name, count in (("cat", 4), ("dog", 2), ("eel", 1)):
            for number in range(count):
                image = rng.integers(0, 256, (6, 8, 3))
                save_img(tmp_path / name / f"{number}.png", image, scale=False)
        (tmp_path / "cat" / "notes.txt").write_text("no picture")
        return tmp_path

    def test_one_folder_per_class(self, folder: Path) -> None:
        flow = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
            folder, target_size=(6, 8), batch_size=3, shuffle=False
        )
        assert flow.class_indices == {"cat": 0, "dog": 1, "eel": 2}
        assert flow.filenames[4] == os.path.join("dog", "0.png")
        assert (flow.samples, flow.num_classes, flow.image_shape) == (7, 3, (6, 8, 3))
        np.testing.assert_array_equal(flow.classes, [0, 0, 0, 0, 1, 1, 2])
        images, targets = flow[1]
        np.testing.assert_array_equal(targets, [[1, 0, 0], [0, 1, 0], [0, 1, 0]])
        np.testing.assert_allclose(images[1], load_img(flow.filepaths[4]) / 255, rtol=1e-6)

    def test_modes(self, folder: Path) -> None:
        flow = ImageDataGenerator().flow_from_directory
        images, labels = flow(folder, (3, 4), class_mode="sparse", color_mode="grayscale")[0]
        assert images.shape == (7, 3, 4, 1)
        np.testing.assert_array_equal(np.sort(labels), [0, 0, 0, 0, 1, 1, 2])
        assert flow(folder, (3, 4), class_mode=None, color_mode="rgba")[0].shape == (7, 3, 4, 4)
        x, y = flow(folder, (3, 4), class_mode="input")[0]
        np.testing.assert_array_equal(x, y)
        binary = flow(folder, (3, 4), classes=["eel", "dog"], class_mode="binary", shuffle=False)
        np.testing.assert_array_equal(binary[0][1], [0, 1, 1])
        with pytest.raises(ValueError, match="class_mode='binary' needs two classes"):
            flow(folder, class_mode="binary")
        with pytest.raises(ValueError, match="unknown class_mode 'spars'; did you mean 'sparse'"):
            flow(folder, class_mode="spars")

    def test_each_class_is_split(self, folder: Path) -> None:
        generator = ImageDataGenerator(validation_split=0.5)
        held = generator.flow_from_directory(folder, subset="validation", shuffle=False)
        rest = generator.flow_from_directory(folder, subset="training", shuffle=False)
        np.testing.assert_array_equal(held.classes, [0, 0, 1])
        np.testing.assert_array_equal(rest.classes, [0, 0, 1, 2])
        assert not set(held.filenames) & set(rest.filenames)

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="must be one sub-folder per class"):
            ImageDataGenerator().flow_from_directory(tmp_path)


class TestFiles:
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 4)).astype(np.uint8)

    @pytest.mark.parametrize(("channels", "mode"), [(1, "grayscale"), (3, "rgb"), (4, "rgba")])
    def test_round_trip(self, channels: int, mode: str, tmp_path: Path) -> None:
        image = self.image[..., :channels]
        save_img(tmp_path / "a.png", image, scale=False)
        np.testing.assert_array_equal(load_img(tmp_path / "a.png", mode), image)
        stream = io.BytesIO((tmp_path / "a.png").read_bytes())
        np.testing.assert_array_equal(load_img(stream, mode), image)

    def test_the_middle_is_kept(self, tmp_path: Path) -> None:
        save_img(tmp_path / "a.bmp", self.image[..., :3], scale=False)
        cut = load_img(tmp_path / "a.bmp", target_size=(5, 5), keep_aspect_ratio=True)
        np.testing.assert_array_equal(cut, self.image[1:6, :, :3])
        assert load_img(tmp_path / "a.bmp", target_size=(3, 9)).shape == (3, 9, 3)

    def test_conversions(self) -> None:
        array = img_to_array(self.image, data_format="channels_first", dtype="float64")
        assert array.shape == (4, 7, 5)
        np.testing.assert_array_equal(
            array_to_img(array, "channels_first", scale=False), self.image
        )
        scaled = array_to_img(np.linspace(-1, 3, 12).reshape(2, 2, 3))
        assert (scaled.min(), scaled.max()) == (0, 255)
        with pytest.raises(ValueError, match=r"must be \(H, W\) or \(H, W, C\), got \(2,\)"):
            img_to_array([1, 2])

    def test_what_is_no_picture(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            load_img(tmp_path / "none.png")
        for content in (b"", b"nonsense"):
            (tmp_path / "bad.png").write_bytes(content)
            with pytest.raises(ValueError, match=r"bad\.png is no picture that can be decoded"):
                load_img(tmp_path / "bad.png")
        with pytest.raises(ValueError, match=r"cannot write 3 channels as '\.xyz'"):
            save_img(tmp_path / "a.xyz", self.image[..., :3])


class TestSequences:
    parts = ([[1, 2], [3, 4], [5, 6]], [], [[7, 8]])

    @pytest.mark.parametrize("maxlen", [None, 2, 4])
    @pytest.mark.parametrize("padding", ["pre", "post"])
    @pytest.mark.parametrize("truncating", ["pre", "post"])
    def test_padding(self, maxlen: int | None, padding: str, truncating: str) -> None:
        padded = pad_sequences(self.parts, maxlen, "float32", padding, truncating, value=-1)
        length = maxlen or 3
        for row, part in zip(padded, self.parts, strict=True):
            kept = (part[-length:] if truncating == "pre" else part[:length]) if part else []
            fill = [[-1, -1]] * (length - len(kept))
            np.testing.assert_array_equal(row, fill + kept if padding == "pre" else kept + fill)

    def test_wrong_sequences(self) -> None:
        with pytest.raises(ValueError, match=r"shape \(2,\), got \(3,\)"):
            pad_sequences([[[1, 2]], [[1, 2, 3]]])
        with pytest.raises(ValueError, match="unknown padding 'left'"):
            pad_sequences([[1]], padding="left")
        with pytest.raises(ValueError, match="list of lists"):
            pad_sequences([1, 2])  # type: ignore[list-item]

    @pytest.mark.parametrize(
        "options",
        [
            {"length": 4},
            {"length": 5, "sampling_rate": 2, "stride": 3, "batch_size": 2},
            {"length": 3, "start_index": 2, "end_index": 9, "reverse": True, "batch_size": 4},
        ],
    )
    def test_windows(self, options: dict[str, Any]) -> None:
        legacy = pytest.importorskip("keras.src.legacy.preprocessing.sequence")
        data, targets = np.random.default_rng(0).normal(size=(2, 15, 2))
        ours = TimeseriesGenerator(data, targets, **options)
        theirs = legacy.TimeseriesGenerator(data, targets, **options)
        assert len(ours) == len(theirs)
        for index in range(len(ours)):
            for one, two in zip(ours[index], theirs[index], strict=True):
                np.testing.assert_array_equal(one, two)

    def test_windows_in_any_order(self) -> None:
        windows, ends = TimeseriesGenerator(np.arange(30), np.arange(30), 4, shuffle=True)[0]
        np.testing.assert_array_equal(windows, ends[:, None] - [4, 3, 2, 1])
        with pytest.raises(ValueError, match="stride must be positive, got 0"):
            TimeseriesGenerator(np.zeros(5), np.zeros(5), 2, stride=0)
        with pytest.raises(ValueError, match="no window of 5 steps"):
            TimeseriesGenerator(np.zeros(5), np.zeros(5), 5)


class TestMnist:
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)
    labels = np.arange(5, dtype=np.uint8)

    def write_idx(self, path: Path, array: Array) -> None:
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "wb") as file:
            file.write(header + array.tobytes())

    def test_as_keras_keeps_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cache = tmp_path / ".keras" / "datasets"
        cache.mkdir(parents=True)
        parts = {"x_train": self.images, "y_train": self.labels}
        np.savez(cache / "mnist.npz", x_test=self.images[:2], y_test=self.labels[:2], **parts)
        monkeypatch.setenv("HOME", str(tmp_path))
        (x_train, y_train), (x_test, y_test) = mnist.load_data()
        np.testing.assert_array_equal(x_train, self.images)
        np.testing.assert_array_equal(y_train, self.labels)
        assert (x_test.shape, y_test.shape) == ((2, 28, 28), (2,))

    def test_as_it_came(self, tmp_path: Path) -> None:
        self.write_idx(tmp_path / "train-images-idx3-ubyte.gz", self.images)
        self.write_idx(tmp_path / "train-labels-idx1-ubyte.gz", self.labels)
        self.write_idx(tmp_path / "t10k-images.idx3-ubyte", self.images[3:])
        with pytest.raises(FileNotFoundError, match="holds neither t10k-labels-idx1-ubyte nor"):
            mnist.load_data(tmp_path)
        self.write_idx(tmp_path / "t10k-labels-idx1-ubyte", self.labels[3:])
        (x_train, _), (x_test, y_test) = mnist.load_data(tmp_path)
        np.testing.assert_array_equal(x_train, self.images)
        np.testing.assert_array_equal(x_test, self.images[3:])
        np.testing.assert_array_equal(y_test, [3, 4])

    def test_where_to_put_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(FileNotFoundError, match=r"put mnist\.npz, or a folder with the four"):
            mnist.load_data("nowhere.npz")
        np.savez(tmp_path / "other.npz", x_train=self.images)
        with pytest.raises(ValueError, match=r"other\.npz is no MNIST file"):
            mnist.load_data(tmp_path / "other.npz")

    @pytest.mark.parametrize("damage", [b"", b"\0\0\x08", b"PK\x03\x04rest", b"\0\0\x08\x01\0\0"])
    def test_damaged_files(self, damage: bytes, tmp_path: Path) -> None:
        (tmp_path / "bad").write_bytes(damage)
        with pytest.raises(ValueError, match="bad"):
            read_idx(tmp_path / "bad")

    @pytest.mark.data
    def test_the_real_digits(self, data_dir: Path) -> None:
        labels = read_idx(data_dir / "mnist" / "train-labels-idx1-ubyte.gz")
        images = read_idx(data_dir / "mnist" / "train-images-idx3-ubyte.gz")
        assert images.shape == (60000, 28, 28)
        assert np.bincount(labels).min() > 5000


def test_nothing_warns_without_statistics() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImageDataGenerator(rescale=1 / 255).standardize(smooth())
