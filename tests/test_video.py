"""Reading, preparing and writing of clips, and folders of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fastrnn.apps.classification.augment import shift_window
from fastrnn.apps.shapes import MOTIONS, motion_path, write_shape_clips
from fastrnn.data import Clip, scan_folder, split_clips, split_matching
from fastrnn.video import (
    FrameReader,
    FrameWriter,
    Preprocessing,
    VideoError,
    VideoWarning,
    apply_view,
    clip_windows,
    read_clip,
    resize_frame,
    window_indices,
    window_starts,
)
from fastrnn.video.writer import check_video

SIZE = Preprocessing(width=16, height=12, window=4, stride=3)


def write_clip(path: Path, shades: list[int], size: tuple[int, int] = (64, 48)) -> Path:
    """Encode frames of one shade of grey each."""
    with FrameWriter(path, fps=10) as writer:
        for shade in shades:
            writer.write(np.full((size[1], size[0]), shade, np.uint8))
    return path


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_frames_come_back_in_order(tmp_path: Path, suffix: str) -> None:
    shades = [0, 40, 80, 120, 160, 200, 240, 100, 20]
    path = write_clip(tmp_path / f"clip{suffix}", shades)
    with FrameReader(path, gray=True) as frames:
        assert (frames.info.width, frames.info.height) == (64, 48)
        assert frames.info.fps == pytest.approx(10)
        read = list(frames)
    assert [frame.shape for frame in read] == [(48, 64)] * len(shades)
    np.testing.assert_allclose([frame.mean() for frame in read], shades, atol=4)


def test_colour_frames_have_three_channels(tmp_path: Path) -> None:
    path = tmp_path / "blue.avi"
    with FrameWriter(path) as writer:
        for _ in range(3):
            writer.write(np.full((48, 64, 3), (220, 30, 30), np.uint8))
    with FrameReader(path) as frames:
        frame = next(iter(frames))
    assert frame.shape == (48, 64, 3)
    assert frame[24, 32, 0] > 180 > 80 > frame[24, 32, 2]


def test_a_clip_cut_off_gives_its_first_frames(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "whole.avi", list(range(0, 240, 4)))
    data = path.read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(data[: len(data) * 2 // 3])
    with pytest.warns(VideoWarning, match=r"cut\.avi: ends after \d+ of 60 frames"):
        frames = read_clip(cut, SIZE)
    assert 10 <= len(frames) < 60
    shades = frames.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(shades, np.arange(len(frames)) * 4, atol=4)


@pytest.mark.parametrize("content", [b"", b"no video at all", bytes(5000)])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken_001.avi"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"broken_001\.avi: cannot be opened"):
        read_clip(path, SIZE)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such video file: .*nowhere\.avi"):
        read_clip(tmp_path / "nowhere.avi", SIZE)
    with pytest.raises(IsADirectoryError, match="is a folder, not a video file"):
        read_clip(tmp_path, SIZE)


def test_writer_leaves_nothing_behind_on_error(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    frame = np.zeros((48, 64, 3), np.uint8)
    with pytest.raises(RuntimeError, match="stop"), FrameWriter(path) as writer:
        writer.write(frame)
        raise RuntimeError("stop")
    with pytest.raises(VideoError, match="no frame to write"), FrameWriter(path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ended", [KeyboardInterrupt, GeneratorExit])
def test_a_writer_may_keep_what_there_is(tmp_path: Path, ended: type[BaseException]) -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    for keep in (False, True):
        path = tmp_path / f"{keep}.avi"
        with pytest.raises(ended), FrameWriter(path, keep=keep) as writer:
            writer.write(frame)
            raise ended
        assert path.exists() == keep
    with FrameReader(path) as frames:
        assert len(list(frames)) == 1


def test_a_file_that_is_read_is_not_written(tmp_path: Path) -> None:
    """By no name: a relative one, a link, a hard link, an address; nor what cannot be written."""
    clip = tmp_path / "clip.avi"
    clip.write_bytes(b"own")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.avi").symlink_to(clip)
    (tmp_path / "hard.avi").hardlink_to(clip)
    for name in ("clip.avi", "sub/../clip.avi", "link.avi", "hard.avi"):
        for source in (clip, f"file://{clip}"):
            with pytest.raises(ValueError, match="is the file that is read"):
                check_video(tmp_path / name, 0, "rtsp://camera/1", source)
    check_video(tmp_path / "new" / "clip.avi", clip, tmp_path / "missing.avi")
    assert not (tmp_path / "new").exists()
    (tmp_path / "folder.avi").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder\.avi: is a folder"):
        check_video(tmp_path / "folder.avi")
    with pytest.raises(OSError, match=r"a\.avi: cannot be written, as no file can be made in"):
        check_video(clip / "a.avi")


def test_writer_checks_frames_and_suffix(tmp_path: Path) -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    with pytest.raises(ValueError, match=r"must end in \.mp4, \.avi, \.mkv, got '\.txt'"):
        FrameWriter(tmp_path / "clip.txt")
    with FrameWriter(tmp_path / "clip.avi") as writer:
        writer.write(frame)
        with pytest.raises(ValueError, match=r"must be \(48, 64, 3\) as the first, got \(24"):
            writer.write(frame[:24])
        with pytest.raises(ValueError, match=r"must be uint8 of shape .* got float64"):
            writer.write(frame.astype(float))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="with statement"):
        FrameWriter(tmp_path / "clip.avi").write(frame)


@pytest.mark.parametrize("name", ["width", "height", "window", "stride", "frame_step"])
def test_preprocessing_checks_its_numbers(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        Preprocessing(**{name: 0})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=f"{name} must be an int, got 1.5"):
        Preprocessing(**{name: 1.5})  # type: ignore[arg-type]


def test_preprocessing_checks_its_view() -> None:
    with pytest.raises(ValueError, match="view must be one of .* got 'colour'"):
        Preprocessing(view="colour")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="view must be one of .* got 'colour'"):
        apply_view(np.zeros((1, 2, 3), np.uint8), "colour")
    with pytest.raises(TypeError, match="colour must be a bool, got 1"):
        Preprocessing(colour=1)  # type: ignore[arg-type]


def test_resizing_averages_and_keeps_orientation() -> None:
    frame = np.zeros((24, 32), np.uint8)
    frame[:12, 16:] = 200  # bright at the top right
    small = resize_frame(frame, SIZE)
    assert small.shape == SIZE.frame_shape == (12, 16, 1)
    assert (small[:6, 8:] == 200).all()
    assert small.sum() == 200 * 6 * 8
    one = resize_frame(frame, Preprocessing(width=1, height=1))
    assert one.tolist() == [[[50]]]
    assert resize_frame(frame[:1, :1], SIZE).shape == (12, 16, 1)
    huge = Preprocessing(width=2**31 - 1, height=2**31 - 1)
    with pytest.raises(MemoryError, match="cannot be resized to 2147483647x2147483647 pixels"):
        resize_frame(frame, huge)


def test_clips_are_read_in_colour_or_grey(tmp_path: Path) -> None:
    path = tmp_path / "halves.avi"
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:, :32] = 220, 30, 30  # blue at the left
    frame[:, 32:] = 30, 30, 220  # red at the right
    with FrameWriter(path) as writer:
        for _ in range(3):
            writer.write(frame)
    settings = Preprocessing(width=8, height=6, colour=True)
    frames = read_clip(path, settings)
    assert frames.shape == (3, *settings.frame_shape) == (3, 6, 8, 3)
    np.testing.assert_allclose(frames[1, 3, 1], [220, 30, 30], atol=25)
    np.testing.assert_allclose(frames[1, 3, 6], [30, 30, 220], atol=25)
    assert read_clip(path, Preprocessing(width=8, height=6)).shape == (3, 6, 8, 1)


def test_windows_by_length_stride_and_step() -> None:
    settings = Preprocessing(window=3, stride=4, frame_step=2)
    assert settings.span == 5
    starts = window_starts(14, settings)
    assert starts.tolist() == [0, 4, 8]
    assert window_indices(starts, 14, settings).tolist() == [[0, 2, 4], [4, 6, 8], [8, 10, 12]]
    assert window_starts(5, settings).tolist() == [0]
    assert window_starts(0, settings).tolist() == []


def test_a_short_clip_repeats_its_last_frame() -> None:
    settings = Preprocessing(width=1, height=1, window=5, stride=2)
    windows = clip_windows(np.array([7, 9], np.uint8).reshape(2, 1, 1, 1), settings)
    assert windows[..., 0, 0, 0].tolist() == [[7, 9, 9, 9, 9]]


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def test_views() -> None:
    random = np.random.default_rng(3)
    still = random.integers(0, 200, (1, 1, 30)).repeat(6, axis=1)
    windows = still.copy()
    windows[0, np.arange(6), np.arange(6) * 2] += 50
    pixels = windows.astype(np.uint8)
    np.testing.assert_array_equal(apply_view(pixels, "pixels"), pixels / np.float32(255))

    background = apply_view(pixels, "background")
    wanted = windows - windows.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(background, wanted / (rms(wanted) + 2.55), rtol=2e-5, atol=1e-5)
    shifted = apply_view((windows + 5).astype(np.uint8), "background")
    np.testing.assert_allclose(background, shifted, atol=1e-5)

    difference = apply_view(pixels, "difference")
    assert not difference[:, 0].any()
    wanted = np.diff(windows, axis=1, prepend=windows[:, :1])
    np.testing.assert_allclose(difference, wanted / (rms(wanted) + 2.55), rtol=2e-5, atol=1e-5)

    as_frames = apply_view(pixels.reshape(1, 6, 2, 5, 3), "difference")
    np.testing.assert_array_equal(as_frames, difference.reshape(1, 6, 2, 5, 3))
    for view in ("background", "difference"):
        nothing_moves = apply_view(still.astype(np.uint8), view)
        np.testing.assert_allclose(nothing_moves, 0, atol=1e-5)
        assert nothing_moves.dtype == np.float32


@pytest.mark.parametrize("view", ["pixels", "background", "difference"])
def test_views_of_windows_in_any_memory_order(view: str) -> None:
    windows = np.random.default_rng(5).integers(0, 255, (2, 5, 4, 3, 1)).astype(np.uint8)
    turned = np.asarray(windows.transpose(2, 3, 0, 1, 4), order="C").transpose(2, 3, 0, 1, 4)
    assert not turned.flags.c_contiguous
    seen = apply_view(turned, view)
    assert seen.flags.c_contiguous
    np.testing.assert_array_equal(seen, apply_view(windows, view))


def test_shifts_move_whole_windows() -> None:
    picture = np.zeros((9, 11), np.uint8)
    picture[4, 5] = 255
    still = np.stack([picture, np.roll(picture, 1, axis=1)])
    window = np.stack([still, still // 2], axis=-1)
    random = np.random.default_rng(0)
    places = set()
    for _ in range(200):
        moved = shift_window(window, random, 2)
        np.testing.assert_array_equal(moved[..., 1], moved[..., 0] // 2)
        first, second = moved[..., 0]
        places.add(tuple(int(i) for i in np.argwhere(first)[0]))
        np.testing.assert_array_equal(np.roll(first, 1, axis=1), second)
    assert places == {(y, x) for y in range(2, 7) for x in range(3, 8)}
    edge = shift_window(np.arange(6, dtype=np.uint8).reshape(1, 1, 6, 1), random, 2)
    assert edge.min() >= 0
    assert (np.diff(edge[0, 0, :, 0].astype(int)) >= 0).all()
    assert shift_window(window, random, 0) is window


def make_folder(root: Path, names: dict[str, list[str]]) -> Path:
    for folder, files in names.items():
        for file in files:
            path = root / folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    return root


def test_scan_finds_classes_and_clips_in_order(tmp_path: Path) -> None:
    names = {
        "walk": ["b.AVI", "a.mp4", "notes.txt", "deep/c.mkv", ".hidden.avi"],
        "run": ["a.avi"],
        "empty": ["readme.md"],
        ".git": ["a.avi"],
    }
    folder = scan_folder(make_folder(tmp_path, names))
    assert folder.classes == ("run", "walk")
    found = [(clip.path.relative_to(tmp_path).as_posix(), clip.label) for clip in folder.clips]
    assert found == [("run/a.avi", 0), ("walk/a.mp4", 1), ("walk/b.AVI", 1), ("walk/deep/c.mkv", 1)]


def test_scan_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        scan_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no video file in any sub-folder"):
        scan_folder(tmp_path)
    make_folder(tmp_path, {"only": ["a.avi"]})
    with pytest.raises(ValueError, match="clips of one class only, 'only'"):
        scan_folder(tmp_path)
    with pytest.raises(NotADirectoryError, match="not a folder"):
        scan_folder(tmp_path / "only" / "a.avi")


def labelled(counts: dict[str, int]) -> list[Clip]:
    return [
        Clip(Path(f"person{n}_{name}.avi"), label)
        for label, (name, count) in enumerate(counts.items())
        for n in range(count)
    ]


def test_split_is_stratified_disjoint_and_repeatable() -> None:
    clips = labelled({"walk": 20, "run": 10, "once": 1})
    split = split_clips(clips, fraction=0.2, seed=4)
    held = [clip.label for clip in split.validation]
    assert [held.count(label) for label in range(3)] == [4, 2, 0]
    assert sorted(split.train + split.validation, key=clips.index) == clips
    assert split == split_clips(clips, fraction=0.2, seed=4)
    assert split != split_clips(clips, fraction=0.2, seed=5)
    assert split_clips(clips, fraction=0.0) == (clips, [])


@pytest.mark.parametrize("group", ["[^_]+", r"^(person\d)_"])
def test_split_holds_back_whole_groups(group: str) -> None:
    clips = labelled({"walk": 6, "run": 6, "wave": 6})
    split = split_clips(clips, fraction=0.3, group=group, seed=2)
    people = [{clip.path.name.split("_")[0] for clip in part} for part in split]
    assert not people[0] & people[1]
    assert len(people[1]) == 2
    assert len(split.validation) == 6


def test_split_holds_back_what_matches() -> None:
    clips = labelled({"walk": 6, "run": 6})
    split = split_matching(clips, "^person[25]_")
    assert [clip.path.name[:7] for clip in split.validation] == ["person2", "person5"] * 2
    assert sorted(split.train + split.validation, key=clips.index) == clips
    with pytest.raises(ValueError, match="'cat' matches none of the clips"):
        split_matching(clips, "cat")
    with pytest.raises(ValueError, match="'person' matches all of the clips"):
        split_matching(clips, "person")
    with pytest.raises(ValueError, match="is no regular expression"):
        split_matching(clips, "(")


def test_split_errors() -> None:
    clips = labelled({"walk": 2, "run": 2})
    with pytest.raises(ValueError, match=r"fraction must be in \[0, 1\), got 1"):
        split_clips(clips, fraction=1.0)
    with pytest.raises(ValueError, match="is no regular expression"):
        split_clips(clips, group="(")
    with pytest.raises(ValueError, match=r"'cat' does not match person0_walk\.avi"):
        split_clips(clips, group="cat")
    with pytest.raises(ValueError, match="puts all clips in one group, 'person'"):
        split_clips(clips, group="[a-z]+")
    with pytest.raises(ValueError, match="too few to hold back"):
        split_clips(labelled({"walk": 1, "run": 1}))


def test_shapes_move_as_their_class_says(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    left = motion_path("left", 20, random)
    assert left[-1, 0] < -15
    assert abs(left[-1, 1]) < 10
    up = motion_path("up", 20, random)
    assert up[-1, 1] < -15
    circle = motion_path("circle", 60, random)
    assert np.ptp(circle, axis=0).max() < 29
    with pytest.raises(ValueError, match="motion must be one of"):
        motion_path("sideways", 3, random)
    assert write_shape_clips(tmp_path, clips_per_class=2, seed=1) == 10
    folder = scan_folder(tmp_path)
    assert folder.classes == MOTIONS
    assert len(read_clip(folder.clips[0].path, SIZE)) == 28


def test_a_name_with_a_pattern_is_a_file(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.avi", [10, 20, 30])
    odd = tmp_path / "clip %03d ünïcode.avi"
    shutil.copy(path, odd)
    assert len(read_clip(odd, SIZE)) == 3
