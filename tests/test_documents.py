"""The code of five tutorials on recurrent networks for images and video, written for Keras.

`keras` and `tensorflow.keras` are read as `fastrnn`; imports, constructors and calls are theirs,
with their arguments. Data and the names that the texts leave open are small and random.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn.video import FrameWriter

Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def seed() -> None:
    fastrnn.utils.set_random_seed(11)


class TestFirst:
    """Images as sequences: an LSTM and a classifier."""

    def test_frames_become_vectors(self, rng: np.random.Generator) -> None:
        import cv2

        image = rng.integers(0, 256, (6, 5, 3)).astype(np.uint8)
        gray_image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        assert gray_image.flatten().shape == (30,)

    def test_build_train_and_evaluate(
        self, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from fastrnn.layers import LSTM, Dense
        from fastrnn.models import Sequential

        num_timesteps, num_features, num_classes = 7, 30, 3
        labels = np.arange(96) % num_classes
        X_train = rng.normal(2 * labels[:, None, None], 0.5, (96, num_timesteps, num_features))
        y_train = np.eye(num_classes)[labels]
        X_test, y_test = X_train[:20] + 0.1, y_train[:20]

        model = Sequential()
        model.add(LSTM(50, input_shape=(num_timesteps, num_features)))
        model.add(Dense(num_classes, activation="softmax"))
        model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
        model.fit(X_train, y_train, epochs=10, batch_size=32)
        _loss, accuracy = model.evaluate(X_test, y_test)
        print("Accuracy: %.2f" % (accuracy * 100))

        assert accuracy > 0.9
        printed = capsys.readouterr().out
        assert "Epoch 10/10" in printed
        assert f"Accuracy: {100 * accuracy:.2f}" in printed


class TestSecond:
    """Regression on image sequences and on clips, one sample a step."""

    def test_sequences(self, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]) -> None:
        import fastrnn as keras
        from fastrnn.layers import LSTM, Dense, Dropout
        from fastrnn.models import Sequential

        timesteps, input_dim = 5, 4
        X_train = rng.random((6, timesteps, input_dim))
        y_train = X_train.mean(axis=(1, 2))

        model = Sequential()
        model.add(LSTM(50, input_shape=(timesteps, input_dim)))
        model.add(Dropout(0.2))
        model.add(Dense(1))
        model.compile(loss="mean_squared_error", optimizer="adam")
        model.fit(X_train, y_train, epochs=100, batch_size=1, verbose=2)

        assert isinstance(model, keras.Sequential)
        assert "Epoch 100/100" in capsys.readouterr().out
        assert model.evaluate(X_train, y_train, verbose=0) < np.var(y_train)

    def test_clips(self, rng: np.random.Generator) -> None:
        """Convolutions take the frames, and the LSTM what pooling leaves of each."""
        from fastrnn.layers import LSTM, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
        from fastrnn.models import Sequential

        frames, height, width, channels = 4, 12, 10, 3
        X_train = rng.random((5, frames, height, width, channels))
        y_train = rng.random(5)

        model = Sequential()
        model.add(
            Conv2D(32, (3, 3), activation="relu", input_shape=(frames, height, width, channels))
        )
        model.add(MaxPooling2D(pool_size=(2, 2)))
        model.add(LSTM(50))
        model.add(Dropout(0.2))
        model.add(Dense(1))
        model.compile(loss="mean_squared_error", optimizer="adam")
        history = model.fit(X_train, y_train, epochs=100, batch_size=1, verbose=2)

        assert Flatten().name.startswith("flatten")
        assert history.history["loss"][-1] < history.history["loss"][0]


class TestThird:
    """A CNN for digits, three LSTM layers, and the two networks of a GAN."""

    def test_cnn(self, rng: np.random.Generator) -> None:
        from fastrnn.layers import Conv2D, Dense, Flatten, MaxPooling2D
        from fastrnn.models import Sequential

        y_train, y_val = np.arange(160) % 10, np.arange(20) % 10
        patterns = rng.random((10, 28, 28, 1))
        x_train = patterns[y_train] + 0.1 * rng.random((160, 28, 28, 1))
        x_val = patterns[y_val]

        model = Sequential()
        model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
        model.add(MaxPooling2D((2, 2)))
        model.add(Conv2D(64, (3, 3), activation="relu"))
        model.add(MaxPooling2D((2, 2)))
        model.add(Conv2D(64, (3, 3), activation="relu"))
        model.add(Flatten())
        model.add(Dense(64, activation="relu"))
        model.add(Dense(10, activation="softmax"))
        model.compile(
            optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        history = model.fit(
            x_train, y_train, epochs=10, batch_size=32, validation_data=(x_val, y_val)
        )

        assert model.count_params() == 93_322
        assert history.history["val_accuracy"][-1] > 0.9

    def test_rnn(self, rng: np.random.Generator) -> None:
        from fastrnn.layers import LSTM, Dense
        from fastrnn.models import Sequential

        y_train = np.arange(64) % 2
        x_train = rng.normal(y_train[:, None, None], 1, (64, 100, 1))
        x_val, y_val = x_train[:16], y_train[:16]

        model = Sequential()
        model.add(LSTM(64, input_shape=(100, 1), return_sequences=True))
        model.add(LSTM(64, return_sequences=True))
        model.add(LSTM(64))
        model.add(Dense(1, activation="sigmoid"))
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        history = model.fit(
            x_train, y_train, epochs=10, batch_size=32, validation_data=(x_val, y_val)
        )

        assert history.history["loss"][-1] < history.history["loss"][0]
        assert len(history.history["val_accuracy"]) == 10

    def test_gan(self, rng: np.random.Generator) -> None:
        """The text's generator has 762 million weights, and makes frames of 512×512×8192.

        All its widths are divided by 32 here, but for the first and the last four; the code
        forgets to import LeakyReLU.
        """
        from fastrnn.layers import Conv2D, Conv2DTranspose, Dense, Flatten, LeakyReLU, Reshape
        from fastrnn.models import Sequential

        def build_generator() -> Any:
            model = Sequential()
            model.add(Dense(128, input_dim=100))
            for units in (256, 512, 1024, 2048, 4096):
                model.add(LeakyReLU(0.2))
                model.add(Dense(units // 32))
            model.add(LeakyReLU(0.2))
            model.add(Dense(8192 // 32))
            model.add(Reshape((8, 8, 128 // 32)))
            model.add(Conv2DTranspose(4, (4, 4), strides=(1, 1), padding="same", activation="relu"))
            for filters in (256, 512):
                model.add(
                    Conv2DTranspose(
                        filters // 32, (4, 4), strides=(2, 2), padding="same", activation="relu"
                    )
                )
            model.add(Conv2DTranspose(3, (4, 4), strides=(2, 2), padding="same", activation="tanh"))
            return model

        def build_discriminator() -> Any:
            model = Sequential()
            model.add(Conv2D(64, (5, 5), strides=(2, 2), padding="same", input_shape=(8, 8, 128)))
            model.add(LeakyReLU(0.2))
            model.add(Conv2D(128, (5, 5), strides=(2, 2), padding="same"))
            model.add(LeakyReLU(0.2))
            model.add(Conv2D(256, (5, 5), strides=(2, 2), padding="same"))
            model.add(LeakyReLU(0.2))
            model.add(Flatten())
            model.add(Dense(1))
            return model

        generator = build_generator()
        discriminator = build_discriminator()
        discriminator.compile(loss="binary_crossentropy", optimizer="rmsprop")

        images = generator.predict(rng.normal(size=(2, 100)))
        assert images.shape == (2, 64, 64, 3)
        assert np.abs(images).max() <= 1
        assert discriminator.count_params() == 1_229_505
        loss = discriminator.train_on_batch(rng.random((4, 8, 8, 128)), np.arange(4) % 2)
        assert np.isfinite(loss)


class TestFourth:
    """Actions in videos: two LSTM layers and a TimeDistributed classifier."""

    def data(self, rng: np.random.Generator) -> tuple[Array, Array, int]:
        from fastrnn.utils import to_categorical

        num_classes = 4
        labels = np.arange(80) % num_classes
        return rng.normal(labels[:, None, None], 1, (80, 6, 9)), to_categorical(labels), num_classes

    def test_as_it_stands(self, rng: np.random.Generator) -> None:
        """The last LSTM gives no steps for TimeDistributed to go through, in Keras either."""
        from fastrnn.layers import LSTM, Dense, TimeDistributed
        from fastrnn.models import Sequential

        X_train, _, num_classes = self.data(rng)
        model = Sequential()
        model.add(
            LSTM(128, input_shape=(X_train.shape[1], X_train.shape[2]), return_sequences=True)
        )
        model.add(LSTM(64, return_sequences=False))
        with pytest.raises(
            ValueError,
            match=r"time_distributed\S*: needs inputs with a time axis, \(N, T, \.\.\.\), got "
            r"\(None, 64\); give the recurrent layer before it return_sequences=True, or use "
            r"dense\S* without TimeDistributed",
        ):
            model.add(TimeDistributed(Dense(num_classes, activation="softmax")))

    def test_as_the_error_says(self, rng: np.random.Generator) -> None:
        from fastrnn.layers import LSTM, Dense
        from fastrnn.models import Sequential

        X_train, y_train, num_classes = self.data(rng)
        X_test, y_test = X_train[:20], y_train[:20]
        model = Sequential()
        model.add(
            LSTM(128, input_shape=(X_train.shape[1], X_train.shape[2]), return_sequences=True)
        )
        model.add(LSTM(64, return_sequences=False))
        model.add(Dense(num_classes, activation="softmax"))
        model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
        model.fit(X_train, y_train, batch_size=64, epochs=10, validation_data=(X_test, y_test))
        _, test_acc = model.evaluate(X_test, y_test)
        assert test_acc > 0.5

    def test_a_label_per_step(self, rng: np.random.Generator) -> None:
        """The other way out: every layer keeps the steps, and each has its label."""
        from fastrnn.layers import LSTM, Dense, TimeDistributed
        from fastrnn.models import Sequential

        X_train, y_train, num_classes = self.data(rng)
        model = Sequential()
        model.add(LSTM(16, input_shape=X_train.shape[1:], return_sequences=True))
        model.add(TimeDistributed(Dense(num_classes, activation="softmax")))
        model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
        model.fit(X_train, np.repeat(y_train[:, None], 6, axis=1), batch_size=64, epochs=1)
        assert model.output_shape == (None, 6, num_classes)


class TestFifth:
    """From a video file to a CNN+LSTM that is trained, saved, loaded and evaluated."""

    # The text has sequences of 32 frames of 128×128 pixels.
    sequence_length, side = 4, 24

    def read_video_frames(self, video_path: str) -> list[Array]:
        import cv2

        video = cv2.VideoCapture(video_path)
        frames = []
        while True:
            ret, frame = video.read()
            if not ret:
                break
            frames.append(frame)
        video.release()
        return frames

    def convert_frames_to_sequence(self, frames: list[Array], sequence_length: int) -> Array:
        sequences = []
        for i in range(len(frames) - sequence_length + 1):
            sequences.append(frames[i : i + sequence_length])
        return np.array(sequences)

    def build_cnn_lstm_model(self, input_shape: tuple[int, ...], num_classes: int) -> Any:
        from fastrnn.layers import LSTM, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
        from fastrnn.models import Sequential

        model = Sequential()
        model.add(Conv2D(32, (3, 3), activation="relu", input_shape=input_shape))
        model.add(MaxPooling2D((2, 2)))
        model.add(Conv2D(64, (3, 3), activation="relu"))
        model.add(MaxPooling2D((2, 2)))
        model.add(Conv2D(128, (3, 3), activation="relu"))
        model.add(MaxPooling2D((2, 2)))
        model.add(Flatten())
        model.add(LSTM(128, return_sequences=True))
        model.add(Dropout(0.5))
        model.add(LSTM(128))
        model.add(Dense(num_classes, activation="softmax"))
        return model

    def build_lstm_model(self, input_shape: tuple[int, ...], num_classes: int) -> Any:
        from fastrnn.layers import LSTM, Dense, Dropout
        from fastrnn.models import Sequential

        model = Sequential()
        model.add(LSTM(128, return_sequences=True, input_shape=input_shape))
        model.add(Dropout(0.5))
        model.add(LSTM(128))
        model.add(Dense(num_classes, activation="softmax"))
        return model

    def train_model(
        self, model: Any, x_train: Array, y_train: Array, batch_size: int, epochs: int
    ) -> None:
        """Both networks are trained alike."""
        from fastrnn.optimizers import Adam

        model.compile(
            optimizer=Adam(lr=0.001), loss="categorical_crossentropy", metrics=["accuracy"]
        )
        model.fit(
            x_train,
            y_train,
            batch_size=batch_size,
            epochs=epochs,
            verbose=1,
            validation_split=0.1,
        )

    def evaluate_model(self, model: Any, x_test: Array, y_test: Array) -> tuple[float, float]:
        from fastrnn.metrics import categorical_accuracy

        loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
        print("Loss:", loss)
        print("Accuracy:", accuracy)
        matches = categorical_accuracy(y_test, model.predict(x_test, verbose=0))
        assert np.mean(matches) == pytest.approx(accuracy)
        return loss, accuracy

    @pytest.fixture
    def video_path(self, tmp_path: Path, rng: np.random.Generator) -> str:
        path = tmp_path / "video.mp4"
        with FrameWriter(path, fps=25) as writer:
            for frame in rng.integers(0, 256, (40, self.side, self.side, 3)):
                writer.write(frame.astype(np.uint8))
        return str(path)

    def test_main(self, video_path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        from fastrnn.models import load_model
        from fastrnn.preprocessing.image import ImageDataGenerator

        monkeypatch.chdir(tmp_path)
        frames = self.read_video_frames(video_path)
        sequences = self.convert_frames_to_sequence(frames, self.sequence_length)
        num_classes = 10
        num_samples = sequences.shape[0]
        input_shape = (self.sequence_length, self.side, self.side, 3)
        cnn_lstm_model = self.build_cnn_lstm_model(input_shape, num_classes)

        # Rows of random whole numbers, as in the text; they are no probabilities.
        x_train = sequences[: int(num_samples * 0.8)]
        y_train = np.random.randint(num_classes, size=(x_train.shape[0], num_classes))  # noqa: NPY002
        x_test = sequences[int(num_samples * 0.8) :]
        y_test = np.random.randint(num_classes, size=(x_test.shape[0], num_classes))  # noqa: NPY002
        batch_size = 32
        epochs = 10
        self.train_model(cnn_lstm_model, x_train, y_train, batch_size, epochs)
        before = self.evaluate_model(cnn_lstm_model, x_test, y_test)
        cnn_lstm_model.save("cnn_lstm_model.h5")
        cnn_lstm_model = load_model("cnn_lstm_model.h5")
        assert self.evaluate_model(cnn_lstm_model, x_test, y_test) == before

        assert num_samples == 37
        assert ImageDataGenerator().rescale is None

    def test_the_network_without_convolutions(self, rng: np.random.Generator) -> None:
        model = self.build_lstm_model((self.sequence_length, 20), 3)
        y = np.eye(3)[np.arange(40) % 3]
        self.train_model(model, rng.random((40, self.sequence_length, 20)), y, 32, 2)
        assert model.predict(np.zeros((2, self.sequence_length, 20))).shape == (2, 3)


def test_all_that_tutorials_import() -> None:
    import fastrnn as keras
    from fastrnn import callbacks, datasets, initializers, losses, metrics, models, optimizers
    from fastrnn.preprocessing.image import (
        ImageDataGenerator,
        array_to_img,
        img_to_array,
        load_img,
        save_img,
    )
    from fastrnn.preprocessing.sequence import TimeseriesGenerator, pad_sequences
    from fastrnn.regularizers import l1, l2
    from fastrnn.utils import to_categorical

    for name in ("Sequential", "Model", "load_model"):
        assert callable(getattr(models, name))
    for name in ("categorical_crossentropy", "binary_crossentropy", "mean_squared_error"):
        assert callable(getattr(losses, name))
    assert metrics.categorical_accuracy([[0, 1]], [[0.2, 0.8]]).tolist() == [1]
    for name in ("EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau", "TensorBoard"):
        assert callable(getattr(callbacks, name)), name
    for name in ("Adam", "AdamW", "Adamax", "Nadam", "SGD", "RMSprop", "Adagrad", "Adadelta"):
        assert getattr(optimizers, name)(lr=0.5).learning_rate == 0.5
    for found in (ImageDataGenerator, array_to_img, img_to_array, load_img, save_img, l1, l2):
        assert callable(found)
    for found in (TimeseriesGenerator, pad_sequences, to_categorical, datasets.mnist.load_data):
        assert callable(found)
    assert keras.models is models
    assert keras.initializers is initializers
