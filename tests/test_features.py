"""Features of clips over time: rows, windows, files, the command."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fastrnn import Model, Sequential, layers
from fastrnn.apps import Features, LayerFeatures, MotionFeatures, extract_features
from fastrnn.apps.features.motion import motion_of
from fastrnn.apps.generation import NextFramePredictor, build_predictor
from fastrnn.apps.generation.flow import with_carried
from fastrnn.cli.app import app
from fastrnn.video import FrameReader, FrameWriter, Preprocessing, VideoError, read_clip

FRAMES = 13


@pytest.fixture
def clip(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "clip.avi"
    with FrameWriter(path) as writer:
        for _ in range(FRAMES):
            writer.write(rng.integers(0, 256, (24, 32)).astype(np.uint8))
    return path


@pytest.fixture
def network() -> Sequential:
    return Sequential(
        [
            layers.Input((5, 12, 16, 1)),
            layers.Conv2D(3, 3, name="maps"),
            layers.Flatten(),
            layers.GRU(6, return_sequences=True, name="steps"),
            layers.LSTM(4, name="last"),
            layers.Dropout(0.5),
            layers.Dense(2),
        ]
    )


SETTINGS = Preprocessing(width=16, height=12, window=5, stride=2, view="pixels")


class TestLayers:
    def windows(self, clip: Path, starts: list[int]) -> np.ndarray:
        frames = read_clip(clip, SETTINGS).astype(np.float32) / 255
        places = np.array(starts)[:, None] + np.arange(5)
        return frames[np.minimum(places, FRAMES - 1)]

    def test_a_row_for_each_window(self, clip: Path, network: Sequential) -> None:
        found = extract_features([clip], LayerFeatures(network, SETTINGS))
        assert found.layer == "last"  # the last recurrent one
        assert found.frame_numbers.tolist() == [4, 6, 8, 10, 12]
        part = Model(network.input, network.get_layer("last").output)
        expected = part.predict(self.windows(clip, [0, 2, 4, 6, 8]), verbose=0)
        np.testing.assert_allclose(found.frame_features, expected, rtol=1e-5, atol=1e-6)
        both = np.concatenate([expected.mean(axis=0), expected.std(axis=0)])
        np.testing.assert_allclose(found.clip_features[0], both, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize("name", ["maps", "steps"])
    def test_a_row_for_each_frame(self, clip: Path, network: Sequential, name: str) -> None:
        source = LayerFeatures(network, SETTINGS, name, batch_size=2)
        found = extract_features([clip], source)
        assert found.frame_numbers.tolist() == list(range(FRAMES))
        part = Model(network.input, network.get_layer(name).output)
        expected = part.predict(self.windows(clip, [0, 5, 10]), verbose=0)
        if name == "maps":
            expected = expected.mean(axis=(2, 3))
        expected = expected.reshape(15, -1)[:FRAMES]
        np.testing.assert_allclose(found.frame_features, expected, rtol=1e-5, atol=1e-6)

    def test_overlapping_windows_give_each_frame_once(
        self, clip: Path, network: Sequential
    ) -> None:
        found = extract_features([clip], LayerFeatures(network, SETTINGS, "steps", stride=2))
        assert found.frame_numbers.tolist() == list(range(FRAMES))
        part = Model(network.input, network.get_layer("steps").output)
        expected = part.predict(self.windows(clip, [0, 2, 4, 6, 8]), verbose=0)
        np.testing.assert_allclose(found.frame_features[:5], expected[0], rtol=1e-5, atol=1e-6)
        later = expected[1:, 3:].reshape(8, -1)  # of each later window what is new in it
        np.testing.assert_allclose(found.frame_features[5:], later, rtol=1e-5, atol=1e-6)

    def test_a_short_clip_and_every_so_many_frames(self, clip: Path, network: Sequential) -> None:
        settings = Preprocessing(
            width=16, height=12, window=5, stride=2, frame_step=4, view="pixels"
        )
        by_window = extract_features([clip], LayerFeatures(network, settings))
        by_frame = extract_features([clip], LayerFeatures(network, settings, "steps"))
        assert by_window.frame_numbers.tolist() == [12]
        assert by_frame.frame_numbers.tolist() == [0, 4, 8, 12]
        frames = read_clip(clip, SETTINGS)[[0, 4, 8, 12, 12]].astype(np.float32) / 255
        part = Model(network.input, network.get_layer("last").output)
        expected = part.predict(frames[None], verbose=0)
        np.testing.assert_allclose(by_window.frame_features, expected, rtol=1e-5, atol=1e-6)

    def test_a_plain_model_of_pictures(self, clip: Path, tmp_path: Path) -> None:
        model = Sequential(
            [layers.Input((12, 16, 3)), layers.Flatten(), layers.Dense(7), layers.Dense(2)]
        )
        model.save(tmp_path / "plain.keras")
        found = extract_features([clip, clip], tmp_path / "plain.keras")
        assert found.layer == model.layers[1].name
        assert found.frame_features.shape == (2 * FRAMES, 7)
        assert found.frame_clips.tolist() == [0] * FRAMES + [1] * FRAMES
        colour = Preprocessing(width=16, height=12, colour=True)
        frames = read_clip(clip, colour).astype(np.float32) / 255
        kernel, bias = model.layers[1].get_weights()
        np.testing.assert_allclose(
            found.frame_features[:FRAMES],
            frames.reshape(FRAMES, -1) @ kernel + bias,
            rtol=1e-4,
            atol=1e-5,
        )

    def test_a_predictor_of_frames_sees_what_it_was_trained_on(
        self, clip: Path, tmp_path: Path
    ) -> None:
        predictor = NextFramePredictor(build_predictor((12, 16, 1), 3), SETTINGS)
        predictor.save(tmp_path / "model.keras")
        found = extract_features([clip], tmp_path / "model.keras")
        layer = predictor.model.get_layer(found.layer)
        inputs = with_carried(self.windows(clip, [0, 5, 10]))
        expected = Model(predictor.model.input, layer.output).predict(inputs, verbose=0)
        expected = expected.mean(axis=(2, 3)).reshape(15, 3)[:FRAMES]
        np.testing.assert_allclose(found.frame_features, expected, rtol=1e-5, atol=1e-6)

    def test_memory_does_not_grow_with_the_clip(self, tmp_path: Path, network: Sequential) -> None:
        source = LayerFeatures(network, SETTINGS, "steps", batch_size=2)

        def peak(frames: int) -> int:
            path = tmp_path / f"{frames}.avi"
            with FrameWriter(path) as writer:
                for _ in range(frames):
                    writer.write(np.zeros((240, 320), np.uint8))
            with FrameReader(path, gray=True) as reader:
                tracemalloc.start()
                count = sum(1 for _ in source.rows(reader))
                most = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            assert count == frames
            return most

        peak(20)
        assert peak(400) < 1.2 * peak(40)

    def test_what_cannot_be_is_refused(self, network: Sequential, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="has no layer 'none'"):
            LayerFeatures(network, SETTINGS, "none")
        with pytest.raises(ValueError, match="stride must be from 1 to 5, got 6"):
            LayerFeatures(network, SETTINGS, stride=6)
        model = Sequential([layers.Input((9,)), layers.Dense(2), layers.Dense(2)])
        model.save(tmp_path / "rows.keras")
        with pytest.raises(ValueError, match=r"features need a model of pictures .* takes"):
            LayerFeatures.load(tmp_path / "rows.keras")


class TestMotion:
    def test_the_histogram_says_which_way(self) -> None:
        rows, columns = np.indices((48, 64))

        def at(right: float, down: float) -> np.ndarray:
            x, y = columns - right, rows - down
            return (127 + 60 * (np.sin(x / 3) + np.cos(y / 4))).astype(np.uint8)

        for direction, (right, down) in enumerate([(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)]):
            features = motion_of(at(0, 0), at(right, down))
            assert features.shape == (26,)
            assert features[16:24].argmax() == direction
            assert features[16:24].sum() == pytest.approx(1)
            assert np.exp(features[25]) == pytest.approx(np.hypot(right, down), rel=0.2)

    @pytest.mark.parametrize("corner", [(3, 4), (25, 44)])
    def test_energy_lies_where_something_changes(self, corner: tuple[int, int]) -> None:
        """Wherever in the picture: two spots, the second below on the right."""
        top, left = corner
        before = np.zeros((48, 64), np.uint8)
        after = before.copy()
        after[top : top + 2, left : left + 2] = 255
        after[top + 20 : top + 22, left + 8 : left + 10] = 255
        features = motion_of(before, after)
        assert features[[1, 14]] == pytest.approx([0.5, 0.5], rel=1e-3)
        assert np.exp(features[24]) == pytest.approx(8 / (48 * 64), rel=0.01)

    def test_real_people_run_faster_than_they_bend(self, data_dir: Path) -> None:
        folder = data_dir / "weizmann"
        clips = [folder / action / f"denis_{action}.avi" for action in ("run", "bend")]
        if not clips[0].is_file():
            pytest.skip(f"no clips at {folder}")
        found = extract_features(clips)
        run, bend = np.exp(found.clip_features[:, 25])
        assert run > 1.5 * bend


class TestFiles:
    def test_what_is_saved_comes_back(self, clip: Path, tmp_path: Path) -> None:
        found = extract_features([clip, clip], MotionFeatures())
        found.save(tmp_path / "found.npz")
        loaded = Features.load(tmp_path / "found.npz")
        assert loaded.layer == "motion"
        assert loaded.clips.tolist() == [str(clip)] * 2
        for name in ("frame_features", "frame_clips", "frame_numbers", "clip_features"):
            np.testing.assert_array_equal(getattr(loaded, name), getattr(found, name))
        with pytest.raises(ValueError, match=r"\.npz"):
            found.save(tmp_path / "found.csv")
        np.savez(tmp_path / "other.npz", a=np.ones(3))
        with pytest.raises(ValueError, match="no file of features"):
            Features.load(tmp_path / "other.npz")

    def test_broken_clips_are_named_and_left_out(self, clip: Path, tmp_path: Path) -> None:
        broken = tmp_path / "broken.avi"
        broken.write_bytes(b"nothing")
        reasons: list[str | None] = []
        found = extract_features([broken, clip], on_clip=lambda path, why: reasons.append(why))
        assert found.clips.tolist() == [str(clip)]
        assert reasons[0] is not None
        assert "broken.avi" in reasons[0]
        assert reasons[1] is None
        with pytest.raises(VideoError, match="none of 1 clips can be read"):
            extract_features([broken])

    def test_the_command(self, clip: Path, tmp_path: Path, network: Sequential) -> None:
        network.save(tmp_path / "model.keras")
        output = tmp_path / "out" / "found.npz"
        arguments = ["features", str(tmp_path), "-o", str(output)]
        done = CliRunner().invoke(
            app, [*arguments, "--model", str(tmp_path / "model.keras"), "--layer", "steps"]
        )
        assert done.exit_code == 0, done.output
        assert Features.load(output).frame_features.shape == (FRAMES, 6)
        (tmp_path / "broken.avi").write_bytes(b"nothing")
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 1
        assert "broken.avi" in done.output
        assert Features.load(output).frame_features.shape == (FRAMES - 1, 26)

    def test_the_command_says_what_it_does_not_take(
        self, clip: Path, tmp_path: Path, network: Sequential
    ) -> None:
        model = tmp_path / "model.keras"
        network.save(model)

        def said(*words: object, code: int = 2) -> str:
            done = CliRunner().invoke(app, ["features", str(clip), *map(str, words)])
            assert done.exit_code == code, done.output
            return done.output

        assert "--layer says what to take of a network" in said("--layer", "auto")
        assert "--stride says what to take of a network" in said("--stride", 2)
        assert "has no layer 'none'" in said("--model", model, "--layer", "none")
        assert "stride must be from 1 to 5" in said("--model", model, "--stride", 9)
        assert "x.txt: the file of features must end in .npz" in said("-o", "x.txt")

    def test_a_file_is_replaced_where_it_is_named_alone(
        self, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("features.npz", "features2.npz"):
            done = CliRunner().invoke(app, ["features", str(clip)])
            assert done.output == f"1 clip, 12 rows of 26 features of motion: {name}\n"
            assert Features.load(name).clips.tolist() == [str(clip)]
        (tmp_path / "features.npz").write_bytes(b"old")
        done = CliRunner().invoke(app, ["features", str(clip), "-o", "features.npz"])
        assert done.exit_code == 0, done.output
        assert Features.load("features.npz").clips.tolist() == [str(clip)]
