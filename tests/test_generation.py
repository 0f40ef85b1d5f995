"""Making of pictures and of next frames: networks, training, quality, files, commands."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fastrnn import Sequential, layers, optimizers
from fastrnn.apps import (
    NextFrameOptions,
    NextFramePredictor,
    PictureGenerator,
    PictureOptions,
    save_pictures,
    train_next_frame,
    train_pictures,
)
from fastrnn.apps.generation import (
    Adversarial,
    Judge,
    Pictures,
    build_discriminator,
    build_generator,
    build_predictor,
    evaluate_forecast,
    frechet_distance,
    read_pictures,
    roll_out,
)
from fastrnn.apps.generation.flow import carry_on, with_carried
from fastrnn.apps.generation.pictures import picture_grid
from fastrnn.apps.generation.train_next_frame import NextFrames
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.apps.tasks import task_of_model
from fastrnn.cli.app import app
from fastrnn.utils import save_img, set_random_seed
from fastrnn.video import FrameReader, FrameWriter, Preprocessing, read_clip

Array = np.ndarray


def discs(count: int, side: int, rng: np.random.Generator) -> Array:
    """Pictures (count, side, side, 1) of one bright disc each, left or right of the middle."""
    rows, columns = np.indices((side, side))
    across = np.where(rng.random(count) < 0.5, 0.3, 0.7) * side
    far = np.hypot(rows - side / 2, columns - across[:, None, None])
    return np.where(far < side / 5, 230, 20).astype(np.uint8)[..., None]


class TestAdversarial:
    def test_both_learn_by_their_own_loss(self, rng: np.random.Generator) -> None:
        """One step beside the two losses' gradients, each computed for itself."""
        shape = (8, 12, 2)
        generator = build_generator(shape, latent=5, filters=3)
        discriminator = Sequential(
            [
                layers.Input(shape),
                layers.Rescaling(1 / 127.5, -1),
                layers.Conv2D(4, 3, strides=2, activation="tanh"),
                layers.Flatten(),
                layers.Dense(1),
            ]
        )
        model = Adversarial(generator, discriminator, optimizers.SGD(0.5))
        real = rng.integers(0, 256, (6, *shape)).astype(np.float32)
        targets = np.full((6, 1), 0.8, np.float32)

        before = [weight.copy() for weight in model.get_weights()]
        noise_state = model.random.bit_generator.state
        model.train_on_batch(real, targets)
        after = [weight.copy() for weight in model.get_weights()]
        model.set_weights(before)
        model.random.bit_generator.state = noise_state
        noise = model.random.standard_normal((6, 5), np.float32)

        def logistic(logits: Array, target: Any) -> Array:
            return (1 / (1 + np.exp(-logits)) - target) / len(logits)

        made = generator.gradients(noise, dy=np.zeros_like(real))[0]
        both = np.concatenate([real, made])
        wanted = np.concatenate([targets, 0 * targets])
        _, of_discriminator, _ = discriminator.gradients(both, dy=lambda y: logistic(y, wanted))
        _, _, wish = discriminator.gradients(made, dy=lambda y: logistic(y, 1), need_dx=True)
        model.set_weights(before)
        _, of_generator, _ = generator.gradients(noise, dy=wish)

        named = {id(weight): place for place, weight in enumerate(model.weights)}
        trained = discriminator.trainable_weights + generator.trainable_weights
        for weight, gradient in zip(trained, of_discriminator + of_generator, strict=True):
            place = named[id(weight)]
            moved = before[place] - after[place]
            np.testing.assert_allclose(
                moved, 0.5 * gradient, rtol=1e-3, atol=1e-3 * np.abs(gradient).max()
            )

    def test_goes_on_from_a_checkpoint_to_the_bit(
        self, tmp_path: Path, rng: np.random.Generator
    ) -> None:
        pixels, targets = discs(40, 8, rng), np.full((40, 1), 0.9)

        def trained(epochs: int, resumed: bool) -> list[Array]:
            set_random_seed(3)
            networks = build_generator((8, 8, 1), 4, 2), build_discriminator((8, 8, 1), 2)
            model = Adversarial(*networks, optimizers.Adam(1e-3, use_ema=True))
            from fastrnn.callbacks import BackupAndRestore

            keep = BackupAndRestore(tmp_path / "kept", delete_checkpoint=False)
            model.fit(
                pixels,
                targets,
                epochs=epochs,
                batch_size=16,
                verbose=0,
                callbacks=[keep] if resumed else [],
            )
            return model.get_weights()

        whole = trained(3, resumed=False)
        trained(1, resumed=True)
        for weight, other in zip(trained(3, resumed=True), whole, strict=True):
            np.testing.assert_array_equal(weight, other)

    def test_made_pictures_come_near_the_real_ones(self, rng: np.random.Generator) -> None:
        real = discs(512, 8, rng)
        generator = build_generator((8, 8, 1), latent=8, filters=8)
        maker = PictureGenerator(generator)

        def distance() -> float:
            made = maker.generate(512).reshape(512, 64) / 255
            return frechet_distance(made, real.reshape(512, 64) / 255)

        optimizer = optimizers.Adam(2e-3, beta_1=0.5)
        model = Adversarial(generator, build_discriminator((8, 8, 1), 8), optimizer)
        first = distance()
        history = model.fit(real, np.full((512, 1), 0.9), batch_size=32, epochs=12, verbose=0)
        assert distance() < 0.3 * first
        assert set(history.history) == {"loss", "generator_loss", "fooled"}

    def test_sides_must_be_multiples_of_four(self) -> None:
        with pytest.raises(ValueError, match=r"multiples of 4 from 8 on, got \(30, 28\)"):
            build_generator((30, 28, 1), 4, 2)
        assert build_generator((64, 48, 3), 4, 2).output_shape == (None, 64, 48, 3)


