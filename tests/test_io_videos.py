"""Ordinary and odd video files, read to the end in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastrnn.data import VideoDataset
from fastrnn.video import (
    FrameReader,
    Preprocessing,
    VideoError,
    VideoWarning,
    read_clip,
    sample_frames,
)
from fastrnn.video._pyav import has_pyav

# Frames that decode, and their size (height, width) as shown; of the container's own words many
# are wrong. Without a frame, what is said instead.
FILES: dict[str, tuple[int, int, int] | str] = {
    "apache2_decord__corrupted.mp4": (28, 720, 1280),  # says 50, of which it warns
    "apache2_decord__video_0.mov": (3, 320, 568),
    "apache2_decord__video_90.mov": (3, 568, 320),  # to be turned
    "apache2_tfio__small.mp4": (166, 320, 560),
    "bsd3_torchcodec__bt601_full_range.mp4": (60, 240, 320),
    "bsd3_torchcodec__bt709_full_range.mp4": (30, 720, 1280),
    "bsd3_torchcodec__h265_video.mp4": (10, 128, 128),
    "bsd3_torchcodec__nasa_13013.mp4": (325, 180, 320),  # the first of two videos
    "bsd3_torchcodec__testsrc2_mpeg4.avi": (30, 720, 1280),
    "bsd3_torchcodec__testsrc2_mpeg4.mp4": (1, 64, 64),
    "bsd3_torchcodec__testsrc2_odd_height_and_width_444.mp4": (25, 241, 321),
    "bsd3_torchcodec__testsrc2_odd_width_vp9.mp4": (25, 240, 321),
    "bsd3_torchcodec__testsrc2_vp8.webm": (30, 720, 1280),
    "bsd3_torchcodec__transparent.gif": (1, 48, 64),
    "cc0_small__AudioVideoInterleave.avi": "no frame could be decoded",
    "cc0_small__mp4-with-audio.mp4": "cannot be opened, not a video",
    "cc0_small__webm.webm": (1, 8, 8),
    "ccby4_intel__again.mkv": (77, 480, 640),
    "ccby4_intel__bird.mkv": (63, 480, 640),
    "ccby4_intel__book.mkv": (109, 480, 640),
    "ccby4_intel__bottle-detection.mp4": (1189, 360, 640),
    "ccby4_intel__car-detection.mp4": (377, 432, 768),
    "ccby4_intel__eat.mkv": (47, 480, 640),
    "ccby4_intel__help.mkv": (58, 480, 640),
    "ccby4_intel__hungry.mkv": (49, 480, 640),
    "ccby4_intel__learn.mkv": (61, 480, 640),
    "ccby4_intel__milk.mkv": (51, 480, 640),
    "ccby4_intel__night.mkv": (68, 480, 640),
    "ccby4_intel__no.mkv": (66, 480, 640),
    "mit_cvat__video_1.mp4": (3, 800, 800),
    "mit_moviepy__big_buck_bunny_432_433.webm": (24, 720, 1280),
    "mit_moviepy__chaplin.mp4": (241, 360, 640),
    "mit_moviepy__example.mp4": (50, 480, 640),
    "mit_moviepy__transparent.webm": (150, 200, 200),
    "mpl2_mp4parse__bbb_sunflower_QCIF_30fps_mp4v_noaudio_1f.mp4": (1, 144, 176),
    "mpl2_mp4parse__h264_white_frame_sar_16_9.mp4": (1, 480, 640),
    "mpl2_mp4parse__invalid_userdata.mp4": "no frame could be decoded",  # says 5544
    "mpl2_mp4parse__minimal.mp4": (1, 240, 320),
}
BROKEN = sorted(name for name, wanted in FILES.items() if isinstance(wanted, str))
CUT_OFF = {"apache2_decord__corrupted.mp4": "ends after 28 of 50 frames"}
BACKENDS = [
    "opencv",
    pytest.param("pyav", marks=pytest.mark.skipif(not has_pyav(), reason="PyAV is not installed")),
]

# Reads every file; prints what came of each, and how many files and bytes are held after the
# first and after the last round over those that are short.
READ_ALL = """
import json, os, sys, warnings
from pathlib import Path
from fastrnn.video import FrameReader, VideoError, VideoWarning

warnings.simplefilter("always", VideoWarning)
warned = {}
def note(message, *_, **__):
    warned.setdefault(Path(str(message).split(": ")[0]).name, str(message).split(": ")[1])
warnings.showwarning = note

def read(path):
    try:
        with FrameReader(path, gray=True, backend=sys.argv[2]) as frames:
            shapes = []
            while frames.grab():
                if len(shapes) % 20 == 0:  # converting all would double the time
                    shape = frames.frame().shape
                shapes.append(shape)
            times = frames.time
    except VideoError as error:
        return str(error)
    if not shapes:
        return "no frame could be decoded"
    assert len(set(shapes)) == 1, path
    assert shapes[0] == (frames.info.height, frames.info.width), path
    return [len(shapes), *shapes[0], times, frames.info.fps]

def held():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE")

