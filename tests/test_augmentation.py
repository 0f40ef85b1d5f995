"""Random changes of clips, and clips as sequences."""

from __future__ import annotations

import pickle
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastrnn.data.augmentation import Augmentation, Compose
from fastrnn.video import (
    FrameWriter,
    VideoError,
    convert_frames_to_sequence,
    image_rows,
    read_video_frames,
)


@pytest.fixture
def clip(rng: np.random.Generator) -> np.ndarray:
    """A still picture: whatever is the same for all frames keeps it still."""
    smooth = rng.integers(40, 216, (4, 6, 3)).repeat(5, axis=0).repeat(5, axis=1)
    return smooth[None].repeat(7, axis=0).astype(np.uint8)


def changed(clip: np.ndarray, count: int = 40, **options: Any) -> list[np.ndarray]:
    change, rng = Augmentation(**options), np.random.default_rng(4)
    return [change(clip, rng) for _ in range(count)]


EVERYTHING = {
    "flip": True,
    "flip_vertical": True,
    "crop": 0.7,
    "shift": 0.1,
    "rotate": 20,
    "zoom": 0.2,
    "brightness": 0.1,
    "contrast": 0.2,
    "time_shift": 2,
}


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_change_is_the_same_for_all_frames(clip: np.ndarray, name: str) -> None:
    before = clip.copy()
    results = changed(clip, **{name: EVERYTHING[name]})
    for result in results:
        assert result.shape == clip.shape
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result, result[:1].repeat(7, axis=0))
    np.testing.assert_array_equal(clip, before)
    if name != "time_shift":
        assert any((result != clip).any() for result in results)


def test_all_options_are_tried_and_none_changes_nothing(clip: np.ndarray) -> None:
    assert set(EVERYTHING) == {field.name for field in fields(Augmentation)}
    assert changed(clip, 1)[0] is clip


def test_changes_follow_from_the_generator(clip: np.ndarray) -> None:
    one, other = changed(clip, **EVERYTHING), changed(clip, **EVERYTHING)
    np.testing.assert_array_equal(one, other)
    assert len({result.tobytes() for result in one}) > 30
    again = pickle.loads(pickle.dumps(Augmentation(**EVERYTHING)))
    np.testing.assert_array_equal(again(clip, np.random.default_rng(4)), one[0])


def test_mirrors(clip: np.ndarray) -> None:
    for name, mirrored in (("flip", clip[:, :, ::-1]), ("flip_vertical", clip[:, ::-1])):
        results = changed(clip, 60, **{name: True})
        count = sum(np.array_equal(result, mirrored) for result in results)
        assert 15 < count < 45
        assert count + sum(np.array_equal(result, clip) for result in results) == 60


def ramp(height: int = 41, width: int = 61) -> np.ndarray:
    """A clip whose channels tell each pixel's place."""
    y, x = np.mgrid[:height, :width]
    return np.stack([4 * x, 6 * y], axis=-1)[None].astype(np.uint8)