class TestQuality:
    def test_frechet_distance_of_normal_distributions(self, rng: np.random.Generator) -> None:
        a = rng.normal(0, [1, 2, 3], (200_000, 3))
        b = rng.normal([1, 0, -2], [2, 2, 1], (200_000, 3))
        # Where the axes vary independently: squared differences of means and of deviations.
        assert frechet_distance(a, b) == pytest.approx(1 + 4 + 1 + 0 + 4, rel=0.02)

    def test_a_judge_tells_real_from_noise(self, rng: np.random.Generator) -> None:
        pixels = discs(300, 12, rng)
        labels = (pixels[:, :, 8:].mean(axis=(1, 2, 3)) > 60).astype(np.int64)
        pictures = Pictures(pixels, labels)
        judge = Judge(pictures.part(np.arange(200)), pictures.part(np.arange(200, 300)), epochs=6)
        real = judge(pixels[:200])
        noise = judge(rng.integers(0, 256, (200, 12, 12, 1)).astype(np.uint8))
        one = judge(np.repeat(pixels[:1], 200, axis=0))
        assert judge.accuracy > 0.95
        assert 10 * real.distance < min(noise.distance, one.distance)
        assert real.sure > 0.9
        assert real.classes > 1.8
        assert one.classes < 1.2


class TestPictures:
    def test_a_folder_is_read_with_its_labels(
        self, tmp_path: Path, rng: np.random.Generator
    ) -> None:
        for name, value in (("a/1.png", 10), ("a/2.png", 10), ("b/3.png", 200)):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            save_img(tmp_path / name, np.full((20, 30, 3), value), scale=False)
        (tmp_path / "b" / "broken.jpg").write_bytes(b"nothing")
        notes: list[str] = []
        progress = Progress()
        progress.note = notes.append  # type: ignore[method-assign]
        pictures = read_pictures(tmp_path, size=8, colour=True, progress=progress)
        assert pictures.pixels.shape == (3, 8, 8, 3)
        assert pictures.pixels[:, 0, 0, 0].tolist() == [10, 10, 200]
        assert pictures.labels is not None
        assert pictures.labels.tolist() == [0, 0, 1]
        assert len(notes) == 1
        assert "broken.jpg" in notes[0]

    def test_what_holds_no_picture_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="holds no picture"):
            read_pictures(tmp_path)
        with pytest.raises(FileNotFoundError, match="no such folder"):
            read_pictures(tmp_path / "none")

    def test_pictures_lie_row_by_row_in_the_grid(self, rng: np.random.Generator) -> None:
        pixels = rng.integers(1, 256, (5, 4, 6, 3)).astype(np.uint8)
        grid = picture_grid(pixels)
        np.testing.assert_array_equal(grid[1:5, 8:14], pixels[1])
        np.testing.assert_array_equal(grid[6:10, 1:7], pixels[3])
        assert not grid[6:, 15:].any()

    def test_single_pictures_go_to_a_folder(self, tmp_path: Path, rng: np.random.Generator) -> None:
        from fastrnn.utils import load_img

        pixels = rng.integers(0, 256, (11, 8, 8, 3)).astype(np.uint8)
        save_pictures(tmp_path / "made", pixels)
        np.testing.assert_array_equal(load_img(tmp_path / "made" / "07.png"), pixels[7])