paths = sorted(p for p in Path(sys.argv[1]).iterdir() if p.suffix not in {".csv", ".md"})
found = {path.name: read(path) for path in paths}
small = [path for path in paths if path.stat().st_size < 15_000]
rounds = []
for _ in range(10):
    for path in small:
        read(path)
    rounds.append(held() if Path("/proc/self/statm").exists() else (0, 0))
print(json.dumps([found, rounds, warned]))
"""


@pytest.fixture(scope="module")
def folder(data_dir: Path) -> Path:
    path = data_dir / "io_videos"
    if not path.is_dir():
        pytest.skip(f"{path} is missing")
    return path


@pytest.fixture(scope="module", params=BACKENDS)
def report(request: pytest.FixtureRequest, folder: Path) -> tuple[str, dict[str, Any], Any, Any]:
    """A crash or a file that hangs ends the process, not the tests."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ_ALL, str(folder), request.param],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""  # decoders keep their complaints to themselves
    return request.param, *json.loads(done.stdout)


@pytest.mark.data
def test_every_file_gives_its_frames_or_one_sentence(report: Any) -> None:
    backend, found, _, _ = report
    assert sorted(found) == sorted(FILES)
    for name, wanted in FILES.items():
        got = found[name]
        if isinstance(wanted, str):
            assert isinstance(got, str), name
            assert "\n" not in got
            assert backend == "pyav" or wanted in got, name
            continue
        assert tuple(got[:3]) == wanted, name
        count, _, _, time, fps = got
        # Time stamps rise to about the clip's length; these two state no rate that is true.
        if name not in ("cc0_small__webm.webm", "bsd3_torchcodec__transparent.gif"):
            assert time == pytest.approx((count - 1) / fps, rel=0.02, abs=0.05), name


@pytest.mark.data
def test_a_file_that_is_cut_off_warns_and_no_other(report: Any) -> None:
    assert report[3] == CUT_OFF


@pytest.mark.data
def test_nothing_is_held_on_to(report: Any) -> None:
    _, _, rounds, _ = report
    files, sizes = zip(*rounds, strict=True)
    assert len(set(files[1:])) == 1
    assert sizes[-1] - sizes[3] < 4 << 20


@pytest.mark.data
@pytest.mark.parametrize("name", BROKEN)
def test_a_file_without_frames_is_named(folder: Path, name: str) -> None:
    # PyAV, where it is installed, is asked next, and may know better why not.
    with pytest.raises(VideoError, match=f"{name}: ({FILES[name]}|it holds no video)"):
        read_clip(folder / name, Preprocessing())


@pytest.mark.data
def test_a_data_set_leaves_out_what_cannot_be_read(folder: Path) -> None:
    names = [name for name in FILES if name < "ccby4" or name > "mpl2"]
    settings = Preprocessing(width=8, height=8, window=4, stride=4, fps=10)
    with pytest.warns(UserWarning, match="skipped: |ends after ") as caught:
        dataset = VideoDataset([folder / name for name in names], settings, batch_size=16)
    assert sorted(Path(path).name for path in dataset.skipped) == BROKEN
    cut_off = [str(each.message) for each in caught if each.category is VideoWarning]
    assert cut_off == [f"{folder / name}: {why}" for name, why in CUT_OFF.items()]
    others = [str(each.message) for each in caught if each.category is not VideoWarning]
    assert len(others) == len(BROKEN)
    assert all(text.startswith("skipped: ") for text in others)
    assert len(dataset.paths) == len(names) - len(BROKEN)
    assert sum(len(x) for x in dataset) == len(dataset.starts)


@pytest.mark.data
def test_frame_rates_follow_the_time_stamps(folder: Path) -> None:
    with FrameReader(folder / "ccby4_intel__car-detection.mp4", gray=True) as reader:
        assert sum(1 for _ in sample_frames(reader, fps=5)) == pytest.approx(377 / 12.5 * 5, abs=1)
    with FrameReader(folder / "mit_cvat__video_1.mp4", gray=True) as reader:
        assert sum(1 for _ in sample_frames(reader, fps=4)) == 2 * 4 + 1


@pytest.mark.data
@pytest.mark.skipif(not has_pyav(), reason="PyAV is not installed")
@pytest.mark.parametrize(
    "name",
    ["bsd3_torchcodec__nasa_13013.mp4", "ccby4_intel__no.mkv", "apache2_decord__video_90.mov"],
)
def test_decoders_agree_and_seeking_is_exact(folder: Path, name: str) -> None:
    path = folder / name
    with FrameReader(path, backend="opencv") as one, FrameReader(path, backend="pyav") as other:
        frames = []
        for left, right in zip(one, other, strict=True):
            assert np.abs(left.astype(int) - right).mean() < 3
            assert one.time == pytest.approx(other.time, abs=2e-3)
            frames.append((other.time, right))
    with FrameReader(path, backend="pyav") as reader:
        for number in (40, 3, 41, 0, len(frames) - 1, 17, 1):
            number %= len(frames)
            reader.seek(number)
            np.testing.assert_array_equal(next(iter(reader)), frames[number][1])
            assert reader.time == pytest.approx(frames[number][0], abs=2e-3)