def places(result: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return result[0, :, :, 0] / 4, result[0, :, :, 1] / 6


def test_shifts_and_crops_stay_in_their_range() -> None:
    found = []
    for result in changed(ramp(), shift=0.1):
        x, y = places(result)
        found.append((x[20, 30] - 30, y[20, 30] - 20))
        np.testing.assert_allclose(np.diff(x[20, 10:50]), 1, atol=0.51)
    most = np.abs(found).max(axis=0)
    assert 4.5 < most[0] <= 6.6
    assert 3 < most[1] <= 4.6
    sides = []
    for result in changed(ramp(), 200, crop=0.6):
        x, y = places(result)
        sides.append((x[20, -1] - x[20, 0]) / 60)
        assert (x[20, -1] - x[20, 0]) / 60 == pytest.approx((y[-1, 30] - y[0, 30]) / 40, abs=0.03)
    assert 0.57 < min(sides) < 0.65
    assert 0.95 < max(sides) <= 1


def test_turns_and_zooms_are_about_the_centre() -> None:
    angles, factors = [], []
    for result in changed(ramp(), rotate=30):
        x, y = places(result)
        assert (x[20, 30], y[20, 30]) == (pytest.approx(30, abs=0.3), pytest.approx(20, abs=0.3))
        across, down = x[20, 38] - x[20, 22], y[20, 38] - y[20, 22]
        assert np.hypot(across, down) == pytest.approx(16, abs=0.6)
        angles.append(np.degrees(np.arctan2(down, across)))
    assert 22 < np.abs(angles).max() < 32
    assert np.sign([min(angles), max(angles)]).tolist() == [-1, 1]
    for result in changed(ramp(), zoom=0.3):
        x, y = places(result)
        assert (x[20, 30], y[20, 30]) == (pytest.approx(30, abs=0.3), pytest.approx(20, abs=0.3))
        factors.append(16 / (x[20, 38] - x[20, 22]))
    assert 0.68 < min(factors) < 0.85
    assert 1.15 < max(factors) < 1.33


def test_light() -> None:
    values = np.tile(np.array([60, 100, 140, 180], np.uint8), 5).reshape(1, 4, 5, 1)
    added = np.array([result.astype(float) - values for result in changed(values, brightness=0.1)])
    np.testing.assert_array_equal(added, added[:, :, :1, :1].repeat(4, 2).repeat(5, 3))
    assert 20 < np.abs(added).max() <= 26
    factors = np.array(
        [(result - 120.0) / (values - 120.0) for result in changed(values, contrast=0.4)]
    )
    assert np.ptp(factors, axis=(1, 2, 3, 4)).max() < 0.06
    assert 0.58 < factors.min() < 0.75
    assert 1.25 < factors.max() < 1.43
    bright = changed(np.full((1, 1, 1, 1), 250, np.uint8), brightness=0.5)
    assert max(int(result.max()) for result in bright) == 255


def test_time_shifts_repeat_the_ends() -> None:
    clip = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    rows = {tuple(result.ravel().tolist()) for result in changed(clip, 60, time_shift=2)}
    assert rows == {tuple(np.clip(np.arange(6) + n, 0, 5).tolist()) for n in range(-2, 3)}


def test_changes_in_a_row(clip: np.ndarray) -> None:
    first, second = Augmentation(flip=True), Augmentation(brightness=0.2)
    rng = np.random.default_rng(9)
    wanted = second(first(clip, rng), rng)
    np.testing.assert_array_equal(Compose([first, second])(clip, np.random.default_rng(9)), wanted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zoom": 1.0}, r"zoom must be in \[0, 1\), got 1.0"),
        ({"rotate": -3}, "rotate must be in .* got -3"),
        ({"crop": 0}, r"crop must be in \(0, 1\], got 0"),
        ({"time_shift": -1}, "time_shift"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"Augmentation: {message}"):
        Augmentation(**options)


def test_frames_and_their_sequences(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    with FrameWriter(path, fps=10) as writer:
        for shade in range(0, 200, 20):
            writer.write(np.full((48, 64), shade, np.uint8))
    frames = read_video_frames(path)
    assert frames.shape == (10, 48, 64, 3)
    assert read_video_frames(path, size=(6, 8), gray=True, fps=5).shape == (5, 6, 8, 1)
    sequences = convert_frames_to_sequence(frames, 4)
    wanted = np.array([frames[start : start + 4] for start in range(7)])
    np.testing.assert_array_equal(sequences, wanted)
    assert not sequences.flags.writeable
    np.testing.assert_array_equal(convert_frames_to_sequence(frames, 4, stride=3), wanted[::3])
    with pytest.raises(ValueError, match="a window of 11 frames does not fit"):
        convert_frames_to_sequence(frames, 11)
    with pytest.raises(ValueError, match="must be positive"):
        convert_frames_to_sequence(frames, 0)
    (tmp_path / "empty.avi").touch()
    with pytest.raises(VideoError, match="the file is empty"):
        read_video_frames(tmp_path / "empty.avi")


def test_rows_of_pictures(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (5, 4, 6, 3)).astype(np.uint8)
    rows = image_rows(images)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows[2, 1], images[2, 1].ravel() / np.float32(255))
    floats = rng.normal(size=(5, 4, 6))
    np.testing.assert_array_equal(image_rows(floats), floats)
    with pytest.raises(ValueError, match=r"images must be \(N, H, W\)"):
        image_rows(floats[0])