def swinging(count: int, frames: int, rng: np.random.Generator) -> Array:
    """Windows (count, frames, 12, 16, 1) of a soft spot that goes to and fro by a pixel."""
    rows, columns = np.indices((12, 16))
    place = rng.uniform((3, 3), (9, 13), (count, 1, 2))
    way = rng.choice([-0.5, 0.5], (count, 1, 2))
    y, x = np.moveaxis(place + way * (-1.0) ** np.arange(frames)[:, None], -1, 0)[..., None, None]
    return (200 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 4)).astype(np.uint8)[..., None]


class TestNextFrame:
    def test_flow_is_taken_at_its_word_before_training(self, rng: np.random.Generator) -> None:
        frames = swinging(2, 4, rng).astype(np.float32).repeat(3, axis=-1) / 255
        inputs = with_carried(frames)
        np.testing.assert_array_equal(inputs[..., 3:], frames)
        np.testing.assert_array_equal(inputs[:, 0, ..., :3], frames[:, 0])
        np.testing.assert_array_equal(
            inputs[:, 2, ..., :3], carry_on(frames[:, 1], frames[:, 2])[0]
        )
        predicted = build_predictor((12, 16, 3), 4).predict(inputs, verbose=0)
        np.testing.assert_allclose(predicted, inputs[..., :3], atol=0.05)

    def test_shares_carry_pixels_to_where_they_say(self, rng: np.random.Generator) -> None:
        """With the bias set on one neighbour, the whole picture moves by that much."""
        model = build_predictor((10, 12, 3), 4)
        layer = model.get_layer("shares")
        bias = np.zeros((3, 3), np.float32)
        bias[0, 2] = 30  # from above on the right
        layer.set_weights([0 * layer.get_weights()[0], bias.ravel()])
        inputs = rng.random((1, 2, 10, 12, 6), dtype=np.float32)
        predicted = model.predict(inputs, verbose=0)
        np.testing.assert_allclose(
            predicted[:, :, 1:, :-1], inputs[:, :, :-1, 1:, :3], rtol=1e-5, atol=1e-6
        )

    def test_nothing_comes_from_beyond_the_border(self) -> None:
        """A picture of one shade stays so, whatever the shares."""
        model = build_predictor((8, 10, 1), 4, reach=2)
        layer = model.get_layer("shares")
        layer.set_weights([0 * layer.get_weights()[0], np.linspace(0, 30, 25, dtype=np.float32)])
        inputs = np.full((1, 2, 8, 10, 2), 0.6, np.float32)
        np.testing.assert_allclose(model.predict(inputs, verbose=0), 0.6, rtol=1e-5)

    def test_it_learns_where_flow_is_wrong(self, rng: np.random.Generator) -> None:
        model = build_predictor((12, 16, 1), filters=6, reach=2)
        model.compile(optimizers.Adam(1e-2), "mse")
        frames = swinging(96, 7, rng).astype(np.float32) / 255
        model.fit(with_carried(frames[:, :-1]), frames[:, 1:], epochs=6, batch_size=16, verbose=0)
        errors = evaluate_forecast(model, [swinging(64, 7, rng)], ahead=(1, 2))
        mse = {(error.method, error.steps): error.mse for error in errors}
        assert mse["model", 1] < 0.3 * min(mse["last frame", 1], mse["optical flow", 1])
        assert mse["model", 2] < 0.5 * mse["optical flow", 2]

    def test_rolling_out_feeds_predictions_back(self, rng: np.random.Generator) -> None:
        model = build_predictor((8, 6, 1), 3)
        seen = rng.random((2, 4, 8, 6, 1), dtype=np.float32)
        rolled = list(roll_out(model, seen, 3))
        for frame in rolled:
            expected = np.clip(model.predict(with_carried(seen), verbose=0)[:, -1], 0, 1)
            np.testing.assert_allclose(frame, expected, atol=1e-5)
            seen = np.concatenate([seen, expected[:, None]], axis=1)

    def test_flow_carries_on_and_last_frame_stays(self, rng: np.random.Generator) -> None:
        rows, columns = np.indices((48, 60), dtype=np.float32)

        def at(step: float) -> Array:
            x, y = columns - 1.5 * step, rows - step
            texture = np.sin(x / 4) * np.cos(y / 5) + np.sin((x + 2 * y) / 9)
            return (0.5 + 0.2 * texture)[None, ..., None].astype(np.float32)

        one, three = carry_on(at(0), at(1), 3)[[0, 2]]
        inner = (slice(None), slice(8, -8), slice(8, -8))
        for steps, predicted in ((1, one), (3, three)):
            error = np.abs(predicted - at(1 + steps))[inner].mean()
            assert error < 0.25 * np.abs(at(1) - at(1 + steps))[inner].mean()
        windows = np.round(255 * np.stack([at(step) for step in range(4)], axis=1)).astype(np.uint8)
        model = build_predictor((48, 60, 1), 2)
        copied = evaluate_forecast(model, [windows], ahead=(2,))[1]
        expected = np.square((windows[:, 1].astype(float) - windows[:, 3]) / 255).mean()
        assert (copied.method, copied.steps) == ("last frame", 2)
        assert copied.mse == pytest.approx(expected, rel=1e-4)
        assert copied.psnr == pytest.approx(-10 * np.log10(expected), rel=1e-4)

    def test_odd_sides_are_refused(self) -> None:
        with pytest.raises(ValueError, match="must be even, got 7x8"):
            build_predictor((8, 7, 1), 2)


def write_digits(folder: Path, count: int, rng: np.random.Generator) -> Path:
    """The two files of MNIST, with discs for digits."""
    pixels = discs(count, 12, rng)[..., 0]
    labels = (pixels[:, :, 8:].mean(axis=(1, 2)) > 60).astype(np.uint8)
    folder.mkdir()
    for name, array in (("images-idx3", pixels), ("labels-idx1", labels)):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"train-{name}-ubyte").write_bytes(head + array.tobytes())
    return folder


class TestTraining:
    def test_pictures(
        self, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = write_digits(tmp_path / "digits", 200, rng)
        run = TrainingRun(tmp_path / "runs")
        options = PictureOptions(epochs=2, filters=4, latent=8, validation=0.25, seed=3)
        trained = train_pictures(data, options, run=run)
        assert sorted(path.name for path in (run.path / "samples").iterdir()) == [
            "epoch001.png",
            "epoch002.png",
        ]
        results = json.loads((run.path / "results.json").read_text())
        assert (results["model_epoch"], results["best_epoch"]) == (2, None)
        known = results["validation"]
        assert known["real"]["distance"] < known["made"]["distance"]
        loaded = PictureGenerator.load(run.path / "model.keras")
        assert loaded.held_back == (0.25, 3)
        measured = task_of_model(run.path / "model.keras").evaluate
        assert measured is not None
        figures = measured(run.path / "model.keras", data, Progress())
        assert figures == known  # by the same pictures held back
        made = loaded.generate(9, seed=4)
        np.testing.assert_array_equal(made, trained.generate(9, seed=4))
        np.testing.assert_array_equal(made[:5], trained.generate(5, seed=4))
        assert (made != trained.generate(9, seed=5)).any()

        output = tmp_path / "grid.png"
        command = ["generate", str(run.path / "model.keras"), "--count", "6", "-o", str(output)]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        assert output.stat().st_size > 0
        for words in (["--clip", "clip.avi"], ["--frames", "3"], ["-o", str(run.path / "m.keras")]):
            wrong = CliRunner().invoke(app, [*command, *words])
            assert wrong.exit_code == 2, wrong.output
        told: list[tuple[str, int, int | None]] = []

        class Told(Progress):
            def advance(self, what: str, done: int, total: int | None) -> None:
                told.append((what, done, total))

        few = loaded.generate(5, seed=4, batch_size=3, progress=Told())
        # A level of 255: batches of another size may be summed in another order, then rounded.
        np.testing.assert_allclose(few, made[:5], atol=1)
        save_pictures(tmp_path / "made", few[:1], progress=Told())
        assert told == [
            ("making pictures", 3, 5),
            ("making pictures", 5, 5),
            ("writing pictures", 1, 1),
        ]
        monkeypatch.chdir(tmp_path)
        for name in ("grid2.png", "grid3.png"):
            done = CliRunner().invoke(app, command[:4])
            assert done.output == f"wrote {name}\n"

    def test_nothing_need_be_held_back(self, tmp_path: Path, rng: np.random.Generator) -> None:
        data = write_digits(tmp_path / "digits", 8, rng)
        run = TrainingRun(tmp_path / "runs")
        options = PictureOptions(epochs=1, filters=4, latent=8, validation=0.0)
        train_pictures(data, options, run=run)
        assert run.results["validation"] == {}
        assert (run.path / "real.png").is_file()

    def test_next_frames(self, tmp_path: Path, rng: np.random.Generator) -> None:
        for number in range(4):
            with FrameWriter(tmp_path / "clips" / f"{number}.avi", fps=10) as writer:
                for frame in swinging(1, 20, rng)[0]:
                    writer.write(frame[..., 0])
        run = TrainingRun(tmp_path / "runs")
        options = NextFrameOptions(epochs=1, width=16, height=12, filters=3, validation=0.25)
        trained = train_next_frame(tmp_path / "clips", options, run=run)
        assert {(row["method"], row["steps"]) for row in run.results["errors"]} == {
            (method, steps)
            for method in ("model", "last frame", "optical flow")
            for steps in (1, 5)
        }
        measured = task_of_model(run.path / "model.keras").evaluate
        assert measured is not None
        figures = measured(run.path / "model.keras", tmp_path / "clips", Progress())
        assert figures["dB, 1 ahead, last frame"] > 0
        assert len(figures["errors"]) == 6
        clip, output = tmp_path / "clips" / "0.avi", tmp_path / "on.mp4"
        loaded = NextFramePredictor.load(run.path / "model.keras")
        predicted = trained.predict(clip, 3, start=15)
        np.testing.assert_array_equal(loaded.predict(clip, 3, start=15, output=output), predicted)
        assert predicted.shape == (3, 12, 16, 1)
        with pytest.raises(ValueError, match="start must be at least 1, got 0"):
            trained.predict(clip, 3, start=0)
        with FrameReader(output) as frames:
            assert len(list(frames)) == 12 + 3

        command = ["generate", str(run.path / "model.keras"), "--frames", "2", "-o", str(output)]
        done = CliRunner().invoke(app, [*command, "--clip", str(clip)])
        assert done.exit_code == 0, done.output
        for words in (["-o", str(clip)], ["--seed", "1"], ["-o", "a.png"]):
            wrong = CliRunner().invoke(app, [*command, "--clip", str(clip), *words])
            assert wrong.exit_code == 2, wrong.output
        with pytest.raises(ValueError, match="is the file that is read"):
            trained.predict(clip, 3, output=clip)
        with FrameReader(clip) as frames:
            assert len(list(frames)) == 20
        beyond = CliRunner().invoke(app, [*command, "--clip", str(clip), "--start", "99"])
        assert beyond.exit_code == 1
        assert "ends before frame 99" in beyond.output
        assert CliRunner().invoke(app, command).exit_code == 2

    def test_frames_seen_are_the_last_ones_every_so_many_apart(self, tmp_path: Path) -> None:
        with FrameWriter(tmp_path / "clip.avi") as writer:
            for shade in range(0, 240, 20):
                writer.write(np.full((16, 16), shade, np.uint8))
        seen: list[Array] = []

        class Watching(NextFramePredictor):
            def go_on(self, frames: Array, count: int, **_: Any) -> Array:
                seen.append(frames)
                return frames[:1]

        settings = Preprocessing(width=16, height=16, window=3, frame_step=2, view="pixels")
        predictor = Watching(build_predictor(settings.frame_shape, 2), settings)
        predictor.predict(tmp_path / "clip.avi", 1)
        predictor.predict(tmp_path / "clip.avi", 1, start=4)
        np.testing.assert_allclose(seen[0].mean(axis=(1, 2, 3)), [140, 180, 220], atol=4)
        np.testing.assert_allclose(seen[1].mean(axis=(1, 2, 3)), [20, 60], atol=4)

    def test_batches_are_those_of_bounded_memory(
        self, tmp_path: Path, rng: np.random.Generator
    ) -> None:
        """What comes is what comes next, mirrored or not; another epoch, other batches."""
        with FrameWriter(tmp_path / "clip.avi") as writer:
            for step in range(40):
                writer.write(np.repeat(np.linspace(0, 5 * step, 16, dtype=np.uint8)[None], 12, 0))
        settings = Preprocessing(width=16, height=12, window=5, stride=3, view="pixels")
        frames = read_clip(tmp_path / "clip.avi", settings)
        paths = [tmp_path / "clip.avi"]
        still = NextFrames(paths, settings, batch_size=4, shuffle=False)
        x, y = still[1]
        assert x.shape == (4, 4, 12, 16, 2)
        np.testing.assert_allclose(255 * y[1], frames[16:20], atol=1e-3)
        np.testing.assert_array_equal(x[:, 1:, ..., 1], y[:, :-1, ..., 0])
        moved = NextFrames(paths, settings, batch_size=4, seed=3, jitter=True)
        first = [moved[number] for number in range(len(moved))]
        mirrored = [bool(y[:, -1, 0, 0].sum() > y[:, -1, 0, -1].sum()) for _, y in first]
        assert len(set(mirrored)) == 2
        moved.on_epoch_end()
        resumed = NextFrames(paths, settings, batch_size=4, seed=3, jitter=True, memory=0.001)
        assert not np.array_equal(moved[0][1], first[0][1])
        resumed.set_state(moved.get_state())
        for seen, again in zip(resumed[2], moved[2], strict=True):
            np.testing.assert_array_equal(seen, again)
